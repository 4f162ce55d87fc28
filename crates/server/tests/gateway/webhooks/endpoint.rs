//! Endpoints, and deliveries that go well.

use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn events_arrive_signed_and_as_they_are_in_the_log() {
    let mut world = World::start().await;
    let mut receiver = Receiver::start(|_| 204).await;
    let more = json!({"headers": {"Authorization": "Bearer xyz"}, "description": "for the CRM"});
    let (id, secret) = world.hook(&receiver, more).await;
    world.pbx.say("call c2 t-acme").await;
    let all = receiver.until("a call", |all| !all.is_empty()).await;
    let received = &all[0];
    assert!(received.is_signed(&secret));
    assert_eq!(
        received.headers["content-type"],
        "application/cloudevents+json"
    );
    assert_eq!(received.headers["authorization"], "Bearer xyz");
    let event = received.event();
    assert_eq!(
        (&event["type"], &event["id"]),
        (&json!("call.started"), &json!(received.id()))
    );
    let logged = world
        .client("boss")
        .get(&format!("/v1/events/{}", received.id()))
        .await;
    assert_eq!(logged.json(), event);

    let delivered = received.id();
    let passed = |hook: &Value| {
        hook["cursor"]
            .as_str()
            .is_some_and(|cursor| cursor >= delivered.as_str())
    };
    let shown = world.until_hook(&id, passed).await;
    assert_eq!(
        (&shown["state"], &shown["owner"]),
        (&json!("enabled"), &json!("hooks"))
    );
    assert_eq!(
        (&shown["pending"], &shown["description"]),
        (&json!(0), &json!("for the CRM"))
    );
    assert!(
        shown.get("secret").is_none() && shown.get("headers").is_none(),
        "{shown}"
    );
    let made = world
        .ask(
            "hooks",
            "GET",
            &format!("/{id}/deliveries?status=delivered"),
            &Value::Null,
        )
        .await;
    let made = made.json()["items"][0].clone();
    assert_eq!(
        (&made["event"], &made["attempts"][0]["status"]),
        (&event["id"], &json!(204))
    );
    let folder = std::fs::read_dir(world.folder.path()).unwrap();
    for file in folder {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let holds = |text: &str| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        assert!(
            !holds(&secret) && !holds("Bearer xyz"),
            "a secret is readable on the disk"
        );
    }
    world.running.stop().await;
}

