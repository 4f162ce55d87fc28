//! The same over TLS.

use std::{net::TcpListener, sync::Arc};

use bytes::Bytes;
use futures_util::StreamExt;
use hub::fanout::{Opening, Options, Socket, Start};
use model::{EventType, Position};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, ServerName},
};
use tokio::net;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::rig::{PATIENCE, Rig, answer_handshake, event, position, wanting};

#[tokio::test]
async fn replay_and_live_come_over_tls() {
    let mut rig = Rig::new(&Options::default());
    let mut expected = Vec::new();
    for _ in 0..500 {
        expected.extend(rig.publish(&[event(EventType::CallUpdated, "101", 4_000)]));
    }
    let (server, client) = configs();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = tokio::task::spawn_blocking(move || {
        let (tcp, _) = listener.accept().unwrap();
        let mut tls = StreamOwned::new(ServerConnection::new(server).unwrap(), tcp);
        answer_handshake(&mut tls);
        Socket::Tls(Box::new(tls.conn), tls.sock)
    });
    let tcp = net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(client).connect(name, tcp).await.unwrap();
    let (mut socket, _) = client_async("ws://localhost/v1/events", tls).await.unwrap();
    let opening = Opening::Stream(Box::new(wanting(&[], Start::After(Position(0)))));
    let id = rig.fanout.next_id();
    rig.fanout
        .adopt(id, accepted.await.unwrap(), Bytes::new(), opening)
        .unwrap();
    expected.extend(rig.publish(&[event(EventType::CallEnded, "101", 10)]));
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        if let Message::Text(text) = next.unwrap().unwrap() {
            let event: serde_json::Value = serde_json::from_str(&text).unwrap();
            if !event["type"].as_str().unwrap().starts_with("stream.") {
                seen.push(position(&event));
            }
        }
    }
    assert_eq!(seen, expected);
}

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = own.cert.der().clone();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let ring = || Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}
