//! Another config while the gateway runs.

use std::fs;

use tests::{Gateway, Pbx, Setup, wait};

use crate::support::synced;

#[tokio::test]
async fn a_file_with_mistakes_changes_nothing_and_the_log_says_why() {
    let pbx = Pbx::start().await;
    let setup = Setup::with(&pbx).token("reader", &["events:read", "state:read"], "");
    let mut gateway = Gateway::start(&setup).await;
    let client = gateway.client().bearer("reader");
    synced(&client, "hq").await;
    let mut stream = client.stream("").await;
    for (text, why) in [
        ("[server]\nlisten = \"nowhere\"\n", "listen"),
        ("[auth]\nmode = \"tokens\"\ncolour = 1\n", "colour"),
        ("not toml at all", "switchhook.toml"),
        ("", "nothing"),
    ] {
        if text.is_empty() {
            fs::remove_file(gateway.path("switchhook.toml")).unwrap();
        } else {
            gateway.write_config(text);
        }
        let said = gateway
            .process()
            .stderr()
            .matches("the config stays as it was")
            .count();
        let process = gateway.process();
        wait::until("the mistake is told", || {
            let log = process.stderr();
            let told = log.matches("the config stays as it was").count() > said;
            async move { told.then_some(()) }
        })
        .await;
        let log = gateway.process().stderr();
        assert!(text.is_empty() || log.contains(why), "{why}: {log}");
        assert_eq!(client.get("/v1/calls").await.status, 200, "{why}");
    }
    assert_eq!(pbx.accepted(), 1, "the PBX noticed nothing");
    stream.bookmark().await;
    gateway.reconfigure(&setup.token("second", &["events:read"], ""));
    let second = gateway.client().bearer("second");
    wait::until("the next good file is taken over", || async {
        (second.get("/v1/events").await.status == 200).then_some(())
    })
    .await;
    stream.bookmark().await;
}

#[tokio::test]
async fn a_hangup_reads_the_file_again_and_drops_no_stream() {
    let pbx = Pbx::start().await;
    let setup = Setup::with(&pbx).token("reader", &["events:read"], "");
    let mut gateway = Gateway::start(&setup).await;
    let reader = gateway.client().bearer("reader");
    let mut stream = reader.stream("").await;
    gateway.reconfigure(&setup.token("second", &["events:read"], ""));
    gateway.process().signal("HUP");
    let second = gateway.client().bearer("second");
    wait::until("the new token is known", || async {
        (second.get("/v1/events").await.status == 200).then_some(())
    })
    .await;
    stream.bookmark().await;
    assert!(gateway.process().runs());
}

#[tokio::test]
async fn authentication_can_be_switched_on() {
    let setup = Setup::new();
    let gateway = Gateway::start(&setup).await;
    let mut open = gateway.client().stream("").await;
    gateway.reconfigure(&setup.token("reader", &["events:read"], ""));
    assert_eq!(
        wait::within("the end of the open house", open.ending())
            .await
            .1,
        4401
    );
    let _ = gateway.client().get("/v1/events").await.problem(401);
    assert_eq!(
        gateway
            .client()
            .bearer("reader")
            .get("/v1/events")
            .await
            .status,
        200
    );
}
