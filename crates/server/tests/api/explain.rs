//! Why an event says what it says.

use bytes::Bytes;
use hub::draft::Draft;
use model::{EventType, Payload};
use serde_json::{Value, json};

use super::{
    backend::{Hub, about, call},
    world::{Setup, World},
};

#[tokio::test]
async fn an_event_leads_back_to_its_frame_and_the_state_before() {
    let world = World::start(Setup::tokens()).await;
    let mut ringing = call("1", Some("acme"));
    world.hub.publish(about(EventType::CallStarted, &ringing));
    world
        .hub
        .publish(about(EventType::CallStarted, &call("2", Some("acme"))));
    ringing.version = 2;
    ringing.state = model::CallState::Active;
    let id = world
        .hub
        .publish(told(EventType::CallAnswered, &ringing, None));
    keep(&world.hub, "hq/1/7", br#"{"event_type":"target_answer"}"#);

    let admin = world.bearer("admin");
    let why = admin.get(&format!("/v1/events/{id}/explain")).await.json();
    let frame =
        json!({"id": "hq/1/7", "state": "kept", "text": "{\"event_type\":\"target_answer\"}"});
    assert_eq!(why["frame"], frame);
    assert_eq!(why["decoded"]["event_type"], "target_answer");
    assert_eq!(why["mapping"]["name"], "portsip/1");
    assert_eq!(why["mapping"]["rule"], "target_answer");
    let subject = &why["subject"];
    assert_eq!(subject["name"], "calls/hq:1");
    assert_eq!(subject["before_state"], "known");
    assert_eq!(subject["before"]["state"], "ringing");
    assert_eq!(subject["before"]["version"], 1);
    assert_eq!(subject["after"]["state"], "active");
    assert_eq!(why["event"]["id"], id.to_string());
}

#[tokio::test]
async fn what_is_gone_is_said_to_be_gone() {
    let world = World::start(Setup::tokens()).await;
    let admin = world.bearer("admin");
    let mut ringing = call("1", None);
    let first = world.hub.publish(about(EventType::CallStarted, &ringing));
    let why = admin
        .get(&format!("/v1/events/{first}/explain"))
        .await
        .json();
    assert_eq!(why["subject"]["before_state"], "none");
    assert_eq!(why["frame"]["state"], "none", "the gateway itself said it");

    ringing.version = 2;
    let body = Payload::parse(r#"{"native":true}"#.to_owned()).unwrap();
    let carried = world
        .hub
        .publish(told(EventType::CallRinging, &ringing, Some(body)));
    let why = admin
        .get(&format!("/v1/events/{carried}/explain"))
        .await
        .json();
    assert_eq!(why["frame"]["state"], "carried");
    assert_eq!(why["decoded"], json!({"native": true}));

    ringing.version = 3;
    let evicted = world
        .hub
        .publish(told(EventType::CallUpdated, &ringing, None));
    world.hub.forget(carried);
    let why = admin
        .get(&format!("/v1/events/{evicted}/explain"))
        .await
        .json();
    assert_eq!(why["frame"]["state"], "evicted");
    assert_eq!(why["decoded"], Value::Null);
    assert_eq!(why["subject"]["before_state"], "expired");
    for gone in [first.to_string(), "nonsense".into()] {
        let reply = admin.get(&format!("/v1/events/{gone}/explain")).await;
        assert_eq!(reply.problem(), (404, "not-found".into()), "{gone}");
    }
}

#[tokio::test]
async fn only_who_may_do_everything_may_see_native_frames() {
    let world = World::start(Setup::tokens()).await;
    let id = world
        .hub
        .publish(about(EventType::CallStarted, &call("1", Some("acme"))));
    let path = format!("/v1/events/{id}/explain");
    for token in ["reader", "pii", "operator"] {
        let reply = world.bearer(token).get(&path).await;
        assert_eq!(reply.problem(), (403, "missing-scope".into()), "{token}");
    }
    assert_eq!(world.get(&path).await.status, 401);
}

#[tokio::test]
async fn a_frame_of_several_tenants_is_withheld_from_who_may_see_one() {
    let world = World::start(Setup::tokens()).await;
    let mut mixed = told(EventType::CallStarted, &call("1", Some("acme")), None);
    mixed.mixed = true;
    let id = world.hub.publish(mixed);
    let other = world
        .hub
        .publish(about(EventType::CallStarted, &call("2", Some("other"))));
    keep(&world.hub, "hq/1/7", br#"{"of":"all tenants"}"#);
    let admin = world.bearer("acme-admin");
    let why = admin.get(&format!("/v1/events/{id}/explain")).await;
    assert_eq!(why.json()["frame"]["state"], "withheld");
    assert!(!String::from_utf8_lossy(&why.body).contains("all tenants"));
    let reply = admin.get(&format!("/v1/events/{other}/explain")).await;
    assert_eq!(reply.problem(), (404, "not-found".into()));
}

/// An event that says where it comes from.
fn told(kind: EventType, call: &model::Call, payload: Option<Payload>) -> Draft {
    let mut draft = about(kind, call);
    draft.data.origin = model::Origin {
        kind: model::OriginKind::Native,
        event: Some("target_answer".into()),
        mapping: Some("portsip/1".into()),
        rule: Some("target_answer".into()),
        frame: Some("hq/1/7".into()),
        payload,
        ..model::Origin::default()
    };
    draft
}

fn keep(hub: &Hub, id: &str, bytes: &'static [u8]) {
    let mut frames = hub.frames.lock().unwrap();
    frames.insert(id.to_owned(), Bytes::from_static(bytes));
}
