//! Everything but calls: extensions, queues, sources, snapshots, and what is known by several names.

mod state_bench;

use std::time::Duration;

use bytes::Bytes;
use hub::{block::Key, state::Freshness};
use model::{
    AgentState, Collection, Direction, ExtensionCallState, Fact, FrameId, Heard, LegRole, LegState,
    Native, Observation, OriginKind, Party, Presence, PresenceStatus, RawFrame, RecordingState,
    Report, SourceState, TrunkState,
    observation::{
        AgentPatch, CallerFact, DevicePatch, ExtensionPatch, QueuePatch, Ref, Registration, Scope,
        SourceFact, UserPatch,
    },
    source::{Action, Alert, DirectoryObject},
};
use state_bench::{Bench, at, call_ends, hq, leg, opens, party};

fn extension(at: Ref, patch: ExtensionPatch) -> Observation {
    let fact = Fact::Extension {
        at,
        action: None,
        patch: Box::new(patch),
    };
    Observation::native("extension", fact).of(Some("t1".into()))
}

fn managed(at: Ref, action: Action) -> Observation {
    let fact = Fact::Extension {
        at,
        action: Some(action),
        patch: Box::default(),
    };
    Observation::native("extension", fact).of(Some("t1".into()))
}

fn is(state: ExtensionCallState) -> ExtensionPatch {
    ExtensionPatch {
        call_state: Some(state),
        ..ExtensionPatch::default()
    }
}

fn agent(number: &str, queue: &str, state: AgentState) -> Observation {
    let patch = AgentPatch {
        state: Some(state),
        ..AgentPatch::default()
    };
    let fact = Fact::Agent {
        extension: Ref::number(number),
        queue: Ref::number(queue),
        patch: Box::new(patch),
    };
    Observation::native("agent", fact)
}

fn caller(queue: &str, key: &str, position: u32) -> Observation {
    let fact = CallerFact {
        queue: Ref::number(queue),
        key: key.into(),
        call: None,
        party: party("4420"),
        position: Some(position),
        state: model::CallerState::Waiting,
        entered_at: at(1),
    };
    Observation::native("caller", Fact::Caller(Box::new(fact)))
}

fn source(fact: SourceFact) -> Observation {
    Observation::native("link", Fact::Source(fact))
}

fn begin(scope: &Scope) -> Observation {
    Observation::native("snapshot", Fact::SnapshotBegin(scope.clone()))
}

fn finish(scope: &Scope) -> Observation {
    Observation::native("snapshot", Fact::SnapshotEnd(scope.clone()))
}

fn complete(collection: Collection) -> Scope {
    Scope {
        collection,
        tenant: None,
        within: None,
        complete: true,
    }
}

#[test]
fn one_fact_about_an_extension_may_be_several_events() {
    let mut bench = Bench::new();
    let first = extension(Ref::both("x1", "101"), is(ExtensionCallState::Idle));
    assert_eq!(
        bench.tell(vec![first.clone()]),
        ["extension.call_state_changed"]
    );
    assert!(bench.tell(vec![first]).is_empty());
    let patch = ExtensionPatch {
        online: Some(true),
        dnd: Some(true),
        name: Some("Ann".into()),
        presence: Some(Presence {
            status: PresenceStatus::Away,
            note: None,
            until: None,
            native: None,
        }),
        ..is(ExtensionCallState::Busy)
    };
    assert_eq!(
        bench.tell(vec![extension(Ref::id("x1"), patch)]),
        [
            "extension.call_state_changed",
            "extension.registration_changed",
            "extension.presence_changed",
            "extension.dnd_changed",
            "extension.updated"
        ]
    );
    let event = bench.last("extension.call_state_changed");
    let now = event.data.extension.as_ref().unwrap();
    assert_eq!((now.online, now.version), (None, 2));
    assert_eq!(event.tenant.as_deref(), Some("acme"));
    assert_eq!(&*event.subject, "extensions/hq:x1");
    let last = bench.last("extension.updated");
    assert_eq!(last.data.extension.as_ref().unwrap().version, 6);
}

