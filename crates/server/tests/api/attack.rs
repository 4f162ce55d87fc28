//! The door, as somebody who wants in would try it.

use std::time::Duration;

use serde_json::json;
use server::{
    auth::Quota,
    http::{Limits, forwarded::TrustedProxies},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    client::PATIENCE,
    world::{Setup, TestClock, World},
};

/// A gateway that soon ends a connection on which nothing more comes.
async fn impatient() -> World {
    let limits = Limits {
        patience: Duration::from_secs(1),
        ..Limits::default()
    };
    World::start(Setup {
        limits,
        ..Setup::default()
    })
    .await
}

/// Sends bytes, and reads whatever comes until the gateway ends the connection.
async fn exchange(world: &World, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    // Whoever refuses early does not read it all.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    // A reset after the answer is as good an end as any.
    let _ = read.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of every answer: a body may end without a line of its own.
fn statuses(answers: &str) -> Vec<&str> {
    let answers = answers.split("HTTP/1.1 ").skip(1);
    answers
        .map(|answer| answer.get(..3).unwrap_or(answer))
        .collect()
}

#[tokio::test]
async fn a_page_whose_name_was_rebound_to_this_machine_gets_nothing() {
    let world = World::new().await;
    let port = world.address.port();
    for host in [
        format!("evil.example.com:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("localhost.evil.example.com:{port}"),
        "0.0.0.0".to_owned(),
        "[::ffff:10.0.0.1]".to_owned(),
        "2130706433".to_owned(),
        "me@localhost".to_owned(),
    ] {
        // To itself the page is of the same origin.
        for origin in [None, Some(format!("http://{host}"))] {
            let mut client = world.client().header("Host", &host);
            if let Some(origin) = &origin {
                client = client.header("Origin", origin);
            }
            let reply = client.get("/v1/calls").await;
            assert!(
                reply.status == 403 || reply.status == 400,
                "{host} {origin:?}"
            );
            let upgraded = client.ws("/v1/events").await;
            match upgraded {
                Err(refused) => assert!(refused.status == 403 || refused.status == 400, "{host}"),
                Ok(mut ws) => assert_eq!(ws.closed().await.1, 4403, "{host}"),
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_page_opens_no_websocket() {
    let world = World::new().await;
    for origin in [
        "https://evil.example.com",
        "http://localhost",
        "null",
        "file://",
    ] {
        let client = world.client().header("Origin", origin);
        let refused = client.ws("/v1/events").await.err().unwrap();
        assert_eq!(
            refused.problem(),
            (403, "foreign-origin".into()),
            "{origin}"
        );
    }
    let own = format!("http://{}", world.address);
    let mut ws = world
        .client()
        .header("Origin", &own)
        .ws("/v1/events")
        .await
        .unwrap();
    ws.expect("stream.opened").await;
}

#[tokio::test]
async fn two_hosts_or_none_are_no_address() {
    let world = impatient().await;
    let host = world.address.to_string();
    for (head, expected) in [
        (
            format!("GET /v1/calls HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
            "400",
        ),
        ("GET /v1/calls HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (
            format!("GET http://evil.example.com/v1/calls HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "400",
        ),
        (
            format!("GET /v1/calls HTTP/1.1\r\nHost: {host}, evil\r\n\r\n"),
            "400",
        ),
        (
            format!("GET /v1/calls HTTP/1.1\r\nHost: {host} \r\n\r\n"),
            "200",
        ),
        (
            format!("GET http://{host}/v1/calls HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "200",
        ),
        ("GET /v1/calls HTTP/1.0\r\n\r\n".to_owned(), "403"),
    ] {
        let answer = exchange(&world, head.as_bytes()).await;
        assert!(
            answer.contains(&format!(" {expected} ")),
            "{head}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_request_hidden_in_another_is_not_answered() {
    let world = impatient().await;
    let hidden = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = hidden.len();
    for head in [
        // The one length for a proxy, the other for us.
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
            length + 5
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n0\r\n\r\n{hidden}",
            length + 5
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x0\r\n\r\n{hidden}"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nX: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
    ] {
        let answer = exchange(&world, head.as_bytes()).await;
        assert!(statuses(&answer).len() <= 1, "{head}: {answer}");
        assert!(!answer.contains("state_rebuilt"), "{head}: {answer}");
    }
    // One after the other is something else.
    let answer = exchange(&world, hidden.repeat(2).as_bytes()).await;
    assert_eq!(statuses(&answer), ["200", "200"]);
}

#[tokio::test]
async fn nothing_lies_beside_the_paths_that_are_told() {
    let world = World::new().await;
    for path in [
        "/schemas/v1/../../../etc/passwd",
        "/schemas/v1/..%2f..%2f..%2fetc%2fpasswd",
        "/schemas/v1/%2e%2e/%2e%2e/Cargo.toml.json",
        "/schemas/v1/call.json%00.html",
        "/schemas//v1/call.json",
        "/problems/../v1/calls",
        "/problems/..%2fv1%2fcalls",
        "/v1/calls/..%2f..%2fsources",
        "/v1/calls/%00",
        "/v1/calls/%ff",
        "/v1/events/../../livez",
        "//evil.example.com/v1/calls",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/sources/hq%2f..%2fbranch/capabilities",
        "/..\\..\\windows\\win.ini",
    ] {
        let reply = world.get(path).await;
        assert!(
            matches!(reply.status, 400 | 404),
            "{path}: {}",
            reply.status
        );
        assert!(
            !String::from_utf8_lossy(&reply.body).contains("root:"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn guessing_tokens_gets_slow_and_shuts_out_nobody_else() {
    let world = World::start_with(Setup::tokens(), TestClock::new(true)).await;
    assert_eq!(world.bearer("reader").get("/v1/events").await.status, 200);
    for n in 0..100 {
        let reply = world.bearer(&format!("guess {n}")).get("/v1/events").await;
        assert_eq!(reply.status, 401, "{n}");
    }
    let refused = world.bearer("guess again").get("/v1/events").await;
    assert_eq!(refused.problem(), (429, "too-many-attempts".into()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let ticket = world.get("/v1/events?ticket=guess").await;
    assert_eq!(ticket.status, 429, "tickets cannot be guessed either");
    let mut ws = world.client().ws("/v1/events").await.unwrap();
    ws.say(json!({"op": "token", "token": "guess"})).await;
    assert_eq!(ws.closed().await.1, 4500, "nor in frames");
    assert_eq!(
        world.bearer("reader").get("/v1/events").await.status,
        200,
        "known here"
    );
    assert_eq!(
        world.bearer("admin").get("/v1/events").await.status,
        429,
        "not known here"
    );
    assert_eq!(world.get("/livez").await.status, 200);
    let counts = world.surface.attempts();
    assert_eq!((counts.failed, counts.refused), (100, 4));
    world.clock.push(Duration::from_secs(1));
    assert_eq!(world.bearer("admin").get("/v1/events").await.status, 200);
}

#[tokio::test]
async fn who_presents_nothing_has_guessed_nothing() {
    let world = World::start_with(Setup::tokens(), TestClock::new(true)).await;
    for _ in 0..150 {
        assert_eq!(world.get("/v1/events").await.status, 401);
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_everybody_has_an_address_of_their_own() {
    let setup = Setup {
        proxies: TrustedProxies(vec!["127.0.0.0/8".parse().unwrap()]),
        ..Setup::tokens()
    };
    let world = World::start_with(setup, TestClock::new(true)).await;
    let from = |address: &str, token: &str| world.bearer(token).header("X-Forwarded-For", address);
    for _ in 0..100 {
        let reply = from("198.51.100.1", "guess").get("/v1/events").await;
        assert_eq!(reply.status, 401);
    }
    assert_eq!(
        from("198.51.100.1", "guess").get("/v1/events").await.status,
        429
    );
    assert_eq!(
        from("198.51.100.2", "reader")
            .get("/v1/events")
            .await
            .status,
        200
    );
    // What the client wrote before the proxy did is not its address.
    let spoofed = from("198.51.100.9, 198.51.100.1", "guess");
    assert_eq!(spoofed.get("/v1/events").await.status, 429);
    let page = world
        .bearer("reader")
        .header("X-Forwarded-For", "198.51.100.3")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "events.example.com")
        .header("Origin", "https://events.example.com");
    assert_eq!(page.get("/v1/events").await.status, 200, "its own origin");
}

#[tokio::test]
async fn without_a_trusted_proxy_forwarded_headers_hide_nobody() {
    let world = World::start_with(Setup::tokens(), TestClock::new(true)).await;
    for n in 0..100 {
        let client = world
            .bearer("guess")
            .header("X-Forwarded-For", &format!("198.51.100.{n}"));
        assert_eq!(client.get("/v1/events").await.status, 401);
    }
    let client = world
        .bearer("guess")
        .header("X-Forwarded-For", "198.51.100.200");
    assert_eq!(client.get("/v1/events").await.status, 429);
    let page = world
        .bearer("reader")
        .header("X-Forwarded-Host", "evil.example.com")
        .header("Origin", "http://evil.example.com");
    assert_eq!(page.get("/v1/events").await.status, 403);
}

#[tokio::test]
async fn a_refusal_arrives_though_the_body_was_not_read() {
    let world = World::new().await;
    let body = vec![b'x'; 512 * 1024];
    let head = format!(
        "POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..20 {
        let mut socket = TcpStream::connect(world.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let _ = socket.write_all(&body).await;
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut answer))
            .await
            .unwrap();
        assert!(read.is_ok(), "cut off before it was read");
        assert!(answer.starts_with(b"HTTP/1.1 413 "));
    }
}

#[tokio::test]
async fn whoever_sends_a_head_byte_by_byte_is_told_that_it_took_too_long() {
    let setup = Setup {
        limits: Limits {
            patience: Duration::from_millis(300),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let world = World::start(setup).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut socket = TcpStream::connect(world.address).await.unwrap();
        socket
            .write_all(b"GET /livez HTTP/1.1\r\nX-")
            .await
            .unwrap();
        slow.push(socket);
    }
    assert_eq!(
        world.get("/livez").await.status,
        200,
        "others are served meanwhile"
    );
    for mut socket in slow {
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        read.expect("an end").unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("/problems/request-timeout"), "{answer}");
    }
    // Whoever says nothing at all is not told anything either.
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, idle.read_to_end(&mut answer))
        .await
        .expect("an end")
        .unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn a_thousand_streams_that_leave_at_once_leave_nothing_behind() {
    let setup = Setup {
        quota: Quota {
            streams_per_token: 2_000,
            requests_per_s: 100_000,
            ..Quota::default()
        },
        ..Setup::tokens()
    };
    let world = World::start(setup).await;
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        streams.push(world.bearer("reader").ws("/v1/events").await.unwrap());
    }
    let counters = world.fanout.counters();
    assert!(counters.connections > 0);
    drop(streams);
    let gone = async {
        while world.fanout.counters().connections > 0 {
            assert_eq!(
                world.get("/livez").await.status,
                200,
                "others are served meanwhile"
            );
        }
    };
    timeout(PATIENCE, gone).await.expect("all are gone");
    let mut next = world.bearer("reader").ws("/v1/events").await.unwrap();
    next.expect("stream.opened").await;
}

#[tokio::test]
async fn a_stream_whose_client_asks_without_end_is_held_to_the_rate_of_its_token() {
    let setup = Setup {
        quota: Quota {
            requests_per_s: 5,
            ..Quota::default()
        },
        ..Setup::tokens()
    };
    let world = World::start_with(setup, TestClock::new(true)).await;
    let mut ws = world.bearer("reader").ws("/v1/events").await.unwrap();
    ws.expect("stream.opened").await;
    ws.expect("stream.live").await;
    for _ in 0..4 {
        ws.say(json!({"op": "ping"})).await;
        ws.expect("stream.bookmark").await;
    }
    ws.say(json!({"op": "subscribe", "snapshot": true})).await;
    let error = ws.expect("stream.error").await;
    assert_eq!(error["data"]["type"], "/problems/rate-limited");
    world.clock.push(Duration::from_secs(1));
    ws.say(json!({"op": "ping"})).await;
    ws.expect("stream.bookmark").await;
}
