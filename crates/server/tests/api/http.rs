//! Sizes, methods, origins, headers, and the open routes.

use std::time::Duration;

use serde_json::json;
use server::{http::Limits, problem::Kind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    client::PATIENCE,
    world::{Setup, World},
};

const WALLBOARD: &str = "https://wallboard.example.com";

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let world = World::new().await;
    let unknown = world.get("/v2/events").await;
    assert_eq!(unknown.problem(), (404, "not-found".into()));
    let wrong = world.client().send("PUT", "/v1/events", b"").await;
    assert_eq!(wrong.problem(), (405, "method-not-allowed".into()));
    assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
    let wrong = world.client().get("/v1/tickets").await;
    assert_eq!(wrong.header("allow"), Some("POST"));
}

#[tokio::test]
async fn what_is_too_large_is_told_by_its_own_status() {
    let world = World::new().await;
    let url = world
        .get(&format!("/v1/events?types={}", "x".repeat(9_000)))
        .await;
    assert_eq!(url.problem(), (414, "url-too-long".into()));
    let endless = world
        .get(&format!("/v1/events?types={}", "x".repeat(100_000)))
        .await;
    assert_eq!(endless.status, 414);
    let headers = world.client().header("X-Large", &"x".repeat(17_000));
    let headers = headers.get("/livez").await;
    assert_eq!(headers.problem(), (431, "headers-too-large".into()));
    let endless = world.client().header("X-Large", &"x".repeat(200_000));
    assert_eq!(endless.get("/livez").await.status, 431);
    let body = vec![b' '; 256 * 1024 + 1];
    let client = world.client().header("Content-Type", "application/json");
    let body = client.send("POST", "/v1/tickets", &body).await;
    assert_eq!(body.problem(), (413, "body-too-large".into()));
}

