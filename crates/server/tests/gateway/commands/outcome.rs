//! What becomes of a command, and where that is told.

use serde_json::json;

use crate::world::{World, hang_up};

#[tokio::test]
async fn a_command_is_sent_once_and_its_outcome_is_told() {
    let mut world = World::start().await;
    let reply = world.give("", &hang_up("pbx:c1")).await;
    assert_eq!(reply.status, 202);
    let accepted = reply.json();
    let id = accepted["id"].as_str().unwrap().to_owned();
    assert_eq!(
        reply.header("location").unwrap(),
        format!("/v1/commands/{id}")
    );
    assert_eq!(
        (
            &accepted["state"],
            &accepted["type"],
            &accepted["target"],
            &accepted["source"]
        ),
        (
            &json!("accepted"),
            &json!("hangup"),
            &json!("pbx:c1"),
            &json!("pbx")
        )
    );
    let told = world.pbx.told().await;
    assert_eq!(
        told,
        json!({"id": id, "do": "hangup", "call": "pbx:c1", "params": {}})
    );
    world.pbx.say(&format!("done {id}")).await;
    let finished = world.finished(&reply).await;
    assert_eq!(
        (&finished["state"], &finished["version"]),
        (&json!("succeeded"), &json!(2))
    );
    assert_eq!(finished["native"], json!({"toy": 1}));
    assert!(finished["finished_at"].is_string());

    let events = world.events().await;
    let shown: Vec<_> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            (
                text("type"),
                text("subject"),
                text("source"),
                text("tenant"),
                event["subjectversion"].clone(),
            )
        })
        .collect();
    let expected = |kind: &str, version| {
        let subject = format!("commands/{id}");
        (
            kind.to_owned(),
            subject,
            "/sources/pbx".to_owned(),
            "acme".to_owned(),
            json!(version),
        )
    };
    assert_eq!(
        shown,
        [
            expected("command.accepted", 1),
            expected("command.succeeded", 2)
        ]
    );
    assert_eq!(events[1]["data"]["command"], finished);
    assert_eq!(events[1]["data"]["origin"]["kind"], "native");
    world.pbx.say(&format!("refuse {id}")).await;
    world.pbx.say("end c1").await;
    world
        .until("/v1/calls/pbx:c1", |call| call["state"] == "ended")
        .await;
    assert_eq!(world.events().await.len(), 2, "the first word stands");
    world.running.stop().await;
    assert!(world.pbx.rest().await.is_empty(), "sent once");
}

#[tokio::test]
async fn failures_say_who_failed_and_why() {
    let mut world = World::start().await;
    let reply = world.give("", &hang_up("pbx:c1")).await;
    let id = world.pbx.told().await["id"].as_str().unwrap().to_owned();
    world.pbx.say(&format!("refuse {id}")).await;
    let failed = world.finished(&reply).await;
    assert_eq!(
        (&failed["state"], &failed["reason"], &failed["detail"]),
        (&json!("failed"), &json!("refused"), &json!("not today"))
    );
    let body = json!({"type": "hangup", "target": "pbx:c1", "params": {"cause": "impossible"}});
    let failed = world.finished(&world.give("", &body).await).await;
    assert_eq!(
        (&failed["state"], &failed["reason"]),
        (&json!("failed"), &json!("no_such_leg"))
    );
    let body = json!({"type": "hurry", "params": {"text": "hello"}});
    let lost = world.finished(&world.give("", &body).await).await;
    assert_eq!(
        (&lost["state"], &lost["reason"]),
        (&json!("unknown"), &json!("timeout"))
    );
    let kinds: Vec<_> = world
        .events()
        .await
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    let (accepted, failed) = (json!("command.accepted"), json!("command.failed"));
    assert_eq!(
        kinds,
        [&accepted, &failed, &accepted, &failed, &accepted, &failed].map(Clone::clone)
    );
    world.running.stop().await;
}

#[tokio::test]
async fn a_connection_that_ends_leaves_the_outcome_unknown() {
    let mut world = World::start().await;
    let reply = world.give("k", &hang_up("pbx:c1")).await;
    world.pbx.told().await;
    world.pbx.hang_up();
    world.pbx.accept().await;
    let lost = world.finished(&reply).await;
    assert_eq!(
        (&lost["state"], &lost["reason"]),
        (&json!("unknown"), &json!("connection_lost"))
    );
    let again = world.give("k", &hang_up("pbx:c1")).await;
    assert_eq!(again.json(), reply.json());
    world.running.stop().await;
    assert!(
        world.pbx.rest().await.is_empty(),
        "not sent again over the new connection"
    );
}
