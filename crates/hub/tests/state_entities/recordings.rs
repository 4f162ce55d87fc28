//! Recordings.

use model::{Direction, Fact, Native, Observation, OriginKind, RecordingState};

use crate::state_bench::{Bench, call_ends, opens};

const HOUR: u64 = 3_600;

fn recording(
    key: &str,
    alias: Option<&str>,
    state: RecordingState,
    duration_ms: Option<u64>,
) -> Observation {
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
}

fn started() -> Observation {
    recording("tmp", None, RecordingState::Recording, None)
}

#[test]
fn a_recording_keeps_its_first_name() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2")]);
    assert_eq!(bench.tell(vec![started()]), ["recording.started"]);
    assert!(bench.tell(vec![started()]).is_empty());
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

#[test]
fn a_recording_does_not_outlast_its_call() {
    for restarts in [false, true] {
        let mut bench = Bench::new();
        bench.tell(vec![opens("c", Direction::Internal, "1", "2"), started()]);
        assert!(
            bench.secs(2 * HOUR).is_empty(),
            "as long as the call goes on"
        );
        bench.tell(vec![call_ends("c", None)]);
        if restarts {
            bench.restart();
        }
        bench.secs(60);
        assert_eq!(bench.secs(600), ["recording.ended"], "{}", bench.tale());
        let (ended, call) = (bench.last("recording.ended"), bench.last("call.ended"));
        let (recording, call) = (
            ended.data.recording.as_ref().unwrap(),
            call.data.call.as_ref().unwrap(),
        );
        assert_eq!(recording.state, RecordingState::Ended);
        assert_eq!(recording.ended_at, call.ended_at);
        let origin = &ended.data.origin;
        assert_eq!(origin.kind, OriginKind::Inferred);
        assert_eq!(origin.rule.as_deref(), Some("call_ended"));
        assert!(bench.state.view().recordings.is_empty());
        // Whoever hears of it late still hears what it is stored as.
        let stored = recording_ended_late();
        assert_eq!(bench.tell(vec![stored]), ["recording.updated"]);
    }
}

fn recording_ended_late() -> Observation {
    recording("tmp", Some("r1"), RecordingState::Ended, Some(5_000))
}

#[test]
fn an_end_that_comes_soon_after_the_call_is_the_one_that_is_told() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2"), started()]);
    // Just before it is looked after.
    bench.secs(599);
    bench.tell(vec![call_ends("c", None)]);
    bench.secs(20);
    assert_eq!(
        bench.tell(vec![recording_ended_late()]),
        ["recording.ended"],
        "{}",
        bench.tale()
    );
    assert!(bench.secs(24 * HOUR).is_empty());
}

#[test]
fn a_recording_of_a_call_that_nobody_knows_is_given_up_in_the_end() {
    let mut bench = Bench::new();
    assert_eq!(bench.tell(vec![started()]), ["recording.started"]);
    bench.restart();
    assert!(bench.secs(11 * HOUR).is_empty());
    assert_eq!(bench.secs(2 * HOUR), ["recording.ended"]);
    let ended = bench.last("recording.ended");
    assert_eq!(ended.data.origin.kind, OriginKind::Unconfirmed);
    assert_eq!(ended.data.recording.as_ref().unwrap().ended_at, None);
}
