//! Transfers, and legs that go on in another call.

use crate::state_bench::{Bench, at, call_ends, end, hq, leg, leg_ends, opens};
use model::{
    CallState, Cause, Direction, EndedBy, Fact, LegRole, LegState, Observation, Outcome,
    event::TransferKind,
};

use LegRole::{Callee, Caller};
use LegState::Connected;

#[test]
fn a_moved_leg_goes_on_in_the_other_call() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("a", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    bench.tell(vec![
        leg("a", "a/caller", Caller, Connected).at(at(1)),
        leg("a", "a/101", Callee, Connected).at(at(1)),
    ]);
    bench.tell(vec![
        opens("b", Direction::Internal, "101", "102").at(at(2)),
    ]);
    bench.tell(vec![
        leg("b", "b/101", Caller, Connected).at(at(2)),
        leg("b", "b/102", Callee, Connected).at(at(3)),
    ]);
    let moved = Observation::native(
        "moved",
        Fact::LegMoved {
            from: "b".into(),
            leg: "b/102".into(),
            to: "a".into(),
        },
    )
    .at(at(4));
    let kinds = bench.tell(vec![
        moved.clone(),
        leg_ends("b", "b/101", Cause::Transferred).at(at(4)),
        leg_ends("a", "a/101", Cause::Transferred).at(at(4)),
    ]);
    assert!(kinds.contains(&"call.updated"), "{kinds:?}");
    let ended = bench.last("call.ended").data.call.clone().unwrap();
    assert_eq!(ended.id.as_str(), "hq:b");
    assert_eq!(ended.interaction_id.as_str(), "hq:a");
    assert_eq!(ended.end.as_ref().unwrap().outcome, Outcome::Transferred);
    let view = bench.state.view();
    let a = &view.calls.get(&hq().entity("a")).unwrap().entity;
    let new = a.leg(&hq().entity("b/102~2")).unwrap();
    assert_eq!(new.state, Connected);
    assert_eq!(new.other_leg, Some(hq().entity("b/102")));
    assert_eq!(a.state, CallState::Active);
    assert!(bench.tell(vec![moved]).is_empty());
    let over = Some(end(Cause::Normal, EndedBy::Caller));
    bench.tell(vec![call_ends("a", over).at(at(9))]);
    let ended = bench.last("call.ended").data.call.clone().unwrap();
    assert_eq!(ended.end.as_ref().unwrap().outcome, Outcome::Answered);
    assert_eq!(ended.handled_by.len(), 2);
}

fn transferred(call: &str, related: Option<&str>) -> Observation {
    let fact = Fact::Transferred {
        call: call.into(),
        kind: TransferKind::Attended,
        from: Some(model::Party::extension("101")),
        to: Some(model::Party::extension("102")),
        related: related.map(Into::into),
    };
    Observation::native("transfer", fact)
}

#[test]
fn a_transfer_names_who_came_and_the_consultation_joins_the_interaction() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("a", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    bench.tell(vec![
        opens("b", Direction::Internal, "101", "102").at(at(1)),
    ]);
    let transfer = transferred("a", Some("b")).at(at(2));
    assert_eq!(
        bench.tell(vec![transfer.clone()]),
        ["call.updated", "call.transferred"]
    );
    let event = bench.last("call.transferred");
    let told = event.data.transfer.clone().unwrap();
    assert_eq!(told.related_call, Some(hq().entity("b")));
    let updated = bench.last("call.updated").data.call.clone().unwrap();
    assert_eq!(updated.id, hq().entity("b"));
    assert_eq!(updated.interaction_id, hq().entity("a"));
    assert_eq!(updated.related_calls, [hq().entity("a")]);
    assert!(bench.tell(vec![transfer]).is_empty());
}

#[test]
fn a_consultation_heard_of_later_joins_the_interaction_too() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("a", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    let transfer = transferred("a", Some("b")).at(at(2));
    assert_eq!(bench.tell(vec![transfer]), ["call.transferred"]);
    bench.secs(1);
    assert_eq!(
        bench.tell(vec![
            opens("b", Direction::Internal, "101", "102").at(at(1))
        ]),
        ["call.started", "call.updated"]
    );
    let updated = bench.last("call.updated");
    assert_eq!(updated.correlationid.as_deref(), Some("hq:a"));
    assert!(bench.secs(5).is_empty());
}

#[test]
fn a_move_told_before_the_surviving_call_waits_for_it() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("b", Direction::Internal, "101", "102").at(at(2)),
    ]);
    bench.tell(vec![leg("b", "b/102", Callee, Connected).at(at(3))]);
    let moved = Fact::LegMoved {
        from: "b".into(),
        leg: "b/102".into(),
        to: "a".into(),
    };
    let moved = Observation::native("moved", moved).at(at(4));
    assert!(bench.tell(vec![moved]).is_empty());
    bench.secs(1);
    let kinds = bench.tell(vec![
        opens("a", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    assert_eq!(kinds[0], "call.started");
    assert_eq!(kinds.last(), Some(&"call.ended"));
    let a = bench.state.view();
    let a = &a.calls.get(&hq().entity("a")).unwrap().entity;
    assert!(a.leg(&hq().entity("b/102~2")).is_some());
}

#[test]
fn of_two_transfers_in_one_frame_neither_is_lost() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("a", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    let onwards = Fact::Transferred {
        call: "a".into(),
        kind: TransferKind::Blind,
        from: Some(model::Party::extension("102")),
        to: Some(model::Party::extension("103")),
        related: None,
    };
    let kinds = bench.tell(vec![
        transferred("a", None).at(at(2)),
        Observation::native("transfer", onwards).at(at(3)),
    ]);
    assert_eq!(kinds, ["call.transferred", "call.transferred"]);
    // The record tells of the first once more, and dates it otherwise.
    assert!(
        bench
            .tell(vec![transferred("a", None).at(at(9))])
            .is_empty()
    );
    bench.restart();
    assert!(
        !bench
            .tell(vec![transferred("a", None).at(at(9))])
            .contains(&"call.transferred")
    );
}
