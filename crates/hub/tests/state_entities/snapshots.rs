//! Lists of what exists, and what a gap hides.

use hub::state::Freshness;
use model::{
    AgentState, Collection, Direction, ExtensionCallState, OriginKind, SourceState,
    observation::{Ref, SourceFact},
};

use crate::{
    rig::{agent, begin, complete, extension, finish, is, source},
    state_bench::{Bench, hq, opens},
};

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
