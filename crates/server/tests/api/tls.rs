//! The same over TLS.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use model::EventType;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use serde_json::Value;
use server::http::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::client_async;

use super::{
    backend::{about, call},
    client::PATIENCE,
    world::{Setup, World},
};

struct Secure {
    world: World,
    connector: TlsConnector,
}

impl Secure {
    async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = CertificateDer::from(made.cert);
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let world = World::start(Setup {
            tls: Some(server::http::Tls::new(config)),
            ..setup
        })
        .await;
        Self {
            world,
            connector: TlsConnector::from(Arc::new(client)),
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(self.world.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connected = timeout(PATIENCE, self.connector.connect(name, socket)).await;
        connected.unwrap().unwrap()
    }
}

#[tokio::test]
async fn pages_are_served() {
    let secure = Secure::new().await;
    let mut socket = secure.connect().await;
    let request = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    read.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://localhost"));
}

#[tokio::test]
async fn streams_go_on_where_the_handshake_ended() {
    let secure = Secure::new().await;
    let socket = secure.connect().await;
    let (mut ws, _) = client_async("wss://localhost/v1/events", socket)
        .await
        .unwrap();
    let mut next = async || {
        let message = timeout(PATIENCE, ws.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let event: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        event["type"].as_str().unwrap().to_owned()
    };
    assert_eq!(next().await, "stream.opened");
    assert_eq!(next().await, "stream.live");
    secure
        .world
        .hub
        .publish(about(EventType::CallStarted, &call("1", None)));
    assert_eq!(next().await, "call.started");
}

#[tokio::test]
async fn who_speaks_no_tls_is_cut_off() {
    let secure = Secure::new().await;
    let mut socket = TcpStream::connect(secure.world.address).await.unwrap();
    socket
        .write_all(b"GET /livez HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection is still open");
    assert!(!answer.starts_with(b"HTTP/"));
}

#[tokio::test]
async fn whoever_is_slow_is_cut_off_in_the_handshake_and_told_after_it() {
    let secure = Secure::with(Setup {
        limits: Limits {
            patience: Duration::from_secs(3),
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let (mut mute, mut slow) = (Vec::new(), Vec::new());
    for n in 0..50 {
        let mut socket = TcpStream::connect(secure.world.address).await.unwrap();
        if n % 2 == 0 {
            // The beginning of a handshake that never goes on.
            socket.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        }
        mute.push(socket);
    }
    for _ in 0..10 {
        let mut socket = secure.connect().await;
        let begun = socket.write_all(b"GET /livez HTTP/1.1\r\nX-").await;
        begun.unwrap();
        slow.push(socket);
    }
    let mut other = secure.connect().await;
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    other.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, other.read_to_end(&mut answer)).await;
    read.expect("others are served meanwhile").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    for mut socket in mute {
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        // A reset is as good an end as any.
        let _ = read.expect("an end");
        assert!(!answer.starts_with(b"HTTP/"));
    }
    for mut socket in slow {
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        read.expect("an end").unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("/problems/request-timeout"), "{answer}");
    }
}

#[tokio::test]
async fn an_address_that_wants_too_many_connections_is_told_so() {
    let secure = Secure::with(Setup {
        limits: Limits {
            connections_per_address: 1,
            ..Limits::default()
        },
        listen: [0, 0, 0, 0],
        ..Setup::default()
    })
    .await;
    let _held = secure.connect().await;
    let mut other = secure.connect().await;
    // The answer may come before the request.
    let _ = other
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, other.read_to_end(&mut answer)).await;
    // Whether the goodbye of TLS comes is the network's affair.
    let _ = read.expect("an end");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(
        answer.contains("/problems/too-many-connections"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_thousand_streams_that_leave_at_once_leave_nothing_behind() {
    let secure = Secure::new().await;
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        let socket = secure.connect().await;
        let opened = timeout(PATIENCE, client_async("wss://localhost/v1/events", socket)).await;
        streams.push(opened.expect("a handshake").unwrap().0);
    }
    let all = async {
        while secure.world.fanout.counters().connections < 1_000 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, all).await.expect("all are carried");
    drop(streams);
    let gone = async {
        while secure.world.fanout.counters().connections > 0 {
            let mut socket = secure.connect().await;
            let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            socket.write_all(request).await.unwrap();
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 "), "others are served");
        }
    };
    timeout(PATIENCE, gone).await.expect("all are gone");
    let socket = secure.connect().await;
    let (mut ws, _) = client_async("wss://localhost/v1/events", socket)
        .await
        .unwrap();
    let first = timeout(PATIENCE, ws.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(first.to_text().unwrap().contains("stream.opened"));
}
