//! Pages of history.

use std::time::Duration;

use model::EventType;

use super::{
    backend::{START, about, call, of_source},
    client::kinds,
    world::{Setup, World},
};

const STARTED: EventType = EventType::CallStarted;
const ENDED: EventType = EventType::CallEnded;

async fn world_of(n: usize) -> World {
    let world = World::new().await;
    for number in 0..n {
        world
            .hub
            .publish(about(STARTED, &call(&number.to_string(), None)));
    }
    world
}

#[tokio::test]
async fn a_page_is_a_batch_and_always_links_to_the_next() {
    let world = world_of(3).await;
    let page = world.get("/v1/events?types=call.*&limit=2").await;
    assert_eq!(
        page.header("content-type"),
        Some("application/cloudevents-batch+json")
    );
    let events = page.json();
    assert_eq!(kinds(&events), ["call.started", "call.started"]);
    let next = page.next().unwrap();
    let last = events[1]["id"].as_str().unwrap();
    assert_eq!(
        next,
        format!("/v1/events?types=call.*&limit=2&after={last}")
    );
    let page = world.get(&next).await;
    assert_eq!(page.json()[0]["subject"], "calls/hq:2");
    let head = page.next().unwrap();
    let page = world.get(&head).await;
    assert_eq!(page.json().as_array().unwrap().len(), 0);
    let again = page.next().unwrap();
    world.hub.publish(about(ENDED, &call("2", None)));
    assert_eq!(kinds(&world.get(&again).await.json()), ["call.ended"]);
}

#[tokio::test]
async fn the_next_page_begins_after_what_was_looked_at() {
    let world = world_of(1).await;
    let other = world.hub.publish(about(ENDED, &call("0", None)));
    let page = world.get("/v1/events?types=call.started").await;
    assert_eq!(kinds(&page.json()), ["call.started"]);
    assert!(page.next().unwrap().ends_with(&format!("after={other}")));
}

#[tokio::test]
async fn descending_pages_go_back_to_the_oldest_and_end() {
    let world = world_of(5).await;
    let mut url = "/v1/events?order=desc&limit=2".to_owned();
    let mut subjects = Vec::new();
    for _ in 0..3 {
        let page = world.get(&url).await;
        let events = page.json();
        let found = events.as_array().unwrap().iter();
        subjects.extend(found.map(|event| event["subject"].as_str().unwrap().to_owned()));
        match page.next() {
            Some(next) => url = next,
            None => break,
        }
    }
    let expected = [4, 3, 2, 1, 0].map(|n| format!("calls/hq:{n}"));
    assert_eq!(subjects, expected);
    let last = world.get(&url).await;
    assert_eq!((last.status, last.next()), (200, None));
}

#[tokio::test]
async fn after_and_before_are_exclusive() {
    let world = World::new().await;
    let ids: Vec<_> = (0..4)
        .map(|n| {
            world
                .hub
                .publish(about(STARTED, &call(&n.to_string(), None)))
        })
        .collect();
    for order in ["asc", "desc"] {
        let url = format!(
            "/v1/events?after={}&before={}&order={order}",
            ids[0], ids[3]
        );
        let page = world.get(&url).await;
        let mut found: Vec<_> = page
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        assert_eq!(found, [ids[1].to_string(), ids[2].to_string()], "{order}");
    }
}

#[tokio::test]
async fn times_are_those_of_reception() {
    let world = World::new().await;
    for n in 0..3 {
        let mut draft = about(STARTED, &call(&n.to_string(), None));
        draft.recorded = START.after(Duration::from_secs(n));
        world.hub.publish(draft);
    }
    let count = async |query: &str| {
        let page = world.get(&format!("/v1/events?{query}")).await;
        page.json().as_array().unwrap().len()
    };
    assert_eq!(count("after=2023-11-14T22:13:21Z").await, 2);
    assert_eq!(count("after=2023-11-14T23:13:21%2B01:00").await, 2);
    assert_eq!(count("after=2023-11-14T23:13:21+01:00").await, 2);
    assert_eq!(count("before=2023-11-14T22:13:21Z").await, 1);
    assert_eq!(count("after=latest").await, 0);
    assert_eq!(count("after=earliest").await, 3);
}

#[tokio::test]
async fn a_position_that_cannot_be_resumed_is_gone() {
    let world = World::new().await;
    let first = world.hub.publish(about(STARTED, &call("1", None)));
    let second = world.hub.publish(about(STARTED, &call("2", None)));
    let third = world.hub.publish(about(STARTED, &call("3", None)));
    world.hub.forget(second);
    let (epoch, _) = first
        .to_string()
        .split_once('-')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    for (cursor, reason) in [
        (first.to_string(), "expired"),
        (format!("{epoch}-00000000000000ff"), "ahead"),
        ("zzzzzzzz-0000000000000001".to_owned(), "epoch"),
    ] {
        let reply = world.get(&format!("/v1/events?after={cursor}")).await;
        assert_eq!(reply.problem(), (410, "position-gone".into()));
        let problem = reply.json();
        assert_eq!(problem["reason"], reason);
        assert_eq!(problem["oldest"], second.to_string());
        assert_eq!(problem["newest"], third.to_string());
    }
    let from_oldest = world.get(&format!("/v1/events?after={second}")).await;
    assert_eq!(from_oldest.json()[0]["id"], third.to_string());
}

