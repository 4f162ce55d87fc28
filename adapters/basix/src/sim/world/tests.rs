//! The simulated PBX keeps its own rules.

use std::collections::HashSet;

use super::*;
use crate::sim::plot::Plot;

/// Lets a quiet world live through one call.
fn one(plot: Plot) -> (Vec<Told>, Vec<TrueCall>) {
    let mut world = World::new(&Profile::default().quiet(), 1_546_839_040_000_000);
    assert!(world.begin(&Order::of(plot)).is_some(), "{plot:?}");
    let told = world.advance(Duration::from_secs(3_600));
    assert_eq!(world.open_calls(), 0, "{plot:?}");
    assert!(world.channels.is_empty(), "{plot:?}");
    assert!(world.users.iter().all(|user| user.legs == 0), "{plot:?}");
    (told, world.take_ended())
}

#[test]
fn every_story_ends_and_leaves_nothing_behind() {
    for (plot, _) in Plot::MIX {
        let (told, truth) = one(plot);
        let calls = if plot == Plot::AttendedTransfer { 2 } else { 1 };
        assert_eq!(truth.len(), calls, "{plot:?}");
        for call in &truth {
            assert!(call.ended_at.is_some() && call.end.is_some(), "{call:?}");
            assert!(
                call.talked.iter().all(|talk| talk.to >= Some(talk.from)),
                "{call:?}"
            );
            assert!(call.waits.iter().all(|wait| wait.to.is_some()), "{call:?}");
        }
        let mut open = HashSet::new();
        for told in told.iter().filter(|told| told.element == "channel") {
            match told.change {
                "added" => assert!(open.insert(&told.key), "{plot:?}"),
                "removed" => assert!(open.remove(&told.key), "{plot:?}"),
                _ => assert!(open.contains(&told.key), "{plot:?}"),
            }
        }
        assert!(open.is_empty(), "{plot:?}");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let tell = |seed| {
        let profile = Profile {
            seed,
            calls_per_s: 2.0,
            ..Profile::default()
        };
        let mut world = World::new(&profile, 0);
        let told = world.advance(Duration::from_secs(120));
        told.iter()
            .map(|told| format!("{told:?}"))
            .collect::<Vec<_>>()
    };
    assert!(tell(1) == tell(1) && tell(1) != tell(2));
    assert!(tell(1).len() > 500);
}

#[test]
fn a_restart_forgets_calls_and_nothing_else() {
    let profile = Profile {
        calls_per_s: 2.0,
        ..Profile::default()
    };
    let mut world = World::new(&profile, 0);
    world.advance(Duration::from_secs(30));
    assert!(world.open_calls() > 0);
    world.restart();
    assert_eq!(world.open_calls(), 0);
    assert!(
        world.rows("channel", None).is_empty() && world.rows("channel_waiting", None).is_empty()
    );
    assert!(
        !world.advance(Duration::from_secs(60)).is_empty(),
        "life goes on"
    );
}
