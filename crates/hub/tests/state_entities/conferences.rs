//! Conferences and who is in them.

use model::{Fact, Observation, observation::Ref};

use crate::state_bench::{Bench, party};

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
