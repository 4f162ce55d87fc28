//! What the events of the documented call carry.

use tests::Event;

use super::{CALL, EXTENSION, QUEUE, SESSION, play};
use crate::support::{of_kind, only};

#[tokio::test]
async fn the_call_is_told_whole() {
    let (_pbx, gateway, events) = play().await;
    let started = &only(&events, "call.started").data()["call"];
    assert_eq!(
        only(&events, "call.started")["time"],
        "2024-09-09T01:34:08Z"
    );
    assert_eq!(started["id"], CALL);
    assert_eq!(started["source"], "hq");
    assert_eq!(started["tenant"], "acme");
    assert_eq!(started["direction"], "inbound");
    assert_eq!(started["state"], "setup");
    assert_eq!(started["caller"]["number"]["raw"], "1888722");
    assert_eq!(started["external"]["number"]["raw"], "1888722");
    assert_eq!(started["callee"]["number"]["raw"], "5000");
    assert_eq!(started["did"]["raw"], "18800606");
    assert_eq!(started["started_at"], "2024-09-09T01:34:08Z");
    assert_eq!(started["native"]["session_id"], SESSION);

    let routed = &of_kind(&events, "call.routed")[0].data()["call"];
    assert_eq!(
        routed["state"], "service",
        "a menu that picks up is no answer: {routed}"
    );
    assert_eq!(routed["route"]["number"], "5000");

    let ringing = only(&events, "call.ringing");
    assert_eq!(ringing["time"], "2024-09-09T01:34:16Z");
    assert_eq!(ringing.data()["call"]["state"], "ringing");

    let answered = only(&events, "call.answered");
    assert_eq!(answered["time"], "2024-09-09T01:34:22Z");
    assert_eq!(answered.data()["call"]["state"], "active");
    assert_eq!(
        answered.data()["call"]["answered_at"],
        "2024-09-09T01:34:22Z"
    );
    assert_eq!(
        answered.data()["call"]["answered_by"]["extension"]["number"],
        "102"
    );
    assert_eq!(answered.data()["call"]["queue"]["number"], "8000");

    let ended = only(&events, "call.ended");
    let call = &ended.data()["call"];
    assert_eq!(ended["time"], "2024-09-09T01:34:29Z");
    assert_eq!(call["state"], "ended");
    assert_eq!(call["end"]["outcome"], "answered");
    assert_eq!(call["end"]["ended_by"], "callee");
    assert_eq!(call["durations"]["total_ms"], 21_000);
    assert_eq!(call["durations"]["talk_ms"], 7_000);
    assert_eq!(
        call["callee"]["number"]["raw"], "5000",
        "as dialled, whoever answered"
    );
    assert!(
        call["legs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|leg| leg["state"] == "ended"),
        "{call}"
    );
    assert!(
        call["handled_by"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["party"]["extension"]["number"] == "102"),
        "{call}"
    );
    for part in ["started_at", "ringing_at", "answered_at", "ended_at"].windows(2) {
        assert!(
            call[part[0]].as_str().unwrap() <= call[part[1]].as_str().unwrap(),
            "{part:?}: {call}"
        );
    }
    let kept = gateway.client().json(&format!("/v1/calls/{CALL}")).await;
    assert_eq!(
        kept["version"].as_u64(),
        Some(
            events
                .iter()
                .filter(|event| event.subject() == format!("calls/{CALL}"))
                .map(Event::version)
                .max()
                .unwrap()
        )
    );
    assert_eq!(kept["end"], call["end"]);
}

#[tokio::test]
async fn every_leg_starts_once_and_ends_before_its_call() {
    let (_pbx, _gateway, events) = play().await;
    let legs = |kind: &str| {
        let mut ids: Vec<String> = of_kind(&events, kind)
            .iter()
            .map(|event| event.data()["leg"]["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let (started, ended) = (legs("leg.started"), legs("leg.ended"));
    assert!(started.len() >= 3, "caller, menu, agent: {started:?}");
    assert_eq!(started, ended);
    let mut once = started.clone();
    once.dedup();
    assert_eq!(once, started);
    let last = events
        .iter()
        .rposition(|event| event.kind() == "leg.ended")
        .unwrap();
    let end = events
        .iter()
        .position(|event| event.kind() == "call.ended")
        .unwrap();
    assert!(last < end);
}

#[tokio::test]
async fn queue_agent_and_extension_are_told_beside_it() {
    let (_pbx, _gateway, events) = play().await;
    let joined = only(&events, "queue.caller_joined");
    assert!(
        joined
            .subject()
            .starts_with(&format!("queues/{QUEUE}/callers/")),
        "{}",
        joined.subject()
    );
    assert!(joined.subject().ends_with(SESSION), "{}", joined.subject());
    assert_eq!(
        (joined.word("partitionkey"), joined.word("correlationid")),
        (CALL, CALL)
    );
    assert_eq!(joined["time"], "2024-09-09T01:34:15Z");
    let caller = &joined.data()["caller"];
    assert_eq!(
        (&caller["call"], &caller["position"], &caller["state"]),
        (&CALL.into(), &1.into(), &"waiting".into())
    );
    assert_eq!(caller["party"]["number"]["raw"], "1888722");
    let queue = &joined.data()["queue"];
    assert_eq!(
        (&queue["number"], &queue["name"], &queue["waiting"]),
        (&"8000".into(), &"Support".into(), &1.into())
    );

    let left = only(&events, "queue.caller_left");
    assert_eq!(left.subject(), joined.subject());
    assert_eq!(left.data()["reason"], "answered");
    assert_eq!(left.data()["queue"]["waiting"], 0);

    let agents = of_kind(&events, "agent.state_changed");
    let states: Vec<&str> = agents
        .iter()
        .map(|event| event.data()["agent"]["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["busy", "after_call_work"]);
    assert_eq!(agents[0].data()["agent"]["call"], CALL);
    assert_eq!(agents[0].data()["agent"]["busy_kind"], "queue");
    assert_eq!(agents[0].data()["agent"]["extension"]["number"], "102");
    assert_eq!(
        (
            &agents[0].data()["change"]["from"],
            &agents[0].data()["change"]["to"]
        ),
        (&"ready".into(), &"busy".into())
    );

    let first = events
        .iter()
        .position(|event| event.kind() == "call.started")
        .unwrap();
    let extension = of_kind(&events[first..], "extension.call_state_changed");
    let moves: Vec<(&str, &str)> = extension
        .iter()
        .map(|event| {
            (
                event.data()["change"]["from"].as_str().unwrap(),
                event.data()["change"]["to"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        moves,
        [("idle", "ringing"), ("ringing", "busy"), ("busy", "idle")]
    );
    assert!(
        extension
            .iter()
            .all(|event| event.subject() == format!("extensions/{EXTENSION}"))
    );

    let record = only(&events, "cdr.created");
    assert!(
        record.subject().starts_with("cdrs/hq:"),
        "{}",
        record.subject()
    );
    assert_eq!(
        (record.word("partitionkey"), record.word("correlationid")),
        (CALL, CALL)
    );
    assert_eq!(record.data()["cdr"]["end"]["outcome"], "answered");
}
