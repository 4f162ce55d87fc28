//! The stream as server-sent events.

use std::{sync::Arc, time::Duration};

use hub::tail::TailLimits;
use model::EventType;
use server::http::Limits;

use super::{
    backend::{about, call, of_source},
    world::{Setup, World, by, token, tokens},
};

const STARTED: EventType = EventType::CallStarted;

#[tokio::test]
async fn a_stream_opens_goes_live_and_tells_what_happens() {
    let world = World::new().await;
    let before = world.hub.publish(about(STARTED, &call("1", None)));
    let mut stream = world.client().sse("/v1/events?types=call.*").await;
    let reply = stream.reply();
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    let opened = stream.expect("stream.opened").await;
    assert_eq!(opened.fields, ["retry", "id", "data"]);
    assert_eq!(opened.id, Some(before.to_string()));
    let data = &opened.data["data"];
    assert_eq!(data["cursor"], before.to_string());
    assert_eq!(data["heartbeat_s"], 30);
    assert_eq!(data["filter"]["types"][0], "call.*");
    assert!(data["scope"].is_object());
    let connection = data["connection"].as_str().unwrap();
    assert_eq!(opened.data["source"], format!("/streams/{connection}"));
    assert_eq!(opened.data["id"], "s-1");
    let live = stream.expect("stream.live").await;
    assert_eq!(live.id, Some(before.to_string()));
    let id = world
        .hub
        .publish(about(EventType::CallEnded, &call("1", None)));
    let ended = stream.expect("call.ended").await;
    assert_eq!(ended.fields, ["id", "data"]);
    assert_eq!(ended.id, Some(id.to_string()));
    assert_eq!(ended.data["id"], id.to_string());
}

#[tokio::test]
async fn last_event_id_overrides_after_and_suppresses_the_snapshot() {
    let world = World::new().await;
    let first = world.hub.publish(about(STARTED, &call("1", None)));
    world.hub.publish(about(STARTED, &call("2", None)));
    let client = world.client().header("Last-Event-ID", &first.to_string());
    let mut stream = client
        .sse("/v1/events?types=call.*&after=latest&snapshot=true")
        .await;
    stream.expect("stream.opened").await;
    let event = stream.expect("call.started").await;
    assert_eq!(event.data["subject"], "calls/hq:2");
    stream.expect("stream.live").await;
    let garbage = world.client().header("Last-Event-ID", "s-4");
    let reply = garbage
        .header("Accept", "text/event-stream")
        .get("/v1/events")
        .await;
    assert_eq!(reply.problem(), (400, "invalid-parameter".into()));
}

#[tokio::test]
async fn a_snapshot_comes_before_the_events_after_it_and_is_no_position_until_it_ends() {
    let world = World::new().await;
    let as_of = world.hub.publish(about(STARTED, &call("1", None)));
    world.hub.put_call(&Arc::new(call("1", None)));
    let mut stream = world
        .client()
        .sse("/v1/events?types=call.*,queue.caller_*,source.*&extensions=101&snapshot=true")
        .await;
    let opened = stream.expect("stream.opened").await;
    assert_eq!(opened.id, None);
    assert_eq!(opened.data["data"]["cursor"], as_of.to_string());
    let mut told = Vec::new();
    loop {
        let page = stream.expect("stream.snapshot").await;
        let data = &page.data["data"];
        assert_eq!(data["as_of"], as_of.to_string());
        assert_eq!(data["done"], true);
        told.push((
            data["collection"].as_str().map(str::to_owned),
            data["items"].as_array().map_or(0, Vec::len),
        ));
        if data["collection"].is_null() {
            assert_eq!(page.id, Some(as_of.to_string()));
            break;
        }
        assert_eq!(page.id, None);
        if data["collection"] == "calls" {
            assert_eq!(data["items"][0]["id"], "hq:1");
            assert_eq!(data["items"][0]["freshness"], "live");
        }
    }
    let expected = [("sources", 2), ("queues", 0), ("calls", 1), ("callers", 0)];
    let mut expected: Vec<_> = expected.map(|(name, n)| (Some(name.to_owned()), n)).into();
    expected.push((None, 0));
    assert_eq!(told, expected);
    stream.expect("stream.live").await;
    world
        .hub
        .publish(about(EventType::CallEnded, &call("1", None)));
    stream.expect("call.ended").await;
}

#[tokio::test]
async fn a_resumable_after_wins_over_the_snapshot() {
    let world = World::new().await;
    let id = world.hub.publish(about(STARTED, &call("1", None)));
    for after in [id.to_string(), "earliest".into()] {
        let url = format!("/v1/events?after={after}&snapshot=true&types=call.ended");
        let mut stream = world.client().sse(&url).await;
        assert!(stream.expect("stream.opened").await.id.is_some());
        stream.expect("stream.live").await;
    }
}

