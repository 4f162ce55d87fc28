//! State by collection.

use std::{sync::Arc, time::Duration};

use model::{
    Caller, CallerState, EventType, Extension, ExtensionCallState, Native, Queue, QueueKind,
    Timestamp,
};
use serde_json::Value;
use server::api::{Pace, backend::Entity};

use super::{
    backend::{START, about, call},
    world::{Setup, World},
};

fn ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

pub(crate) fn extension(world: &World, key: &str, number: &str, tenant: Option<&str>) {
    let hq = model::SourceId::new("hq").unwrap();
    let extension = Extension {
        id: hq.entity(key),
        number: number.into(),
        name: None,
        uri: None,
        user: None,
        call_state: ExtensionCallState::Idle,
        online: None,
        push_online: None,
        presence: None,
        dnd: None,
        agent_state: None,
        enabled: None,
        version: 1,
        native: Native::new(),
    };
    let json = serde_json::to_string(&extension).unwrap();
    let entity = Entity::Extension(Arc::new(extension));
    world.hub.put(&format!("hq:{key}"), tenant, entity, json);
}

pub(crate) fn queue_with_caller(world: &World, key: &str, tenant: Option<&str>) {
    let hq = model::SourceId::new("hq").unwrap();
    let queue = Queue {
        id: hq.entity(key),
        number: Some("8001".into()),
        name: None,
        kind: QueueKind::Queue,
        waiting: Some(1),
        longest_waiting_since: None,
        agents_ready: None,
        agents_busy: None,
        agents_total: None,
        version: 1,
        native: Native::new(),
    };
    let caller = Caller {
        call: Some(hq.entity("1")),
        queue: model::QueueRef {
            id: queue.id.clone(),
            number: None,
            name: None,
        },
        party: call("1", None).caller,
        position: Some(1),
        state: CallerState::Waiting,
        entered_at: Some(START),
        version: 1,
    };
    let json = serde_json::to_string(&queue).unwrap();
    let queue = Entity::Queue(Arc::new(queue));
    world.hub.put(&format!("hq:{key}"), tenant, queue, json);
    let json = serde_json::to_string(&caller).unwrap();
    let caller = Entity::Caller(Arc::new(caller));
    let id = format!("hq:{key}/callers/hq:1");
    world.hub.put(&id, tenant, caller, json);
}

#[tokio::test]
async fn every_collection_is_listed_with_the_position_it_is_true_at() {
    let world = World::new().await;
    let cursor = world
        .hub
        .publish(about(EventType::CallStarted, &call("1", None)));
    for collection in [
        "calls",
        "extensions",
        "agents",
        "queues",
        "trunks",
        "conferences",
        "devices",
        "users",
    ] {
        let reply = world.get(&format!("/v1/{collection}")).await;
        assert_eq!(reply.status, 200, "{collection}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(
            reply.header("switchhook-cursor"),
            Some(&*cursor.to_string())
        );
        assert_eq!(reply.json(), serde_json::json!({"items": []}));
    }
    let sources = world.get("/v1/sources").await.json();
    assert_eq!(ids(&sources), ["branch", "hq"]);
    assert_eq!(sources["items"][1]["freshness"], "live");
}

#[tokio::test]
async fn one_entity_is_bare_with_its_freshness() {
    let world = World::new().await;
    world.hub.put_call(&Arc::new(call("1", None)));
    let reply = world.get("/v1/calls/hq:1").await;
    let body = reply.json();
    assert_eq!(body["id"], "hq:1");
    assert_eq!(body["freshness"], "live");
    assert!(reply.header("switchhook-cursor").is_some());
    let encoded = world.get("/v1/calls/hq%3A1").await;
    assert_eq!(encoded.json(), body);
    assert_eq!(
        world.get("/v1/calls/hq:2").await.problem(),
        (404, "not-found".into())
    );
}

