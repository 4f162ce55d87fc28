//! Subjects that are over, after retention by bytes has taken their events.

use std::{path::Path, time::Duration};

use hub::{
    Hub, Running,
    log::{self, Limit, Retention},
};
use model::{
    Basis, CallState, Cause, Collection, Direction, End, EndedBy, EntityId, Event, EventType,
    ExtensionCallState, Fact, LegRole, Native, Number, Observation, Outcome, Party, Position,
    RecordingState, Timestamp,
    observation::{CallPatch, CdrFact, CdrLeg, LegPatch, Ref},
    source::{Action, Variable},
};

use super::rig::{call_state, heard, ringing, start_with, stop};

#[tokio::test]
async fn what_is_over_stays_over_when_its_events_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, running) = small(folder.path());
    hub.rebuilt().await.unwrap();
    for observation in [
        opens(),
        ends(),
        recording(RecordingState::Recording),
        recording(RecordingState::Ended),
        ringing("101"),
        extension_is_gone("101"),
    ] {
        tell(&hub, vec![observation]).await;
    }
    let before = published(&hub, EventType::ExtensionDeleted);
    assert_eq!(before.len(), 1, "the extension was closed");
    let call = EntityId::from_text("hq:c");
    fill(&hub, &call).await;
    assert!(published(&hub, EventType::CallEnded).is_empty());
    stop(hub, running).await;

    let (hub, running) = small(folder.path());
    hub.rebuilt().await.unwrap();
    let known = hub.reader().archived(Collection::Calls, &call).unwrap();
    let ended = known.expect("a closed call is remembered for a day at least");
    let head = hub.reader().head();

    // Repeats say nothing.
    tell(&hub, vec![opens(), ends()]).await;
    tell(&hub, vec![recording(RecordingState::Ended)]).await;
    assert_eq!(told_after(&hub, head), Vec::<Event>::new());

    // The truth goes on where it was.
    tell(&hub, vec![record()]).await;
    let told = told_after(&hub, head);
    let kinds: Vec<EventType> = told.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventType::CallAmended, EventType::CdrCreated]);
    assert_eq!(told[0].subjectversion, ended.version + 1);
    let amended = told[0].data.call.as_ref().unwrap();
    assert_eq!(amended.state, CallState::Ended);
    assert_eq!(amended.caller, party("4420"));
    assert_eq!(amended.answered_by, Some(party("101")));
    let end = amended.end.as_ref().unwrap();
    assert_eq!(
        (end.cause, end.outcome, end.ended_by),
        (Cause::Normal, Outcome::Answered, EndedBy::Callee)
    );
    let head = hub.reader().head();
    tell(&hub, vec![record(), opens()]).await;
    assert_eq!(told_after(&hub, head), Vec::<Event>::new());

    // What returns continues its version.
    tell(&hub, vec![ringing("101")]).await;
    let returned = told_after(&hub, head);
    assert_eq!(returned[0].subject, before[0].subject);
    assert_eq!(returned[0].subjectversion, before[0].subjectversion + 1);

    let head = hub.reader().head();
    tell(&hub, vec![recording(RecordingState::Deleted)]).await;
    let [deleted] = &told_after(&hub, head)[..] else {
        panic!("one event")
    };
    assert_eq!(
        (deleted.kind, deleted.subjectversion),
        (EventType::RecordingDeleted, 3)
    );
    stop(hub, running).await;
}

/// A hub whose log keeps as few bytes as a log may.
fn small(folder: &Path) -> (Hub, Running) {
    let mut options = log::Options::new(folder.join("log.db"));
    options.retention.bytes = Retention::LEAST;
    start_with(options)
}

