//! The ends of connections: each has its class, and none is silent.

use std::{sync::Arc, time::Duration};

use adapter::{Limits, Link as _, LinkErrorKind};
use serde_json::json;
use telecomx::{
    Config,
    link::{Memory, packet::Engine},
    sim::{Hang, Lever, Profile},
};
use testkit::Peer;

use crate::support::*;

#[tokio::test]
async fn a_service_that_hangs_is_left() {
    for engine in BOTH {
        for hang in [Hang::Accepted, Hang::Opened, Hang::Joining] {
            let sim = start(Profile::of(engine)).await;
            let memory = Memory::default();
            let config = Config {
                engine_io: Some(engine),
                ..config(&sim)
            };
            sim.hang(hang);
            let opening = open_with(&config, limits(), &memory, Arc::new(()));
            let (opened, ()) = tokio::join!(opening, async {
                if hang != Hang::Accepted {
                    sim.until(|counts| counts.open == 1).await;
                }
                // Each step has five seconds.
                for _ in 0..4 {
                    pass(Duration::from_secs(6)).await;
                    tokio::task::yield_now().await;
                }
            });
            let error = opened.err().unwrap();
            let kinds = [LinkErrorKind::Unreachable, LinkErrorKind::Protocol];
            assert!(kinds.contains(&error.kind), "{hang:?}: {}", error.chain());
        }
    }
}

#[tokio::test]
async fn the_end_of_a_connection_has_its_class() {
    for engine in BOTH {
        for (lever, kind, word) in [
            (Lever::Drop, LinkErrorKind::Transient, "connected"),
            (Lever::Close, LinkErrorKind::Transient, "connected"),
            (Lever::Restart, LinkErrorKind::Transient, "connected"),
            (
                Lever::Disconnect,
                LinkErrorKind::Transient,
                "left the socket open",
            ),
            (
                Lever::EngineClose,
                LinkErrorKind::Transient,
                "ended the session",
            ),
            (Lever::Refuse, LinkErrorKind::AuthRejected, "not here"),
        ] {
            let (sim, mut link) = subscribed(Profile::of(engine)).await;
            sim.tell(told(7)).await;
            sim.pull(lever);
            let (heard, error) = read_to_end(&mut link).await;
            assert_eq!(error.kind, kind, "{lever:?}: {}", error.chain());
            assert!(error.chain().contains(word), "{lever:?}: {}", error.chain());
            assert_eq!(heard.last().unwrap()[1]["n"], 7, "{lever:?}");
            // The socket is closed by whoever is left.
            sim.until(|counts| counts.open == 0).await;
        }
    }
}

#[tokio::test]
async fn an_unauthorized_client_is_told_so_at_any_time() {
    let (sim, mut link) = connected().await;
    sim.send(r#"42["unauthorized",{"message":"token revoked"}]"#)
        .await;
    let (_, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::AuthRejected);
    assert!(error.chain().contains("token revoked"), "{}", error.chain());
}

#[tokio::test]
async fn hearts_beat_on_both_sides() {
    for engine in BOTH {
        let sim = start(brisk(engine)).await;
        let mut link = open(&config(&sim)).await.unwrap();
        let mut frames = Vec::new();
        let alive = async { while link.read(&mut frames).await.is_ok() {} };
        tokio::select! {
            () = alive => panic!("given up"),
            counts = sim.until(|counts| counts.heartbeats >= 5) => assert_eq!(counts.open, 1),
        }
    }
}

#[tokio::test]
async fn a_heart_that_stops_is_noticed() {
    for engine in BOTH {
        let profile = Profile {
            ping_interval_ms: 300,
            ping_timeout_ms: 700,
            ..Profile::of(engine)
        };
        let sim = start(profile).await;
        let mut link = open(&config(&sim)).await.unwrap();
        sim.pull(Lever::StopHeartbeat);
        let (_, error) = read_to_end(&mut link).await;
        assert_eq!(error.kind, LinkErrorKind::Transient);
        assert!(
            error.chain().contains("no heartbeat"),
            "{engine:?}: {}",
            error.chain()
        );
    }
}

#[tokio::test]
async fn a_mute_service_is_given_up() {
    let sim = start(Profile::default()).await;
    let limits = Limits {
        silence: Duration::from_millis(900),
        ..limits()
    };
    let mut link = open_with(&config(&sim), limits, &Memory::default(), Arc::new(()))
        .await
        .unwrap();
    sim.pull(Lever::HalfOpen);
    let (_, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::Transient);
    assert!(error.chain().contains("pings"), "{}", error.chain());
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_link() {
    let (sim, mut link) = connected().await;
    let frame = |length: usize| format!("42[\"{}\"]", "x".repeat(length - r#"42[""]"#.len()));
    sim.send(frame(limits().max_frame)).await;
    sim.send(frame(limits().max_frame + 1)).await;
    let (heard, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::Protocol);
    assert!(error.chain().contains("max_frame"), "{}", error.chain());
    assert!(
        heard.last().unwrap()[0]
            .as_str()
            .unwrap()
            .starts_with("xxx")
    );
}

/// The socket is not read for a while, but not for ever: what is missed comes with the next snapshot.
#[tokio::test]
async fn a_gateway_that_does_not_take_is_disconnected_and_loses_nothing_before() {
    let profile = Profile {
        ping_interval_ms: 200,
        ping_timeout_ms: 1_000,
        ..Profile::of(Engine::V3)
    };
    let (sim, mut link) = subscribed(profile).await;
    tokio::select! {
        () = async { for n in 0.. { sim.tell(told(n)).await; } } => {}
        _ = sim.until(|counts| counts.open == 0) => {}
    }
    let (heard, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::Transient);
    assert!(error.chain().contains("behind"), "{}", error.chain());
    let numbers: Vec<u64> = heard
        .iter()
        .filter_map(|frame| frame[1]["n"].as_u64())
        .collect();
    assert!(numbers.len() >= 60_000, "{}", numbers.len());
    assert!(
        numbers
            .iter()
            .copied()
            .eq(0..u64::try_from(numbers.len()).unwrap())
    );
}

#[tokio::test]
async fn http_refusals_have_their_classes() {
    for (status, kind) in [
        ("401 Unauthorized", LinkErrorKind::AuthRejected),
        ("403 Forbidden", LinkErrorKind::AuthRejected),
        ("429 Too Many Requests", LinkErrorKind::LimitReached),
    ] {
        let peer = Peer::listen().await;
        let config: Config = serde_json::from_value(json!({
            "url": format!("http://{}", peer.address()), "token": "t", "channels": ["ADMIN"],
        }))
        .unwrap();
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let (opened, ()) = tokio::join!(open(&config), peer.answer_http(&response));
        let error = opened.err().unwrap();
        assert_eq!(error.kind, kind, "{status}: {}", error.chain());
    }
}

#[tokio::test]
async fn what_is_no_socket_io_is_said_so() {
    let peer = Peer::listen().await;
    let config: Config = serde_json::from_value(json!({
        "url": format!("http://{}", peer.address()), "token": "t", "channels": ["ADMIN"],
    }))
    .unwrap();
    let page = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (opened, ()) = tokio::join!(open(&config), async {
        peer.answer_http(page).await;
        peer.answer_http(page).await;
    });
    let error = opened.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::Protocol, "{}", error.chain());
    assert!(
        error.chain().contains("version of Engine.IO"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let peer = Peer::listen().await;
    let config: Config = serde_json::from_value(json!({
        "url": format!("http://{}", peer.address()), "token": "t", "channels": ["ADMIN"],
    }))
    .unwrap();
    drop(peer);
    let error = open(&config).await.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
}
