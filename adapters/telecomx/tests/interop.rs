//! The link against the official Socket.IO servers, and the simulator against the official clients.
//!
//! Needs Node and `npm ci` in `tests/interop`, which `tests/run` sees to.

#![cfg(test)]

mod node;
mod still;

use std::{sync::Arc, time::Duration};

use adapter::{Limits, Link as _, LinkErrorKind};
use bytes::Bytes;
use model::SourceId;
use serde_json::{Value, json};
use telecomx::{
    Config,
    config::Secret,
    link::{Connection, Memory, connect, packet::Engine},
    sim::{Level, Lever, Profile, Sim},
};
use testkit::must;

use crate::{
    node::Node,
    still::{Still, told},
};

/// The versions of the server, their options, and the Engine.IO that they are to be spoken to with.
fn servers() -> Vec<(&'static str, Value, Engine)> {
    let only_websocket = json!({"engine": {"transports": ["websocket"]}});
    vec![
        ("2", json!({}), Engine::V3),
        ("3", json!({}), Engine::V4),
        ("4", json!({}), Engine::V4),
        ("2", only_websocket.clone(), Engine::V3),
        ("3", only_websocket.clone(), Engine::V4),
        ("4", only_websocket, Engine::V4),
        ("4", json!({"engine": {"allowEIO3": true}}), Engine::V4),
    ]
}

#[tokio::test]
async fn every_official_server_is_found_out_and_spoken() {
    for (version, options, engine) in servers() {
        let (mut server, mut link) = connected(version, &options).await;
        let what = format!("socket.io {version} {options}");
        assert_eq!(link.dialect().as_deref(), Some(engine.as_str()), "{what}");
        let who = server.hear("authenticate").await;
        assert_eq!(who["client"], "Switchhook", "{what}");
        for (channel, filter) in [("PBX", json!(["CALL_END"])), ("CALL", Value::Null)] {
            let asked = server.hear("subscribe").await;
            assert_eq!(
                (&asked["type"], &asked["customer"], &asked["events"]),
                (&json!(channel), &json!("c1"), &filter)
            );
        }
        let heard = read_until(&mut link, |frame| {
            frame[1] == json!({"channel": "CALL", "ok": true})
        })
        .await;
        assert!(
            heard.contains(&json!(["authenticated"])),
            "{what}: without an argument: {heard:?}"
        );

        server
            .tell(&json!({"emit": ["PBX", {"event": "CALL_END", "caller": "æøå"}]}))
            .await;
        read_until(&mut link, |frame| frame[1]["caller"] == "æøå").await;
        server.tell(&json!({"emit": ["unsubscribed"]})).await;
        read_until(&mut link, |frame| *frame == json!(["unsubscribed"])).await;
        // "one" and a byte that some clients split at.
        server
            .tell(&json!({"emit": ["AUDIO", {"buffer": "b25lHg=="}, {"buffer": "AA=="}]}))
            .await;
        let audio =
            json!(["AUDIO", {"data": {"base64": "b25lHg=="}}, {"data": {"base64": "AA=="}}]);
        read_until(&mut link, |frame| *frame == audio).await;

        let request = json!({"emit": ["request", {"request": "Ping"}], "ack": "cmd-1"});
        link.send(Bytes::from(request.to_string())).await.unwrap();
        let ack = json!(["#ack", {"id": "cmd-1", "args": [{"success": true, "requestId": "r1"}]}]);
        read_until(&mut link, |frame| *frame == ack).await;
        link.close().await;
        server.hear("disconnect").await;
    }
}

#[tokio::test]
async fn many_events_arrive_in_order() {
    const MANY: u64 = 20_000;
    for version in ["2", "3", "4"] {
        let (mut server, mut link) = connected(version, &json!({})).await;
        server.tell(&json!({"burst": MANY})).await;
        let number = |frame: &Value| frame[1]["data"]["message"].as_str()?.parse::<u64>().ok();
        let heard = read_until(&mut link, |frame| number(frame) == Some(MANY - 1)).await;
        let numbers = heard.iter().filter_map(number);
        assert!(numbers.eq(0..MANY), "socket.io {version}");
    }
}

/// Row 2 of the reasons for a client of our own: a server of version 2 drops who does not ping.
#[tokio::test]
async fn hearts_beat_as_each_server_wants_it() {
    let engine = json!({"engine": {"pingInterval": 200, "pingTimeout": 1_000}});
    for version in ["2", "3", "4"] {
        let (mut server, mut link) = connected(version, &engine).await;
        let mut frames = Vec::new();
        let reading = async { while link.read(&mut frames).await.is_ok() {} };
        let beating = async { while server.hear("heartbeat").await != json!(10) {} };
        tokio::select! {
            () = reading => panic!("socket.io {version} ended the session"),
            () = must("ten heartbeats", beating) => {}
        }
    }
}

#[tokio::test]
async fn whoever_is_put_out_leaves() {
    for version in ["2", "3", "4"] {
        for (order, word) in [("kick", "left the socket open"), ("close", "")] {
            let (mut server, mut link) = connected(version, &json!({})).await;
            server.tell(&json!({order: true})).await;
            let error = read_to_end(&mut link).await;
            assert_eq!(
                error.kind,
                LinkErrorKind::Transient,
                "{version} {order}: {}",
                error.chain()
            );
            assert!(
                error.chain().contains(word),
                "{version} {order}: {}",
                error.chain()
            );
            server.hear("disconnect").await;
        }
        let (server, mut link) = connected(version, &json!({})).await;
        server.kill().await;
        assert_eq!(
            read_to_end(&mut link).await.kind,
            LinkErrorKind::Transient,
            "{version}"
        );
    }
}

