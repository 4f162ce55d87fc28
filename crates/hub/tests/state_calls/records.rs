//! The PBX's own record (CDR) beside what was told live.

use crate::state_bench::{Bench, at, call_ends, end, leg, leg_ends, opens, party};
use model::{
    Cause, Direction, EndedBy, Fact, LegRole, LegState, Observation, Outcome,
    observation::{CallPatch, CdrFact, CdrLeg, LegPatch},
};

use LegRole::Callee;
use LegState::{Connected, Ended, Initiated, Ringing};

fn record(call: &str, key: &str) -> CdrFact {
    CdrFact {
        key: key.into(),
        call: call.into(),
        settles: true,
        patch: CallPatch {
            direction: Some(Direction::Inbound),
            caller: Some(party("4420")),
            callee: Some(party("101")),
            ..CallPatch::default()
        },
        started_at: at(0),
        ended_at: at(9),
        end: Some(end(Cause::Normal, EndedBy::Caller)),
        legs: vec![CdrLeg {
            leg: format!("{call}/101").into(),
            patch: LegPatch {
                role: Some(Callee),
                party: Some(model::Party::extension("101")),
                ..LegPatch::default()
            },
            started_at: at(0),
            ringing_at: at(1),
            answered_at: at(4),
            ended_at: at(9),
            end: Some(end(Cause::Normal, EndedBy::Caller)),
        }],
        native: model::Native::new(),
    }
}

fn cdr(fact: CdrFact) -> Observation {
    Observation::native("call_cdr", Fact::Cdr(Box::new(fact)))
}

#[test]
fn a_record_alone_is_a_whole_call() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.tell(vec![cdr(record("c", "r"))]),
        [
            "call.started",
            "leg.started",
            "leg.ringing",
            "leg.answered",
            "call.ringing",
            "call.answered",
            "leg.ended",
            "call.ended",
            "cdr.created"
        ]
    );
    for event in &bench.events {
        if event.kind.is_perishable() {
            assert_eq!(event.expirytime, Some(event.recordedtime));
            assert_eq!(event.time, at(1).unwrap());
        }
    }
    let late = opens("c", Direction::Inbound, "4420", "101").at(at(0));
    assert!(bench.tell(vec![late, cdr(record("c", "r"))]).is_empty());
    bench.secs(300);
    let late = opens("c", Direction::Inbound, "4420", "101").at(at(0));
    assert!(bench.tell(vec![late, cdr(record("c", "r"))]).is_empty());
}

#[test]
fn a_record_tells_the_missing_steps_before_the_end() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
        leg("c", "c/101", Callee, Initiated).at(at(0)),
    ]);
    assert_eq!(
        bench.tell(vec![cdr(record("c", "r"))]),
        [
            "leg.ringing",
            "leg.answered",
            "call.ringing",
            "call.answered",
            "leg.ended",
            "call.ended",
            "cdr.created"
        ]
    );
    let answered = bench.last("call.answered");
    assert_eq!(answered.time, at(4).unwrap());
}

#[test]
fn a_record_that_contradicts_what_was_told_says_so_right_after_the_end() {
    let mut bench = Bench::new();
    bench.connect();
    let quality = |bench: &Bench| {
        let view = bench.state.view();
        let source = view.sources.values().next().unwrap();
        source.entity.quality.clone()
    };
    assert_eq!(quality(&bench), None);
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
        leg("c", "c/101", Callee, Connected).at(at(8)),
    ]);
    let kinds = bench.tell(vec![cdr(record("c", "r"))]);
    assert_eq!(
        kinds[kinds.len() - 3..],
        ["call.ended", "call.amended", "cdr.created"]
    );
    let amended = bench.last("call.amended");
    assert_eq!(amended.data.call.as_ref().unwrap().answered_at, at(4));
    let fields = &amended.data.change.as_ref().unwrap().fields;
    assert_eq!(
        fields.iter().map(|f| &**f).collect::<Vec<_>>(),
        ["answered_at"]
    );

    bench.tell(vec![
        opens("d", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    let kinds = bench.tell(vec![cdr(record("d", "s"))]);
    assert!(!kinds.contains(&"call.amended"), "{kinds:?}");
    let quality = quality(&bench).unwrap();
    assert_eq!((quality.compared, quality.agreed), (2, 1));
    assert_eq!(quality.agreement, 0.5);
    assert_eq!(quality.differed["answered_at"], 1);
}

#[test]
fn a_late_record_amends_what_was_concluded() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
        leg("c", "c/101", Callee, Ringing).at(at(1)),
    ]);
    bench.tell(vec![leg_ends("c", "c/101", Cause::Unknown).at(at(8))]);
    assert_eq!(bench.secs(3), ["call.ended"]);
    bench.secs(600);
    let kinds = bench.tell(vec![cdr(record("c", "r"))]);
    assert_eq!(kinds, ["call.amended", "cdr.created"]);
    let amended = bench.last("call.amended");
    let call = amended.data.call.clone().unwrap();
    assert_eq!(call.answered_at, at(4));
    assert_eq!(call.end.as_ref().unwrap().outcome, Outcome::Answered);
    let fields = &amended.data.change.as_ref().unwrap().fields;
    for name in ["legs", "answered_by", "answered_at", "ended_at", "end"] {
        assert!(fields.iter().any(|field| **field == *name), "{fields:?}");
    }
    let again = cdr(CdrFact {
        key: "other".into(),
        ..record("c", "r")
    });
    assert_eq!(bench.tell(vec![again]), ["cdr.created"]);
}

#[test]
fn a_leg_that_only_a_late_record_reveals_has_no_events_of_its_own() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    bench.tell(vec![call_ends("c", None).at(at(5))]);
    assert_eq!(
        bench.tell(vec![cdr(record("c", "r"))]),
        ["call.amended", "cdr.created"]
    );
    let call = bench.last("call.amended").data.call.clone().unwrap();
    assert_eq!(call.legs.len(), 1);
    assert_eq!(call.legs[0].state, Ended);
}
