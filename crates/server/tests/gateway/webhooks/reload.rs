//! Another config while events are delivered.

use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn what_the_config_forbids_rests_until_it_allows_it_again() {
    let mut world = World::start().await;
    let mut receiver = Receiver::start(|_| 200).await;
    let (id, _) = world.hook(&receiver, json!({})).await;
    let before = world
        .ask("hooks", "GET", &format!("/{id}"), &Value::Null)
        .await;
    for (n, (webhooks, reason)) in [
        (
            "allow_networks = [\"127.0.0.0/8\"]\nkey = \"a key\"",
            "its URL is not allowed any more by `[webhooks]`",
        ),
        (
            "allow_http = true\nkey = \"a key\"",
            "its URL is not allowed any more by `[webhooks]`",
        ),
        (
            "allow_http = true\nallow_networks = [\"127.0.0.0/8\"]\nkey = \"another\"",
            "its secrets cannot be decrypted: `webhooks.key` is another or missing",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        world
            .reconfigure(|config| config.webhooks = webhooks.to_owned())
            .await;
        let rests = world
            .until_hook(&id, |hook| hook["state"] == "paused")
            .await;
        assert_eq!(rests["reason"], reason);
        let test = world
            .ask("hooks", "POST", &format!("/{id}/test"), &Value::Null)
            .await;
        assert_eq!(test.problem(), (409, "webhook-off".into()));
        world.pbx.say(&format!("call n{n} t-acme")).await;
        world
            .until(&format!("/v1/calls/pbx:n{n}"), |call| {
                call["state"] == "active"
            })
            .await;
        assert_eq!(receiver.all().len(), n, "nothing was sent meanwhile");
        let webhooks = "allow_http = true\nallow_networks = [\"127.0.0.0/8\"]\nkey = \"a key\"";
        world
            .reconfigure(|config| config.webhooks = webhooks.to_owned())
            .await;
        world
            .until_hook(&id, |hook| hook["state"] == "enabled")
            .await;
        // It goes on where it was.
        let all = receiver.until("the call", |all| all.len() > n).await;
        assert_eq!(all[n].event()["subject"], json!(format!("calls/pbx:n{n}")));
    }
    let after = world
        .ask("hooks", "GET", &format!("/{id}"), &Value::Null)
        .await;
    assert_eq!(before.json()["created_at"], after.json()["created_at"]);
    world.running.stop().await;
}

#[tokio::test]
async fn how_many_webhooks_there_may_be_changes_at_once() {
    let mut world = World::start().await;
    let receiver = Receiver::start(|_| 200).await;
    world.hook(&receiver, json!({})).await;
    let body = json!({"url": receiver.url()});
    world
        .reconfigure(|config| config.limits = "webhooks = 1")
        .await;
    let refused = loop {
        let reply = world.ask("hooks", "POST", "", &body).await;
        if reply.status != 201 {
            break reply;
        }
    };
    assert_eq!(refused.problem(), (409, "too-many-webhooks".into()));
    world.reconfigure(|config| config.limits = "").await;
    let made = async {
        while world.ask("hooks", "POST", "", &body).await.status != 201 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::client::PATIENCE, made)
        .await
        .expect("there is room");
    world.running.stop().await;
}

#[tokio::test]
async fn nothing_goes_to_the_webhook_of_a_token_that_is_gone() {
    let mut world = World::start().await;
    let mut receiver = Receiver::start(|_| 500).await;
    let (id, _) = world.hook(&receiver, json!({})).await;
    world.pbx.say("call c2 t-acme").await;
    receiver.until("an attempt", |all| !all.is_empty()).await;
    world
        .until_deliveries(&id, "pending", |items| items.len() == 1)
        .await;
    let tried = receiver.all().len();
    // While the gateway is off the token goes, and what waits becomes due.
    let mut world = world
        .restart_after(|setup| {
            setup.config.without = &["hooks"];
            setup.clock.pass(std::time::Duration::from_secs(60));
        })
        .await;
    let reason = "the token of its creator is withdrawn";
    let rests = world.until(&format!("/v1/webhooks/{id}"), |_| true).await;
    assert_eq!(
        (&rests["state"], &rests["reason"]),
        (&json!("paused"), &json!(reason))
    );
    // Nobody else can have it go on.
    let enabled = world
        .ask("boss", "POST", &format!("/{id}/enable"), &Value::Null)
        .await;
    assert_eq!(
        (&enabled.json()["state"], &enabled.json()["reason"]),
        (&json!("paused"), &json!(reason))
    );
    world.pbx.say("call c3 t-acme").await;
    world
        .until("/v1/calls/pbx:c3", |call| call["state"] == "active")
        .await;
    assert_eq!(receiver.all().len(), tried);
    world.reconfigure(|config| config.without = &[]).await;
    receiver
        .until("both calls", |all| all.len() >= tried + 2)
        .await;
    world.running.stop().await;
}
