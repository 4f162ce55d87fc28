//! The call that PortSIP documents, from trunk over menu and queue to an agent: each event, attribute by attribute.

mod content;

use std::{collections::HashMap, fs};

use jsonschema::Validator;
use serde_json::Value;
use tests::{Event, Gateway, Pbx, binary::workspace};

use crate::support::{check_envelope, check_log, of_kind, only, pair, record_of};

const FRAMES: &str = include_str!("frames.jsonl");
const SESSION: &str = "885337248273272832";
const CALL: &str = "hq:885337248273272832";
const QUEUE: &str = "hq:883700000000000000";
const EXTENSION: &str = "hq:883612000000000000";

#[tokio::test]
async fn it_is_told_step_by_step() {
    let (_pbx, _gateway, events) = play().await;
    let told: Vec<&str> = events.iter().map(Event::kind).collect();
    let story = [
        "source.connecting",
        "source.connected",
        "source.synced",
        "call.started",
        "call.routed",
        "queue.caller_joined",
        "call.ringing",
        "extension.call_state_changed",
        "call.answered",
        "extension.call_state_changed",
        "queue.caller_left",
        "agent.state_changed",
        "extension.call_state_changed",
        "agent.state_changed",
        "call.ended",
        "cdr.created",
    ];
    let mut rest = told.iter();
    for step in story {
        assert!(
            rest.any(|kind| *kind == step),
            "{step} is not told in its place: {told:?}"
        );
    }
    for absent in [
        "call.missed",
        "source.gap",
        "source.unrecognized",
        "source.degraded",
    ] {
        assert!(of_kind(&events, absent).is_empty(), "{absent}: {told:?}");
    }
}

#[tokio::test]
async fn every_envelope_is_as_the_model_says() {
    let (_pbx, _gateway, events) = play().await;
    for event in &events {
        check_envelope(event);
        let tenantless = event.kind().starts_with("source.");
        assert_eq!(
            event.word("tenant"),
            if tenantless { "" } else { "acme" },
            "{}",
            event.text()
        );
        assert_eq!(event["source"], "/sources/hq");
    }
    check_log(&events);
    for event in events
        .iter()
        .filter(|event| event.kind().starts_with("call.") || event.kind().starts_with("leg."))
    {
        assert_eq!(event.subject(), format!("calls/{CALL}"));
        assert_eq!(
            (event.word("partitionkey"), event.word("correlationid")),
            (CALL, CALL)
        );
    }
    let live = only(&events, "call.ringing");
    assert_ne!(
        live.word("expirytime"),
        live.word("recordedtime"),
        "this step was seen as it happened"
    );
}

#[tokio::test]
async fn every_event_says_where_it_comes_from() {
    let (_pbx, _gateway, events) = play().await;
    let frames: Vec<Value> = frames();
    for event in events
        .iter()
        .filter(|event| !event.kind().starts_with("source."))
    {
        let origin = &event.data()["origin"];
        let kind = origin["kind"].as_str().unwrap();
        assert!(
            ["native", "inferred", "snapshot"].contains(&kind),
            "{}",
            event.text()
        );
        assert_eq!(origin["mapping"], "portsip/1", "{}", event.text());
        if kind == "snapshot" {
            continue;
        }
        assert_eq!(origin["precision"], "s", "{}", event.text());
        assert!(
            origin["frame"].as_str().unwrap().starts_with("hq/"),
            "{}",
            event.text()
        );
        assert!(
            frames.contains(&origin["payload"]),
            "the payload is the frame itself: {}",
            event.text()
        );
        assert_eq!(
            origin["event"],
            origin["payload"]["event_type"],
            "{}",
            event.text()
        );
    }
    let started = only(&events, "call.started");
    assert_eq!(started.data()["origin"]["event"], "call_start");
    assert_eq!(started.data()["origin"]["kind"], "native");
}

#[tokio::test]
async fn every_event_keeps_to_its_published_schema() {
    let (_pbx, gateway, events) = play().await;
    let client = gateway.client();
    let mut validators: HashMap<String, Validator> = HashMap::new();
    for name in ["event".to_owned()]
        .into_iter()
        .chain(events.iter().map(schema_of))
    {
        if validators.contains_key(&name) {
            continue;
        }
        let committed = fs::read(workspace().join(format!("openapi/schemas/{name}.json"))).unwrap();
        let committed: Value = serde_json::from_slice(&committed).unwrap();
        let served = client.json(&format!("/schemas/v1/{name}.json")).await;
        assert_eq!(served, committed, "{name}");
        assert_eq!(served["$id"], format!("urn:switchhook:schema:v1:{name}"));
        validators.insert(name, jsonschema::validator_for(&served).unwrap());
    }
    for event in &events {
        for (name, value) in [
            ("event".to_owned(), event.value()),
            (schema_of(event), event.data()),
        ] {
            let errors: Vec<String> = validators[&name]
                .iter_errors(value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{name}: {errors:?}: {}", event.text());
        }
    }
}

#[tokio::test]
async fn told_a_second_time_it_is_nothing_new() {
    let (pbx, gateway, events) = play().await;
    let client = gateway.client();
    let mut stream = client.stream("types=call.*,leg.*,cdr.*").await;
    pbx.say_all(&frames()).await;
    // The next call is heard after the repeats: what it is announced by is the first event since.
    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    let later = stream.events_until(record_of(&call.session())).await;
    assert!(
        later
            .iter()
            .all(|event| event.word("partitionkey").ends_with(&call.session())),
        "{:?}",
        tests::event::kinds(&later)
    );
    let again = client
        .history(&format!("subjects=calls/{CALL}&types=call.*,leg.*"))
        .await;
    assert_eq!(
        again.len(),
        events
            .iter()
            .filter(|event| event.subject() == format!("calls/{CALL}"))
            .count()
    );
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_missed() {
    let (pbx, gateway) = pair().await;
    let mut stream = gateway.client().stream("types=call.*,leg.*,cdr.*").await;
    let call = pbx.tenant().inbound("02079460018", "102");
    pbx.say_all(&call.missed()).await;
    let events = stream.events_until(record_of(&call.session())).await;
    let missed = events
        .iter()
        .position(|event| event.kind() == "call.missed")
        .unwrap();
    assert_eq!(events[missed + 1].kind(), "call.ended");
    assert_eq!(
        events[missed].data()["missed"]["extensions"][0]["number"],
        "102"
    );
    let ended = &events[missed + 1].data()["call"];
    assert_eq!(ended["end"]["outcome"], "missed");
    assert_eq!(
        ended["external"]["number"]["e164"], "+442079460018",
        "read with the region of the source"
    );
    assert!(
        ended["answered_at"].is_null() && ended["answered_by"].is_null(),
        "{ended}"
    );
    check_log(&events);
}

/// Plays the documented call to a gateway; everything in its log afterwards.
async fn play() -> (Pbx, Gateway, Vec<Event>) {
    let (pbx, gateway) = pair().await;
    let mut stream = gateway.client().stream("after=earliest").await;
    pbx.say_all(&frames()).await;
    let events = stream.events_until(record_of(SESSION)).await;
    (pbx, gateway, events)
}

fn frames() -> Vec<Value> {
    FRAMES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn schema_of(event: &Event) -> String {
    event
        .word("dataschema")
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned()
}
