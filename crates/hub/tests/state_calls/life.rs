//! Start, ring, answer, hold, end: in order and out of it.

use std::time::Duration;

use crate::state_bench::{Bench, at, call_ends, end, leg, leg_ends, opens, party};
use model::{
    CallState, Cause, Direction, EndedBy, Fact, LegRole, LegState, Observation, OriginKind, Outcome,
};

use LegRole::{Callee, Caller};
use LegState::{Connected, Held, Initiated, Ringing};

#[test]
fn a_call_from_start_to_end() {
    let mut bench = Bench::new();
    let call = opens("c", Direction::Inbound, "4420", "101").at(at(0));
    let caller = leg("c", "c/caller", Caller, Initiated).at(at(0));
    assert_eq!(
        bench.tell(vec![call, caller]),
        ["call.started", "leg.started"]
    );
    let ringing = leg("c", "c/101", Callee, Ringing).at(at(1));
    assert_eq!(
        bench.tell(vec![ringing]),
        ["leg.started", "leg.ringing", "call.ringing"]
    );
    assert_eq!(
        bench.tell(vec![
            leg("c", "c/101", Callee, Connected).at(at(5)),
            leg("c", "c/caller", Caller, Connected).at(at(5)),
        ]),
        ["leg.answered", "leg.answered", "call.answered"]
    );
    let answered = bench.last("call.answered");
    assert_eq!(answered.time, at(5).unwrap());
    let call = answered.data.call.as_ref().unwrap();
    assert_eq!(call.state, CallState::Active);
    assert_eq!(call.external.as_ref().unwrap(), &party("4420"));
    let who = call.answered_by.as_ref().unwrap();
    assert_eq!(&*who.extension.as_ref().unwrap().number, "101");
    assert_eq!(
        bench.tell(vec![leg("c", "c/101", Callee, Held).at(at(6))]),
        ["leg.held", "call.held"]
    );
    assert_eq!(
        bench.tell(vec![leg("c", "c/101", Callee, Connected).at(at(8))]),
        ["leg.resumed", "call.resumed"]
    );
    let over = Some(end(Cause::Normal, EndedBy::Caller));
    assert_eq!(
        bench.tell(vec![call_ends("c", over).at(at(9))]),
        ["leg.ended", "leg.ended", "call.ended"]
    );
    let call = bench.last("call.ended").data.call.clone().unwrap();
    let told = call.end.clone().unwrap();
    assert_eq!(told.outcome, Outcome::Answered);
    assert_eq!(told.ended_by, EndedBy::Caller);
    let durations = call.durations.unwrap();
    assert_eq!(durations.ring_ms, Some(4_000));
    assert_eq!(durations.talk_ms, Some(4_000));
    assert_eq!(durations.hold_ms, Some(2_000));
    assert_eq!(durations.total_ms, Some(9_000));
    assert!(bench.state.view().calls.is_empty());
}

#[test]
fn a_ringing_expires_a_minute_after_it_was_heard() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2")]);
    bench.tell(vec![leg("c", "c/2", Callee, Ringing)]);
    let ringing = bench.last("call.ringing");
    let expected = ringing.recordedtime.after(Duration::from_secs(60));
    assert_eq!(ringing.expirytime, Some(expected));
    assert_eq!(bench.last("leg.started").expirytime, None);
}

#[test]
fn a_caller_who_gives_up_leaves_a_missed_call() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    bench.tell(vec![leg("c", "c/101", Callee, Ringing).at(at(1))]);
    let gave_up = Some(end(Cause::Unknown, EndedBy::Caller));
    assert_eq!(
        bench.tell(vec![call_ends("c", gave_up).at(at(4))]),
        ["leg.ended", "call.missed", "call.ended"]
    );
    let ended = bench.last("call.ended").data.call.clone().unwrap();
    let end = ended.end.as_ref().unwrap();
    assert_eq!(
        (end.cause, end.outcome),
        (Cause::Cancelled, Outcome::Missed)
    );
    let missed = bench.last("call.missed").data.missed.clone().unwrap();
    assert_eq!(&*missed.extensions[0].number, "101");
}

#[test]
fn the_last_open_leg_gone_ends_a_call_after_its_grace() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2").at(at(0))]);
    bench.tell(vec![leg("c", "c/2", Callee, Connected).at(at(1))]);
    bench.secs(1);
    bench.tell(vec![leg_ends("c", "c/2", Cause::Normal).at(at(2))]);
    assert!(bench.advance(Duration::from_millis(2_900)).is_empty());
    assert_eq!(bench.secs(1), ["call.ended"]);
    let ended = bench.last("call.ended");
    assert_eq!(ended.time, at(2).unwrap());
    assert_eq!(ended.data.origin.kind, OriginKind::Inferred);
}

