//! The stream over WebSocket.

use std::{sync::Arc, time::Duration};

use model::EventType;
use serde_json::json;
use server::auth::{Quota, Scope};

use super::{
    backend::{START, about, call},
    world::{Setup, TestClock, World, by, token, tokens},
};

const STARTED: EventType = EventType::CallStarted;
const WALLBOARD: &str = "https://wallboard.example.com";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn handshake(world: &World) -> super::client::Client {
    world
        .client()
        .header("Connection", "keep-alive, Upgrade")
        .header("Upgrade", "WebSocket")
}

#[tokio::test]
async fn the_handshake_is_that_of_rfc_6455() {
    let world = World::new().await;
    let client = handshake(&world)
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", KEY)
        .header("Sec-WebSocket-Protocol", "graphql-ws, cloudevents.json")
        .header("Sec-WebSocket-Extensions", "permessage-deflate");
    let head = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
                Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-ws, cloudevents.json\r\n\
                Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let (reply, _socket) = client
        .raw(format!("{head}Sec-WebSocket-Key: {KEY}\r\n\r\n").as_bytes())
        .await;
    assert_eq!(reply.status, 101);
    let accept = reply.header("sec-websocket-accept");
    assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(
        reply.header("sec-websocket-protocol"),
        Some("cloudevents.json")
    );
    assert_eq!(reply.header("sec-websocket-extensions"), None);
    let (reply, _socket) = client
        .raw(format!("{head}Sec-WebSocket-Key: short\r\n\r\n").as_bytes())
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn only_version_13_is_spoken() {
    let world = World::new().await;
    let client = handshake(&world)
        .header("Sec-WebSocket-Key", KEY)
        .header("Sec-WebSocket-Version", "8");
    let reply = client.get("/v1/events").await;
    assert_eq!(reply.problem(), (426, "upgrade-required".into()));
    assert_eq!(reply.header("sec-websocket-version"), Some("13"));
}

#[tokio::test]
async fn a_stream_opens_goes_live_and_tells_what_happens() {
    let world = World::new().await;
    let before = world.hub.publish(about(STARTED, &call("1", None)));
    let mut ws = world.client().ws("/v1/events?types=call.*").await.unwrap();
    let opened = ws.expect("stream.opened").await;
    let data = &opened["data"];
    assert_eq!(data["cursor"], before.to_string());
    assert_eq!(data["filter"]["types"][0], "call.*");
    assert_eq!(data["heartbeat_s"], 30);
    let live = ws.expect("stream.live").await;
    assert_eq!(live["data"]["cursor"], before.to_string());
    let id = world
        .hub
        .publish(about(EventType::CallEnded, &call("1", None)));
    assert_eq!(ws.expect("call.ended").await["id"], id.to_string());
}

#[tokio::test]
async fn what_is_sent_right_after_the_handshake_is_not_lost() {
    let world = World::new().await;
    let mask = [0u8; 4];
    let ping = br#"{"op":"ping"}"#;
    let mut bytes = format!(
        "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes();
    bytes.extend([0x81, 0x80 | u8::try_from(ping.len()).unwrap()]);
    bytes.extend(mask);
    bytes.extend(ping);
    let (reply, mut socket) = world.client().raw(&bytes).await;
    assert_eq!(reply.status, 101);
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("stream.bookmark") {
        let mut buffer = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut socket, &mut buffer);
        let n = tokio::time::timeout(super::client::PATIENCE, read)
            .await
            .unwrap()
            .unwrap();
        assert!(n > 0);
        seen.extend(&buffer[..n]);
    }
}

#[tokio::test]
async fn after_replays_and_snapshot_comes_first() {
    let world = World::new().await;
    let first = world.hub.publish(about(STARTED, &call("1", None)));
    let second = world.hub.publish(about(STARTED, &call("2", None)));
    let mut ws = world
        .client()
        .ws(&format!("/v1/events?after={first}"))
        .await
        .unwrap();
    ws.expect("stream.opened").await;
    // A shard that has not been told of the second event yet is live before it.
    let mut told = [ws.next().await, ws.next().await];
    told.sort_by_key(|event| event["type"].to_string());
    assert_eq!(told[0]["id"], second.to_string());
    assert_eq!(told[1]["type"], "stream.live");
    world.hub.put_call(&Arc::new(call("1", None)));
    let mut ws = world
        .client()
        .ws("/v1/events?types=call.*&snapshot=true")
        .await
        .unwrap();
    ws.expect("stream.opened").await;
    let page = ws.expect("stream.snapshot").await;
    assert_eq!(page["data"]["collection"], "calls");
    assert_eq!(page["data"]["items"][0]["id"], "hq:1");
    assert_eq!(page["data"]["as_of"], second.to_string());
    let end = ws.expect("stream.snapshot").await;
    assert!(end["data"]["collection"].is_null());
    assert_eq!(end["data"]["done"], true);
    ws.expect("stream.live").await;
}

#[tokio::test]
async fn a_subscribe_frame_replaces_the_filter() {
    let world = World::new().await;
    let mut ws = world.client().ws("/v1/events?types=agent.*").await.unwrap();
    ws.expect("stream.opened").await;
    ws.expect("stream.live").await;
    ws.say(json!({"op": "subscribe", "types": ["call.*"], "extensions": "101"}))
        .await;
    let filtered = ws.expect("stream.filtered").await;
    assert_eq!(filtered["data"]["filter"]["extensions"][0], "101");
    let event = loop {
        let event = ws.next().await;
        if event["type"] != "stream.live" {
            break event;
        }
        world.hub.publish(about(STARTED, &call("1", None)));
    };
    assert_eq!(event["type"], "call.started");
    ws.say(json!({"op": "subscribe", "after": "earliest", "types": "call.started"}))
        .await;
    ws.expect("stream.filtered").await;
    assert_eq!(ws.expect("call.started").await["subject"], "calls/hq:1");
}

#[tokio::test]
async fn a_bad_frame_is_told_and_the_stream_goes_on() {
    let world = World::new().await;
    let mut ws = world.client().ws("/v1/events").await.unwrap();
    ws.expect("stream.opened").await;
    ws.expect("stream.live").await;
    for (frame, pointer) in [
        ("hello", ""),
        ("[]", ""),
        (r#"{"types":"call.*"}"#, "/op"),
        (r#"{"op":"dance"}"#, "/op"),
        (r#"{"op":"ping","loud":true}"#, "/loud"),
        (r#"{"op":"subscribe","types":"cal.*"}"#, "/types"),
        (r#"{"op":"subscribe","limit":5}"#, "/limit"),
        (r#"{"op":"subscribe","after":"s-1"}"#, "/after"),
        (r#"{"op":"token"}"#, "/token"),
    ] {
        ws.say_text(frame).await;
        let error = ws.expect("stream.error").await;
        let problem = &error["data"];
        assert_eq!(problem["type"], "/problems/invalid-body", "{frame}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{frame}");
    }
    ws.say(json!({"op": "ping"})).await;
    ws.expect("stream.bookmark").await;
}

#[tokio::test]
async fn other_clients_get_the_http_problem() {
    let world = World::start(Setup::tokens()).await;
    let bad = world
        .bearer("made up")
        .ws("/v1/events")
        .await
        .err()
        .unwrap();
    assert_eq!(bad.status, 401);
    let bad = world
        .bearer("reader")
        .ws("/v1/events?types=cal.*")
        .await
        .err()
        .unwrap();
    assert_eq!(bad.status, 400);
    let bad = world.bearer("state").ws("/v1/events").await.err().unwrap();
    assert_eq!(bad.status, 403);
    let bad = world
        .client()
        .ws("/v1/events?token=reader")
        .await
        .err()
        .unwrap();
    assert_eq!(bad.status, 400);
    let foreign = world
        .bearer("reader")
        .header("Origin", "https://evil.example.com");
    assert_eq!(foreign.ws("/v1/events").await.err().unwrap().status, 403);
}

#[tokio::test]
async fn browsers_get_the_close_code() {
    let setup = Setup {
        quota: Quota {
            streams_per_token: 1,
            ..Quota::default()
        },
        ..Setup::tokens()
    };
    let world = World::start(setup).await;
    let taken = world.bearer("reader").ws("/v1/events").await;
    assert!(taken.is_ok());
    for (token, path, code) in [
        ("made up", "/v1/events", 4401),
        ("admin", "/v1/events?types=cal.*", 4400),
        ("admin", "/v1/events?after=garbage", 4400),
        ("state", "/v1/events", 4403),
        ("events", "/v1/events?snapshot=true", 4403),
        ("reader", "/v1/events", 4504),
    ] {
        let browser = world.bearer(token).header("Origin", WALLBOARD);
        let mut ws = browser.ws(path).await.unwrap();
        let (events, closed) = ws.closed().await;
        assert_eq!(closed, code, "{token} {path}");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "stream.closing");
        assert_eq!(last["data"]["code"], code);
        assert_eq!(last["data"]["retryable"], code >= 4500);
    }
    let mut fine = world
        .bearer("admin")
        .header("Origin", WALLBOARD)
        .ws("/v1/events")
        .await
        .unwrap();
    fine.expect("stream.opened").await;
}

#[tokio::test]
async fn a_ticket_opens_a_stream() {
    let world = World::start(Setup::tokens()).await;
    let reply = world
        .bearer("reader")
        .send("POST", "/v1/tickets", b"")
        .await;
    let ticket = reply.json()["ticket"].as_str().unwrap().to_owned();
    let url = format!("/v1/events?ticket={ticket}");
    let mut ws = world.client().ws(&url).await.unwrap();
    ws.expect("stream.opened").await;
    assert_eq!(world.client().ws(&url).await.err().unwrap().status, 401);
}

#[tokio::test]
async fn a_token_may_come_as_the_first_frame() {
    let world = World::start(Setup::tokens()).await;
    let mut ws = world.client().ws("/v1/events?types=call.*").await.unwrap();
    ws.say(json!({"op": "token", "token": "reader"})).await;
    let opened = ws.expect("stream.opened").await;
    assert_eq!(opened["data"]["filter"]["types"][0], "call.*");
    ws.expect("stream.live").await;
    world.hub.publish(about(STARTED, &call("1", None)));
    ws.expect("call.started").await;
    for (frame, code) in [
        (json!({"op": "token", "token": "made up"}), 4401),
        (json!({"op": "ping"}), 4401),
        (json!({"op": "token", "token": "state"}), 4403),
    ] {
        let mut ws = world.client().ws("/v1/events").await.unwrap();
        ws.say(frame).await;
        assert_eq!(ws.closed().await.1, code);
    }
}

#[tokio::test]
async fn who_sends_no_token_is_closed() {
    let mut setup = Setup::tokens();
    setup.pace.token_wait = Duration::from_millis(50);
    let world = World::start(setup).await;
    let mut ws = world.client().ws("/v1/events").await.unwrap();
    assert_eq!(ws.closed().await.1, 4401);
}

#[tokio::test]
async fn a_withdrawn_token_closes_its_streams() {
    let world = World::start(Setup::tokens()).await;
    let mut withdrawn = world.bearer("events").ws("/v1/events").await.unwrap();
    let mut kept = world.bearer("reader").ws("/v1/events").await.unwrap();
    for ws in [&mut withdrawn, &mut kept] {
        ws.expect("stream.opened").await;
        ws.expect("stream.live").await;
    }
    let mut next = tokens();
    next.retain(|token| &*token.name != "events");
    world.surface.reload(by(next));
    assert_eq!(withdrawn.closed().await.1, 4401);
    kept.say(json!({"op": "ping"})).await;
    kept.expect("stream.bookmark").await;
}

#[tokio::test]
async fn a_token_is_renewed_in_place() {
    let mut soon = token("soon", &[Scope::EventsRead]);
    soon.expires = Some(START.after(Duration::from_secs(3_600)));
    let mut setup = Setup::tokens();
    setup.policy = by([vec![soon], tokens()].concat());
    setup.pace.notice = Duration::from_secs(3_600);
    let world = World::start(setup).await;
    let mut ws = world.bearer("soon").ws("/v1/events").await.unwrap();
    ws.expect("stream.opened").await;
    let mut told = [ws.next().await, ws.next().await];
    told.sort_by_key(|event| event["type"].to_string());
    assert_eq!(told[0]["type"], "stream.expiring");
    assert_eq!(told[0]["data"]["at"], "2023-11-14T23:13:20Z");
    ws.say(json!({"op": "token", "token": "made up"})).await;
    let error = ws.expect("stream.error").await;
    assert_eq!(error["data"]["type"], "/problems/unauthenticated");
    // Other limits are told, and hold from there on.
    ws.say(json!({"op": "token", "token": "acme"})).await;
    let filtered = ws.expect("stream.filtered").await;
    assert_eq!(filtered["data"]["scope"]["tenants"][0], "acme");
    world.hub.publish(about(STARTED, &call("1", Some("other"))));
    let seen = world.hub.publish(about(STARTED, &call("2", Some("acme"))));
    loop {
        let event = ws.next().await;
        if event["type"] != "stream.live" {
            assert_eq!(event["id"], seen.to_string());
            break;
        }
    }
}

#[tokio::test]
async fn a_token_that_ends_closes_its_stream() {
    let mut soon = token("soon", &[Scope::EventsRead]);
    soon.expires = Some(START.after(Duration::from_millis(1_500)));
    let mut setup = Setup::tokens();
    setup.policy = by(vec![soon]);
    // The timers of the stream go by the machine, the end of the token by this clock.
    let world = World::start_with(setup, TestClock::new(true)).await;
    let mut ws = world.bearer("soon").ws("/v1/events").await.unwrap();
    let (events, code) = ws.closed().await;
    assert_eq!(code, 4502);
    let told: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert!(told.contains(&"stream.expiring"), "{told:?}");
}

#[tokio::test]
async fn streams_are_counted_until_they_close() {
    let setup = Setup {
        quota: Quota {
            streams_per_token: 1,
            ..Quota::default()
        },
        ..Setup::tokens()
    };
    let world = World::start(setup).await;
    let mut first = world.bearer("reader").ws("/v1/events").await.unwrap();
    first.expect("stream.opened").await;
    let refused = world.bearer("reader").ws("/v1/events").await.err().unwrap();
    assert_eq!(refused.problem(), (429, "too-many-streams".into()));
    drop(first);
    let deadline = tokio::time::Instant::now() + super::client::PATIENCE;
    while world.bearer("reader").ws("/v1/events").await.is_err() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the room was not given back"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_drain_says_goodbye() {
    let world = World::new().await;
    let mut ws = world.client().ws("/v1/events").await.unwrap();
    ws.expect("stream.opened").await;
    ws.expect("stream.live").await;
    world.stop.cancel();
    let drained = tokio::spawn({
        let fanout = world.fanout.clone();
        async move {
            let closing = hub::stream::Closing::shutting_down();
            fanout.drain(closing, super::client::PATIENCE).await;
        }
    });
    let (events, code) = ws.closed().await;
    assert_eq!(code, 4501);
    assert_eq!(events.last().unwrap()["data"]["retryable"], true);
    drop(ws);
    drained.await.unwrap();
}

#[tokio::test]
async fn all_streams_together_are_limited() {
    let setup = Setup {
        quota: Quota {
            streams: 1,
            ..Quota::default()
        },
        ..Setup::tokens()
    };
    let world = World::start(setup).await;
    let mut owing = world.client().ws("/v1/events").await.unwrap();
    let full = (503, "streams-exhausted".to_owned());
    let refused = world.bearer("reader").ws("/v1/events").await.err().unwrap();
    assert_eq!(refused.problem(), full);
    let refused = world.client().ws("/v1/events").await.err().unwrap();
    assert_eq!(refused.problem(), full);
    let browser = world.bearer("reader").header("Origin", WALLBOARD);
    assert_eq!(
        browser.ws("/v1/events").await.unwrap().closed().await.1,
        4504
    );
    // The room is taken already by the stream that owes its token.
    owing.say(json!({"op": "token", "token": "reader"})).await;
    owing.expect("stream.opened").await;
}

#[tokio::test]
async fn a_large_snapshot_comes_in_pages() {
    let world = World::start(Setup::tokens()).await;
    for n in 0..300 {
        let mut one = call(&format!("{n:03}"), Some("acme"));
        one.caller.private = n == 7;
        one.callee.name = Some("x".repeat(1_000).into());
        world.hub.put_call(&Arc::new(one));
    }
    world.hub.put_call(&Arc::new(call("other", Some("other"))));
    let url = "/v1/events?types=call.*&snapshot=true";
    let mut ws = world.bearer("acme").ws(url).await.unwrap();
    ws.expect("stream.opened").await;
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let page = ws.expect("stream.snapshot").await;
        pages += 1;
        assert_eq!(page["data"]["collection"], "calls");
        for item in page["data"]["items"].as_array().unwrap() {
            found.push(item["id"].as_str().unwrap().to_owned());
            let is_private = item["id"] == "hq:007";
            assert_eq!(item["caller"] == json!({"private": true}), is_private);
        }
        if page["data"]["done"] == true {
            break;
        }
    }
    let expected: Vec<_> = (0..300).map(|n| format!("hq:{n:03}")).collect();
    assert_eq!(found, expected);
    assert!(pages > 2);
    assert!(ws.expect("stream.snapshot").await["data"]["collection"].is_null());
}
