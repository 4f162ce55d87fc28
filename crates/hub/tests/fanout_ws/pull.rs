//! The reader that is pulled.

use std::sync::Arc;

use hub::{
    fanout::{History, Options},
    filter::{Filter, Variant},
    reader::{Read, StreamReader},
    tail::TailLimits,
};
use model::{EventType, Position};

use crate::rig::{PATIENCE, Rig, event};

#[tokio::test]
async fn the_past_comes_first_then_live_then_what_happens() {
    let small = TailLimits {
        bytes: 20_000,
        blocks: 1_000,
    };
    let mut rig = Rig::with_tail(&Options::default(), small);
    for _ in 0..200 {
        rig.publish(&[event(EventType::CallUpdated, "101", 1_000)]);
    }
    let mut reader = reader(&rig, Position(5));
    let mut seen = Vec::new();
    let live = loop {
        match next(&mut reader).await {
            Read::Events(batch) => seen.extend(batch.iter().map(|(cursor, _)| cursor.position)),
            Read::Live(cursor) => break cursor,
        }
    };
    assert_eq!(seen, (6..=200).map(Position).collect::<Vec<_>>());
    assert_eq!(
        (live, reader.cursor()),
        (rig.tail.cursor(Position(200)), live)
    );
    rig.publish(&[event(EventType::CallEnded, "101", 10)]);
    let Read::Events(batch) = next(&mut reader).await else {
        panic!("live is told once")
    };
    let (cursor, json) = batch.iter().next().unwrap();
    let event: model::Event = serde_json::from_slice(json).unwrap();
    assert_eq!((event.id, event.kind), (cursor, EventType::CallEnded));
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let mut rig = Rig::new(&Options::default());
    let mut reader = reader(&rig, Position(0));
    assert_eq!(
        next(&mut reader).await,
        Read::Live(rig.tail.cursor(Position(0)))
    );
    for n in 1..50 {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            _ = reader.next() => panic!("nothing was published"),
        }
        rig.publish(&[event(EventType::CallUpdated, "101", 10)]);
        let Read::Events(batch) = next(&mut reader).await else {
            panic!("live is told once")
        };
        let positions: Vec<Position> = batch.iter().map(|(cursor, _)| cursor.position).collect();
        assert_eq!(positions, [Position(n)]);
    }
}

fn reader(rig: &Rig, after: Position) -> StreamReader {
    let history = Arc::clone(&rig.log) as Arc<dyn History>;
    StreamReader::new(
        rig.tail.clone(),
        history,
        Arc::new(Filter::all()),
        Variant::FULL,
        after,
    )
}

async fn next(reader: &mut StreamReader) -> Read {
    tokio::time::timeout(PATIENCE, reader.next())
        .await
        .unwrap()
        .unwrap()
}