#[test]
fn an_orphan_waits_for_its_call_and_then_stands_on_its_own() {
    let mut bench = Bench::new();
    let ringing = leg("c", "c/2", Callee, Ringing).at(at(1));
    assert!(bench.tell(vec![ringing.clone()]).is_empty());
    bench.secs(2);
    assert_eq!(
        bench.tell(vec![opens("c", Direction::Internal, "1", "2").at(at(0))]),
        ["call.started", "leg.started", "leg.ringing", "call.ringing"]
    );

    let mut alone = Bench::new();
    alone.tell(vec![ringing]);
    assert_eq!(
        alone.secs(3),
        ["call.started", "leg.started", "leg.ringing", "call.ringing"]
    );
    let later = opens("c", Direction::Internal, "1", "2").at(at(0));
    assert_eq!(alone.tell(vec![later]), ["call.updated"]);

    let mut ended = Bench::new();
    ended.tell(vec![call_ends("c", None).at(at(1))]);
    assert_eq!(ended.secs(3), ["call.started", "call.ended"]);
}

#[test]
fn what_was_told_before_changes_nothing() {
    let mut bench = Bench::new();
    let facts = [
        opens("c", Direction::Internal, "1", "2").at(at(0)),
        leg("c", "c/2", Callee, Ringing).at(at(1)),
        leg("c", "c/2", Callee, Connected).at(at(2)),
        leg("c", "c/2", Callee, Held).at(at(3)),
        leg("c", "c/2", Callee, Connected).at(at(4)),
        leg_ends("c", "c/2", Cause::Normal).at(at(5)),
        call_ends("c", Some(end(Cause::Normal, EndedBy::Callee))).at(at(5)),
    ];
    for (n, fact) in facts.iter().enumerate() {
        bench.tell(vec![fact.clone()]);
        for old in &facts[..=n] {
            assert!(bench.tell(vec![old.clone()]).is_empty(), "{old:?}");
        }
    }
    bench.secs(120);
    for old in &facts {
        assert!(bench.tell(vec![old.clone()]).is_empty(), "{old:?}");
    }
    assert!(bench.secs(10).is_empty());
}

#[test]
fn a_time_before_its_predecessor_gives_way_and_stays_native() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2").at(at(0))]);
    bench.tell(vec![leg("c", "c/2", Callee, Ringing).at(at(10))]);
    bench.tell(vec![leg("c", "c/2", Callee, Connected).at(at(7))]);
    let answered = bench.last("leg.answered").data.leg.clone().unwrap();
    assert_eq!(answered.answered_at, at(10));
    let told = answered.native.get("clamped").unwrap();
    assert_eq!(told["answered_at"], at(7).unwrap().to_string());
}

#[test]
fn an_end_may_wait_for_a_message_that_tells_more() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    let fact = Fact::CallEnded {
        call: "c".into(),
        end: None,
        settle: Duration::from_secs(1),
    };
    let over = Observation::native("over", fact).at(at(5));
    assert!(bench.tell(vec![over.clone()]).is_empty());
    bench.checkpoint();
    bench.restart();
    bench.advance(Duration::from_millis(500));
    let busy = Some(end(Cause::Busy, EndedBy::Callee));
    assert_eq!(
        bench.tell(vec![call_ends("c", busy).at(at(5))]),
        ["call.missed", "call.ended"]
    );
    let ended = bench.last("call.ended").data.call.clone().unwrap();
    assert_eq!(ended.end.as_ref().unwrap().outcome, Outcome::Busy);

    let mut alone = Bench::new();
    alone.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    alone.tell(vec![over]);
    alone.checkpoint();
    alone.restart();
    assert_eq!(alone.secs(1), ["call.ended"]);
}

#[test]
fn a_cause_that_comes_late_and_without_a_time_amends() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Inbound, "4420", "101")]);
    bench.tell(vec![leg("c", "c/101", Callee, Ringing)]);
    bench.tell(vec![call_ends("c", None)]);
    let busy = Some(end(Cause::Busy, EndedBy::Callee));
    assert_eq!(
        bench.tell(vec![call_ends("c", busy.clone())]),
        ["call.amended"]
    );
    let amended = bench.last("call.amended").data.call.clone().unwrap();
    assert_eq!(amended.end.as_ref().unwrap().cause, Cause::Busy);
    assert_eq!(bench.tell(vec![call_ends("c", busy)]), [""; 0]);
}
