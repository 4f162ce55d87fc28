//! Parties of calls: found by every name, and hidden where they asked for it.

use hub::block::Key;
use model::{
    AgentState, Direction, ExtensionCallState, Fact, LegRole, LegState, Party,
    observation::{ExtensionPatch, Ref},
};

use crate::{
    rig::{agent, extension, is},
    state_bench::{Bench, call_ends, hq, leg, opens},
};

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
fn a_number_is_found_where_no_extension_is_known_unless_it_is_withheld() {
    for withheld in [false, true] {
        let mut bench = Bench::new();
        let mut call = opens("c", Direction::Inbound, "4420", "117");
        if let Fact::Call { patch, .. } = &mut call.fact
            && let Some(caller) = &mut patch.caller
        {
            caller.private = withheld;
        }
        let drafts = bench.hear(vec![call]);
        let draft = drafts.last().unwrap();
        assert_eq!(draft.private, withheld);
        assert!(draft.extensions.contains(&Key::of("117")));
        assert_eq!(draft.extensions.contains(&Key::of("4420")), !withheld);
    }
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
    // The message that says whose call an agent is in may say who the caller is.
    let mut busy = agent("102", "8000", AgentState::Busy);
    if let Fact::Agent { patch, .. } = &mut busy.fact {
        patch.call = Some(Some("c".into()));
    }
    let other = extension(Ref::number("103"), is(ExtensionCallState::Busy));
    let drafts = bench.hear(vec![busy, other]);
    assert!(drafts.len() > 1 && drafts.iter().all(|draft| draft.private));
    let drafts = bench.hear(vec![call_ends("c", None)]);
    assert!(drafts.iter().all(|draft| draft.private));
    let drafts = bench.hear(vec![extension(
        Ref::number("103"),
        is(ExtensionCallState::Idle),
    )]);
    assert!(drafts.iter().all(|draft| !draft.private));
}