#[test]
fn an_extension_known_by_number_keeps_that_name_when_its_id_is_learnt() {
    let mut bench = Bench::new();
    bench.tell(vec![extension(
        Ref::number("101"),
        is(ExtensionCallState::Idle),
    )]);
    bench.tell(vec![extension(
        Ref::both("x1", "101"),
        is(ExtensionCallState::Busy),
    )]);
    let kinds = bench.tell(vec![extension(Ref::id("x1"), is(ExtensionCallState::Idle))]);
    assert_eq!(kinds, ["extension.call_state_changed"]);
    assert_eq!(bench.state.view().extensions.len(), 1);
    let last = bench.last("extension.call_state_changed");
    assert_eq!(&*last.subject, "extensions/hq:101");

    bench.checkpoint();
    bench.restart();
    bench.tell(vec![extension(Ref::id("x1"), is(ExtensionCallState::Busy))]);
    assert_eq!(bench.state.view().extensions.len(), 1);
}

#[test]
fn a_number_that_changed_hands_is_another_extension() {
    let mut bench = Bench::new();
    bench.tell(vec![extension(
        Ref::both("x1", "101"),
        is(ExtensionCallState::Idle),
    )]);
    bench.tell(vec![extension(
        Ref::both("x2", "101"),
        is(ExtensionCallState::Idle),
    )]);
    assert_eq!(bench.state.view().extensions.len(), 2);
    bench.tell(vec![managed(Ref::id("x1"), Action::Deleted)]);
    bench.tell(vec![extension(
        Ref::number("101"),
        is(ExtensionCallState::Busy),
    )]);
    let last = bench.last("extension.call_state_changed");
    assert_eq!(&*last.subject, "extensions/hq:x2");
}

#[test]
fn an_extension_that_returns_continues_its_version() {
    let mut bench = Bench::new();
    let created = managed(Ref::both("x1", "101"), Action::Created);
    assert_eq!(bench.tell(vec![created.clone()]), ["extension.created"]);
    let deleted = managed(Ref::id("x1"), Action::Deleted);
    assert_eq!(bench.tell(vec![deleted]), ["extension.deleted"]);
    bench.secs(3600);
    bench.tell(vec![created]);
    assert_eq!(bench.last("extension.created").subjectversion, 3);
}

#[test]
fn filters_find_a_call_by_every_name_of_its_extensions() {
    let mut bench = Bench::new();
    bench.tell(vec![extension(
        Ref::number("101"),
        ExtensionPatch::default(),
    )]);
    bench.tell(vec![extension(
        Ref::both("x1", "101"),
        ExtensionPatch::default(),
    )]);
    let call = opens("c", Direction::Inbound, "4420", "101").of(Some("t1".into()));
    let drafts = bench.hear(vec![call]);
    let draft = drafts.last().unwrap();
    for name in ["101", "x1", "hq:101", "hq:x1"] {
        assert!(draft.extensions.contains(&Key::of(name)), "{name}");
    }
    let call = bench.last("call.started").data.call.clone().unwrap();
    let callee = call.callee.extension.as_ref().unwrap();
    assert_eq!(callee.id, Some(hq().entity("101")));
}

#[test]
fn a_private_party_marks_every_event_of_its_call() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Inbound, "4420", "101")]);
    let mut ringing = leg("c", "c/caller", LegRole::Caller, LegState::Connected);
    if let Fact::Leg(leg) = &mut ringing.fact {
        leg.patch.party = Some(Party {
            private: true,
            ..Party::default()
        });
    }
    let drafts = bench.hear(vec![ringing]);
    assert!(drafts.iter().all(|draft| draft.private));
    let drafts = bench.hear(vec![call_ends("c", None)]);
    assert!(drafts.iter().all(|draft| draft.private));
}

