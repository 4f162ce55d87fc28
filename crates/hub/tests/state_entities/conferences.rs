//! Conferences and who is in them.

use model::{Direction, Fact, Observation, OriginKind, observation::Ref};

use crate::state_bench::{Bench, call_ends, opens, party};

#[test]
fn participants_come_and_go_with_their_conference() {
    let mut bench = Bench::new();
    let participant = |key: &str, present, muted| {
        let fact = Fact::Participant {
            conference: Ref::number("7000"),
            room: Some("7000".into()),
            key: key.into(),
            present,
            call: None,
            party: party("4420"),
            muted,
        };
        Observation::native("conference", fact)
    };
    let kinds: Vec<_> = [
        ("a", true, None),
        ("a", true, None),
        ("b", true, None),
        ("b", true, Some(true)),
        ("a", false, None),
        ("b", false, None),
        ("b", false, None),
    ]
    .into_iter()
    .flat_map(|(key, present, muted)| bench.tell(vec![participant(key, present, muted)]))
    .collect();
    assert_eq!(
        kinds,
        [
            "conference.participant_joined",
            "conference.participant_joined",
            "conference.participant_updated",
            "conference.participant_left",
            "conference.participant_left"
        ]
    );
    let left = bench.last("conference.participant_left");
    assert_eq!(left.data.conference.as_ref().unwrap().participants, 0);
    assert!(bench.state.view().conferences.is_empty());
}

#[test]
fn nobody_stays_in_a_conference_without_a_call() {
    let mut bench = Bench::new();
    let joins = |key: &str, call: &str| {
        let fact = Fact::Participant {
            conference: Ref::number("7000"),
            room: None,
            key: key.into(),
            present: true,
            call: Some(call.into()),
            party: party("4420"),
            muted: None,
        };
        Observation::native("conference", fact)
    };
    bench.tell(vec![
        opens("c", Direction::Internal, "1", "2"),
        joins("a", "c"),
        joins("b", "unknown"),
    ]);
    assert!(bench.secs(7_200).is_empty(), "as long as the call goes on");
    bench.tell(vec![call_ends("c", None)]);
    bench.restart();
    bench.secs(60);
    assert_eq!(bench.secs(600), ["conference.participant_left"]);
    let left = bench.last("conference.participant_left");
    assert_eq!(&*left.subject, "conferences/hq:7000/participants/a");
    assert_eq!(left.data.origin.kind, OriginKind::Inferred);
    assert_eq!(left.data.origin.rule.as_deref(), Some("call_ended"));
    // Of whom no call is known is given up in the end.
    assert_eq!(bench.secs(13 * 3_600), ["conference.participant_left"]);
    let left = bench.last("conference.participant_left");
    assert_eq!(left.data.origin.kind, OriginKind::Unconfirmed);
    assert!(bench.state.view().conferences.is_empty());
}
