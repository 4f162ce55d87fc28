//! Calls that nobody ends, and calls that have too much.

use crate::state_bench::{Bench, at, leg, leg_ends, opens};
use model::{Cause, Direction, LegRole, LegState, OriginKind};

use LegRole::Callee;
use LegState::{Connected, Ringing};

#[test]
fn nothing_heard_for_half_a_day_ends_a_call() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2")]);
    bench.secs(6 * 3600);
    bench.tell(vec![leg("c", "c/2", Callee, Connected)]);
    assert!(bench.secs(11 * 3600).is_empty());
    assert_eq!(bench.secs(3600), ["leg.ended", "call.ended"]);
    let ended = bench.last("call.ended");
    assert_eq!(ended.data.origin.kind, OriginKind::Unconfirmed);
    let call = ended.data.call.clone().unwrap();
    assert_eq!(call.end.as_ref().unwrap().cause, Cause::SourceLost);
}

#[test]
fn a_call_carries_at_most_so_many_legs() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2").at(at(0))]);
    for n in 0..50 {
        let name = format!("c/{n}");
        bench.tell(vec![leg("c", &name, Callee, Ringing).at(at(n))]);
        bench.tell(vec![leg_ends("c", &name, Cause::NoAnswer).at(at(n))]);
    }
    assert!(
        bench
            .tell(vec![leg("c", "c/0", Callee, Ringing).at(at(0))])
            .is_empty()
    );
    bench.tell(vec![leg("c", "c/last", Callee, Connected).at(at(60))]);
    let call = bench.last("call.answered").data.call.clone().unwrap();
    assert_eq!(call.legs.len(), 33);
    assert_eq!(call.legs_omitted, 18);
}

#[test]
fn more_open_legs_than_allowed_degrade_the_source() {
    let mut bench = Bench::new();
    bench.connect();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2").at(at(0))]);
    for n in 0..70 {
        bench.tell(vec![leg("c", &format!("c/{n}"), Callee, Ringing).at(at(1))]);
    }
    assert_eq!(bench.state.counters().limited, 6);
    let degraded = bench.events.iter();
    let degraded = degraded.filter(|event| event.kind.as_str() == "source.degraded");
    assert_eq!(degraded.count(), 1);
}