#[tokio::test]
async fn mistakes_in_parameters_are_told_all_at_once() {
    let world = World::new().await;
    let url = "/v1/events?types=cal.*&limit=1001&order=up&after=s-3&snapshot=true&profile=x&before=yesterday";
    let reply = world.get(url).await;
    assert_eq!(reply.problem(), (400, "invalid-parameter".into()));
    let mut wrong = reply.wrong();
    wrong.sort();
    assert_eq!(
        wrong,
        [
            "after", "before", "limit", "order", "profile", "snapshot", "types"
        ]
    );
    let told = reply.json().to_string();
    assert!(told.contains("data.cursor"), "{told}");
    for garbage in ["x", "", "k3v9q2xw-1", "-"] {
        let reply = world.get(&format!("/v1/events?after={garbage}")).await;
        assert_eq!(reply.status, 400, "{garbage}");
    }
}

#[tokio::test]
async fn lists_must_all_match_and_payloads_can_be_left_out() {
    let world = world_of(1).await;
    world.hub.publish(of_source(EventType::SourceGap, "hq"));
    world
        .hub
        .publish(of_source(EventType::SourceDegraded, "hq"));
    let found = async |query: &str| {
        let page = world.get(&format!("/v1/events?{query}")).await;
        kinds(&page.json())
    };
    let gap = "source.gap";
    assert_eq!(found("extensions=101").await, ["call.started", gap]);
    assert_eq!(
        found("extensions=e101&queues=hq:q8").await,
        ["call.started", gap]
    );
    assert_eq!(found("extensions=101&queues=9").await, [gap]);
    assert_eq!(
        found("subjects=calls/hq:0&sources=hq").await,
        ["call.started", gap]
    );
    assert_eq!(found("sources=branch").await, [""; 0]);
    assert_eq!(found("types=call.*&extensions=102").await, [""; 0]);
    let whole = world.get("/v1/events?types=call.*").await.json();
    assert_eq!(whole[0]["data"]["origin"]["payload"]["raw"], 1);
    let bare = world
        .get("/v1/events?types=call.*&payload=false")
        .await
        .json();
    assert!(bare[0]["data"]["origin"]["payload"].is_null());
    assert_eq!(bare[0]["data"]["call"], whole[0]["data"]["call"]);
}

#[tokio::test]
async fn one_event_is_served_by_its_id() {
    let world = World::new().await;
    let id = world.hub.publish(about(STARTED, &call("1", None)));
    let reply = world.get(&format!("/v1/events/{id}")).await;
    assert_eq!(
        reply.header("content-type"),
        Some("application/cloudevents+json")
    );
    assert_eq!(reply.json()["id"], id.to_string());
    for unknown in ["s-1", "garbage", "zzzzzzzz-0000000000000001"] {
        assert_eq!(
            world.get(&format!("/v1/events/{unknown}")).await.status,
            404
        );
    }
    world.hub.forget(id);
    assert_eq!(world.get(&format!("/v1/events/{id}")).await.status, 404);
}

#[tokio::test]
async fn an_unreadable_log_is_a_503_that_may_pass() {
    let world = world_of(1).await;
    world.hub.health.lock().unwrap().log_writable = false;
    let reply = world.get("/v1/events").await;
    assert_eq!(reply.problem(), (503, "log-unavailable".into()));
    assert_eq!(reply.json()["retryable"], true);
    assert!(reply.header("retry-after").is_some());
}

#[tokio::test]
async fn a_head_request_gets_the_headers_of_a_page() {
    let world = World::start(Setup::default()).await;
    let reply = world.client().send("HEAD", "/v1/events", b"").await;
    assert_eq!(reply.status, 200);
    assert!(reply.next().is_some() && reply.body.is_empty());
}

#[tokio::test]
async fn pages_of_any_size_in_either_order_hold_every_event_once() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for block in 0..5 {
        let drafts: Vec<_> = (0..4)
            .map(|n| {
                let kind = if (block + n) % 3 == 0 { ENDED } else { STARTED };
                about(kind, &call(&format!("{block}-{n}"), None))
            })
            .collect();
        let wanted = drafts.iter().filter(|draft| draft.kind == STARTED);
        expected.extend(wanted.map(|draft| draft.subject.to_string()));
        world.hub.publish_all(&drafts);
    }
    let backwards: Vec<_> = expected.iter().rev().cloned().collect();
    for limit in 1..=9 {
        for (order, expected) in [("asc", &expected), ("desc", &backwards)] {
            let mut url = format!("/v1/events?types=call.started&order={order}&limit={limit}");
            let mut found = Vec::new();
            loop {
                let page = world.get(&url).await;
                let events = page.json();
                let events = events.as_array().unwrap();
                assert!(events.len() <= limit);
                let subjects = events
                    .iter()
                    .map(|event| event["subject"].as_str().unwrap());
                found.extend(subjects.map(str::to_owned));
                match page.next() {
                    Some(next) if next != url => url = next,
                    _ => break,
                }
            }
            assert_eq!(found, *expected, "{order} {limit}");
        }
    }
}
