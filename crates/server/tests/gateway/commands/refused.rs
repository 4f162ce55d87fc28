//! What is not accepted: nothing of it is logged or sent.

use serde_json::{Value, json};

use crate::{
    client::Reply,
    world::{World, hang_up},
};

#[tokio::test]
async fn a_scope_is_needed_that_nobody_has_by_accident() {
    let world = World::start().await;
    for (token, status) in [("reader", 403), ("nobody", 401)] {
        let reply = world.give_as(token, "", &hang_up("pbx:c1")).await;
        assert_eq!(reply.status, status, "{token}");
        let reply = world.client(token).get("/v1/commands/x").await;
        assert_eq!(reply.status, status, "{token}");
    }
    world.running.stop().await;
}

#[tokio::test]
async fn what_a_token_may_not_see_is_not_there() {
    let mut world = World::start().await;
    world.pbx.say("call c2 t-other").await;
    world
        .until("/v1/calls/pbx:c2", |call| call["state"] == "active")
        .await;
    let say = json!({"type": "say", "params": {"text": "a"}});
    for (token, body, status) in [
        ("crm", hang_up("pbx:nothing"), 404),
        ("crm", hang_up("gone:c1"), 404),
        ("acme", hang_up("pbx:c2"), 404),
        ("umbrella", hang_up("pbx:c1"), 404),
        ("umbrella", say.clone(), 404),
        ("acme", say, 202),
        ("acme", hang_up("pbx:c1"), 202),
        ("calls", hang_up("pbx:c2"), 202),
    ] {
        let reply = world.give_as(token, "", &body).await;
        assert_eq!(reply.status, status, "{token} {body}");
        let Some(place) = reply.header("location") else {
            continue;
        };
        let seen = async |token: &str| world.client(token).get(place).await.status;
        assert_eq!(seen(token).await, 200, "{token} sees its own");
        assert_eq!(seen("umbrella").await, 404);
        assert_eq!(seen("crm").await, 200);
        if token != "calls" {
            assert_eq!(
                seen("calls").await,
                404,
                "it sees no events of commands either"
            );
        }
    }
    let elsewhere = world
        .client("crm")
        .send("POST", "/v1/sources/no/commands", b"{}")
        .await;
    assert_eq!(elsewhere.status, 404);
    world.running.stop().await;
}

#[tokio::test]
async fn a_call_that_has_moved_on_is_left_alone() {
    let mut world = World::start().await;
    let call = world.until("/v1/calls/pbx:c1", |_| true).await;
    let version = call["version"].as_u64().unwrap();
    let with = |version: u64| json!({"type": "hangup", "target": "pbx:c1", "if_version": version});
    let reply = world.give("k", &with(version - 1)).await;
    assert_eq!(reply.problem(), (412, "version-mismatch".into()));
    // What was refused used up no key.
    assert_eq!(world.give("k", &with(version)).await.status, 202);
    world.pbx.say("end c1").await;
    world
        .until("/v1/calls/pbx:c1", |call| call["state"] == "ended")
        .await;
    let reply = world.give("", &with(version)).await;
    assert_eq!(reply.problem(), (412, "version-mismatch".into()));
    let reply = world.give("", &hang_up("pbx:c1")).await;
    assert_eq!(reply.problem(), (409, "call-ended".into()));
    let reply = world.give_as("umbrella", "", &hang_up("pbx:c1")).await;
    assert_eq!(reply.status, 404);
    world.running.stop().await;
}

#[tokio::test]
async fn a_source_that_cannot_says_what_it_can() {
    let world = World::start().await;
    let reply = world
        .give(
            "",
            &json!({"type": "dial", "params": {"from": "1", "to": "2"}}),
        )
        .await;
    assert_eq!(reply.problem(), (409, "command-not-offered".into()));
    assert_eq!(reply.json()["commands"], json!(["hangup", "say", "hurry"]));
    let listed = world
        .client("reader")
        .get("/v1/sources/pbx/commands")
        .await
        .json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert_eq!(
        listed["items"][0],
        json!({
            "type": "hangup", "title": "Ends a call.", "target": "call", "timeout_s": 600,
            "schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": "urn:switchhook:schema:v1:command:toy:hangup",
                "title": "hangup of toy",
                "description": "`params` of the command `hangup`: Ends a call.",
                "type": "object",
                "properties": {"cause": {"description": "Why.", "type": ["string", "null"]}},
                "additionalProperties": false,
            },
        })
    );
    world.running.stop().await;
}

#[tokio::test]
async fn a_wrong_body_is_told_all_its_mistakes() {
    let world = World::start().await;
    for (body, pointers) in [
        (json!({}), vec!["/type"]),
        (
            json!({"type": 1, "target": 2, "params": [], "if_version": 0, "colour": "red"}),
            vec!["/type", "/target", "/params", "/if_version", "/colour"],
        ),
        (
            json!({"type": "hangup", "params": {"cause": 1}}),
            vec!["/target", "/params/cause"],
        ),
        (
            json!({"type": "say", "target": "pbx:c1", "if_version": 1}),
            vec!["/target", "/if_version", "/params"],
        ),
    ] {
        let reply = world.give("", &body).await;
        assert_eq!(reply.problem(), (400, "invalid-body".into()), "{body}");
        assert_eq!(wrong(&reply), pointers, "{body}");
    }
    for body in ["", "[]", "{", "null"] {
        let client = world.client("crm");
        let reply = client
            .send("POST", "/v1/sources/pbx/commands", body.as_bytes())
            .await;
        assert_eq!(reply.problem(), (400, "invalid-body".into()), "{body:?}");
    }
    assert!(world.events().await.is_empty());
    world.running.stop().await;
}

#[tokio::test]
async fn without_a_connection_nothing_is_accepted() {
    let world = World::start().await;
    let client = world.client("crm");
    let body = json!({"type": "say", "params": {"text": "a"}}).to_string();
    let reply = client
        .send("POST", "/v1/sources/gone/commands", body.as_bytes())
        .await;
    assert_eq!(reply.problem(), (503, "source-not-connected".into()));
    assert_eq!(reply.json()["retryable"], true);
    assert!(reply.header("retry-after").is_some());
    assert!(world.events().await.is_empty());
    world.running.stop().await;
}

#[tokio::test]
async fn commands_without_an_outcome_are_bounded() {
    let world = World::start().await;
    for _ in 0..64 {
        assert_eq!(world.give("", &hang_up("pbx:c1")).await.status, 202);
    }
    let reply = world.give("", &hang_up("pbx:c1")).await;
    assert_eq!(reply.problem(), (503, "commands-exhausted".into()));
    world.running.stop().await;
}

fn wrong(reply: &Reply) -> Vec<String> {
    let errors = reply.json()["errors"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let pointer = |error: &Value| error["pointer"].as_str().unwrap_or_default().to_owned();
    errors.iter().map(pointer).collect()
}
