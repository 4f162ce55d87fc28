//! Receivers that fail, refuse, dawdle or are gone.

use std::collections::HashMap;

use serde_json::{Value, json};
use server::webhooks::{
    client::{Client, Lines, Post},
    guard::Guard,
};

use super::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn a_failing_head_holds_only_its_own_lane() {
    let mut world = World::start().await;
    let mut failed = false;
    let mut receiver = Receiver::start(move |received| {
        let first = received.event()["type"] == "call.started"
            && received.event()["subject"] == "calls/pbx:c2";
        if first && !std::mem::replace(&mut failed, true) {
            503
        } else {
            200
        }
    })
    .await;
    world
        .hook(&receiver, json!({"types": ["call.started", "call.ended"]}))
        .await;
    for line in ["call c2 t-acme", "end c2", "call c3 t-acme", "end c3"] {
        world.pbx.say(line).await;
    }
    // The wait of about five seconds is the contract's.
    let all = receiver
        .until("all of both calls", |all| all.len() >= 5)
        .await;
    let told: Vec<_> = all
        .iter()
        .map(|received| {
            let event = received.event();
            format!(
                "{} {}",
                event["type"].as_str().unwrap(),
                event["subject"].as_str().unwrap()
            )
        })
        .collect();
    let at = |text: &str| told.iter().rposition(|told| told == text).unwrap();
    assert!(
        at("call.started calls/pbx:c2") < at("call.ended calls/pbx:c2"),
        "{told:?}"
    );
    assert!(
        at("call.ended calls/pbx:c3") < at("call.started calls/pbx:c2"),
        "{told:?}"
    );
    let again: Vec<_> = all
        .iter()
        .filter(|received| received.event()["subject"] == "calls/pbx:c2")
        .collect();
    assert_eq!(again[0].id(), again[1].id(), "the same id on every attempt");
    world.running.stop().await;
}

#[tokio::test]
async fn what_waits_survives_a_restart() {
    let mut world = World::start().await;
    let mut receiver = Receiver::start(|_| 500).await;
    let (id, secret) = world.hook(&receiver, json!({})).await;
    world.pbx.say("call c2 t-acme").await;
    receiver.until("an attempt", |all| !all.is_empty()).await;
    let pending = format!("/v1/webhooks/{id}/deliveries?status=pending");
    let kept = |list: &Value| list["items"][0]["attempts"][0]["status"] == 500;
    world.until(&pending, kept).await;
    let (address, first) = (receiver.address, receiver.all()[0].id());
    receiver.stop().await;
    world.pbx.hang_up();
    let world = world.restart().await;
    let mut receiver = Receiver::at(address, |_| 200).await;
    let all = receiver.until("it again", |all| !all.is_empty()).await;
    assert_eq!(all[0].id(), first);
    assert!(all[0].is_signed(&secret));
    world
        .until(&pending, |list| list["items"] == json!([]))
        .await;
    world.running.stop().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_somebody_asks() {
    let mut world = World::start().await;
    let mut gone = true;
    let mut receiver =
        Receiver::start(move |_| if std::mem::take(&mut gone) { 410 } else { 200 }).await;
    let (id, _) = world.hook(&receiver, json!({})).await;
    world.pbx.say("call c2 t-acme").await;
    let disabled = world
        .until_hook(&id, |hook| hook["state"] == "disabled")
        .await;
    assert_eq!(disabled["reason"], "the receiver answered 410 Gone");
    let first = receiver.all()[0].id();
    world.pbx.say("call c3 t-acme").await;
    world
        .until("/v1/calls/pbx:c3", |call| call["state"] == "active")
        .await;
    let events = world
        .client("boss")
        .get("/v1/events?types=webhook.*")
        .await
        .json();
    assert_eq!(
        (&events[0]["type"], &events[0]["subject"]),
        (&json!("webhook.disabled"), &json!(format!("webhooks/{id}")))
    );
    let failed = world
        .ask(
            "hooks",
            "GET",
            &format!("/{id}/deliveries?status=failed"),
            &Value::Null,
        )
        .await
        .json();
    assert_eq!(failed["items"][0]["event"], json!(first));

    let enabled = world
        .ask("hooks", "POST", &format!("/{id}/enable"), &Value::Null)
        .await;
    assert_eq!(enabled.json()["state"], "enabled");
    let replay = json!({"after": "earliest", "dry_run": true});
    let counted = world
        .ask("hooks", "POST", &format!("/{id}/replay"), &replay)
        .await;
    assert_eq!(
        counted.json(),
        json!({"dry_run": true, "events": 3, "complete": true})
    );
    let begun = world
        .ask(
            "hooks",
            "POST",
            &format!("/{id}/replay"),
            &json!({"after": "earliest"}),
        )
        .await;
    assert_eq!(begun.status, 202);
    let all = receiver
        .until("three calls once more", |all| all.len() >= 4)
        .await;
    let again: Vec<_> = all[1..]
        .iter()
        .map(|received| received.event()["subject"].clone())
        .collect();
    for call in ["c1", "c2", "c3"] {
        assert!(
            again.contains(&json!(format!("calls/pbx:{call}"))),
            "{again:?}"
        );
    }
    assert!(
        all[1..].iter().any(|received| received.id() == first),
        "with the same ids"
    );
    world.running.stop().await;
}

#[tokio::test]
async fn dead_and_slow_endpoints_do_not_delay_a_healthy_one() {
    let mut world = World::start().await;
    let dead = Receiver::start(|_| 200).await;
    let slow = Receiver::start(|_| 0).await;
    let mut healthy = Receiver::start(|_| 200).await;
    for receiver in [&dead, &slow, &healthy] {
        world.hook(receiver, json!({})).await;
    }
    dead.stop().await;
    for n in 0..200 {
        world.pbx.say(&format!("call n{n} t-acme")).await;
    }
    let all = healthy.until("all calls", |all| all.len() >= 200).await;
    let mut times: HashMap<String, u32> = HashMap::new();
    for received in &all {
        *times.entry(received.id()).or_default() += 1;
    }
    assert_eq!(times.len(), 200);
    assert!(times.values().all(|n| *n == 1), "once each");
    world.running.stop().await;
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_when_it_is_connected_to() {
    let receiver = Receiver::start(|_| 200).await;
    let guard = Guard {
        allow_http: true,
        ..Guard::default()
    };
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = Client::new(
        guard,
        tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls)),
        crate::client::PATIENCE,
    );
    for host in ["localhost", "127.1", "0x7f000001"] {
        let post = Post {
            uri: format!("http://{host}:{}/hook", receiver.address.port())
                .parse()
                .unwrap(),
            headers: http::HeaderMap::new(),
            body: "{}".into(),
        };
        let attempt = client.post(&Lines::default(), post).await;
        assert_eq!(attempt.status, None, "{host}");
        let why = attempt.error.unwrap();
        assert!(
            why.contains("loopback") || why.contains("unspecified"),
            "{why}"
        );
    }
    assert!(receiver.all().is_empty());
}
