//! The certificate of the listener is exchanged while it listens.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose world does not stand has failed"
)]

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rcgen::CertifiedKey;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName},
};
use server::{
    config::{ConfigFile, Variables},
    gateway::Gateway,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{client_async, tungstenite::Message};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

struct Pair(CertifiedKey<rcgen::KeyPair>);

impl Pair {
    fn new() -> Self {
        Self(rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap())
    }

    fn write_certificate(&self, folder: &Path) {
        fs::write(folder.join("server.pem"), self.0.cert.pem()).unwrap();
    }

    fn write_key(&self, folder: &Path) {
        fs::write(
            folder.join("server.key"),
            self.0.signing_key.serialize_pem(),
        )
        .unwrap();
    }

    /// Somebody who trusts this certificate and no other.
    async fn connect(&self, address: SocketAddr) -> Option<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(self.0.cert.der().to_vec()))
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, socket);
        timeout(PATIENCE, connecting).await.unwrap().ok()
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_over_and_streams_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Pair::new(), Pair::new());
    first.write_certificate(folder.path());
    first.write_key(folder.path());
    let text = "[server]\nlisten = \"127.0.0.1:0\"\ntls = { cert = \"server.pem\", key = \"server.key\" }\n[log]\npath = \"log.db\"\n";
    let file = ConfigFile {
        path: folder.path().join("switchhook.toml"),
        variables: Variables::new(),
    };
    fs::write(&file.path, text).unwrap();
    let gateway = Gateway::start(file.load().unwrap()).await.unwrap();
    let address = gateway.address();
    let stop = CancellationToken::new();
    let running = tokio::spawn(gateway.run(Some(file), stop.clone()));

    let socket = first.connect(address).await.unwrap();
    let url = format!("wss://localhost:{}/v1/events", address.port());
    let (mut stream, _) = client_async(url, socket).await.unwrap();
    assert!(second.connect(address).await.is_none());

    // Half of a pair cannot be used: what was there stays.
    second.write_certificate(folder.path());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(first.connect(address).await.is_some());
    second.write_key(folder.path());
    let taken_over = async {
        while second.connect(address).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, taken_over)
        .await
        .expect("the new certificate");
    assert!(first.connect(address).await.is_none());

    stream
        .send(Message::text(r#"{"op":"ping"}"#))
        .await
        .unwrap();
    let bookmark = async {
        loop {
            let message = stream.next().await.unwrap().unwrap();
            if message
                .to_text()
                .is_ok_and(|text| text.contains("stream.bookmark"))
            {
                return;
            }
        }
    };
    timeout(PATIENCE, bookmark)
        .await
        .expect("the stream goes on");
    stop.cancel();
    timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
}
