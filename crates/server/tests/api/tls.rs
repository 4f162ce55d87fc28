//! The same over TLS.

use std::sync::Arc;

use futures_util::StreamExt;
use model::EventType;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use serde_json::Value;
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
            ..Setup::default()
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