#[tokio::test]
async fn a_position_that_is_gone_resets_and_a_snapshot_follows() {
    let world = World::start(Setup::tokens()).await;
    let first = world.hub.publish(about(STARTED, &call("1", None)));
    let second = world.hub.publish(about(STARTED, &call("2", None)));
    let third = world.hub.publish(about(STARTED, &call("3", None)));
    world.hub.forget(second);
    let url = format!("/v1/events?types=call.*&after={first}");
    let mut stream = world.bearer("reader").sse(&url).await;
    stream.expect("stream.opened").await;
    let reset = stream.expect("stream.reset").await;
    assert_eq!(reset.id, None);
    let data = &reset.data["data"];
    assert_eq!(data["reason"], "expired");
    assert_eq!(data["requested"], first.to_string());
    assert_eq!(data["oldest"], second.to_string());
    assert_eq!(data["newest"], third.to_string());
    stream.expect("stream.snapshot").await;
    // Without `state:read` the log is replayed instead.
    let mut stream = world.bearer("events").sse(&url).await;
    stream.expect("stream.opened").await;
    stream.expect("stream.reset").await;
    let event = stream.expect("call.started").await;
    assert_eq!(event.data["id"], third.to_string());
    stream.expect("stream.live").await;
}

#[tokio::test]
async fn bookmarks_move_on_though_everything_was_filtered_out() {
    let world = World::start(Setup {
        heartbeat: Duration::from_millis(50),
        // A stream is longer than any request may take.
        limits: Limits {
            patience: Duration::from_millis(500),
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let mut stream = world.client().sse("/v1/events?types=agent.*").await;
    stream.expect("stream.opened").await;
    stream.expect("stream.live").await;
    for _ in 0..20 {
        stream.expect("stream.bookmark").await;
    }
    let id = world.hub.publish(about(STARTED, &call("1", None)));
    loop {
        let bookmark = stream.expect("stream.bookmark").await;
        assert_eq!(
            bookmark.id.as_deref(),
            bookmark.data["data"]["cursor"].as_str()
        );
        if bookmark.id == Some(id.to_string()) {
            break;
        }
    }
}

#[tokio::test]
async fn replay_reads_the_log_where_the_tail_does_not_reach() {
    let world = World::start(Setup {
        tail: TailLimits {
            blocks: 2,
            ..TailLimits::default()
        },
        ..Setup::default()
    })
    .await;
    let ids: Vec<_> = (0..50)
        .map(|n| {
            world
                .hub
                .publish(about(STARTED, &call(&n.to_string(), None)))
        })
        .collect();
    let mut stream = world.client().sse("/v1/events?after=earliest").await;
    stream.expect("stream.opened").await;
    for id in ids {
        let event = stream.expect("call.started").await;
        assert_eq!(event.data["id"], id.to_string());
    }
    stream.expect("stream.live").await;
}

#[tokio::test]
async fn a_reader_that_fell_behind_the_tail_catches_up_from_the_log_and_is_live_again() {
    let world = World::start(Setup {
        tail: TailLimits {
            blocks: 1,
            ..TailLimits::default()
        },
        ..Setup::default()
    })
    .await;
    let mut stream = world.client().sse("/v1/events").await;
    stream.expect("stream.opened").await;
    stream.expect("stream.live").await;
    let mut expected = Vec::new();
    for n in 0..2_000 {
        let id = world
            .hub
            .publish(about(STARTED, &call(&n.to_string(), None)));
        expected.push(id.to_string());
    }
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        let told = stream.next().await.unwrap();
        match told.data["type"].as_str().unwrap() {
            "call.started" => seen.push(told.data["id"].as_str().unwrap().to_owned()),
            "stream.live" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_its_room_given_back() {
    let mut setup = Setup::tokens();
    setup.pace.stall = Duration::from_millis(50);
    setup.quota.streams_per_token = 1;
    let world = World::start(setup).await;
    let mut stalled = world.bearer("reader").sse("/v1/events").await;
    stalled.expect("stream.opened").await;
    stalled.expect("stream.live").await;
    // More than the system's socket buffers take.
    let mut large = call("1", None);
    large.caller.name = Some("x".repeat(50_000).into());
    const EVENTS: usize = 600;
    for _ in 0..EVENTS {
        world.hub.publish(about(STARTED, &large));
    }
    let deadline = tokio::time::Instant::now() + super::client::PATIENCE;
    loop {
        let mut again = world.bearer("reader").sse("/v1/events").await;
        if again.reply().status == 200 {
            again.expect("stream.opened").await;
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the reader is still there"
        );
        tokio::task::yield_now().await;
    }
    let mut seen = 0;
    while stalled.next().await.is_some() {
        seen += 1;
    }
    assert!(seen < EVENTS, "nothing was cut off");
}

#[tokio::test]
async fn a_stop_says_goodbye() {
    let world = World::new().await;
    let mut stream = world.client().sse("/v1/events").await;
    stream.expect("stream.opened").await;
    stream.expect("stream.live").await;
    world.stop.cancel();
    let closing = stream.expect("stream.closing").await;
    assert_eq!(closing.data["data"]["code"], 4501);
    assert_eq!(closing.data["data"]["retryable"], true);
    assert!(stream.next().await.is_none());
    let served = tokio::time::timeout(super::client::PATIENCE, world.server).await;
    served.expect("an end").unwrap().unwrap();
    world.surface.finished().await;
}

#[tokio::test]
async fn a_withdrawn_token_ends_its_streams_and_no_others() {
    let world = World::start(Setup::tokens()).await;
    let mut withdrawn = world.bearer("events").sse("/v1/events").await;
    let mut changed = world.bearer("reader").sse("/v1/events").await;
    let mut kept = world.bearer("admin").sse("/v1/events").await;
    for stream in [&mut withdrawn, &mut changed, &mut kept] {
        stream.expect("stream.opened").await;
        stream.expect("stream.live").await;
    }
    let mut next = tokens();
    next.retain(|token| &*token.name != "events" && &*token.name != "reader");
    next.push(token("reader", &[server::auth::Scope::EventsRead]));
    world.surface.reload(by(next));
    let closing = withdrawn.expect("stream.closing").await;
    assert_eq!(closing.data["data"]["code"], 4401);
    let closing = changed.expect("stream.closing").await;
    assert_eq!(closing.data["data"]["code"], 4502);
    world.hub.publish(of_source(EventType::SourceGap, "hq"));
    kept.expect("source.gap").await;
}

#[tokio::test]
async fn the_end_of_a_token_is_told_before_it_comes() {
    let mut soon = token("soon", &[server::auth::Scope::EventsRead]);
    soon.expires = Some(super::backend::START.after(Duration::from_secs(61)));
    let mut setup = Setup::tokens();
    setup.policy = by(vec![soon]);
    setup.pace.notice = Duration::from_millis(60_900);
    let world = World::start(setup).await;
    let mut stream = world.bearer("soon").sse("/v1/events").await;
    stream.expect("stream.opened").await;
    let expiring = loop {
        let told = stream.next().await.unwrap();
        if told.data["type"] != "stream.live" {
            break told;
        }
    };
    assert_eq!(expiring.data["type"], "stream.expiring");
    assert_eq!(expiring.id, None);
    assert_eq!(expiring.data["data"]["at"], "2023-11-14T22:14:21Z");
    world.clock.push(Duration::from_secs(62));
    let late = world.bearer("soon").get("/v1/events").await;
    assert_eq!(late.problem(), (401, "unauthenticated".into()));
}

#[tokio::test]
async fn wrong_requests_are_refused_before_the_stream_begins() {
    let world = World::start(Setup::tokens()).await;
    let client = world.client().header("Accept", "text/event-stream");
    assert_eq!(
        client.get("/v1/events").await.problem(),
        (401, "unauthenticated".into())
    );
    let reader = world.bearer("reader").header("Accept", "text/event-stream");
    let page = reader
        .get("/v1/events?limit=5&before=latest&order=desc")
        .await;
    assert_eq!(page.problem(), (400, "invalid-parameter".into()));
    let events = world.bearer("events").header("Accept", "text/event-stream");
    let state = events.get("/v1/events?snapshot=true").await;
    assert_eq!(state.problem(), (403, "missing-scope".into()));
}

#[tokio::test]
async fn warnings_name_what_can_never_come() {
    let world = World::start(Setup::tokens()).await;
    let mut stream = world
        .bearer("calls")
        .sse("/v1/events?types=call.held,call.ringing,agent.left&sources=hq")
        .await;
    let opened = stream.expect("stream.opened").await;
    let warnings = opened.data["data"]["warnings"].as_array().unwrap().clone();
    let told: Vec<_> = warnings
        .iter()
        .map(|warning| {
            (
                warning["source"].as_str().unwrap(),
                warning["type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("hq", "call.held"), ("hq", "agent.left")]);
    assert!(warnings.iter().all(|warning| warning["reason"].is_string()));
}
