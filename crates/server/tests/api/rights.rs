//! Who may ask, what for, and how often.

use std::time::Duration;

use model::EventType;
use server::auth::Quota;

use super::{
    backend::{about, call, of_source},
    client::kinds,
    world::{Setup, TestClock, World},
};

#[tokio::test]
async fn without_authentication_only_this_machine_may_ask() {
    let world = World::new().await;
    for host in ["localhost", "localhost:7575", "127.0.0.1", "[::1]:80"] {
        let reply = world.client().header("Host", host).get("/v1/events").await;
        assert_eq!(reply.status, 200, "{host}");
    }
    for host in ["example.com", "localhost.example.com", "10.0.0.1"] {
        let reply = world.client().header("Host", host).get("/v1/events").await;
        assert_eq!(reply.problem(), (403, "not-local".into()), "{host}");
    }
    for (name, value) in [
        ("Forwarded", "for=1.2.3.4"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-Proto", "https"),
    ] {
        let reply = world.client().header(name, value).get("/v1/events").await;
        assert_eq!(reply.problem(), (403, "not-local".into()), "{name}");
    }
}

#[tokio::test]
async fn a_token_is_needed_and_checked() {
    let world = World::start(Setup::tokens()).await;
    for path in [
        "/v1/events",
        "/v1/events/x",
        "/v1/calls",
        "/v1/calls/x",
        "/v1/sources",
        "/v1/sources/hq/capabilities",
    ] {
        let reply = world.get(path).await;
        assert_eq!(reply.problem(), (401, "unauthenticated".into()), "{path}");
        assert!(
            reply
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer")
        );
        let reply = world.bearer("made up").get(path).await;
        assert_eq!(reply.status, 401);
    }
    for header in ["Basic cmVhZGVy", "Bearer", "reader"] {
        let client = world.client().header("Authorization", header);
        assert_eq!(client.get("/v1/events").await.status, 401, "{header}");
    }
    let lower = world.client().header("Authorization", "bearer reader");
    assert_eq!(lower.get("/v1/events").await.status, 200);
    assert_eq!(world.bearer("reader").get("/v1/calls").await.status, 200);
}

#[tokio::test]
async fn no_token_is_accepted_in_a_url() {
    let world = World::start(Setup::tokens()).await;
    for name in ["token", "access_token", "authorization"] {
        let reply = world.get(&format!("/v1/events?{name}=reader")).await;
        assert_eq!(reply.problem(), (400, "invalid-parameter".into()), "{name}");
    }
}

#[tokio::test]
async fn scopes_open_what_they_name() {
    let world = World::start(Setup::tokens()).await;
    for (token, path, status) in [
        ("events", "/v1/events", 200),
        ("events", "/v1/calls", 403),
        ("events", "/v1/sources", 403),
        ("events", "/v1/sources/hq/capabilities", 200),
        ("state", "/v1/events", 403),
        ("state", "/v1/sources", 200),
        ("state", "/v1/sources/hq/capabilities", 403),
        ("admin", "/v1/events", 200),
        ("admin", "/v1/calls", 200),
    ] {
        let reply = world.bearer(token).get(path).await;
        assert_eq!(reply.status, status, "{token} {path}");
        if status == 403 {
            assert_eq!(reply.problem().1, "missing-scope");
        }
    }
}

#[tokio::test]
async fn a_ticket_carries_its_tokens_rights_once() {
    let world = World::start(Setup::tokens()).await;
    let refused = world.client().send("POST", "/v1/tickets", b"").await;
    assert_eq!(refused.status, 401);
    let ticket = async |token: &str| {
        let reply = world.bearer(token).send("POST", "/v1/tickets", b"").await;
        assert_eq!(reply.status, 201);
        let body = reply.json();
        assert!(body["expires_at"].as_str().unwrap().ends_with('Z'));
        body["ticket"].as_str().unwrap().to_owned()
    };
    let url = format!("/v1/events?ticket={}", ticket("reader").await);
    assert_eq!(world.get(&url).await.status, 200);
    assert_eq!(
        world.get(&url).await.problem(),
        (401, "unauthenticated".into())
    );
    let url = format!("/v1/events?ticket={}", ticket("state").await);
    assert_eq!(
        world.get(&url).await.problem(),
        (403, "missing-scope".into())
    );
    let url = format!("/v1/events?ticket={}", ticket("reader").await);
    world.clock.push(Duration::from_secs(30));
    assert_eq!(world.get(&url).await.status, 401);
    let elsewhere = format!("/v1/calls?ticket={}", ticket("reader").await);
    assert_eq!(world.bearer("reader").get(&elsewhere).await.status, 400);
    let url = format!("/v1/events?ticket={}", ticket("reader").await);
    let next = world.get(&url).await.next().unwrap();
    assert!(!next.contains("ticket"), "{next}");
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_to_wait() {
    let setup = Setup {
        quota: Quota {
            requests_per_s: 5,
            ..Quota::default()
        },
        ..Setup::tokens()
    };
    let world = World::start_with(setup, TestClock::new(true)).await;
    for _ in 0..5 {
        assert_eq!(world.bearer("reader").get("/v1/events").await.status, 200);
    }
    let reply = world.bearer("reader").get("/v1/calls").await;
    assert_eq!(reply.problem(), (429, "rate-limited".into()));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(world.bearer("admin").get("/v1/calls").await.status, 200);
    world.clock.push(Duration::from_secs(1));
    assert_eq!(world.bearer("reader").get("/v1/calls").await.status, 200);
}

#[tokio::test]
async fn streams_are_counted_per_token_and_in_all() {
    let setup = Setup {
        quota: Quota {
            streams_per_token: 1,
            streams: 2,
            ..Quota::default()
        },
        ..Setup::tokens()
    };
    let world = World::start(setup).await;
    let mut first = world.bearer("reader").sse("/v1/events").await;
    first.expect("stream.opened").await;
    let accept = |token| world.bearer(token).header("Accept", "text/event-stream");
    let reply = accept("reader").get("/v1/events").await;
    assert_eq!(reply.problem(), (429, "too-many-streams".into()));
    assert!(reply.header("retry-after").is_some());
    let mut second = world.bearer("admin").sse("/v1/events").await;
    second.expect("stream.opened").await;
    let reply = accept("events").get("/v1/events").await;
    assert_eq!(reply.problem(), (503, "streams-exhausted".into()));
    assert_eq!(reply.json()["retryable"], true);
}

#[tokio::test]
async fn what_a_token_may_not_see_does_not_exist_for_it() {
    let world = World::start(Setup::tokens()).await;
    let hidden = world
        .hub
        .publish(about(EventType::CallStarted, &call("1", Some("other"))));
    world
        .hub
        .publish(about(EventType::CallStarted, &call("2", Some("acme"))));
    world.hub.publish(of_source(EventType::SourceGap, "branch"));
    let seen = async |token: &str, query: &str| {
        let reply = world.bearer(token).get(&format!("/v1/events{query}")).await;
        assert_eq!(reply.status, 200);
        let events = reply.json();
        let events = events.as_array().unwrap();
        let subjects = events
            .iter()
            .map(|event| event["subject"].as_str().unwrap().to_owned());
        subjects.collect::<Vec<_>>()
    };
    assert_eq!(seen("acme", "").await, ["calls/hq:2", "sources/branch"]);
    assert_eq!(seen("acme", "?tenants=other").await, ["sources/branch"]);
    assert_eq!(seen("hq", "").await, ["calls/hq:1", "calls/hq:2"]);
    assert_eq!(seen("hq", "?sources=branch").await, [""; 0]);
    assert_eq!(seen("nobody", "").await, [""; 0]);
    assert_eq!(seen("calls", "?types=source.*").await, [""; 0]);
    let one = format!("/v1/events/{hidden}");
    assert_eq!(
        world.bearer("acme").get(&one).await.problem(),
        (404, "not-found".into())
    );
    assert_eq!(world.bearer("reader").get(&one).await.status, 200);
    let branch = "/v1/sources/branch/capabilities";
    assert_eq!(world.bearer("hq").get(branch).await.status, 404);
}

#[tokio::test]
async fn tenant_limited_tokens_get_completeness_without_details() {
    let world = World::start(Setup::tokens()).await;
    world
        .hub
        .publish(of_source(EventType::SourceConnected, "hq"));
    world
        .hub
        .publish(of_source(EventType::SourceDegraded, "hq"));
    let events = world.bearer("acme").get("/v1/events").await.json();
    assert_eq!(kinds(&events), ["source.connected"]);
    assert!(events[0]["data"]["source"]["dialect"].is_null());
    let whole = world.bearer("reader").get("/v1/events").await.json();
    assert_eq!(whole[0]["data"]["source"]["dialect"], "v22");
}

#[tokio::test]
async fn private_parties_need_the_scope() {
    let world = World::start(Setup::tokens()).await;
    let mut private = call("1", None);
    private.caller.private = true;
    world.hub.publish(about(EventType::CallStarted, &private));
    let masked = world.bearer("reader").get("/v1/events").await;
    let text = String::from_utf8(masked.body.clone()).unwrap();
    assert!(
        !text.contains("9460018") && !text.contains("payload"),
        "{text}"
    );
    let caller = &masked.json()[0]["data"]["call"]["caller"];
    assert_eq!(*caller, serde_json::json!({"private": true}));
    let shown = world.bearer("pii").get("/v1/events").await.json();
    assert_eq!(
        shown[0]["data"]["call"]["caller"]["number"]["raw"],
        "02079460018"
    );
}