#[tokio::test]
async fn an_old_secret_signs_along_with_a_new_one() {
    let mut world = World::start().await;
    let mut receiver = Receiver::start(|_| 200).await;
    let (id, old) = world.hook(&receiver, json!({})).await;
    let rotated = world
        .ask("hooks", "POST", &format!("/{id}/rotate"), &Value::Null)
        .await;
    let new = rotated.json()["secret"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    world.pbx.say("call c2 t-acme").await;
    let all = receiver.until("a call", |all| !all.is_empty()).await;
    assert!(all[0].is_signed(&old) && all[0].is_signed(&new));
    world.running.stop().await;
}

#[tokio::test]
async fn a_test_is_delivered_at_once_and_is_in_no_log() {
    let world = World::start().await;
    let mut receiver = Receiver::start(|_| 418).await;
    let (id, secret) = world.hook(&receiver, json!({})).await;
    let reply = world
        .ask("hooks", "POST", &format!("/{id}/test"), &Value::Null)
        .await;
    let told = reply.json();
    assert_eq!(
        (&told["delivered"], &told["status"], &told["answer"]),
        (&json!(false), &json!(418), &json!("ok"))
    );
    let all = receiver.until("the test", |all| !all.is_empty()).await;
    assert!(all[0].is_signed(&secret));
    let event = all[0].event();
    assert_eq!(
        (&event["type"], &event["id"]),
        (&json!("webhook.test"), &told["event"])
    );
    let frozen = include_str!("../../../../../tests/wire/v1/webhook.test.json");
    let frozen: Value = serde_json::from_str(frozen).unwrap();
    assert_eq!(members(&event), members(&frozen));
    // It is an event like any other, under an id that no other has.
    let read: model::Event = serde_json::from_value(event).unwrap();
    assert_eq!(read.id.to_string(), all[0].id());
    let again = world
        .ask("hooks", "POST", &format!("/{id}/test"), &Value::Null)
        .await;
    assert_ne!(again.json()["event"], told["event"]);
    let boss = world.client("boss");
    let logged = boss.get("/v1/events?types=webhook.*").await;
    assert_eq!(logged.json(), json!([]));
    // Whoever takes it for a place in the log is not led astray.
    let gone = boss.get(&format!("/v1/events?after={}", read.id)).await;
    assert_eq!(gone.problem(), (410, "position-gone".into()));
    world.running.stop().await;
}

/// The paths of all that an event says.
fn members(value: &Value) -> Vec<String> {
    let Some(object) = value.as_object() else {
        return vec![String::new()];
    };
    let mut paths: Vec<String> = object
        .iter()
        .flat_map(|(name, value)| {
            let below = members(value).into_iter();
            below.map(move |path| format!(".{name}{path}"))
        })
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn a_webhook_sees_what_its_creator_may_see() {
    let mut world = World::start().await;
    let mut receiver = Receiver::start(|_| 200).await;
    let body = json!({"url": receiver.url(), "types": ["call.started"]});
    let made = world.ask("acme-hooks", "POST", "", &body).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for (token, status) in [
        ("acme-hooks", 200),
        ("boss", 200),
        ("hooks", 404),
        ("reader", 403),
    ] {
        let reply = world
            .ask(token, "GET", &format!("/{id}"), &Value::Null)
            .await;
        assert_eq!(reply.status, status, "{token}");
    }
    assert_eq!(
        world.ask("hooks", "GET", "", &Value::Null).await.json(),
        json!({"items": []})
    );
    for (call, tenant) in [
        ("c2", "t-other"),
        ("c3", "t-acme"),
        ("c4", "t-other"),
        ("c5", "t-acme"),
    ] {
        world.pbx.say(&format!("call {call} {tenant}")).await;
    }
    let all = receiver.until("two calls", |all| all.len() >= 2).await;
    let subjects: Vec<_> = all
        .iter()
        .map(|received| received.event()["subject"].clone())
        .collect();
    assert_eq!(subjects.len(), 2);
    assert!(subjects.contains(&json!("calls/pbx:c3")) && subjects.contains(&json!("calls/pbx:c5")));

    let patched = world
        .ask(
            "acme-hooks",
            "PATCH",
            &format!("/{id}"),
            &json!({"types": ["call.ended"], "retry_for_s": 60}),
        )
        .await;
    assert_eq!(
        (&patched.json()["types"], &patched.json()["retry_for_s"]),
        (&json!(["call.ended"]), &json!(60))
    );
    let removed = world
        .ask("acme-hooks", "DELETE", &format!("/{id}"), &Value::Null)
        .await;
    assert_eq!(removed.status, 204);
    let gone = world
        .ask("acme-hooks", "GET", &format!("/{id}"), &Value::Null)
        .await;
    assert_eq!(gone.status, 404);
    world.running.stop().await;
}

#[tokio::test]
async fn a_wrong_webhook_is_told_all_its_mistakes() {
    let world = World::start().await;
    for (body, pointers) in [
        (json!({}), vec!["/url"]),
        (json!({"url": "https://10.0.0.1/"}), vec!["/url"]),
        (
            json!({"url": "https://[::ffff:169.254.169.254]/"}),
            vec!["/url"],
        ),
        (
            json!({"url": "https://user:secret@example.com/"}),
            vec!["/url"],
        ),
        (
            json!({
                "url": "ftp://example.com", "types": ["cal.*"], "order": "any", "retry_for_s": 0,
                "headers": {"Webhook-Id": "x"}, "colour": "red",
            }),
            vec![
                "/colour",
                "/headers",
                "/order",
                "/retry_for_s",
                "/types",
                "/url",
            ],
        ),
        (
            json!({"url": "https://example.com", "headers": {"Host": "x"}}),
            vec!["/headers"],
        ),
    ] {
        let reply = world.ask("hooks", "POST", "", &body).await;
        assert_eq!(reply.problem(), (400, "invalid-body".into()), "{body}");
        let told = reply.json();
        let errors = told["errors"].as_array().unwrap();
        let mut found: Vec<&str> = errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, pointers, "{body}");
    }
    world.running.stop().await;
}

impl World {
    pub(super) async fn until_hook(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("/v1/webhooks/{id}"), wanted).await
    }
}
