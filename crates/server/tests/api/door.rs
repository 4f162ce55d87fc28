//! How many may stand in the door: connections from one address, and streams that owe their token.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use server::{
    auth::Quota,
    http::{Limits, envelope::Rules, forwarded::TrustedProxies},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    client::{Client, PATIENCE},
    world::{Setup, World},
};

const EVERYWHERE: [u8; 4] = [0, 0, 0, 0];

/// A gateway for strangers, of whom each may have a few connections.
fn narrow(connections_per_address: usize) -> Setup {
    Setup {
        limits: Limits {
            connections_per_address,
            ..Limits::default()
        },
        listen: EVERYWHERE,
        ..Setup::tokens()
    }
}

/// A connection on which one request was answered, and that stays.
async fn kept(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    livez(&mut socket).await;
    socket
}

/// The same as soon as there is room for it: what a client gives up is noticed soon, not at once.
async fn placed(address: SocketAddr) -> TcpStream {
    let ask = async {
        loop {
            let mut socket = TcpStream::connect(address).await.unwrap();
            if is_served(&mut socket).await {
                return socket;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ask).await.expect("room")
}

async fn livez(socket: &mut TcpStream) {
    assert!(is_served(socket).await);
}

async fn is_served(socket: &mut TcpStream) -> bool {
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    // Whoever is refused may be cut off before he has asked.
    let _ = socket.write_all(request).await;
    let mut answer = [0; 4_096];
    let read = timeout(PATIENCE, socket.read(&mut answer)).await;
    let read = read.expect("an answer or an end").unwrap_or(0);
    answer[..read].starts_with(b"HTTP/1.1 200 ")
}

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let look = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let held = timeout(PATIENCE, look).await;
    assert!(held.is_ok(), "{what}");
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_is_told_when_it_wants_more() {
    let world = World::start(narrow(3)).await;
    let mut first = kept(world.address).await;
    let ws = world.bearer("reader").ws("/v1/events").await.unwrap();
    let sse = world.bearer("reader").sse("/v1/events").await;
    assert_eq!(sse.reply().status, 200);
    let refused = world.bearer("reader").get("/v1/events").await;
    assert_eq!(refused.problem(), (429, "too-many-connections".into()));
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(refused.header("connection"), Some("close"));
    let refused = world.bearer("reader").ws("/v1/events").await.err().unwrap();
    assert_eq!(refused.problem(), (429, "too-many-connections".into()));
    livez(&mut first).await;

    // Each of them counts until it is over.
    drop(ws);
    let second = placed(world.address).await;
    assert_eq!(world.get("/livez").await.status, 429);
    drop(sse);
    let third = placed(world.address).await;
    assert_eq!(world.get("/livez").await.status, 429);
    drop((first, second, third));
    until("all places are free", async || {
        let metrics = world.bearer("admin").get("/metrics").await;
        let text = String::from_utf8(metrics.body).unwrap();
        text.contains("switchhook_door_refused_total{reason=\"too-many-connections\"}")
            && !text.contains("switchhook_door_refused_total{reason=\"too-many-connections\"} 0\n")
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_again_and_again_and_says_nothing_shuts_out_nobody() {
    let world = World::start(narrow(1)).await;
    let mut first = kept(world.address).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    livez(&mut first).await;
    for mut socket in silent {
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        // Some are cut off, which is as good an end as any.
        let _ = read.expect("an end");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"));
    }
    livez(&mut first).await;
}

#[tokio::test]
async fn proxies_and_this_machine_are_many() {
    let loopback = World::start(Setup {
        listen: [127, 0, 0, 1],
        ..narrow(1)
    })
    .await;
    let proxied = World::start(Setup {
        proxies: TrustedProxies(vec!["127.0.0.0/8".parse().unwrap()]),
        ..narrow(1)
    })
    .await;
    for world in [&loopback, &proxied] {
        let _held = [kept(world.address).await, kept(world.address).await];
        assert_eq!(world.get("/livez").await.status, 200);
    }
}

#[tokio::test]
async fn other_limits_are_those_of_the_next_connection() {
    let world = World::start(narrow(2)).await;
    let mut ws = world.bearer("reader").ws("/v1/events").await.unwrap();
    let _first = kept(world.address).await;
    assert_eq!(world.get("/livez").await.status, 429);
    // Room for the connections that are over and not yet noticed to be.
    let limits = Limits {
        connections_per_address: 9,
        body: 10,
        ..Limits::default()
    };
    let rules = Rules {
        limits,
        ..Rules::default()
    };
    world.surface.allow(rules, Quota::default());
    assert_eq!(world.get("/livez").await.status, 200);
    let large = world
        .bearer("reader")
        .header("Content-Type", "application/json")
        .send("POST", "/v1/tickets", &[b' '; 11])
        .await;
    assert_eq!(large.status, 413);
    ws.say(json!({"op": "ping"})).await;
    ws.expect("stream.opened").await;
}

/// A gateway behind a proxy, where so many streams may owe their token.
async fn owing(owing: usize) -> World {
    World::start(Setup {
        quota: Quota {
            owing,
            ..Quota::default()
        },
        proxies: TrustedProxies(vec!["127.0.0.0/8".parse().unwrap()]),
        ..Setup::tokens()
    })
    .await
}

fn from(world: &World, address: &str) -> Client {
    world.client().header("X-Forwarded-For", address)
}

#[tokio::test]
async fn so_many_streams_may_owe_their_token_and_those_that_bring_it_are_not_held_up() {
    let world = owing(3).await;
    let mut first = from(&world, "198.51.100.1").ws("/v1/events").await.unwrap();
    let again = from(&world, "198.51.100.1").ws("/v1/events").await;
    let refused = again.err().unwrap();
    assert_eq!(refused.problem(), (503, "streams-exhausted".into()));
    let said = refused.json()["detail"].to_string();
    assert!(said.contains("from this address"), "{said}");
    let second = from(&world, "198.51.100.2").ws("/v1/events").await.unwrap();
    let _third = from(&world, "198.51.100.3").ws("/v1/events").await.unwrap();
    let refused = from(&world, "198.51.100.4").ws("/v1/events").await;
    let refused = refused.err().unwrap();
    assert_eq!(refused.problem(), (503, "streams-exhausted".into()));
    assert!(refused.header("retry-after").is_some());
    // A page sees no answer to its handshake, so it is told by a close code.
    let page = from(&world, "198.51.100.4").header("Origin", "https://wallboard.example.com");
    assert_eq!(page.ws("/v1/events").await.unwrap().closed().await.1, 4504);
    let known = world
        .bearer("reader")
        .header("X-Forwarded-For", "198.51.100.1");
    known
        .ws("/v1/events")
        .await
        .unwrap()
        .expect("stream.opened")
        .await;

    // Whoever says who he is owes nothing any more, and whoever leaves does not either.
    first.say(json!({"op": "token", "token": "reader"})).await;
    first.expect("stream.opened").await;
    let _fourth = from(&world, "198.51.100.1").ws("/v1/events").await.unwrap();
    assert!(from(&world, "198.51.100.5").ws("/v1/events").await.is_err());
    drop(second);
    until("there is room", async || {
        from(&world, "198.51.100.5").ws("/v1/events").await.is_ok()
    })
    .await;
    first.say(json!({"op": "ping"})).await;
    first.expect("stream.live").await;
    first.expect("stream.bookmark").await;
}

#[tokio::test]
async fn a_place_is_not_owed_for_longer_than_the_token_is_waited_for() {
    let mut setup = Setup::tokens();
    setup.quota.owing = 1;
    setup.pace.token_wait = Duration::from_millis(200);
    let world = World::start(setup).await;
    let mut late = world.client().ws("/v1/events").await.unwrap();
    assert_eq!(late.closed().await.1, 4401);
    until("there is room again", async || {
        world.client().ws("/v1/events").await.is_ok()
    })
    .await;
}
