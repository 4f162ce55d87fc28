//! A PBX that misbehaves: every trouble has a name, and none reaches the clients' stream.

use serde_json::{Value, json};
use tests::{Event, Gateway, Pbx, Setup, pbx::Manners, wait};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{calls, of_kind, pair, record_of, synced};

#[tokio::test]
async fn a_frame_that_cannot_be_read_is_published_and_ends_nothing() {
    let (pbx, gateway) = pair().await;
    let mut stream = gateway.client().stream("types=source.*,cdr.*").await;
    let broken = r#"{"event_type":"queue_status","waiting_list":[{"position":"2"}，"agents":[]}"#;
    pbx.say_message(Message::text(broken)).await;
    let event = stream.event().await;
    assert_eq!(
        (event.kind(), event.subject()),
        ("source.unrecognized", "sources/hq")
    );
    assert_eq!(
        event.data()["origin"]["payload"],
        broken,
        "the raw body, as it came"
    );
    pbx.say_message(Message::binary(vec![0, 159, 146, 150]))
        .await;
    pbx.say_message(Message::text("[1,2,3]")).await;
    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    let events = stream.events_until(record_of(&call.session())).await;
    assert!(
        of_kind(&events, "source.disconnected").is_empty(),
        "{:?}",
        tests::event::kinds(&events)
    );
    assert_eq!(pbx.accepted(), 1);
}

#[tokio::test]
async fn what_the_adapter_does_not_know_is_published_raw() {
    let pbx = Pbx::start().await;
    let setup = Setup::new()
        .source("hq", &pbx, "include_native = false")
        .tenant("acme", "hq", &pbx);
    let gateway = Gateway::start(&setup).await;
    synced(&gateway.client(), "hq").await;
    let mut stream = gateway
        .client()
        .stream("types=source.*,cdr.*,call.started")
        .await;
    let unknown = json!({"event_type": "coffee_ready", "tenant_id": pbx.tenant().id, "cups": 2});
    pbx.say(&unknown).await;
    let event = stream.event().await;
    assert_eq!(event.kind(), "source.unrecognized");
    assert_eq!(
        event.data()["origin"]["payload"],
        unknown,
        "whatever include_native says"
    );

    let call = pbx.tenant().internal("101", "102");
    let mut start = call.start();
    start["brand_new_key"] = json!(1);
    pbx.say(&start).await;
    let events = stream
        .events_until(|event| event.kind() == "source.unrecognized")
        .await;
    assert_eq!(events.last().unwrap().data()["origin"]["payload"], start);
    pbx.say_all(&call.answered()[1..]).await;
    let rest = stream.events_until(record_of(&call.session())).await;
    let both: Vec<&Event> = events
        .iter()
        .chain(&rest)
        .filter(|event| event.kind() == "call.started")
        .collect();
    assert_eq!(both.len(), 1, "an unknown key does not hide what is known");
    assert!(
        both[0].data()["origin"]["payload"].is_null(),
        "include_native = false"
    );

    for _ in 0..50 {
        pbx.say(&unknown).await;
    }
    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    let later = stream.events_until(record_of(&call.session())).await;
    assert!(
        of_kind(&later, "source.unrecognized").len() <= 1,
        "at most one a minute of a shape"
    );
    let source = gateway.client().json("/v1/sources/hq").await;
    assert!(
        source["counters"]["unrecognized"].as_u64().unwrap() >= 52,
        "all are counted: {source}"
    );
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_link_and_says_why() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=source.*").await;
    let huge = format!(
        r#"{{"event_type":"call_start","user_data":"{}"}}"#,
        "x".repeat(20 << 20)
    );
    pbx.say_message(Message::text(huge)).await;
    let mut told = Vec::new();
    for kind in [
        "source.degraded",
        "source.disconnected",
        "source.connecting",
        "source.connected",
        "source.gap",
        "source.synced",
    ] {
        let event = stream.event().await;
        told.push(event.kind().to_owned());
        assert_eq!(told.last().map(String::as_str), Some(kind), "{told:?}");
    }
    calls(&pbx, &client, 1).await;
    assert_eq!(pbx.accepted(), 2);
}