#[tokio::test]
async fn lists_are_paged() {
    let world = World::new().await;
    for n in 0..5 {
        extension(&world, &format!("e{n}"), &format!("10{n}"), None);
    }
    let mut url = "/v1/extensions?limit=2".to_owned();
    let mut found = Vec::new();
    for expected in [2, 2, 1] {
        let list = world.get(&url).await.json();
        assert_eq!(ids(&list).len(), expected);
        found.extend(ids(&list).into_iter().map(str::to_owned));
        match list["next"].as_str() {
            Some(page) => url = format!("/v1/extensions?limit=2&page={page}"),
            None => assert_eq!(expected, 1),
        }
    }
    assert_eq!(found, ["hq:e0", "hq:e1", "hq:e2", "hq:e3", "hq:e4"]);
    let whole = world.get("/v1/extensions?limit=5").await.json();
    assert!(whole["next"].is_null());
    for wrong in ["limit=0", "limit=1001", "limit=x", "page=%21"] {
        let reply = world.get(&format!("/v1/extensions?{wrong}")).await;
        assert_eq!(
            reply.problem(),
            (400, "invalid-parameter".into()),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn lists_are_filtered_by_what_entities_refer_to() {
    let world = World::new().await;
    world.hub.put_call(&Arc::new(call("1", Some("acme"))));
    extension(&world, "e101", "101", Some("acme"));
    extension(&world, "e102", "102", None);
    let count = async |query: &str| {
        let reply = world.get(&format!("/v1/{query}")).await;
        assert_eq!(reply.status, 200, "{query}");
        reply.json()["items"].as_array().unwrap().len()
    };
    for (query, expected) in [
        ("calls?source=hq", 1),
        ("calls?source=branch", 0),
        ("calls?tenant=acme", 1),
        ("calls?tenant=other", 0),
        ("calls?state=ringing", 1),
        ("calls?state=active", 0),
        ("calls?extension=101", 1),
        ("calls?extension=hq:e101", 1),
        ("calls?extension=e101", 1),
        ("calls?extension=102", 0),
        ("calls?queue=8001", 1),
        ("calls?queue=q8&extension=101", 1),
        ("calls?queue=9", 0),
        ("calls?number=02079460018", 1),
        ("calls?number=%2B442079460018", 1),
        ("calls?number=+442079460018", 1),
        ("calls?number=101", 1),
        ("calls?number=999", 0),
        ("extensions?number=102", 1),
        ("extensions?state=idle", 2),
        ("extensions?tenant=acme", 1),
        ("extensions?queue=8001", 0),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    let wrong = world.get("/v1/calls?state=asleep").await;
    assert_eq!(wrong.problem(), (400, "invalid-parameter".into()));
}

#[tokio::test]
async fn callers_live_below_their_queue() {
    let world = World::new().await;
    queue_with_caller(&world, "q8", None);
    let list = world.get("/v1/queues/hq:q8/callers").await.json();
    assert_eq!(ids(&list), ["hq:1"]);
    assert_eq!(list["items"][0]["position"], 1);
    let one = world.get("/v1/queues/hq:q8/callers/hq:1").await.json();
    assert_eq!(one["call"], "hq:1");
    for path in ["/v1/queues/hq:q9/callers", "/v1/queues/hq:q8/callers/hq:2"] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn ended_calls_come_from_the_log() {
    let world = World::new().await;
    let mut ends = Vec::new();
    for n in 0..3 {
        let mut ended = call(&n.to_string(), None);
        ended.state = model::CallState::Ended;
        ended.ended_at = Some(START);
        let mut draft = about(EventType::CallEnded, &ended);
        draft.recorded = START.after(Duration::from_secs(n));
        ends.push(world.hub.publish(draft));
    }
    let one = world.get("/v1/calls/hq:1").await.json();
    assert_eq!(
        (&one["state"], &one["freshness"]),
        (&"ended".into(), &"live".into())
    );
    let list = world.get("/v1/calls?state=ended").await.json();
    assert_eq!(ids(&list), ["hq:2", "hq:1", "hq:0"]);
    let since = world
        .get("/v1/calls?state=ended&since=2023-11-14T22:13:21Z&number=101")
        .await;
    assert_eq!(ids(&since.json()), ["hq:2", "hq:1"]);
    let list = world.get("/v1/calls?state=ended&limit=2").await.json();
    let next = list["next"].as_str().unwrap();
    let last = world
        .get(&format!("/v1/calls?state=ended&limit=2&page={next}"))
        .await
        .json();
    assert_eq!(ids(&last), ["hq:0"]);
    assert!(last["next"].is_null());
    world.hub.forget(ends[1]);
    assert_eq!(world.get("/v1/calls/hq:1").await.status, 404);
    let alone = world.get("/v1/calls?since=2023-11-14T22:13:21Z").await;
    assert_eq!(alone.problem(), (400, "invalid-parameter".into()));
    assert!(
        world.get("/v1/calls").await.json()["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn state_waits_for_the_cursor_that_is_asked_for() {
    let world = World::new().await;
    let first = world
        .hub
        .publish(about(EventType::CallStarted, &call("1", None)));
    let reached = world.get(&format!("/v1/calls?min_cursor={first}")).await;
    assert_eq!(reached.status, 200);
    let next = format!("{}2", first.to_string().strip_suffix('1').unwrap());
    let url = format!("/v1/calls?min_cursor={next}");
    let waiting = {
        let (client, url) = (world.client(), url.clone());
        tokio::spawn(async move { client.get(&url).await })
    };
    world
        .hub
        .publish(about(EventType::CallEnded, &call("1", None)));
    let reply = waiting.await.unwrap();
    assert_eq!(reply.header("switchhook-cursor"), Some(&*next));
    assert_eq!(world.get("/v1/calls?min_cursor=x").await.status, 400);
    let foreign = world
        .get("/v1/calls?min_cursor=zzzzzzzz-0000000000000001")
        .await;
    assert_eq!(foreign.problem(), (410, "position-gone".into()));
}

#[tokio::test]
async fn state_that_does_not_come_in_time_is_a_503() {
    let world = World::start(Setup {
        pace: Pace {
            cursor_wait: Duration::from_millis(20),
            ..Pace::default()
        },
        ..Setup::default()
    })
    .await;
    let first = world
        .hub
        .publish(about(EventType::CallStarted, &call("1", None)));
    let next = format!("{}2", first.to_string().strip_suffix('1').unwrap());
    let reply = world
        .get(&format!("/v1/calls/hq:1?min_cursor={next}"))
        .await;
    assert_eq!(reply.problem(), (503, "state-behind".into()));
    assert_eq!(reply.json()["retryable"], true);
}

#[tokio::test]
async fn tokens_narrow_state_as_they_narrow_events() {
    let world = World::start(Setup::tokens()).await;
    world.hub.put_call(&Arc::new(call("1", Some("acme"))));
    world.hub.put_call(&Arc::new(call("2", Some("other"))));
    extension(&world, "e101", "101", Some("acme"));
    let list = async |token: &str, path: &str| {
        let reply = world.bearer(token).get(path).await;
        assert_eq!(reply.status, 200);
        let list = reply.json();
        ids(&list)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(list("acme", "/v1/calls").await, ["hq:1"]);
    assert_eq!(list("acme", "/v1/calls?tenant=other").await, [""; 0]);
    assert_eq!(list("calls", "/v1/calls").await, ["hq:1", "hq:2"]);
    assert_eq!(list("calls", "/v1/extensions").await, [""; 0]);
    assert_eq!(list("hq", "/v1/sources").await, ["hq"]);
    assert_eq!(list("nobody", "/v1/calls").await, [""; 0]);
    for (token, path) in [
        ("acme", "/v1/calls/hq:2"),
        ("calls", "/v1/extensions/hq:e101"),
        ("hq", "/v1/sources/branch"),
    ] {
        assert_eq!(world.bearer(token).get(path).await.status, 404, "{token}");
    }
    let outline = world.bearer("acme").get("/v1/sources/hq").await.json();
    assert!(outline["dialect"].is_null() && outline["counters"].is_null());
    assert_eq!(outline["state"], "synced");
}

#[tokio::test]
async fn private_parties_in_state_need_the_scope() {
    let world = World::start(Setup::tokens()).await;
    let mut private = call("1", None);
    private.caller.private = true;
    world.hub.put_call(&Arc::new(private.clone()));
    private.id = model::EntityId::from_text("hq:2");
    private.state = model::CallState::Ended;
    private.ended_at = Some(Timestamp::from_secs(1));
    world.hub.publish(about(EventType::CallEnded, &private));
    for path in ["/v1/calls/hq:1", "/v1/calls/hq:2"] {
        let masked = world.bearer("reader").get(path).await;
        let text = String::from_utf8(masked.body.clone()).unwrap();
        assert!(
            !text.contains("9460018") && !text.contains("native"),
            "{text}"
        );
        assert_eq!(
            masked.json()["caller"],
            serde_json::json!({"private": true})
        );
        let shown = world.bearer("pii").get(path).await;
        assert!(String::from_utf8(shown.body).unwrap().contains("9460018"));
    }
    // Nor does a question confirm it.
    for (token, found) in [("reader", 0), ("pii", 1)] {
        for state in ["", "&state=ended"] {
            let path = format!("/v1/calls?number=02079460018{state}");
            let list = world.bearer(token).get(&path).await.json();
            let items = list["items"].as_array().unwrap();
            assert_eq!(items.len(), found, "{token} {path}");
        }
    }
}

#[tokio::test]
async fn capabilities_tell_what_a_source_can_tell() {
    let world = World::new().await;
    let body = world.get("/v1/sources/hq/capabilities").await.json();
    let told = &body["capabilities"];
    assert_eq!(told["call.started"], "native");
    assert_eq!(told["call.ringing"], "inferred");
    assert_eq!(told["call.held"], "never");
    assert_eq!(told["source.gap"], "inferred");
    assert!(told["webhook.lost"].is_null());
    assert_eq!(world.get("/v1/sources/none/capabilities").await.status, 404);
}

#[tokio::test]
async fn reconnecting_needs_its_scope() {
    let world = World::start(Setup::tokens()).await;
    let path = "/v1/sources/hq/reconnect";
    let refused = world.bearer("reader").send("POST", path, b"").await;
    assert_eq!(refused.problem(), (403, "missing-scope".into()));
    let done = world.bearer("operator").send("POST", path, b"").await;
    assert_eq!(done.status, 202);
    assert_eq!(*world.hub.reconnected.lock().unwrap(), ["hq"]);
    let unknown = world
        .bearer("operator")
        .send("POST", "/v1/sources/x/reconnect", b"")
        .await;
    assert_eq!(unknown.status, 404);
}
