//! The scripted PBX keeps to the protocol, so that what the other tests see comes from the gateway.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tests::{Pbx, pbx::Manners, wait};
use tokio_tungstenite::{connect_async, tungstenite::Message};

#[tokio::test]
async fn the_pbx_logs_in_acknowledges_and_sends_its_snapshots() {
    let pbx = Pbx::start().await;
    let mut peer = Peer::connect(&pbx).await;
    peer.send(&login(Pbx::PASSWORD)).await;
    assert_eq!(
        peer.next().await,
        Some(json!({"command": "auth", "id": "1", "status": 0}))
    );
    peer.send(&json!({"command": "subscribe", "topics": ["extension_events"], "extensions": ["101", "102"]})).await;
    assert_eq!(
        peer.next().await,
        Some(json!({"command": "subscribe", "id": "2", "status": 0}))
    );
    let snapshot = peer.next().await.unwrap();
    assert_eq!(snapshot["event_type"], "extension_status");
    assert_eq!(snapshot["status"].as_array().unwrap().len(), 2);

    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    for expected in call.answered() {
        assert_eq!(peer.next().await, Some(expected));
    }
    pbx.hang_up().await;
    assert_eq!(peer.next().await, None);
    assert_eq!(pbx.accepted(), 1);
    assert_eq!(pbx.heard().len(), 2);
}

#[tokio::test]
async fn the_pbx_refuses_a_wrong_password() {
    let pbx = Pbx::start().await;
    let mut peer = Peer::connect(&pbx).await;
    peer.send(&login("guess")).await;
    assert_eq!(peer.next().await.unwrap()["status"], -1);
    pbx.behave(Manners::RefuseCredentials);
    let mut peer = Peer::connect(&pbx).await;
    peer.send(&login(Pbx::PASSWORD)).await;
    assert_eq!(peer.next().await.unwrap()["status"], -1);
}

#[tokio::test]
async fn no_two_calls_share_a_session() {
    let pbx = Pbx::start().await;
    let mut sessions: Vec<String> = (0..1000)
        .map(|_| pbx.tenant().internal("101", "102").session())
        .collect();
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 1000);
}

fn login(password: &str) -> Value {
    json!({"command": "auth", "username": "supervisor", "password": password, "domain": "test.com"})
}

struct Peer(
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
);

impl Peer {
    async fn connect(pbx: &Pbx) -> Self {
        Self(
            wait::within("a handshake", connect_async(pbx.url()))
                .await
                .unwrap()
                .0,
        )
    }

    async fn send(&mut self, command: &Value) {
        self.0
            .send(Message::text(command.to_string()))
            .await
            .unwrap();
    }

    async fn next(&mut self) -> Option<Value> {
        let message = wait::within("a frame", self.0.next()).await?.ok()?;
        serde_json::from_slice(&message.into_data()).ok()
    }
}
