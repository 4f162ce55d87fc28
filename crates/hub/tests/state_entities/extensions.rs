//! Extensions: what is told of them, by which name.

use model::{
    ExtensionCallState, Presence, PresenceStatus,
    observation::{ExtensionPatch, Ref},
    source::Action,
};

use crate::{
    rig::{extension, is, managed},
    state_bench::Bench,
};

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