#[tokio::test]
async fn bodies_must_be_json_and_hold_what_is_known() {
    let world = World::new().await;
    let plain = world.client().header("Content-Type", "text/plain");
    let plain = plain.send("POST", "/v1/tickets", b"hello").await;
    assert_eq!(plain.problem(), (415, "unsupported-media-type".into()));
    let json = world.client().header("Content-Type", "application/json");
    let unknown = json.send("POST", "/v1/tickets", br#"{"for":"me"}"#).await;
    assert_eq!(unknown.problem(), (400, "invalid-body".into()));
    assert_eq!(unknown.wrong(), ["/for"]);
    assert_eq!(json.send("POST", "/v1/tickets", b"{}").await.status, 201);
    assert_eq!(json.send("POST", "/v1/tickets", b"{").await.status, 400);
}

#[tokio::test]
async fn unknown_parameters_are_errors_everywhere() {
    let world = World::new().await;
    for path in [
        "/livez",
        "/readyz",
        "/v1/events",
        "/v1/calls",
        "/v1/calls/hq:1",
        "/v1/sources/hq/capabilities",
        "/schemas/v1/call.json",
    ] {
        let reply = world
            .get(&format!("{path}?colour=red&access_token=x"))
            .await;
        assert_eq!(reply.problem(), (400, "invalid-parameter".into()), "{path}");
        assert_eq!(reply.wrong(), ["colour", "access_token"], "{path}");
    }
}

#[tokio::test]
async fn answers_tell_caches_and_proxies_what_to_do() {
    let world = World::new().await;
    for path in ["/v1/events", "/v1/calls", "/nowhere"] {
        let reply = world.get(path).await;
        assert_eq!(reply.header("vary"), Some("Accept, Authorization, Origin"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-accel-buffering"), Some("no"));
        assert_eq!(reply.header("server"), None);
    }
}

#[tokio::test]
async fn foreign_origins_are_refused_on_every_method() {
    let world = World::new().await;
    for method in ["GET", "POST", "PUT", "OPTIONS", "DELETE"] {
        for origin in ["https://evil.example.com", "null"] {
            let client = world.client().header("Origin", origin);
            let client = client.header("Access-Control-Request-Method", "GET");
            let reply = client.send(method, "/v1/events", b"").await;
            assert_eq!(reply.problem(), (403, "foreign-origin".into()), "{method}");
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
}

#[tokio::test]
async fn listed_and_own_origins_may_read_answers_and_errors() {
    let world = World::new().await;
    let own = format!("http://{}", world.address);
    for origin in [WALLBOARD, &own] {
        for path in ["/v1/events", "/v1/events?colour=red"] {
            let reply = world.client().header("Origin", origin).get(path).await;
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
            assert_eq!(
                reply.header("access-control-expose-headers"),
                Some("Link, Switchhook-Cursor, Retry-After, Location")
            );
        }
    }
}

#[tokio::test]
async fn preflights_are_answered_without_a_credential() {
    let world = World::start(Setup::tokens()).await;
    let client = world
        .client()
        .header("Origin", WALLBOARD)
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "authorization");
    let reply = client.send("OPTIONS", "/v1/calls", b"").await;
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some(WALLBOARD));
    let headers = reply.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("Authorization") && headers.contains("Last-Event-ID"));
}

#[tokio::test]
async fn every_kind_of_problem_has_a_page() {
    let world = World::start(Setup::tokens()).await;
    let browser = world.client().header("Accept", "text/html,*/*;q=0.8");
    for kind in Kind::ALL {
        let path = format!("/problems/{}", kind.facts().slug);
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(String::from_utf8(page.body).unwrap().contains("<h1>"));
        let json = world.get(&path).await.json();
        assert_eq!(json["type"], path);
        assert_eq!(json["status"], kind.facts().status.as_u16());
    }
    assert_eq!(world.get("/problems/none").await.status, 404);
}

#[tokio::test]
async fn schemas_are_served_under_the_id_that_events_name() {
    let world = World::start(Setup::tokens()).await;
    for name in ["call", "leg", "source", "event"] {
        let reply = world.get(&format!("/schemas/v1/{name}.json")).await;
        assert_eq!(
            reply.header("content-type"),
            Some("application/schema+json")
        );
        assert_eq!(
            reply.json()["$id"],
            format!("urn:switchhook:schema:v1:{name}")
        );
    }
    assert_eq!(world.get("/schemas/v1/nothing.json").await.status, 404);
    assert_eq!(world.get("/schemas/v1/call").await.status, 404);
}

#[tokio::test]
async fn readiness_needs_the_log_and_the_required_sources() {
    let world = World::new().await;
    assert_eq!(world.get("/livez").await.status, 200);
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200);
    let body = ready.json();
    assert_eq!(body["sources"]["hq"]["connected"], true);
    assert_eq!(body["sources"]["branch"]["state"], "disconnected");
    world.hub.put_source("hq", model::SourceState::AuthFailed);
    assert_eq!(world.get("/readyz").await.status, 503);
    world.hub.put_source("hq", model::SourceState::Synced);
    world.hub.health.lock().unwrap().log_writable = false;
    assert_eq!(world.get("/readyz").await.status, 503);
    assert_eq!(world.get("/livez").await.status, 200);
}

#[tokio::test]
async fn readiness_tells_strangers_the_status_alone() {
    let world = World::start(Setup::tokens()).await;
    assert_eq!(
        world.get("/readyz").await.json(),
        json!({"status": "ready"})
    );
    let known = world.bearer("hq").get("/readyz").await.json();
    assert!(known["sources"]["hq"].is_object() && known["sources"]["branch"].is_null());
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let world = World::new().await;
    let one = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (first, mut socket) = world.client().raw(one.repeat(2).as_bytes()).await;
    assert_eq!(first.status, 200);
    let mut rest = Vec::new();
    let expected = br#"{"status":"live"}"#;
    while rest
        .windows(expected.len())
        .filter(|part| part == expected)
        .count()
        < 2
    {
        let mut byte = [0];
        let read = socket.read(&mut byte);
        let read = timeout(PATIENCE, read).await;
        assert_eq!(read.unwrap().unwrap(), 1);
        rest.push(byte[0]);
    }
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_the_accept_loop() {
    let world = World::new().await;
    let idle = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(world.get("/livez").await.status, 200);
    world.stop.cancel();
    let served = timeout(PATIENCE, world.server).await;
    served.expect("an end").unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn who_sends_slowly_is_cut_off() {
    let world = World::start(Setup {
        limits: Limits {
            patience: Duration::from_millis(500),
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket
        .write_all(b"GET /livez HTTP/1.1\r\nHost: ")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let end = timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the connection is still open");
    let silent = TcpStream::connect(world.address).await.unwrap();
    let used = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (reply, idle) = world.client().raw(used).await;
    assert_eq!(reply.status, 200);
    for mut socket in [silent, idle.into_inner()] {
        let end = timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "an idle connection is still open");
    }
    let head = b"POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    let (reply, _socket) = world.client().raw(head).await;
    assert_eq!(reply.status, 408);
}

#[tokio::test]
async fn further_connections_wait_until_there_is_room() {
    let world = World::start(Setup {
        limits: Limits {
            connections: 1,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let first = TcpStream::connect(world.address).await.unwrap();
    let second = tokio::spawn({
        let client = world.client();
        async move { client.get("/livez").await.status }
    });
    tokio::task::yield_now().await;
    drop(first);
    assert_eq!(second.await.unwrap(), 200);
}

#[tokio::test]
async fn websockets_do_not_count_as_connections_once_they_are_open() {
    let world = World::start(Setup {
        limits: Limits {
            connections: 1,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut ws = world.client().ws("/v1/events").await.unwrap();
        ws.expect("stream.opened").await;
        streams.push(ws);
    }
}

#[tokio::test]
async fn the_documents_are_open_and_need_nothing_from_elsewhere() {
    let world = World::start(Setup::tokens()).await;
    for (path, member) in [("/openapi.json", "openapi"), ("/asyncapi.json", "asyncapi")] {
        let document = world.get(path).await;
        assert_eq!(document.status, 200, "{path}");
        assert!(document.json()[member].is_string(), "{path}");
    }
    let page = world.get("/docs").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let html = String::from_utf8(page.body.clone()).unwrap();
    assert!(
        !html.contains("<script") && !html.contains("src="),
        "no script, no picture"
    );
    assert!(!html.contains("href=\"http"), "every link stays here");
    for word in [
        "call.started",
        "/v1/events/{id}/explain",
        "stream.reset",
        "too-many-streams",
    ] {
        assert!(html.contains(word), "{word}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("object-src 'none'"));
    let style = world.get("/docs/page.css").await;
    assert_eq!(
        (style.status, style.header("content-type")),
        (200, Some("text/css; charset=utf-8"))
    );
    assert_eq!(world.get("/docs/page.js").await.status, 404);
}

#[tokio::test]
async fn the_catalogue_says_who_can_emit_what() {
    let world = World::start(Setup::tokens()).await;
    let catalog = world.bearer("reader").get("/v1/catalog").await.json();
    let items = catalog["items"].as_array().unwrap();
    assert_eq!(items.len(), model::EventType::ALL.len());
    let item = |kind: &str| items.iter().find(|item| item["type"] == kind).unwrap();
    assert_eq!(item("call.started")["class"], "guaranteed");
    assert_eq!(
        item("call.started")["sources"],
        json!({"hq": "native", "branch": "native"})
    );
    assert_eq!(item("call.held")["sources"]["hq"], "never");
    assert_eq!(
        item("call.held")["profiles"],
        json!(["crm", "wallboard", "all"])
    );
    assert_eq!(item("webhook.test")["sources"], json!({}));
    assert_eq!(item("call.ended")["example"]["type"], "call.ended");
    let schema = item("call.ended")["schema"].as_str().unwrap();
    assert_eq!(world.get(schema).await.status, 200);

    let narrowed = world.bearer("calls").get("/v1/catalog").await.json();
    let kinds = super::client::kinds(&narrowed["items"]);
    assert!(kinds.iter().all(|kind| kind.starts_with("call.")) && !kinds.is_empty());
    let hq = world.bearer("hq").get("/v1/catalog").await;
    assert!(!String::from_utf8_lossy(&hq.body).contains("branch"));
    assert_eq!(world.bearer("state").get("/v1/catalog").await.status, 403);
}
