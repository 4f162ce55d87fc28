//! A disk that takes nothing more: the gateway says so, keeps what it has, and goes on when there is room again.

use std::process::Command;

use tests::{Gateway, Pbx, Setup, event::ids, wait};

use crate::support::{calls, check_log, record_of, synced};

/// The most bytes that a file may have at first.
const ROOM: &str = "1500000";

#[tokio::test]
async fn intake_stops_and_goes_on_and_nothing_is_lost() {
    let pbx = Pbx::start().await;
    // The limit is soft: it is lifted later. Its signal is ignored, so that writing fails as on a full disk.
    let limited = format!("ulimit -S -f $(({ROOM} / 512)); trap '' XFSZ; exec \"$0\" \"$@\"");
    let mut gateway = Gateway::start_under(&Setup::with(&pbx), &["sh", "-c", &limited]).await;
    let client = gateway.client();
    synced(&client, "hq").await;
    let mut seen = Vec::new();
    let mut stream = client.stream("after=earliest").await;
    let pid = gateway.process().id().to_string();

    let mut said = Vec::new();
    wait::until("the disk is full", || {
        let call = pbx.tenant().internal("101", "102");
        said.push(call.session());
        let (pbx, client) = (&pbx, &client);
        async move {
            // A gateway that takes nothing in leaves the PBX waiting.
            let told = tokio::time::timeout(
                std::time::Duration::from_secs(1),
                pbx.say_all(&call.answered()),
            )
            .await;
            let full = client.get("/readyz").await.status == 503;
            (full || told.is_err()).then_some(())
        }
    })
    .await;
    wait::until("it is not ready", || async {
        (client.get("/readyz").await.status == 503).then_some(())
    })
    .await;
    assert_eq!(client.get("/livez").await.status, 200);
    let before = client.history("").await;

    let lifted = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=unlimited"])
        .status()
        .unwrap();
    assert!(lifted.success());
    wait::until("it is ready again", || async {
        (client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    let last = pbx.tenant().internal("101", "102");
    pbx.say_all(&last.answered()).await;
    let mut resumed = client.stream(&format!("after={}", before[0].id())).await;
    seen.push(before[0].clone());
    seen.extend(resumed.events_until(record_of(&last.session())).await);

    let all = client.history("").await;
    assert!(
        all.starts_with(&before),
        "what was published stays as it is"
    );
    assert_eq!(ids(&seen), ids(&all));
    check_log(&all);
    // Either the stream held out and has everything, or it was closed with a code that invites back.
    let first = stream.event().await;
    assert_eq!(first.id(), all[0].id());
    calls(&pbx, &client, 1).await;
    let told = all.iter().any(|event| event.kind() == "source.gap");
    let every = said.iter().all(|session| {
        all.iter().any(|event| {
            event.kind() == "call.ended" && event.subject().ends_with(session.as_str())
        })
    });
    assert!(told || every, "a call was lost and no gap tells it");
}
