//! The core against a reference: whatever happens, a stream carries exactly its events, in order, once, or closes.

mod followed;
mod pipe;
mod steps;
mod world;

use model::Position;
use proptest::prelude::*;

use self::{
    steps::{From, Said, Step, Wish, step},
    world::{LAG, MEMORY, World},
};
use super::{Phase, codec};
use crate::{fanout::codec::tests::masked, tail::TailLimits};

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_carries_exactly_its_events_or_closes(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new(TailLimits { bytes: 24 * 1024, blocks: 40 });
        for step in steps {
            world.take(step);
            world.check();
        }
        world.finish();
    }
}

#[test]
fn under_sustained_load_catching_up_ends() {
    let mut world = World::new(TailLimits {
        bytes: 24 * 1024,
        blocks: 40,
    });
    for _ in 0..200 {
        world.take(Step::Publish(vec![(0, 0, 400)]));
    }
    world.take(Step::Connect(Wish {
        filter: 0,
        from: From::Back(200),
    }));
    let mut rounds = 0;
    while !matches!(world.phase(0), Some(Phase::Live { .. })) {
        // For each event that comes, the reader takes three.
        world.take(Step::Publish(vec![(0, 0, 400)]));
        world.take(Step::Room(0, 1_500));
        world.take(Step::Work(0));
        rounds += 1;
        assert!(rounds < 300, "still replaying after {rounds} rounds");
    }
    world.finish();
}

#[test]
fn a_reader_that_takes_nothing_falls_back_and_is_closed_while_others_go_on() {
    let mut world = World::new(TailLimits {
        bytes: 24 * 1024,
        blocks: 40,
    });
    for _ in 0..3 {
        world.take(Step::Connect(Wish {
            filter: 0,
            from: From::Live,
        }));
    }
    for (stream, room) in [(0, usize::MAX / 2), (1, usize::MAX / 2), (2, 2_000)] {
        world.take(Step::Room(stream, room));
    }
    for _ in 0..100 {
        world.take(Step::Publish(vec![(0, 0, 400)]));
        for stream in 0..2 {
            assert_eq!(
                world.streams[stream].events(),
                world.published(),
                "healthy streams are never behind"
            );
        }
    }
    let counters = world.core.counters();
    assert_eq!((counters.fallbacks, counters.slow), (1, 0));
    assert!(counters.held < 2 * LAG, "{counters:?}");
    world.take(Step::Later(31));
    assert_eq!(world.core.counters().slow, 1);
    world.take(Step::Later(6));
    assert_eq!(
        (
            world.core.counters().connections,
            world.core.counters().held
        ),
        (2, 0)
    );
    world.finish();
}

#[test]
fn when_memory_is_short_the_most_lagging_goes_first() {
    let mut world = World::new(TailLimits {
        bytes: 24 * 1024,
        blocks: 40,
    });
    world.core.options.live_lag = MEMORY;
    // Each in a group of its own, so that each costs memory of its own.
    for (stream, filter) in [0, 2, 4].into_iter().enumerate() {
        world.take(Step::Connect(Wish {
            filter,
            from: From::Live,
        }));
        world.take(Step::Room(stream, 1_000));
        assert!(matches!(world.phase(stream), Some(Phase::Live { .. })));
    }
    world.take(Step::Room(2, usize::MAX / 2));
    let mut events = 0;
    while world.core.counters().slow == 0 {
        world.take(Step::Publish(vec![(0, 0, 300)]));
        world.take(Step::Room(1, 100));
        events += 1;
        assert!(events < 1_000, "memory is never short");
    }
    assert!(world.core.counters().held <= MEMORY);
    assert!(
        matches!(world.phase(0), Some(Phase::Closing { .. })),
        "it took nothing"
    );
    assert!(
        matches!(world.phase(1), Some(Phase::Live { .. })),
        "it took a little"
    );
    assert_eq!(world.streams[2].events(), world.published(), "it took all");
    world.finish();
}

#[test]
fn a_client_that_answers_no_ping_is_closed_after_two() {
    let mut world = World::new(TailLimits::default());
    for _ in 0..2 {
        world.take(Step::Connect(Wish {
            filter: 0,
            from: From::Live,
        }));
    }
    for stream in 0..2 {
        world.take(Step::Room(stream, usize::MAX / 2));
    }
    for n in 1..=3 {
        assert_eq!(world.core.counters().slow, 0, "after {n}");
        world.take(Step::Later(30));
        world.take(Step::Say(1, Said::Pong));
    }
    assert_eq!(world.core.counters().slow, 1);
    let last = world.streams[0].frames().pop().unwrap();
    assert_eq!(
        last,
        (
            8,
            codec::close(4500, "two pings were not answered")[2..].to_vec()
        )
    );
    assert!(matches!(world.phase(1), Some(Phase::Live { .. })));
}

#[test]
fn bookmarks_come_with_the_heartbeat_and_when_asked_for_after_a_snapshot() {
    let mut world = World::new(TailLimits::default());
    world.take(Step::Publish(vec![(1, 0, 10)]));
    world.take(Step::Connect(Wish {
        filter: 0,
        from: From::Snapshot(1, 0),
    }));
    world.take(Step::Room(0, usize::MAX / 2));
    world.take(Step::Bookmark(0));
    for _ in 0..2 {
        world.take(Step::Work(0));
    }
    world.take(Step::Publish(vec![(1, 0, 10), (1, 0, 10)]));
    world.take(Step::Later(30));
    let kinds: Vec<String> = world.streams[0]
        .texts()
        .iter()
        .map(|event| event["type"].to_string())
        .collect();
    let expected = ["opened", "snapshot", "bookmark", "live", "bookmark"];
    assert_eq!(kinds, expected.map(|kind| format!("\"stream.{kind}\"")));
    let cursor = &world.streams[0].texts()[4]["data"]["cursor"];
    assert_eq!(
        *cursor,
        world.tail.cursor(Position(3)).to_string(),
        "all was filtered out, and considered"
    );
}

#[test]
fn a_flood_of_pings_is_answered_once_a_round() {
    let mut world = World::new(TailLimits::default());
    world.take(Step::Connect(Wish {
        filter: 0,
        from: From::Live,
    }));
    world.take(Step::Room(0, usize::MAX / 2));
    let before = world.streams[0].frames().len();
    let flood: Vec<u8> = (0..10_000).flat_map(|_| masked(0x89, b"")).collect();
    world.streams[0].pipe.borrow_mut().incoming.extend(flood);
    world.core.ready(0, true, false, world.now);
    assert_eq!(world.streams[0].frames().len(), before + 1);
}

#[test]
fn what_clients_begin_to_say_and_do_not_end_is_bounded_in_all() {
    let mut world = World::new(TailLimits::default());
    for stream in 0..2 {
        world.take(Step::Connect(Wish {
            filter: 0,
            from: From::Live,
        }));
        world.take(Step::Room(stream, usize::MAX / 2));
    }
    let half = masked(0x81, &[b'x'; 60_000]);
    let incoming = half[..MEMORY + 1].iter();
    world.streams[0].pipe.borrow_mut().incoming.extend(incoming);
    world.core.ready(0, true, false, world.now);
    assert!(world.core.counters().held > MEMORY);
    world.take(Step::Turn);
    assert!(matches!(world.phase(0), Some(Phase::Closing { .. })));
    assert!(matches!(world.phase(1), Some(Phase::Live { .. })));
}
