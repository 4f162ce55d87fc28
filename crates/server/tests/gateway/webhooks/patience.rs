//! What time does: an endpoint fails, recovers, or is given up. The civil clock is the test's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use model::Timestamp;
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::world::World;

const HOUR: Duration = Duration::from_hours(1);

/// A receiver whose answer can be changed.
async fn changeable(status: u16) -> (Receiver, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let answer = Arc::clone(&status);
    let receiver = Receiver::start(move |_| answer.load(Ordering::Relaxed)).await;
    (receiver, status)
}

/// The types of what is told of webhooks, in order.
fn kinds(told: &[Value]) -> Vec<&str> {
    told.iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

fn subjects(received: &[super::receiver::Received]) -> Vec<String> {
    let subject = |received: &super::receiver::Received| {
        received.event()["subject"].as_str().unwrap().to_owned()
    };
    received.iter().map(subject).collect()
}

#[tokio::test]
async fn an_endpoint_that_fails_says_so_once_and_recovers_with_the_first_success() {
    let mut world = World::start().await;
    let (mut receiver, status) = changeable(500).await;
    let (id, _) = world.hook(&receiver, json!({})).await;
    for call in ["c2", "c3", "c4", "c5"] {
        world.pbx.say(&format!("call {call} t-acme")).await;
    }
    let failing = world.until_told("webhook.failing").await;
    assert_eq!(failing["data"]["reason"], "deliveries fail");
    assert_eq!(failing["subject"], json!(format!("webhooks/{id}")));
    assert_eq!(failing["data"]["webhook"]["state"], "failing");
    let shown = world
        .until_hook(&id, |hook| hook["state"] == "failing")
        .await;
    assert_eq!(shown["reason"], "deliveries fail");
    status.store(200, Ordering::Relaxed);
    world.pass(Duration::from_secs(7));
    world.pbx.say("call c6 t-acme").await;
    let recovered = world.until_told("webhook.recovered").await;
    assert_eq!(recovered["data"]["webhook"]["state"], "enabled");
    let shown = world
        .until_hook(&id, |hook| {
            hook["state"] == "enabled" && hook["pending"] == 0
        })
        .await;
    assert!(shown.get("reason").is_none(), "{shown}");
    receiver
        .until("all calls in the end", |all| {
            let got = subjects(all);
            let all = ["c2", "c3", "c4", "c5", "c6"].map(|call| format!("calls/pbx:{call}"));
            all.iter().all(|call| got.contains(call))
        })
        .await;
    assert_eq!(
        kinds(&world.told().await),
        ["webhook.failing", "webhook.recovered"]
    );
    world.running.stop().await;
}

#[tokio::test]
async fn a_day_without_a_success_disables_and_less_does_not() {
    let mut world = World::start().await;
    let (mut receiver, status) = changeable(500).await;
    let (id, _) = world.hook(&receiver, json!({})).await;
    for call in ["c2", "c3", "c4"] {
        world.pbx.say(&format!("call {call} t-acme")).await;
    }
    world.until_told("webhook.failing").await;
    let tried = receiver.all().len();
    world.pass(23 * HOUR);
    world.pbx.say("call c5 t-acme").await;
    // All three are due again, so the day was judged after each of these attempts.
    receiver
        .until("another round", |all| all.len() >= tried + 3)
        .await;
    let shown = world
        .ask("hooks", "GET", &format!("/{id}"), &Value::Null)
        .await;
    assert_eq!(shown.json()["state"], "failing");

    world.pass(2 * HOUR);
    world.pbx.say("call c6 t-acme").await;
    let disabled = world.until_told("webhook.disabled").await;
    let reason = "no delivery succeeded for 24 hours";
    assert_eq!(disabled["data"]["reason"], reason);
    assert_eq!(disabled["data"]["webhook"]["state"], "disabled");
    let shown = world
        .until_hook(&id, |hook| hook["state"] == "disabled")
        .await;
    assert_eq!(shown["reason"], reason);

    // It stays so over a restart, and what happens is left to a replay.
    let mut world = world.restart().await;
    status.store(200, Ordering::Relaxed);
    world.pbx.say("call meanwhile t-acme").await;
    world
        .until("/v1/calls/pbx:meanwhile", |call| call["state"] == "active")
        .await;
    let before = receiver.all().len();
    let enabled = world
        .ask("hooks", "POST", &format!("/{id}/enable"), &Value::Null)
        .await;
    assert_eq!(enabled.json()["state"], "enabled");
    // What waited is delivered at once.
    receiver
        .until("what waited", |all| {
            let got = subjects(&all[before..]);
            let all = ["c2", "c3", "c4", "c5"].map(|call| format!("calls/pbx:{call}"));
            all.iter().all(|call| got.contains(call))
        })
        .await;
    world.pbx.say("call later t-acme").await;
    let all = receiver
        .until("what happens from now on", |all| {
            subjects(all).contains(&"calls/pbx:later".to_owned())
        })
        .await;
    assert!(!subjects(&all).contains(&"calls/pbx:meanwhile".to_owned()));
    world.running.stop().await;
}

#[tokio::test]
async fn a_day_in_which_the_gateway_was_off_is_not_held_against_an_endpoint() {
    let mut world = World::start().await;
    let (mut receiver, status) = changeable(500).await;
    let (id, _) = world.hook(&receiver, json!({})).await;
    for call in ["c2", "c3", "c4"] {
        world.pbx.say(&format!("call {call} t-acme")).await;
    }
    world.until_told("webhook.failing").await;
    world
        .until_deliveries(&id, "pending", |items| items.len() == 3)
        .await;
    let before = receiver.all().len();
    let world = world
        .restart_after(|setup| {
            setup.clock.pass(25 * HOUR);
            status.store(200, Ordering::Relaxed);
        })
        .await;
    receiver
        .until("all three", |all| all.len() >= before + 3)
        .await;
    world.until_told("webhook.recovered").await;
    assert_eq!(
        kinds(&world.told().await),
        ["webhook.failing", "webhook.recovered"]
    );
    world.running.stop().await;
}

#[tokio::test]
async fn a_receiver_is_left_alone_for_as_long_as_it_asks() {
    let mut world = World::start().await;
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&tomorrow)
        .unwrap();
    for (asked, least, most) in [
        // By the clock that the test has not pushed yet, less what passed until it was asked.
        (date, 7_200 - 120, 7_200),
        ("600".to_owned(), 600, 700),
        ("whenever".to_owned(), 4, 7),
    ] {
        let mut first = true;
        let line = format!("Retry-After: {asked}\r\n");
        let mut receiver = Receiver::start_saying(move |_| {
            let status = if std::mem::take(&mut first) { 503 } else { 200 };
            (status, line.clone())
        })
        .await;
        let (id, _) = world.hook(&receiver, json!({})).await;
        let call = format!("w{least}");
        world.pbx.say(&format!("call {call} t-acme")).await;
        let waits = world
            .until_deliveries(&id, "pending", |items| {
                items
                    .first()
                    .is_some_and(|item| !item["next_attempt_at"].is_null())
            })
            .await;
        let due: Timestamp = waits[0]["next_attempt_at"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let since: Timestamp = waits[0]["attempts"][0]["at"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let wait = due.millis_since(since) / 1_000;
        assert!((least..=most).contains(&wait), "{asked}: {wait}");
        world.pass(Duration::from_secs(wait + 1));
        world.pbx.say(&format!("call {call}-after t-acme")).await;
        receiver
            .until("it again", |all| {
                let wanted = format!("calls/pbx:{call}");
                subjects(all).iter().filter(|got| **got == wanted).count() == 2
            })
            .await;
        let removed = world
            .ask("hooks", "DELETE", &format!("/{id}"), &Value::Null)
            .await;
        assert_eq!(removed.status, 204);
    }
    world.running.stop().await;
}

#[tokio::test]
async fn an_event_is_tried_for_no_longer_than_its_endpoint_wants() {
    let mut world = World::start().await;
    let (mut receiver, _) = changeable(500).await;
    let (id, _) = world.hook(&receiver, json!({"retry_for_s": 20})).await;
    world.pbx.say("call c2 t-acme").await;
    receiver.until("an attempt", |all| !all.is_empty()).await;
    world
        .until_deliveries(&id, "pending", |items| items.len() == 1)
        .await;
    // The second attempt is due after about 5 s; the third would be after 30 more.
    world.pass(Duration::from_secs(7));
    world.pbx.say("end c2").await;
    let dead = world
        .until_deliveries(&id, "failed", |items| items.len() == 1)
        .await;
    assert_eq!(dead[0]["attempts"].as_array().unwrap().len(), 2, "{dead:?}");
    assert!(dead[0].get("next_attempt_at").is_none());
    let (id, _) = world.hook(&receiver, json!({"retry_for_s": 1})).await;
    world.pbx.say("call c3 t-acme").await;
    let dead = world
        .until_deliveries(&id, "failed", |items| items.len() == 1)
        .await;
    assert_eq!(dead[0]["attempts"].as_array().unwrap().len(), 1, "{dead:?}");
    assert_eq!(dead[0]["attempts"][0]["status"], 500);
    world.running.stop().await;
}
