//! Recordings.

use model::{Direction, Fact, Native, Observation, RecordingState};

use crate::state_bench::{Bench, call_ends, opens};

#[test]
fn a_recording_keeps_its_first_name() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2")]);
    let recording = |key: &str, alias: Option<&str>, state, duration_ms| {
        let fact = Fact::Recording {
            key: key.into(),
            alias: alias.map(Into::into),
            state,
            call: Some("c".into()),
            duration_ms,
            uri: None,
            native: Native::new(),
        };
        Observation::native("recording", fact)
    };
    let started = recording("tmp", None, RecordingState::Recording, None);
    assert_eq!(bench.tell(vec![started.clone()]), ["recording.started"]);
    assert!(bench.tell(vec![started]).is_empty());
    bench.tell(vec![call_ends("c", None)]);
    let ended = recording("tmp", Some("r1"), RecordingState::Ended, None);
    assert_eq!(bench.tell(vec![ended.clone()]), ["recording.ended"]);
    assert!(bench.tell(vec![ended]).is_empty());
    bench.secs(3600);
    let longer = recording("r1", None, RecordingState::Ended, Some(5_000));
    assert_eq!(bench.tell(vec![longer]), ["recording.updated"]);
    let updated = bench.last("recording.updated");
    assert_eq!(&*updated.subject, "recordings/hq:tmp");
    assert_eq!(&*updated.partitionkey, "hq:c");
    assert_eq!(updated.subjectversion, 3);
}