#[tokio::test]
async fn refused_credentials_are_told_and_not_hammered() {
    let pbx = Pbx::start().await;
    pbx.behave(Manners::RefuseCredentials);
    let gateway = Gateway::start(&Setup::with(&pbx)).await;
    let client = gateway.client();
    let mut stream = client.stream("after=earliest").await;
    let failed = stream.skip_to("source.auth_failed").await;
    assert_eq!(failed.data()["source"]["state"], "auth_failed");
    assert!(!failed.text().contains(Pbx::PASSWORD));
    let source = client.json("/v1/sources/hq").await;
    assert_eq!(source["state"], "auth_failed");
    assert!(!source.to_string().contains(Pbx::PASSWORD));
    assert_eq!(pbx.accepted(), 1, "the next attempt is a minute away");
    pbx.behave(Manners::Welcome);
    let asked = client.post("/v1/sources/hq/reconnect").await;
    assert!((200..300).contains(&asked.status), "{}", asked.text());
    stream.skip_to("source.synced").await;
    assert_eq!(pbx.accepted(), 2);
    let _ = client
        .post("/v1/sources/elsewhere/reconnect")
        .await
        .problem(404);
}

#[tokio::test]
async fn a_pbx_that_hangs_is_given_up_and_tried_again() {
    let (stuck, well) = (
        Pbx::start().await,
        Pbx::of(tests::portsip::Tenant::new(1)).await,
    );
    stuck.behave(Manners::Hang);
    let setup = Setup::new()
        .source("stuck", &stuck, "")
        .source("well", &well, "");
    let gateway = Gateway::start(&setup).await;
    let client = gateway.client();
    synced(&client, "well").await;
    calls(&well, &client, 1).await;
    assert_eq!(
        client.get("/readyz").await.status,
        200,
        "no required source is missing"
    );
    // The time that one attempt may take is the gateway's; that it ends is the contract.
    wait::until("the first attempt is given up", || async {
        (stuck.accepted() >= 2).then_some(())
    })
    .await;
    stuck.behave(Manners::HangInLogin);
    let attempts = stuck.accepted();
    wait::until("a login without an answer is given up", || async {
        (stuck.accepted() > attempts + 1).then_some(())
    })
    .await;
    stuck.behave(Manners::Welcome);
    synced(&client, "stuck").await;
}

#[tokio::test]
async fn a_pbx_that_is_down_is_tried_until_it_is_up() {
    let pbx = Pbx::start().await;
    pbx.behave(Manners::SlamTheDoor);
    let gateway = Gateway::start(&Setup::with(&pbx)).await;
    let client = gateway.client();
    wait::until("three attempts", || async {
        (pbx.accepted() >= 3).then_some(())
    })
    .await;
    assert!(
        ["disconnected", "connecting"].contains(
            &client.json("/v1/sources/hq").await["state"]
                .as_str()
                .unwrap()
        )
    );
    pbx.behave(Manners::Welcome);
    synced(&client, "hq").await;
    let events = client.history("types=source.*").await;
    assert!(
        of_kind(&events, "source.gap").is_empty(),
        "never on the first connect: {:?}",
        tests::event::kinds(&events)
    );
}

#[tokio::test]
async fn odd_frames_of_every_kind_break_nothing() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut deep = json!({"event_type": "call_start"});
    for _ in 0..100 {
        deep = json!({"event_type": "call_start", "nested": deep});
    }
    let tenant = pbx.tenant().id.clone();
    let odd: Vec<Value> = vec![
        json!(null),
        json!(17),
        json!({}),
        json!({"event_type": 5}),
        json!({"event_type": "call_start"}),
        json!({"event_type": "call_cdr", "tenant_id": tenant, "call_targets": "none"}),
        json!({"event_type": "call_cdr", "tenant_id": tenant, "session_id": {"a": []}, "start_time": "99999999999999999999"}),
        json!({"event_type": "extension_status", "tenant_id": tenant, "status": [null, 1, "x", {"extension": []}]}),
        json!({"event_type": "queue_agent_status", "tenant_id": tenant, "queue_id": null, "updated_agents": [{}, {"state": 7}]}),
        json!({"event_type": "x".repeat(10_000)}),
        json!({"event_type": "call_start", "tenant_id": tenant, "session_id": "s".repeat(5_000), "caller": "c".repeat(5_000), "time": "soon"}),
        deep,
    ];
    pbx.say_all(&odd).await;
    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    client
        .stream("after=earliest")
        .await
        .events_until(record_of(&call.session()))
        .await;
    for event in client.history("").await {
        assert!(event.text().len() <= 64 * 1024, "{}", event.text().len());
    }
}
