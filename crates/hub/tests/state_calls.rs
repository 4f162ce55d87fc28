//! Calls and legs: what is told of them, in order and out of it.

mod state_bench;

use std::time::Duration;

use model::{
    CallState, Cause, Direction, EndedBy, Fact, LegRole, LegState, Observation, OriginKind,
    Outcome, Route, RouteKind,
    event::TransferKind,
    observation::{CallPatch, CallerFact, CdrFact, CdrLeg, LegFact, LegPatch, Ref},
};
use state_bench::{Bench, at, call_ends, end, hq, leg, leg_ends, opens, party};

use LegRole::{Callee, Caller};
use LegState::{Connected, Ended, Held, Initiated, Ringing};

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
fn a_caller_who_gives_up_in_a_queue_is_abandoned() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "8000").at(at(0)),
    ]);
    let joined = Observation::native(
        "queue",
        Fact::Caller(Box::new(CallerFact {
            queue: Ref::number("8000"),
            key: "c".into(),
            call: Some("c".into()),
            party: party("4420"),
            position: Some(1),
            state: model::CallerState::Waiting,
            entered_at: None,
        })),
    )
    .at(at(1));
    assert_eq!(
        bench.tell(vec![joined]),
        ["queue.updated", "queue.caller_joined", "call.routed"]
    );
    let call = bench.last("call.routed").data.call.clone().unwrap();
    assert_eq!(call.state, CallState::Queued);
    assert_eq!(call.queued_at, at(1));
    let gave_up = Some(end(Cause::Normal, EndedBy::Caller));
    assert_eq!(
        bench.tell(vec![call_ends("c", gave_up).at(at(9))]),
        ["queue.caller_left", "call.missed", "call.ended"]
    );
    let ended = bench.last("call.ended").data.call.clone().unwrap();
    let end = ended.end.as_ref().unwrap();
    assert_eq!(
        (end.cause, end.outcome),
        (Cause::QueueAbandoned, Outcome::Abandoned)
    );
    let left = bench.last("queue.caller_left");
    assert_eq!(left.data.reason.as_deref(), Some("abandoned"));
    assert_eq!(left.data.queue.as_ref().unwrap().waiting, Some(0));
    assert_eq!(&*left.partitionkey, "hq:c");
}

#[test]
fn a_service_picking_up_is_a_route_and_no_answer() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "5000").at(at(0)),
    ]);
    let ivr = LegFact {
        call: "c".into(),
        leg: "c/5000".into(),
        state: Some(Connected),
        patch: LegPatch {
            role: Some(LegRole::Service),
            route: Some(Route {
                kind: RouteKind::Ivr,
                id: None,
                number: Some("5000".into()),
                name: None,
            }),
            ..LegPatch::default()
        },
        end: None,
    };
    let ivr = Observation::native("ivr", Fact::Leg(Box::new(ivr))).at(at(1));
    assert_eq!(
        bench.tell(vec![leg("c", "c/caller", Caller, Connected).at(at(0)), ivr]),
        [
            "leg.started",
            "leg.answered",
            "leg.started",
            "leg.answered",
            "call.routed"
        ]
    );
    let call = bench.last("call.routed").data.call.clone().unwrap();
    assert_eq!(call.state, CallState::Service);
    assert_eq!(call.answered_at, None);
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
fn a_call_goes_into_a_park_slot_and_comes_out() {
    let mut bench = Bench::new();
    bench.tell(vec![opens("c", Direction::Internal, "1", "2").at(at(0))]);
    bench.tell(vec![leg("c", "c/2", Callee, Connected).at(at(1))]);
    let park = |place: Option<&str>| {
        let slot = place.map(|number| Route {
            kind: RouteKind::Park,
            id: None,
            number: Some(number.into()),
            name: None,
        });
        let fact = Fact::Parked {
            call: "c".into(),
            slot,
        };
        Observation::native("park", fact)
    };
    let into = park(Some("701"));
    assert_eq!(bench.tell(vec![into.clone().at(at(2))]), ["call.parked"]);
    assert!(bench.tell(vec![into.at(at(2))]).is_empty());
    bench.checkpoint();
    bench.restart();
    assert_eq!(bench.tell(vec![park(None).at(at(3))]), ["call.unparked"]);
    let call = bench.last("call.unparked").data.call.clone().unwrap();
    assert_eq!(call.state, CallState::Active);
}

#[test]
fn a_caller_heard_of_before_his_call_queues_it() {
    let mut bench = Bench::new();
    let joined = CallerFact {
        queue: Ref::number("8000"),
        key: "c".into(),
        call: Some("c".into()),
        party: party("4420"),
        position: Some(1),
        state: model::CallerState::Waiting,
        entered_at: at(1),
    };
    bench.tell(vec![Observation::native(
        "queue",
        Fact::Caller(Box::new(joined)),
    )]);
    assert_eq!(
        bench.tell(vec![
            opens("c", Direction::Inbound, "4420", "8000").at(at(0))
        ]),
        ["call.started", "call.routed"]
    );
    let call = bench.last("call.routed").data.call.clone().unwrap();
    assert_eq!((call.state, call.queued_at), (CallState::Queued, at(1)));
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
fn a_voicemail_picking_up_is_a_missed_call() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("c", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    let patch = CallPatch {
        route: Some(Route {
            kind: RouteKind::Voicemail,
            id: None,
            number: Some("101".into()),
            name: None,
        }),
        ..CallPatch::default()
    };
    let fact = Fact::Call {
        call: "c".into(),
        opens: false,
        patch: Box::new(patch),
    };
    let routed = Observation::native("routed", fact).at(at(3));
    assert_eq!(bench.tell(vec![routed]), ["call.routed"]);
    let over = Some(end(Cause::Normal, EndedBy::System));
    bench.tell(vec![call_ends("c", over).at(at(9))]);
    let missed = bench.last("call.missed").data.missed.clone().unwrap();
    assert_eq!(missed.voicemail, Some(true));
    let call = bench.last("call.ended").data.call.clone().unwrap();
    assert_eq!(call.end.as_ref().unwrap().outcome, Outcome::Voicemail);
}

#[test]
fn of_two_transfers_in_one_frame_neither_is_lost() {
    let mut bench = Bench::new();
    bench.tell(vec![
        opens("a", Direction::Inbound, "4420", "101").at(at(0)),
    ]);
    let kinds = bench.tell(vec![
        transferred("a", None).at(at(2)),
        transferred("a", None).at(at(3)),
    ]);
    assert_eq!(kinds, ["call.transferred", "call.transferred"]);
}