/// Publishes until the last event of a closed call is gone.
async fn fill(hub: &Hub, call: &EntityId) {
    let reader = hub.reader();
    let last = reader.archived(Collection::Calls, call).unwrap().unwrap();
    for round in 0.. {
        assert!(round < 1_000, "retention never took {}", last.position);
        if reader.block_at(last.position).unwrap().is_none() {
            return;
        }
        let filler: Vec<Observation> = (0..256)
            .map(|n| {
                let state = match round % 2 {
                    0 => ExtensionCallState::Ringing,
                    _ => ExtensionCallState::Busy,
                };
                call_state(&format!("9{n}"), state)
            })
            .collect();
        tell(hub, filler).await;
        // The checkpoint, which retention waits for, is written a slice at a time.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Tells facts, and waits until they are folded: what changes a variable always makes an event.
async fn tell(hub: &Hub, mut observations: Vec<Observation>) {
    let mut heads = hub.tail().watch();
    let before = hub.reader().head();
    let probe = Variable {
        scope: "test".into(),
        name: "probe".into(),
        value: serde_json::Value::Null,
        owner: None,
    };
    observations.push(Observation::native(
        "probe",
        Fact::Variable(Box::new(probe)),
    ));
    hub.hear(heard(observations)).await.unwrap();
    heads.wait_for(|head| *head > before).await.unwrap();
}

/// The events after a position, without those of the probes.
fn told_after(hub: &Hub, after: Position) -> Vec<Event> {
    let limit = Limit {
        bytes: usize::MAX,
        events: usize::MAX,
        time: Duration::MAX,
    };
    let page = hub.reader().page(after, &limit, &|_| true).unwrap();
    let events = page.blocks.iter().flat_map(|block| {
        let entries = block.entries.iter();
        entries.map(|entry| serde_json::from_slice::<Event>(block.json(entry)).unwrap())
    });
    events
        .filter(|event| event.kind != EventType::VariableChanged && event.id.position > after)
        .collect()
}

/// The events of a type that the log still has.
fn published(hub: &Hub, kind: EventType) -> Vec<Event> {
    let mut events = told_after(hub, hub.reader().earliest());
    events.retain(|event| event.kind == kind);
    events
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + second)
}

fn party(number: &str) -> Party {
    Party::numbered(Number::internal(number))
}

fn patch() -> CallPatch {
    CallPatch {
        direction: Some(Direction::Inbound),
        caller: Some(party("4420")),
        callee: Some(party("500")),
        ..CallPatch::default()
    }
}

fn opens() -> Observation {
    let fact = Fact::Call {
        call: "c".into(),
        opens: true,
        patch: Box::new(patch()),
    };
    Observation::native("test", fact).at(Some(at(0)))
}

fn ends() -> Observation {
    let end = End::new(
        Cause::Normal,
        Outcome::Unknown,
        EndedBy::Unknown,
        Basis::Native,
    );
    let fact = Fact::CallEnded {
        call: "c".into(),
        end: Some(end),
        settle: Duration::ZERO,
    };
    Observation::native("test", fact).at(Some(at(9)))
}

/// The PBX's record of the call: it was answered, which nobody had told.
fn record() -> Observation {
    let end = End::new(
        Cause::Normal,
        Outcome::Unknown,
        EndedBy::Callee,
        Basis::Native,
    );
    let leg = CdrLeg {
        leg: "c/101".into(),
        patch: LegPatch {
            role: Some(LegRole::Callee),
            party: Some(party("101")),
            ..LegPatch::default()
        },
        started_at: Some(at(1)),
        ringing_at: Some(at(1)),
        answered_at: Some(at(3)),
        ended_at: Some(at(9)),
        end: Some(end.clone()),
    };
    let fact = CdrFact {
        key: "c/record".into(),
        call: "c".into(),
        settles: true,
        patch: patch(),
        started_at: Some(at(0)),
        ended_at: Some(at(9)),
        end: Some(end),
        legs: vec![leg],
        native: Native::new(),
    };
    Observation::native("test", Fact::Cdr(Box::new(fact))).at(Some(at(9)))
}

fn recording(state: RecordingState) -> Observation {
    let fact = Fact::Recording {
        key: "r".into(),
        alias: None,
        state,
        call: Some("c".into()),
        duration_ms: None,
        uri: None,
        native: Native::new(),
    };
    Observation::native("test", fact)
}

fn extension_is_gone(number: &str) -> Observation {
    let fact = Fact::Extension {
        at: Ref::number(number),
        action: Some(Action::Deleted),
        patch: Box::default(),
    };
    Observation::native("test", fact)
}
