//! One shape and one position, whatever the transport.

use serde_json::json;
use tests::{Event, event::ids};

use crate::support::{calls, check_cursor, check_envelope, check_log, pair, record_of};

#[tokio::test]
async fn the_same_bytes_on_every_transport() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut live = client.stream("after=earliest").await;
    let mut live_sse = client.sse("after=earliest").await;
    calls(&pbx, &client, 2).await;
    let call = pbx.tenant().inbound("02079460018", "102");
    pbx.say_all(&call.missed()).await;
    let last = record_of(&call.session());

    let seen = live.events_until(&last).await;
    check_log(&seen);
    seen.iter().for_each(check_envelope);
    assert!(live_sse.events_until(&last).await == seen, "SSE, live");
    assert!(
        client
            .stream("after=earliest")
            .await
            .events_until(&last)
            .await
            == seen,
        "WebSocket, replayed"
    );
    assert!(
        client.sse("after=earliest").await.events_until(&last).await == seen,
        "SSE, replayed"
    );
    assert!(client.history("").await == seen, "pages");
    let mut small = client.history_of_pages("", 7).await;
    assert!(small == seen, "small pages");
    small.reverse();
    let newest = client
        .get("/v1/events?order=desc&limit=1000")
        .await
        .events();
    assert_eq!(ids(&newest), ids(&small), "newest first");
    for event in &seen {
        let one = client.get(&format!("/v1/events/{}", event.id())).await;
        assert_eq!(one.text(), event.text());
    }
}

