//! `/metrics`: what is told, and to whom.

use std::collections::{BTreeMap, BTreeSet};

use model::EventType;
use server::{
    auth::{Quota, Scope, StaticToken},
    metrics::families,
};

use super::{
    backend::{about, call, of_source},
    world::{Setup, TestClock, World, by, token},
};

/// Samples by name and labels, as they are written.
struct Page(BTreeMap<String, f64>);

impl Page {
    async fn of(world: &World, bearer: &str) -> Self {
        let reply = world.bearer(bearer).get("/metrics").await;
        assert_eq!(reply.status, 200);
        let samples = String::from_utf8(reply.body).unwrap();
        let samples = samples.lines().filter(|line| !line.starts_with('#'));
        Self(
            samples
                .map(|line| {
                    let (name, value) = line.rsplit_once(' ').unwrap();
                    (name.to_owned(), value.parse().unwrap())
                })
                .collect(),
        )
    }

    fn value(&self, sample: &str) -> f64 {
        let value = self.0.get(sample);
        *value.unwrap_or_else(|| panic!("no {sample} in {:#?}", self.0))
    }

    /// The families of which there are samples.
    fn families(&self) -> BTreeSet<&str> {
        let name = |sample: &String| {
            let name = sample.split('{').next().unwrap().to_owned();
            let of = |family: &&families::Family| {
                name.strip_prefix(family.name)
                    .is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            };
            let family = families::ALL.iter().find(of);
            family.unwrap_or_else(|| panic!("{name}")).name
        };
        self.0.keys().map(name).collect()
    }
}

fn tokens() -> Vec<StaticToken> {
    let all = token("all", &[Scope::MetricsRead]);
    vec![
        StaticToken {
            tenants: Some(vec!["acme".into()]),
            ..token("acme", &[Scope::MetricsRead])
        },
        StaticToken {
            sources: Some(vec!["hq".into()]),
            ..token("hq", &[Scope::MetricsRead])
        },
        StaticToken {
            types: Some(vec!["call.*".into(), "source.*".into()]),
            ..token("calls", &[Scope::MetricsRead])
        },
        StaticToken {
            types: Some(vec!["queue.*".into()]),
            ..token("queues", &[Scope::MetricsRead])
        },
        token("reader", &[Scope::EventsRead]),
        all,
    ]
}

async fn world() -> World {
    let mut setup = Setup::tokens();
    setup.policy = by(tokens());
    let world = World::start(setup).await;
    for _ in 0..3 {
        world
            .hub
            .publish(about(EventType::CallStarted, &call("1", Some("acme"))));
    }
    world
        .hub
        .publish(of_source(EventType::SourceConnected, "branch"));
    world
        .hub
        .publish(of_source(EventType::QueueUpdated, "branch"));
    world
}

