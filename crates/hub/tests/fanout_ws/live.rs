//! Live streams and those that catch up.

use hub::{
    fanout::{Command, Options, Snapshot, Start},
    stream::{Reset, ResetReason},
    tail::TailLimits,
};
use model::{EventType, Position};
use serde_json::value::RawValue;

use crate::rig::{Rig, answer, event, everything, position, wanting};

#[tokio::test]
async fn a_stream_opens_is_live_and_carries_what_is_published() {
    let mut rig = Rig::new(&Options::default());
    rig.publish(&[event(EventType::CallStarted, "101", 10)]);
    let mut client = rig.connect(everything()).await;
    let opened = client.told("stream.opened").await;
    assert_eq!(opened["connection"], client.id.to_string());
    assert_eq!(opened["cursor"], rig.tail.cursor(Position(1)).to_string());
    assert_eq!(opened["heartbeat_s"], 30);
    assert_eq!(client.told("stream.live").await["cursor"], opened["cursor"]);
    for n in 2..20 {
        rig.publish(&[event(EventType::CallRinging, "101", 100)]);
        assert_eq!(client.positions(1).await, [Position(n)]);
    }
}

#[tokio::test]
async fn each_stream_sees_what_its_filter_lets_pass_as_its_variant_shows_it() {
    let mut rig = Rig::new(&Options::default());
    let mut calls = rig
        .connect(wanting(
            &[("types", "call.*"), ("payload", "false")],
            Start::Live,
        ))
        .await;
    let mut extension = rig
        .connect(wanting(&[("extensions", "102")], Start::Live))
        .await;
    for client in [&mut calls, &mut extension] {
        client.told("stream.opened").await;
        client.told("stream.live").await;
    }
    rig.publish(&[
        event(EventType::CallStarted, "101", 10),
        event(EventType::LegStarted, "102", 10),
        event(EventType::SourceGap, "", 10),
        event(EventType::CallEnded, "102", 10),
    ]);
    for expected in [1, 4] {
        let event = calls.next().await;
        assert_eq!(position(&event), Position(expected));
        assert_eq!(event["data"]["origin"]["payload"], serde_json::Value::Null);
    }
    for expected in [2, 3, 4] {
        let event = extension.next().await;
        assert_eq!(position(&event), Position(expected));
        assert_eq!(event["data"]["origin"]["payload"]["filler"], "xxxxxxxxxx");
    }
}

#[tokio::test]
async fn replay_comes_from_the_log_then_the_tail_then_live_without_gap_or_double() {
    let small = TailLimits {
        bytes: 64 * 1024,
        blocks: 1_000,
    };
    let mut rig = Rig::with_tail(&Options::default(), small);
    let mut expected = Vec::new();
    for _ in 0..1_000 {
        expected.extend(rig.publish(&[event(EventType::CallUpdated, "101", 1_000)]));
    }
    let mut client = rig.connect(wanting(&[], Start::After(Position(3)))).await;
    assert_eq!(
        client.told("stream.opened").await["cursor"],
        rig.tail.cursor(Position(3)).to_string()
    );
    for _ in 0..500 {
        expected.extend(rig.publish(&[event(EventType::CallUpdated, "101", 1_000)]));
    }
    let (mut seen, mut lives) = (Vec::new(), 0);
    while seen.len() < expected.len() - 3 {
        let event = client.next().await;
        if event["type"] == "stream.live" {
            lives += 1;
        } else {
            seen.push(position(&event));
        }
    }
    assert_eq!(seen, expected[3..]);
    if lives == 0 {
        client.told("stream.live").await;
    }
}

#[tokio::test]
async fn a_snapshot_comes_first_and_then_exactly_what_is_after_it() {
    let mut rig = Rig::new(&Options::default());
    for _ in 0..10 {
        rig.publish(&[event(EventType::CallUpdated, "101", 10)]);
    }
    let page = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let mut subscription = everything();
    subscription.snapshot = Some(Snapshot {
        as_of: Position(7),
        pages: Box::new(Listed(vec![page(r#"{"n":2}"#), page(r#"{"n":1}"#)])),
    });
    subscription.reset = Some(Reset {
        reason: ResetReason::Expired,
        requested: "k3v9q2xw-0000000000000001".into(),
        oldest: rig.tail.cursor(Position(5)),
        newest: rig.tail.cursor(Position(10)),
    });
    let mut client = rig.connect(subscription).await;
    client.told("stream.opened").await;
    assert_eq!(client.told("stream.reset").await["reason"], "expired");
    assert_eq!(client.told("stream.snapshot").await["n"], 1);
    assert_eq!(client.told("stream.snapshot").await["n"], 2);
    assert_eq!(client.positions(3).await, [8, 9, 10].map(Position));
    client.told("stream.live").await;
}

#[tokio::test]
async fn another_filter_goes_on_where_the_stream_stands() {
    let mut rig = Rig::new(&Options::default());
    let mut client = rig
        .connect(wanting(&[("types", "call.*")], Start::Live))
        .await;
    client.told("stream.opened").await;
    client.told("stream.live").await;
    rig.publish(&[
        event(EventType::CallStarted, "101", 10),
        event(EventType::LegStarted, "101", 10),
    ]);
    assert_eq!(client.positions(1).await, [Position(1)]);
    let wish = wanting(&[("types", "leg.*")], Start::Here);
    answer(&rig, &client, Command::Subscribe(Box::new(wish)));
    let filtered = client.told("stream.filtered").await;
    assert_eq!(filtered["filter"]["types"][0], "leg.*");
    client.told("stream.live").await;
    rig.publish(&[
        event(EventType::CallEnded, "101", 10),
        event(EventType::LegEnded, "101", 10),
    ]);
    assert_eq!(client.positions(1).await, [Position(4)]);
}

struct Listed(Vec<Box<RawValue>>);

impl hub::fanout::Pages for Listed {
    fn next(&mut self) -> Option<Box<RawValue>> {
        self.0.pop()
    }
}
