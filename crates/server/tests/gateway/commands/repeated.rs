//! The same request again, under the same key.

use serde_json::{Value, json};

use crate::{
    client::Reply,
    world::{World, hang_up},
};

fn answer(reply: &Reply) -> (u16, Option<String>, Value) {
    (
        reply.status,
        reply.header("location").map(str::to_owned),
        reply.json(),
    )
}

#[tokio::test]
async fn the_same_answer_is_given_again_and_nothing_is_sent() {
    let mut world = World::start().await;
    let first = world.give("k1", &hang_up("pbx:c1")).await;
    assert_eq!(first.status, 202);
    let id = world.pbx.told().await["id"].as_str().unwrap().to_owned();
    let open = world.give("k1", &hang_up("pbx:c1")).await;
    assert_eq!(answer(&open), answer(&first));
    world.pbx.say(&format!("done {id}")).await;
    world.pbx.say("end c1").await;
    world.finished(&first).await;
    world
        .until("/v1/calls/pbx:c1", |call| call["state"] == "ended")
        .await;
    let over = world.give("k1", &hang_up("pbx:c1")).await;
    assert_eq!(answer(&over), answer(&first), "though the call has ended");

    world.pbx.hang_up();
    let mut world = world.restart().await;
    let restarted = world.give("k1", &hang_up("pbx:c1")).await;
    assert_eq!(
        answer(&restarted),
        answer(&first),
        "though the gateway was restarted"
    );
    let finished = world.finished(&first).await;
    assert_eq!(finished["state"], "succeeded");
    world.running.stop().await;
    assert!(world.pbx.rest().await.is_empty());
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_token() {
    let mut world = World::start().await;
    let say = |text: &str| json!({"type": "say", "params": {"text": text}});
    let first = world.give("k", &say("a")).await;
    assert_eq!(first.status, 202);
    let reordered = json!({"params": {"text": "a"}, "type": "say"});
    assert_eq!(answer(&world.give("k", &reordered).await), answer(&first));
    let other = world.give("k", &say("b")).await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".into()));
    let others = world.give_as("other", "k", &say("b")).await;
    assert_eq!(others.status, 202, "keys of another token are another's");
    let without = world.give("", &say("a")).await;
    assert_ne!(without.json()["id"], first.json()["id"]);
    for key in [" ", &"x".repeat(256)] {
        let reply = world.give(key, &say("a")).await;
        // A blank is no value: HTTP takes it away.
        assert_eq!(reply.problem(), (400, "invalid-request".into()), "{key:?}");
    }
    for expected in ["a", "b", "a"] {
        assert_eq!(world.pbx.told().await["params"]["text"], expected);
    }
    world.running.stop().await;
}

#[tokio::test]
async fn at_the_same_time_one_of_them_is_sent() {
    let mut world = World::start().await;
    let body = hang_up("pbx:c1");
    let (a, b, c, d) = tokio::join!(
        world.give("k", &body),
        world.give("k", &body),
        world.give("k", &body),
        world.give("k", &body)
    );
    for reply in [&b, &c, &d] {
        assert_eq!(answer(reply), answer(&a));
    }
    world.pbx.told().await;
    world.running.stop().await;
    assert!(world.pbx.rest().await.is_empty());
}