#[test]
fn queue_counters_travel_with_agents_and_callers() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.tell(vec![agent("101", "8000", AgentState::Ready)]),
        ["extension.updated", "queue.updated", "agent.joined"]
    );
    bench.tell(vec![agent("102", "8000", AgentState::Busy)]);
    assert_eq!(
        bench.tell(vec![agent("102", "8000", AgentState::NotReady)]),
        ["agent.state_changed"]
    );
    let queue = bench
        .last("agent.state_changed")
        .data
        .queue
        .clone()
        .unwrap();
    assert_eq!(
        (queue.agents_ready, queue.agents_busy, queue.agents_total),
        (Some(1), Some(0), Some(2))
    );
    assert_eq!(
        bench.tell(vec![caller("8000", "k", 2)]),
        ["queue.caller_joined"]
    );
    assert_eq!(
        bench.tell(vec![caller("8000", "k", 1)]),
        ["queue.caller_moved"]
    );
    assert!(bench.tell(vec![caller("8000", "k", 1)]).is_empty());
    let queue = bench.last("queue.caller_moved").data.queue.clone().unwrap();
    assert_eq!(
        (queue.waiting, queue.longest_waiting_since),
        (Some(1), at(1))
    );
    assert_eq!(
        &*bench.last("queue.caller_moved").subject,
        "queues/hq:8000/callers/k"
    );
    let left = Fact::CallerLeft {
        queue: Ref::number("8000"),
        key: "k".into(),
        reason: "timeout".into(),
    };
    let left = Observation::native("caller", left);
    assert_eq!(bench.tell(vec![left.clone()]), ["queue.caller_left"]);
    assert!(bench.tell(vec![left]).is_empty());
    let gone = Fact::AgentLeft {
        extension: Ref::number("101"),
        queue: Ref::number("8000"),
    };
    assert_eq!(
        bench.tell(vec![Observation::native("agent", gone)]),
        ["agent.left"]
    );
    let agents: Vec<_> = bench.state.view().agents.keys().cloned().collect();
    assert_eq!(agents, [hq().entity("102@8000")]);
}

#[test]
fn a_complete_list_removes_what_it_does_not_name() {
    let mut bench = Bench::new();
    bench.connect();
    let scope = complete(Collection::Agents);
    let listed = vec![
        begin(&scope),
        agent("101", "8000", AgentState::Ready),
        agent("102", "8000", AgentState::Ready),
        finish(&scope),
    ];
    let kinds = bench.tell(listed);
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "agent.updated")
            .count(),
        2
    );
    let origin = &bench.last("agent.updated").data.origin;
    assert_eq!(origin.kind, OriginKind::Snapshot);
    let kinds = bench.tell(vec![
        begin(&scope),
        agent("102", "8000", AgentState::Ready),
        finish(&scope),
    ]);
    assert_eq!(kinds, ["agent.left"]);
    let left = bench.last("agent.left").data.agent.clone().unwrap();
    assert_eq!(&*left.extension.number, "101");
}

#[test]
fn a_call_that_is_not_listed_any_more_is_lost() {
    let mut bench = Bench::new();
    bench.connect();
    bench.tell(vec![
        opens("a", Direction::Internal, "1", "2"),
        opens("b", Direction::Internal, "1", "2"),
    ]);
    let scope = complete(Collection::Calls);
    let kinds = bench.tell(vec![
        begin(&scope),
        opens("b", Direction::Internal, "1", "2"),
        opens("new", Direction::Internal, "1", "2"),
        finish(&scope),
    ]);
    assert_eq!(kinds, ["call.started", "call.ended"]);
    let ended = bench.last("call.ended").data.call.clone().unwrap();
    assert_eq!(ended.id, hq().entity("a"));
    assert_eq!(ended.end.as_ref().unwrap().cause, model::Cause::SourceLost);
}

#[test]
fn a_reconnect_is_a_gap_and_what_it_hides_is_unconfirmed() {
    let mut bench = Bench::new();
    assert_eq!(bench.connect(), ["source.connected"]);
    bench.tell(vec![opens("a", Direction::Internal, "1", "2")]);
    bench.tell(vec![extension(
        Ref::number("1"),
        is(ExtensionCallState::Busy),
    )]);
    assert_eq!(
        bench.tell(vec![source(SourceFact::Synced)]),
        ["source.synced"]
    );
    let call = |bench: &Bench| {
        let view = bench.state.view();
        view.freshness(view.calls.get(&hq().entity("a")).unwrap())
    };
    assert_eq!(call(&bench), Freshness::Live);
    bench.secs(5);
    let reason = || "timed out".into();
    let lost = SourceFact::Disconnected { reason: reason() };
    assert_eq!(
        bench.tell(vec![source(lost.clone())]),
        ["source.disconnected"]
    );
    assert!(bench.tell(vec![source(lost)]).is_empty());
    assert_eq!(call(&bench), Freshness::Stale);
    bench.secs(60);
    assert_eq!(bench.connect(), ["source.connected", "source.gap"]);
    let gap = bench.last("source.gap").data.gap.clone().unwrap();
    assert_eq!(gap.reason, reason());
    assert_eq!(gap.to.millis_since(gap.from), 60_000);
    assert_eq!(gap.reconciled, ["extensions".into()]);
    assert_eq!(gap.unknown, ["calls".into()]);
    assert_eq!(call(&bench), Freshness::Unconfirmed);
    assert!(
        bench
            .tell(vec![opens("a", Direction::Internal, "1", "2")])
            .is_empty()
    );
    assert_eq!(call(&bench), Freshness::Live);
}