#[tokio::test]
async fn a_server_that_freezes_is_given_up() {
    let engine = json!({"engine": {"pingInterval": 300, "pingTimeout": 700}});
    for version in ["2", "3", "4"] {
        let (server, mut link) = connected(version, &engine).await;
        server.freeze().await;
        let error = read_to_end(&mut link).await;
        assert_eq!(error.kind, LinkErrorKind::Transient);
        assert!(
            error.chain().contains("no heartbeat"),
            "{version}: {}",
            error.chain()
        );
    }
}

#[tokio::test]
async fn refusals_of_every_server_are_refusals() {
    for version in ["2", "3", "4"] {
        let server = Node::server(version, &json!({"refuse": true})).await;
        let error = open(&config(&server)).await.err().unwrap();
        assert_eq!(
            error.kind,
            LinkErrorKind::AuthRejected,
            "{version}: {}",
            error.chain()
        );
        assert!(
            error.chain().contains("not today"),
            "{version}: {}",
            error.chain()
        );

        let server = Node::server(version, &json!({})).await;
        let config = Config {
            token: Some(Secret::new("no")),
            ..config(&server)
        };
        let error = open(&config).await.err().unwrap();
        assert_eq!(
            error.kind,
            LinkErrorKind::AuthRejected,
            "{version}: {}",
            error.chain()
        );
    }
}

#[tokio::test]
async fn official_clients_hear_the_simulator() {
    for (version, engine) in [("4", Engine::V4), ("2", Engine::V3)] {
        let profile = Profile {
            ping_interval_ms: 200,
            ping_timeout_ms: 5_000,
            ..Profile::of(engine)
        };
        let sim = Sim::start(profile.quiet(), Still::default()).await.unwrap();
        let customer = sim.profile().customer.clone();
        let mut client = Node::client(version, sim.url(), "viewer-token", &customer).await;
        assert_eq!(
            client.hear("authenticated").await,
            json!([]),
            "without an argument"
        );
        for channel in ["PBX", "CALL"] {
            assert_eq!(client.hear("acknowledged").await, channel);
        }
        sim.until(|counts| counts.subscriptions == 2).await;
        for n in 0..1_000 {
            sim.tell(told(n)).await;
        }
        for n in 0..1_000 {
            assert_eq!(client.event("PBX").await[0]["n"], n);
        }
        sim.send(r#"451-["AUDIO",{"_placeholder":true,"num":0}]"#)
            .await;
        let first = if engine == Engine::V3 {
            &[4_u8][..]
        } else {
            &[]
        };
        sim.send_binary([first, b"one"].concat()).await;
        assert_eq!(
            client.event("AUDIO").await[0]["data"],
            json!([111, 110, 101])
        );

        let employee = &sim.profile().account(Level::Viewer).unwrap().employee;
        let to = json!({"employee": employee, "instanceId": "official"});
        client
            .tell(&json!({"emit": ["request", {"to": to, "request": "Ping"}]}))
            .await;
        assert_eq!(client.event("REQUEST").await[0]["request"], "Ping");
        assert_eq!(client.hear("answer").await["success"], true);

        let beats = sim.counts().heartbeats;
        sim.until(|counts| counts.heartbeats >= beats + 5).await;
        assert_eq!(
            sim.counts().connections,
            1,
            "socket.io-client {version} stays"
        );
        sim.pull(Lever::Drop);
        client.hear("disconnect").await;
        client.hear("authenticated").await;
        assert_eq!(sim.counts().connections, 2);
    }
}

#[tokio::test]
async fn official_clients_are_refused_by_the_simulator() {
    for (version, engine) in [("4", Engine::V4), ("2", Engine::V3)] {
        let sim = Sim::start(Profile::of(engine).quiet(), Still::default())
            .await
            .unwrap();
        let mut client = Node::client(version, sim.url(), "wrong", "c1").await;
        assert_eq!(
            client.event("unauthorized").await[0]["message"],
            "invalid_token"
        );
        assert_eq!(client.hear("disconnect").await, "io server disconnect");
    }
}

async fn connected(version: &str, options: &Value) -> (Node, Connection) {
    let server = Node::server(version, options).await;
    let link = open(&config(&server)).await;
    let link =
        link.unwrap_or_else(|error| panic!("socket.io {version} {options}: {}", error.chain()));
    (server, link)
}

fn config(server: &Node) -> Config {
    serde_json::from_value(json!({
        "url": server.url(), "token": "viewer-token", "customer": "c1", "channels": ["PBX", "CALL"],
        "events": ["CALL_END"],
    }))
    .unwrap()
}

async fn open(config: &Config) -> Result<Connection, adapter::LinkError> {
    let limits = Limits {
        silence: Duration::from_secs(90),
        max_frame: 4 << 20,
    };
    let source = SourceId::new("cph").unwrap();
    connect(&source, config, limits, &Memory::default(), Arc::new(())).await
}

/// Reads until a frame fits, and yields all up to the end of its batch.
async fn read_until(link: &mut Connection, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut heard: Vec<Value> = Vec::new();
    loop {
        let (mut frames, before): (Vec<Bytes>, _) = (Vec::new(), heard.len());
        must("a frame", link.read(&mut frames)).await.unwrap();
        heard.extend(
            frames
                .iter()
                .map(|frame| serde_json::from_slice::<Value>(frame).unwrap()),
        );
        if heard[before..].iter().any(&fits) {
            return heard;
        }
    }
}

async fn read_to_end(link: &mut Connection) -> adapter::LinkError {
    let mut frames = Vec::new();
    loop {
        if let Err(error) = must("the end", link.read(&mut frames)).await {
            return error;
        }
    }
}
