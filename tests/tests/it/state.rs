//! State over REST: lists and single entities, and that they are never older than the events.

use std::collections::HashSet;

use serde_json::Value;
use tests::{pbx::Manners, wait};

use crate::support::{calls, pair};

#[tokio::test]
async fn state_is_never_older_than_what_was_delivered() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=call.*").await;
    for _ in 0..10 {
        let call = pbx.tenant().internal("101", "102");
        for frame in &call.answered()[..4] {
            pbx.say(frame).await;
        }
        for kind in ["call.started", "call.ringing", "call.answered"] {
            let event = stream.event().await;
            assert_eq!(event.kind(), kind);
            let answer = client.get(&format!("/v1/{}", call.subject("hq"))).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.header("switchhook-cursor").unwrap() >= event.id());
            assert!(answer.json()["version"].as_u64().unwrap() >= event.version());
        }
        pbx.say_all(&call.answered()[4..]).await;
        stream.skip_to("call.ended").await;
        let ended = client.json(&format!("/v1/{}", call.subject("hq"))).await;
        assert_eq!(
            ended["state"], "ended",
            "an ended call is served from the log"
        );
    }
}

#[tokio::test]
async fn a_reader_may_ask_for_state_as_new_as_a_position() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let head = client.history("").await.last().unwrap().id().to_owned();
    let answer = client
        .get(&format!("/v1/extensions?min_cursor={head}"))
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("switchhook-cursor").unwrap() >= head.as_str());
    let ahead = format!("{}-00ffffffffffffff", &head[..8]);
    let late = client
        .get(&format!("/v1/extensions?min_cursor={ahead}"))
        .await
        .problem(503);
    assert_eq!(late["retryable"], true, "{late}");
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=call.started,call.ended").await;
    let open: Vec<_> = (0..5)
        .map(|_| pbx.tenant().inbound("02079460018", "102"))
        .collect();
    for call in &open {
        pbx.say(&call.start()).await;
        stream.event().await;
    }
    let mut found = HashSet::new();
    let mut path = "/v1/calls?limit=2".to_owned();
    let pages = loop {
        let answer = client.json(&path).await;
        let items = answer["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        found.extend(
            items
                .iter()
                .map(|call| call["id"].as_str().unwrap().to_owned()),
        );
        match answer["next"].as_str() {
            Some(page) => path = format!("/v1/calls?limit=2&page={page}"),
            None => break found.len(),
        }
    };
    assert_eq!(pages, 5);
    let count = async |query: &str| {
        client.json(&format!("/v1/calls?{query}")).await["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count("number=02079460018").await, 5, "as the PBX wrote it");
    assert_eq!(count("number=%2B442079460018").await, 5, "E.164");
    assert_eq!(count("extension=102").await, 5);
    assert_eq!(count("extension=101").await, 0);
    assert_eq!(count("state=setup").await, 5);
    assert_eq!(count("state=active").await, 0);
    assert_eq!(count("source=hq&tenant=acme").await, 5);
    assert_eq!(count("tenant=other").await, 0);
    let _ = client.get("/v1/calls?colour=red").await.problem(400);
    let _ = client.get("/v1/calls?limit=1001").await.problem(400);

    pbx.say_all(&open[0].missed()[1..]).await;
    stream.skip_to("call.ended").await;
    assert_eq!(count("").await, 4);
    let since = "2020-01-01T00:00:00Z";
    let ended = client
        .json(&format!("/v1/calls?state=ended&since={since}"))
        .await;
    assert_eq!(ended["items"][0]["id"], format!("hq:{}", open[0].session()));
    assert_eq!(ended["items"][0]["state"], "ended");
}

#[tokio::test]
async fn a_single_entity_is_bare_and_says_how_fresh_it_is() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    for collection in ["extensions", "agents", "queues", "sources"] {
        let list = client.json(&format!("/v1/{collection}")).await;
        for item in list["items"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap();
            let one = client.json(&format!("/v1/{collection}/{id}")).await;
            assert_eq!(one, *item, "{collection}");
            assert_eq!(one["freshness"], "live", "{collection}");
        }
    }
    for empty in ["calls", "trunks", "conferences", "devices", "users"] {
        assert_eq!(
            client.json(&format!("/v1/{empty}")).await["items"],
            Value::Array(Vec::new()),
            "{empty}"
        );
    }
    pbx.hang_up().await;
    pbx.behave(Manners::SlamTheDoor);
    wait::until("the entities are stale", || async {
        let list = client.json("/v1/extensions").await;
        (list["items"][0]["freshness"] == "stale").then_some(())
    })
    .await;
    assert_eq!(
        client.json("/v1/extensions").await["items"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "stale, not gone"
    );
}

#[tokio::test]
async fn callers_wait_below_their_queue() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let call = pbx.tenant().inbound("02079460018", "8000");
    pbx.say_all(&[call.start(), call.queue("enqueue")]).await;
    client
        .stream("after=earliest")
        .await
        .skip_to("queue.caller_joined")
        .await;
    let queue = format!("hq:{}", pbx.tenant().queue);
    let waiting = client.json(&format!("/v1/queues/{queue}/callers")).await;
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        waiting["items"][0]["call"],
        format!("hq:{}", call.session())
    );
    assert_eq!(
        client.json(&format!("/v1/queues/{queue}")).await["waiting"],
        1
    );
    assert_eq!(
        client.json("/v1/calls?queue=8000").await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