#[test]
fn a_restart_of_the_gateway_is_a_gap_too() {
    let mut bench = Bench::new();
    bench.connect();
    bench.checkpoint();
    bench.restart();
    let last = bench.last("source.disconnected");
    assert_eq!(last.data.origin.kind, OriginKind::Gateway);
    assert_eq!(bench.connect(), ["source.connected", "source.gap"]);
    let id = model::EntityId::from_text("hq");
    let view = bench.state.view();
    let state = view.sources.get(&id).unwrap().entity.state;
    assert_eq!(state, SourceState::Connected);
}

#[test]
fn an_unknown_shape_is_told_once_a_minute_with_its_body() {
    let mut bench = Bench::new();
    bench.connect();
    let mut tell = |shape: &str, body: &'static [u8], secs: u64| {
        bench.advance(Duration::from_secs(secs));
        let fact = Fact::Unrecognized {
            shape: shape.into(),
        };
        let mut report = Report::new("");
        report.observations = vec![Observation::native("", fact)];
        let heard = Heard {
            source: hq(),
            frame: Some(RawFrame {
                id: FrameId {
                    source: hq(),
                    boot: 1,
                    n: 1,
                },
                bytes: Bytes::from_static(body),
            }),
            now: bench.now,
            reports: vec![report],
            memo: Vec::new(),
        };
        let mut out = Vec::new();
        bench.state.handle(&heard, &mut (), &mut out);
        let event = out.pop();
        event.map(|event| event.data.origin)
    };
    let body = |origin: &model::Origin| origin.payload.as_ref().unwrap().as_str().to_owned();
    let first = tell("event:foo", br#"{"a":1}"#, 0).unwrap();
    assert_eq!(body(&first), r#"{"a":1}"#);
    assert!(tell("event:foo", b"{}", 30).is_none());
    let text = tell("json", b"not json", 0).unwrap();
    assert_eq!(body(&text), r#""not json""#);
    let binary = tell("binary", &[0xff, 0xfe], 0).unwrap();
    assert_eq!(binary.payload_base64.as_deref(), Some("//4="));
    assert!(tell("event:foo", b"{}", 31).is_some());
    let id = model::EntityId::from_text("hq");
    let view = bench.state.view();
    let counters = view.sources.get(&id).unwrap().entity.counters;
    assert_eq!(counters.unrecognized, 5);
}

#[test]
fn a_clock_that_is_off_is_told_once() {
    let mut bench = Bench::new();
    bench.connect();
    let mut live = |n: i64, off: i64| {
        bench.secs(1);
        let time = bench.now.wall.after(Duration::from_secs(100));
        let time = time.before(Duration::from_secs(u64::try_from(100 - off).unwrap()));
        let key = format!("d{n}");
        bench.tell(vec![
            opens(&key, Direction::Internal, "1", "2").at(Some(time)),
        ])
    };
    for n in 0..7 {
        assert_eq!(live(n, -9), ["call.started"]);
    }
    assert_eq!(live(7, -30), ["call.started", "source.clock_skew"]);
    for n in 8..20 {
        assert_eq!(live(n, -9), ["call.started"]);
    }
    // One message that came in time is enough to know better.
    assert_eq!(live(20, 0), ["call.started"]);
    let id = model::EntityId::from_text("hq");
    let view = bench.state.view();
    let skew = view.sources.get(&id).unwrap().entity.clock_skew_ms;
    assert_eq!(skew, Some(0));
}

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

#[test]
fn devices_trunks_users_and_voicemail() {
    let mut bench = Bench::new();
    let device = |registration| {
        let fact = Fact::Device {
            key: "sip:101@10.0.0.1".into(),
            registration,
            patch: Box::new(DevicePatch {
                extension: Some(Ref::number("101")),
                ..DevicePatch::default()
            }),
        };
        Observation::native("register", fact)
    };
    assert_eq!(
        bench.tell(vec![device(Registration::Registered)]),
        ["extension.updated", "device.registered"]
    );
    assert!(
        bench
            .tell(vec![device(Registration::Registered)])
            .is_empty()
    );
    let gone = vec![device(Registration::Unregistered)];
    assert_eq!(bench.tell(gone.clone()), ["device.unregistered"]);
    assert!(bench.tell(gone).is_empty());

    let trunk = |state| {
        let fact = Fact::Trunk {
            at: Ref::number("carrier"),
            state,
            address: None,
            native: Native::new(),
        };
        Observation::native("trunk", fact)
    };
    let up = vec![trunk(TrunkState::Connected)];
    assert_eq!(bench.tell(up.clone()), ["trunk.connected"]);
    assert!(bench.tell(up).is_empty());
    let down = vec![trunk(TrunkState::Disconnected)];
    assert_eq!(bench.tell(down), ["trunk.disconnected"]);

    let user = |status| {
        let patch = UserPatch {
            presence: Some(Presence {
                status,
                note: None,
                until: None,
                native: None,
            }),
            ..UserPatch::default()
        };
        let fact = Fact::User {
            key: "u".into(),
            action: None,
            patch: Box::new(patch),
        };
        Observation::native("presence", fact)
    };
    let away = vec![user(PresenceStatus::Away)];
    assert_eq!(bench.tell(away.clone()), ["user.presence_changed"]);
    assert!(bench.tell(away).is_empty());

    let voicemail = |present, read| {
        let fact = Fact::Voicemail {
            key: "101/1".into(),
            mailbox: "101".into(),
            present,
            read,
            caller: None,
            duration_ms: None,
            counters: None,
        };
        Observation::native("voicemail", fact)
    };
    let kinds: Vec<_> = [
        (true, None),
        (true, Some(true)),
        (false, None),
        (true, None),
    ]
    .into_iter()
    .flat_map(|(present, read)| {
        bench.secs(100);
        bench.tell(vec![voicemail(present, read)])
    })
    .collect();
    assert_eq!(
        kinds,
        ["voicemail.received", "voicemail.read", "voicemail.deleted"]
    );
}

#[test]
fn a_queue_that_is_only_named_is_known_from_then_on() {
    let mut bench = Bench::new();
    let queue = |action| {
        let fact = Fact::Queue {
            at: Ref::number("8000"),
            action,
            patch: Box::new(QueuePatch {
                name: Some("Support".into()),
                ..QueuePatch::default()
            }),
        };
        Observation::native("queue", fact)
    };
    bench.tell(vec![caller("8000", "k", 1)]);
    assert_eq!(bench.tell(vec![queue(None)]), ["queue.updated"]);
    let deleted = vec![queue(Some(Action::Deleted))];
    assert_eq!(bench.tell(deleted), ["queue.deleted"]);
    let created = vec![queue(Some(Action::Created))];
    assert_eq!(bench.tell(created), ["queue.created"]);
}

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
fn remarks_carry_what_they_say_and_repeats_are_quiet() {
    let mut bench = Bench::new();
    bench.connect();
    let object = DirectoryObject {
        kind: "ivr".into(),
        id: Some("7".into()),
        action: Action::Updated,
        native: Native::new(),
    };
    let changed = Observation::native("x", Fact::Directory(Box::new(object))).at(at(1));
    assert_eq!(bench.tell(vec![changed.clone()]), ["directory.changed"]);
    assert!(bench.tell(vec![changed]).is_empty());
    let alert = |raised| {
        let alert = Alert {
            kind: "fraud".into(),
            text: None,
            details: Default::default(),
        };
        Observation::native("x", Fact::Alert(Box::new(alert), raised))
    };
    let kinds: Vec<_> = [true, true, false, true]
        .into_iter()
        .flat_map(|raised| bench.tell(vec![alert(raised)]))
        .collect();
    assert_eq!(kinds, ["alert.raised", "alert.cleared", "alert.raised"]);
    assert_eq!(&*bench.last("alert.raised").subject, "sources/hq");
}

#[test]
fn a_source_that_is_not_configured_any_more_takes_its_calls_along() {
    let mut bench = Bench::new();
    bench.connect();
    bench.tell(vec![opens("a", Direction::Internal, "1", "2")]);
    bench.tell(vec![extension(
        Ref::number("1"),
        is(ExtensionCallState::Busy),
    )]);
    let mut out = Vec::new();
    bench
        .state
        .configure(Default::default(), bench.now, &mut (), &mut out);
    let kinds: Vec<_> = out.iter().map(|draft| draft.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["call.ended", "extension.deleted", "source.disconnected"]
    );
    assert!(out.iter().all(|draft| draft.closes.is_some()));
    let view = bench.state.view();
    assert!(view.calls.is_empty() && view.extensions.is_empty() && view.sources.is_empty());
}