#[tokio::test]
async fn a_stream_begins_with_what_it_is() {
    let (_pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=call.*").await;
    let opened = stream.expect("stream.opened").await;
    assert!(opened.id().starts_with("s-"), "{}", opened.text());
    assert_eq!(opened["specversion"], "1.0");
    let connection = opened.data()["connection"].as_str().unwrap();
    assert_eq!(opened["source"], format!("/streams/{connection}"));
    check_cursor(opened.data()["cursor"].as_str().unwrap());
    assert_eq!(opened.data()["heartbeat_s"], 30);
    assert!(
        opened.data()["filter"].is_object() && opened.data()["scope"].is_object(),
        "{}",
        opened.text()
    );
    assert!(opened.data()["warnings"].is_array(), "{}", opened.text());
    let live = stream.expect("stream.live").await;
    assert_eq!(
        live.data()["cursor"],
        opened.data()["cursor"],
        "nothing was replayed"
    );
}

#[tokio::test]
async fn a_type_that_a_source_can_never_emit_is_warned_of() {
    let (_pbx, gateway) = pair().await;
    let mut stream = gateway
        .client()
        .stream("types=conference.*,call.started")
        .await;
    let opened = stream.expect("stream.opened").await;
    let warnings = opened.data()["warnings"].as_array().unwrap();
    assert!(!warnings.is_empty());
    for warning in warnings {
        assert_eq!(warning["source"], "hq");
        assert!(
            warning["type"].as_str().unwrap().starts_with("conference."),
            "{warning}"
        );
        assert!(!warning["reason"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_subprotocol_is_taken_and_not_needed() {
    let (_pbx, gateway) = pair().await;
    let client = gateway.client();
    let plain = client.stream("").await;
    assert!(plain.headers().get("sec-websocket-protocol").is_none());
    let named = client
        .header("sec-websocket-protocol", "cloudevents.json")
        .stream("")
        .await;
    assert_eq!(
        named.headers().get("sec-websocket-protocol").unwrap(),
        "cloudevents.json"
    );
    assert!(named.headers().get("sec-websocket-extensions").is_none());
}

#[tokio::test]
async fn server_sent_events_carry_positions_where_one_may_go_on() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut sse = client.sse("types=call.*").await;
    assert_eq!(sse.status(), 200);
    assert!(
        sse.header("content-type")
            .unwrap()
            .starts_with("text/event-stream")
    );
    assert_eq!(sse.header("x-accel-buffering"), Some("no"));
    assert_eq!(sse.header("cache-control"), Some("no-store"));
    let first = sse.next().await.unwrap();
    assert_eq!(first.retry.as_deref(), Some("2000"), "{first:?}");
    let (frame, opened) = if first.data.is_empty() {
        sse.said().await
    } else {
        (first.clone(), Event::read(&first.data))
    };
    assert_eq!(opened.kind(), "stream.opened");
    assert_eq!(frame.id.as_deref(), opened.data()["cursor"].as_str());
    let (frame, live) = sse.said().await;
    assert_eq!(live.kind(), "stream.live");
    assert_eq!(frame.id.as_deref(), live.data()["cursor"].as_str());
    let call = pbx.tenant().internal("101", "102");
    pbx.say(&call.start()).await;
    let (frame, event) = sse.said().await;
    assert_eq!((frame.id.as_deref(), frame.event), (Some(event.id()), None));
}

#[tokio::test]
async fn no_position_is_given_while_a_snapshot_is_under_way() {
    let (_pbx, gateway) = pair().await;
    let mut sse = gateway.client().sse("snapshot=true").await;
    loop {
        let (frame, event) = sse.said().await;
        match event.kind() {
            "stream.snapshot" if event.data()["collection"].is_null() => {
                assert_eq!(
                    frame.id.as_deref(),
                    event.data()["as_of"].as_str().or(frame.id.as_deref())
                );
                assert!(frame.id.is_some(), "{frame:?}");
                return;
            }
            "stream.opened" | "stream.snapshot" => assert_eq!(frame.id, None, "{frame:?}"),
            other => panic!("{other} before the snapshot is complete"),
        }
    }
}

#[tokio::test]
async fn a_page_always_says_where_to_go_on() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let page = client.get("/v1/events?limit=1000&types=call.*").await;
    assert_eq!(
        page.header("content-type"),
        Some("application/cloudevents-batch+json")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let vary = page.header("vary").unwrap().to_lowercase();
    for name in ["accept", "authorization", "origin"] {
        assert!(vary.contains(name), "{vary}");
    }
    let next = page.next().unwrap();
    assert!(next.starts_with("/v1/events?"), "{next}");
    assert!(client.get(&next).await.events().is_empty());
    calls(&pbx, &client, 1).await;
    let polled = client.get(&next).await.events();
    assert!(
        !polled.is_empty() && polled.iter().all(|event| event.kind().starts_with("call.")),
        "the filter stays"
    );
    assert_eq!(polled[0].kind(), "call.started");
}

#[tokio::test]
async fn a_window_of_history_ends_before_its_bound() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let all = client.history("").await;
    let (from, to) = (all[2].id(), all[8].id());
    let window = client
        .get(&format!("/v1/events?after={from}&before={to}"))
        .await
        .events();
    assert_eq!(ids(&window), ids(&all[3..8]));
    let backwards = client
        .get(&format!("/v1/events?order=desc&before={to}&limit=3"))
        .await;
    let mut expected = ids(&all[5..8]);
    expected.reverse();
    assert_eq!(ids(&backwards.events()), expected);
    let older = client.get(&backwards.next().unwrap()).await.events();
    let mut expected = ids(&all[2..5]);
    expected.reverse();
    assert_eq!(ids(&older), expected);
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_that_explains_itself() {
    let (_pbx, gateway) = pair().await;
    let client = gateway.client();
    for path in [
        "/v1/nothing",
        "/v1/calls/hq:1",
        "/v1/sources/elsewhere",
        "/schemas/v1/nothing.json",
    ] {
        let problem = client.get(path).await.problem(404);
        let page = client.get(problem["type"].as_str().unwrap()).await;
        assert_eq!(page.status, 200, "{problem}");
    }
    let wrong = client.send("DELETE", "/v1/calls", None).await;
    assert!(wrong.header("allow").unwrap().contains("GET"));
    let _ = wrong.problem(405);
    let big = json!({"text": "x".repeat(300 * 1024)});
    let _ = client
        .send("POST", "/v1/tickets", Some(&big))
        .await
        .problem(413);
}