#[tokio::test]
async fn everything_is_told_in_the_text_format() {
    let world = world().await;
    let reply = world.bearer("all").get("/metrics").await;
    let kind = reply.header("content-type").map(str::to_owned);
    assert_eq!(
        kind.as_deref(),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = String::from_utf8(reply.body).unwrap();
    let told: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    // Nothing is delivered in this world.
    let expected = families::ALL
        .iter()
        .filter(|family| !family.name.contains("webhooks"));
    let expected: Vec<_> = expected
        .map(|family| format!("{} {}", family.name, family.kind.as_str()))
        .collect();
    assert_eq!(told, expected.iter().map(String::as_str).collect());

    let page = Page::of(&world, "all").await;
    let events = |source, kind| {
        page.value(&format!(
            "switchhook_source_events_total{{source=\"{source}\",type=\"{kind}\"}}"
        ))
    };
    assert_eq!(events("hq", "call.started"), 3.0);
    for (sample, expected) in [
        (
            "_total{source=\"hq\",figure=\"exits\",of=\"liveness\"}",
            2.0,
        ),
        ("{source=\"hq\",figure=\"snapshot_seconds\",of=\"\"}", 0.5),
    ] {
        assert_eq!(
            page.value(&format!("switchhook_source_link{sample}")),
            expected
        );
    }
    assert_eq!(events("branch", "queue.updated"), 1.0);
    assert_eq!(
        page.value("switchhook_source_connected{source=\"hq\"}"),
        1.0
    );
    assert_eq!(
        page.value("switchhook_source_connected{source=\"branch\"}"),
        0.0
    );
    assert_eq!(page.value("switchhook_hub_log_writable"), 1.0);
    assert!(page.value("process_open_fds") > 3.0);
    assert!(page.value("process_max_fds") > page.value("process_open_fds"));
    assert!(page.value("process_resident_memory_bytes") > 1e6);
    assert!(page.value("process_cpu_seconds_total") > 0.0);
    assert!(page.value("process_start_time_seconds") >= 1.7e9);
}

#[tokio::test]
async fn a_token_needs_the_scope_and_takes_no_parameters() {
    let world = world().await;
    let refused = world.bearer("reader").get("/metrics").await;
    assert_eq!(refused.problem(), (403, "missing-scope".into()));
    let wrong = world.bearer("all").get("/metrics?name=x").await;
    assert_eq!(wrong.problem(), (400, "invalid-parameter".into()));
}

#[tokio::test]
async fn a_limited_token_sees_its_sources_alone() {
    let world = world().await;
    let page = Page::of(&world, "hq").await;
    assert!(page.0.keys().all(|sample| sample.contains("source=\"hq\"")));
    page.value("switchhook_source_events_total{source=\"hq\",type=\"call.started\"}");
    page.value("switchhook_source_frames_total{source=\"hq\"}");

    let page = Page::of(&world, "calls").await;
    let events: Vec<_> = page
        .0
        .keys()
        .filter(|sample| sample.contains("events_total"))
        .collect();
    assert_eq!(
        events,
        [
            "switchhook_source_events_total{source=\"branch\",type=\"source.connected\"}",
            "switchhook_source_events_total{source=\"hq\",type=\"call.started\"}",
        ]
    );
    let of_sources = |name: &&str| name.starts_with("switchhook_source_");
    assert!(page.families().iter().all(of_sources));

    // What tells of sources is among the types of neither.
    assert_eq!(Page::of(&world, "queues").await.0.len(), 0);
}

#[tokio::test]
async fn a_tenant_learns_whether_sources_are_heard_and_no_more() {
    let world = world().await;
    let page = Page::of(&world, "acme").await;
    assert_eq!(
        page.families().into_iter().collect::<Vec<_>>(),
        [
            "switchhook_source_connected",
            "switchhook_source_gap_seconds_total",
            "switchhook_source_reconnects_total",
        ]
    );
}

#[tokio::test]
async fn who_is_turned_away_is_counted_by_reason() {
    let quota = Quota {
        requests_per_s: 3,
        streams_per_token: 1,
        ..Quota::default()
    };
    let mut setup = Setup {
        quota,
        ..Setup::tokens()
    };
    let mut tokens = tokens();
    tokens.push(token("other", &[Scope::MetricsRead]));
    setup.policy = by(tokens);
    let world = World::start_with(setup, TestClock::new(true)).await;
    let before = Page::of(&world, "other").await;
    let reason = |page: &Page, reason: &str| {
        page.value(&format!(
            "switchhook_door_refused_total{{reason=\"{reason}\"}}"
        ))
    };
    assert_eq!(reason(&before, "unauthenticated"), 0.0);

    world.get("/v1/calls").await;
    world.bearer("made up").get("/v1/calls").await;
    world.bearer("reader").get("/metrics").await;
    world
        .client()
        .header("Origin", "https://evil.example.com")
        .get("/livez")
        .await;
    let _open = world.bearer("reader").ws("/v1/events").await.unwrap();
    let full = world.bearer("reader").ws("/v1/events").await;
    assert_eq!(full.err().unwrap().problem().1, "too-many-streams");
    world.bearer("reader").get("/v1/events").await;
    // The first frame of a WebSocket is a credential, too.
    let mut owing = world.client().ws("/v1/events").await.unwrap();
    owing
        .say(serde_json::json!({"op": "token", "token": "made up"}))
        .await;
    assert_eq!(owing.closed().await.1, 4401);
    // A browser is told by a close code.
    let mut page = world
        .client()
        .header("Origin", "https://wallboard.example.com")
        .header("Authorization", "Bearer made up")
        .ws("/v1/events")
        .await
        .unwrap();
    assert_eq!(page.closed().await.1, 4401);
    world.get("/v1/calls?colour=red").await;

    let after = Page::of(&world, "other").await;
    let counted = |name| reason(&after, name);
    assert_eq!(counted("unauthenticated"), 5.0);
    assert_eq!(counted("missing-scope"), 1.0);
    assert_eq!(counted("foreign-origin"), 1.0);
    assert_eq!(counted("too-many-streams"), 1.0);
    assert_eq!(counted("rate-limited"), 1.0);
    assert_eq!(counted("not-local"), 0.0);
}

#[tokio::test]
async fn streams_are_counted_by_transport() {
    let setup = Setup {
        policy: by(vec![token("all", &[Scope::MetricsRead, Scope::EventsRead])]),
        ..Setup::tokens()
    };
    let world = World::start(setup).await;
    let mut socket = world.bearer("all").ws("/v1/events").await.unwrap();
    let mut sse = world.bearer("all").sse("/v1/events").await;
    for kind in ["stream.opened", "stream.live"] {
        socket.expect(kind).await;
        sse.expect(kind).await;
    }
    for _ in 0..2 {
        world
            .hub
            .publish(about(EventType::CallStarted, &call("1", Some("acme"))));
        socket.expect("call.started").await;
        sse.expect("call.started").await;
    }
    let transports = |page: &Page, name: &str| {
        ["websocket", "sse"].map(|transport| {
            page.value(&format!(
                "switchhook_streams_{name}{{transport=\"{transport}\"}}"
            ))
        })
    };
    // A shard tells what it has done at the end of its turn.
    let page = loop {
        let page = Page::of(&world, "all").await;
        if transports(&page, "sent_total") == [2.0, 2.0] {
            break page;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(transports(&page, "open"), [1.0, 1.0]);
    assert_eq!(transports(&page, "slow_closed_total"), [0.0, 0.0]);
    drop(sse);
    loop {
        let page = Page::of(&world, "all").await;
        if transports(&page, "open") == [1.0, 0.0] {
            return;
        }
        tokio::task::yield_now().await;
    }
}
