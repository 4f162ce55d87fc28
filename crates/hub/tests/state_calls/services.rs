//! Queues, IVRs, parks and voicemail boxes: not a person answering.

use crate::state_bench::{Bench, at, call_ends, end, leg, opens, party};
use model::{
    CallState, Cause, Direction, EndedBy, Fact, LegRole, LegState, Observation, Outcome, Route,
    RouteKind,
    observation::{CallPatch, CallerFact, LegFact, LegPatch, Ref},
};

use LegRole::{Callee, Caller};
use LegState::Connected;

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
