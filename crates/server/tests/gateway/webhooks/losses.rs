//! What retention takes before it was delivered.

use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::world::{Setup, Text, World};

/// The least that a log can be told to keep.
fn forgetful() -> Setup {
    let setup = Setup::default();
    Setup {
        config: Text {
            log: "retention = { bytes = \"1MiB\" }",
            ..setup.config.clone()
        },
        ..setup
    }
}

impl World {
    /// Calls until the log no longer holds the event of an id.
    async fn flood(&mut self, id: &str) {
        for round in 0.. {
            for n in 0..500 {
                self.pbx.say(&format!("call f{round}n{n} t-acme")).await;
                self.pbx.say(&format!("end f{round}n{n}")).await;
            }
            // What is said after it is folded after it.
            self.until(&format!("/v1/calls/pbx:f{round}n499"), |call| {
                call["state"] == "ended"
            })
            .await;
            if self
                .client("boss")
                .get(&format!("/v1/events/{id}"))
                .await
                .status
                == 404
            {
                return;
            }
        }
    }
}

#[tokio::test]
async fn what_retention_takes_out_of_the_table_is_told_once_and_given_up() {
    let mut world = World::start_with(forgetful()).await;
    let mut receiver = Receiver::start(|_| 500).await;
    // Of a tenant that the flood has none of.
    let (id, _) = world.hook(&receiver, json!({"tenants": ["t-other"]})).await;
    for call in ["c2", "c3", "c4", "c5", "c6"] {
        world.pbx.say(&format!("call {call} t-other")).await;
    }
    let all = receiver.until("attempts", |all| all.len() >= 5).await;
    let mut last: Vec<String> = all.iter().map(super::receiver::Received::id).collect();
    last.sort_unstable();
    world
        .until_deliveries(&id, "pending", |items| items.len() == 5)
        .await;
    world.flood(last.last().unwrap()).await;
    let lost = world.until_told("webhook.lost").await;
    assert_eq!(lost["subject"], json!(format!("webhooks/{id}")));
    let dead = world
        .until_deliveries(&id, "failed", |items| items.len() == 5)
        .await;
    for item in &dead {
        let attempts = item["attempts"].as_array().unwrap();
        let why = &attempts.last().unwrap()["error"];
        assert_eq!(why, "retention took the event before it could be delivered");
    }
    world.until_hook(&id, |hook| hook["pending"] == 0).await;
    let told = world.told().await;
    let gaps = told.iter().filter(|event| event["type"] == "webhook.lost");
    let counts = gaps.map(|event| {
        let gap = &event["data"]["gap"];
        assert!(gap["from"].as_str() <= gap["to"].as_str(), "{gap}");
        gap["count"].as_u64().unwrap()
    });
    assert_eq!(counts.sum::<u64>(), 5, "each is counted once: {told:?}");
    world.running.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_rested_for_too_long_is_told_what_it_misses() {
    let mut world = World::start_with(forgetful()).await;
    let mut receiver = Receiver::start(|_| 200).await;
    let (id, _) = world.hook(&receiver, json!({"tenants": ["t-other"]})).await;
    world
        .reconfigure(|config| config.without = &["hooks"])
        .await;
    let rests = world
        .until("/v1/webhooks", |list| list["items"][0]["state"] == "paused")
        .await;
    assert_eq!(
        rests["items"][0]["reason"],
        "the token of its creator is withdrawn"
    );
    world.pbx.say("call missed t-other").await;
    world
        .until("/v1/calls/pbx:missed", |call| call["state"] == "active")
        .await;
    let logged = world
        .client("boss")
        .get("/v1/events?types=call.started&subjects=calls/pbx:missed")
        .await;
    let missed = logged.json()[0]["id"].as_str().unwrap().to_owned();
    world.flood(&missed).await;
    // What is still in memory would be delivered from there.
    let mut world = world.restart().await;
    world.reconfigure(|config| config.without = &[]).await;
    let lost = world.until_told("webhook.lost").await;
    assert_eq!(lost["subject"], json!(format!("webhooks/{id}")));
    let gap = &lost["data"]["gap"];
    // What is gone cannot be held against the filter any more.
    assert!(
        gap["count"].is_null() && gap["from"].as_str() < gap["to"].as_str(),
        "{gap}"
    );
    world.pbx.say("call after t-other").await;
    let all = receiver
        .until("what comes after", |all| !all.is_empty())
        .await;
    let subjects: Vec<Value> = all
        .iter()
        .map(|received| received.event()["subject"].clone())
        .collect();
    assert_eq!(subjects, ["calls/pbx:after"]);
    world.running.stop().await;
}
