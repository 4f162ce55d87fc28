//! Readers that take too little, and logs that give nothing.

use std::time::{Duration, Instant};

use hub::{
    fanout::{HistoryError, Options, Start},
    tail::TailLimits,
};
use model::{EventType, Position};

use crate::rig::{Asked, Fault, PATIENCE, Rig, event, everything, position, until, wanting};

#[tokio::test]
async fn a_reader_that_takes_nothing_is_bounded_and_closed_while_the_others_go_on() {
    let stall = Duration::from_millis(400);
    let close_wait = Duration::from_millis(100);
    let options = Options {
        stall,
        close_wait,
        ..Options::default()
    };
    let mut rig = Rig::with_tail(
        &options,
        TailLimits {
            bytes: 1024 * 1024,
            blocks: 1_000,
        },
    );
    let mut stalled = rig.connect(everything()).await;
    let mut healthy = rig.connect(everything()).await;
    for client in [&mut stalled, &mut healthy] {
        client.told("stream.opened").await;
        client.told("stream.live").await;
    }
    let deadline = Instant::now() + PATIENCE;
    while rig.fanout.counters().slow == 0 {
        let positions = rig.publish(&[event(EventType::CallUpdated, "101", 60_000)]);
        assert_eq!(healthy.positions(1).await, positions);
        assert!(rig.fanout.counters().held <= options.live_lag + 2 * options.page);
        assert!(Instant::now() < deadline, "it is never closed");
    }
    assert_eq!(rig.asked().await, Asked::Closed(stalled.id));
    until("the memory is back", || rig.fanout.counters().held == 0).await;
    let positions = rig.publish(&[event(EventType::CallUpdated, "101", 100)]);
    assert_eq!(healthy.positions(1).await, positions);
}

#[tokio::test]
async fn a_reader_that_falls_back_and_goes_on_misses_nothing() {
    let small = TailLimits {
        bytes: 256 * 1024,
        blocks: 1_000,
    };
    let mut rig = Rig::with_tail(&Options::default(), small);
    let mut client = rig.connect(everything()).await;
    client.told("stream.opened").await;
    client.told("stream.live").await;
    let mut expected = Vec::new();
    while rig.fanout.counters().fallbacks == 0 {
        for _ in 0..20 {
            expected.extend(rig.publish(&[event(EventType::CallUpdated, "101", 60_000)]));
        }
        assert!(expected.len() < 10_000, "the kernel takes it all");
        tokio::task::yield_now().await;
    }
    let mut seen = Vec::new();
    let mut lives = 0;
    while seen.len() < expected.len() || lives == 0 {
        let event = client.next().await;
        if event["type"] == "stream.live" {
            let told = seen.last().copied().unwrap();
            assert_eq!(event["data"]["cursor"], rig.tail.cursor(told).to_string());
            lives += 1;
        } else {
            seen.push(position(&event));
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_log_that_cannot_help_ends_the_stream() {
    let cases: [(u16, Fault); 2] = [
        (4500, HistoryError::Expired),
        (4503, |_| HistoryError::Unavailable("no disk".into())),
    ];
    for (code, fault) in cases {
        let mut rig = Rig::with_tail(
            &Options::default(),
            TailLimits {
                bytes: 1,
                blocks: 1,
            },
        );
        for _ in 0..3 {
            rig.publish(&[event(EventType::CallUpdated, "101", 10)]);
        }
        // Once somebody is live, the groups have been given everything.
        let mut live = rig.connect(everything()).await;
        live.told("stream.opened").await;
        live.told("stream.live").await;
        rig.log.break_with(fault);
        let mut client = rig.connect(wanting(&[], Start::After(Position(0)))).await;
        client.told("stream.opened").await;
        assert_eq!(client.told("stream.closing").await["code"], code);
        assert_eq!(u16::from(client.closed().await.code), code);
    }
}
