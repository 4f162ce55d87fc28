//! The first impression: `switchhook demo`, and `switchhook tail` beside it.

use std::{collections::HashSet, net::SocketAddr};

use serde_json::Value;
use tests::{
    Client, Event,
    gateway::{Process, free_port},
    wait,
};

use crate::support::{calls, check_envelope, pair};

/// What everybody should get to see.
const LIVELY: [&str; 17] = [
    "call.started inbound",
    "call.started internal",
    "call.started outbound",
    "call.answered inbound",
    "call.answered internal",
    "call.answered inbound in a queue",
    "call.ended answered",
    "call.missed inbound",
    "call.ended abandoned",
    "call.transferred blind",
    "call.transferred attended",
    "call.transferred pickup",
    "queue.caller_joined",
    "queue.caller_left answered",
    "agent.state_changed",
    "extension.call_state_changed",
    "extension.presence_changed",
];

#[tokio::test]
async fn it_answers_at_once_and_is_lively() {
    let folder = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = address.to_string();
    let mut demo = Process::switchhook(folder.path(), &["demo", "--listen", &listen]);
    let client = &Client::new(address);
    wait::until("the demo answers", || async move {
        client
            .try_get("/livez")
            .await
            .is_ok_and(|answer| answer.status == 200)
            .then_some(())
    })
    .await;
    let mut missing: HashSet<&str> = LIVELY.into();
    let mut stream = client.stream("after=earliest").await;
    let mut ended = 0;
    while !missing.is_empty() {
        let event = stream.event().await;
        ended += usize::from(event.kind() == "call.ended");
        assert!(ended < 200, "in 200 calls not one {missing:?}");
        check_envelope(&event);
        assert_ne!(event.kind(), "source.unrecognized", "{}", event.text());
        for sight in sights(&event) {
            missing.remove(&*sight);
        }
    }
    assert!(
        demo.stdout().contains(&listen) || demo.stderr().contains(&listen),
        "says what to open"
    );
    assert!(
        (demo.stdout() + &demo.stderr()).contains("tail"),
        "says how to watch"
    );
    demo.signal("INT");
    assert_eq!(demo.ended().await.code(), Some(0));
}

/// The ways in which an event may be looked for.
fn sights(event: &Event) -> Vec<String> {
    let data = &event["data"];
    let text = |pointer: &str| data.pointer(pointer).and_then(Value::as_str);
    let kind = event.kind();
    let mut sights = vec![kind.to_owned()];
    let details = [
        "/call/direction",
        "/call/end/outcome",
        "/transfer/kind",
        "/reason",
    ];
    for detail in details.into_iter().filter_map(text) {
        sights.push(format!("{kind} {detail}"));
    }
    if let (Some(direction), Some(_)) = (text("/call/direction"), text("/call/queue/id")) {
        sights.push(format!("{kind} {direction} in a queue"));
    }
    sights
}

#[tokio::test]
async fn tail_shows_what_the_stream_says() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let all = client.history("types=call.*").await;
    let url = format!("http://{}", gateway.address());
    let tail = |more: &[&str]| {
        let mut arguments = vec![
            "tail", "--url", &url, "--after", "earliest", "--types", "call.*",
        ];
        arguments.extend(more);
        Process::switchhook(&gateway.path(""), &arguments)
    };
    let json = tail(&["--json"]);
    let lines = wait::until("every event is shown", || {
        let shown = json.stdout();
        let lines: Vec<String> = shown.lines().map(str::to_owned).collect();
        let expected = all.len();
        async move { (lines.len() >= expected).then_some(lines) }
    });
    let shown: Vec<Value> = lines
        .await
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let shown: Vec<&str> = shown
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    let all = client.history("types=call.*").await;
    assert_eq!(shown, tests::event::ids(&all));

    let plain = tail(&[]);
    wait::until("one line for each event", || {
        let lines = plain.stdout().lines().count();
        let expected = all.len();
        async move { (lines >= expected).then_some(()) }
    })
    .await;
    assert!(
        plain.stdout().contains("call.started") && plain.stdout().contains("101"),
        "{}",
        plain.stdout()
    );
    assert!(
        !plain.stdout().contains('\u{1b}'),
        "no colour where there is no terminal"
    );
}

#[tokio::test]
async fn tail_resumes_by_itself() {
    let (pbx, mut gateway) = pair().await;
    let client = gateway.client();
    let url = format!("http://{}", gateway.address());
    let tail = Process::switchhook(
        &gateway.path(""),
        &[
            "tail", "--url", &url, "--after", "earliest", "--types", "call.*", "--json",
        ],
    );
    for _ in 0..3 {
        calls(&pbx, &client, 1).await;
        // What is not reached at first is an error; only what was lost is sought again.
        wait::until("tail shows something", || {
            let shown = !tail.stdout().is_empty();
            async move { shown.then_some(()) }
        })
        .await;
        gateway.kill();
        gateway.start_again().await;
    }
    let all = client.history("types=call.*").await;
    wait::until("tail has everything once", || {
        let shown = tail.stdout().lines().count();
        let expected = all.len();
        async move { (shown >= expected).then_some(()) }
    })
    .await;
    let shown = tail.stdout();
    let shown: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let shown: Vec<&str> = shown
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert_eq!(shown, tests::event::ids(&all));
}
