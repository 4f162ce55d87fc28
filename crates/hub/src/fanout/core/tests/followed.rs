//! What is told of followed frames, and when.

use std::time::Duration;

use super::{
    super::Phase,
    steps::{From, Step, Wish},
    world::{LAG, MEMORY, World},
};
use crate::tail::TailLimits;

const ALL: usize = usize::MAX / 2;
/// Enough for the opening, and not for a long event.
const LITTLE: usize = 2_000;

/// Live streams of one group each, or of the same.
fn world(streams: &[(usize, usize)]) -> World {
    let mut world = World::new(TailLimits::default());
    for (stream, (filter, room)) in streams.iter().enumerate() {
        let wish = Wish {
            filter: *filter,
            from: From::Live,
        };
        world.take(Step::Connect(wish));
        world.take(Step::Room(stream, *room));
        assert!(matches!(world.phase(stream), Some(Phase::Live { .. })));
    }
    world
}

/// For each frame: seconds, deliveries, streams behind.
fn told(world: &mut World) -> Vec<(u64, u64, u64)> {
    let delivered = world.delivered.drain(..);
    delivered
        .map(|frame| (frame.took.as_secs(), frame.deliveries, frame.behind))
        .collect()
}

#[test]
fn a_frame_is_with_the_streams_once_the_last_of_them_has_taken_it() {
    let mut world = world(&[(0, ALL), (0, LITTLE), (4, ALL)]);
    let begun = world.now;
    world.take(Step::Publish(vec![(0, 0, 3_000)]));
    world.take(Step::Later(5));
    assert_eq!(told(&mut world), [], "one has taken a part of it");
    world.take(Step::Room(1, 200));
    assert_eq!(told(&mut world), [], "and a further part");
    world.take(Step::Later(2));
    world.take(Step::Room(1, ALL));
    let frame = &world.delivered[0];
    assert_eq!((frame.begun, frame.context.trace), (begun, 1));
    assert_eq!(told(&mut world), [(7, 3, 0)]);
    assert!(!world.core.is_following());
}

#[test]
fn where_all_take_it_at_once_nothing_is_waited_for() {
    let mut world = world(&[(0, ALL), (4, ALL)]);
    world.take(Step::Publish(vec![(0, 0, 10), (1, 0, 10)]));
    assert_eq!(told(&mut world), [(0, 3, 0)]);
    assert!(!world.core.is_following());
}

#[test]
fn a_stream_behind_other_events_is_waited_for_up_to_those_of_the_frame() {
    let mut world = world(&[(0, LITTLE), (0, ALL)]);
    world.take(Step::Publish(vec![(0, 0, 2_000)]));
    world.take(Step::Later(1));
    world.take(Step::Publish(vec![(0, 0, 1_000)]));
    world.take(Step::Later(1));
    world.take(Step::Publish(vec![(0, 0, 1_000)]));
    let sent = |stream: usize| world.streams[stream].pipe.borrow().sent.len();
    let missing = sent(1) - sent(0);
    world.take(Step::Room(0, missing - 500));
    assert_eq!(told(&mut world), [(2, 2, 0), (1, 2, 0)]);
    world.take(Step::Room(0, ALL));
    assert_eq!(told(&mut world), [(0, 2, 0)]);
}

#[test]
fn a_frame_that_passes_for_nobody_here_is_not_told_of() {
    let mut world = world(&[(1, ALL)]);
    world.take(Step::Publish(vec![(0, 0, 10)]));
    assert_eq!(told(&mut world), []);
    assert!(!world.core.is_following());
}

#[test]
fn who_falls_back_or_closes_is_waited_for_no_more() {
    let mut world = world(&[(0, LITTLE), (0, LITTLE), (0, ALL)]);
    world.take(Step::Publish(vec![(0, 0, 3_000)]));
    world.take(Step::Room(1, ALL));
    world.take(Step::Later(1));
    world.take(Step::Publish(vec![(0, 0, LAG)]));
    assert!(matches!(world.phase(0), Some(Phase::Replay { .. })));
    assert_eq!(told(&mut world), [(1, 3, 1), (0, 3, 1)]);
    world.finish();
}

#[test]
fn events_of_one_frame_that_come_in_two_turns_are_told_of_together() {
    let mut world = world(&[(0, ALL), (4, ALL)]);
    let half = [(0, 0, 150_000)];
    world.commit_all(&[&half, &half]);
    world.take(Step::Turn);
    assert_eq!(told(&mut world), []);
    world.take(Step::Later(1));
    assert_eq!(told(&mut world), [(1, 4, 0)]);
}

#[test]
fn so_many_frames_are_waited_for_and_no_more() {
    let mut world = world(&[(0, LITTLE), (0, ALL)]);
    world.core.options.live_lag = MEMORY;
    world.take(Step::Publish(vec![(0, 0, 3_000)]));
    for _ in 0..99 {
        world.take(Step::Publish(vec![(0, 0, 10)]));
    }
    assert_eq!(told(&mut world), vec![(0, 2, 1); 36]);
    world.take(Step::Later(1));
    world.take(Step::Room(0, ALL));
    assert_eq!(told(&mut world), vec![(1, 2, 0); 64]);
}

#[test]
fn a_frame_cannot_begin_before_its_commit() {
    let mut world = world(&[(0, ALL)]);
    let turn = world.now;
    world.now.mono += Duration::from_millis(3);
    let committed = world.now;
    world.commit_all(&[&[(0, 0, 10)]]);
    world.core.turn(turn);
    world.now.mono += Duration::from_millis(4);
    let frame = world.core.delivered(world.now).pop().unwrap();
    assert_eq!(
        (frame.begun, frame.took),
        (committed, Duration::from_millis(4))
    );
}
