//! A WebSocket peer that a test scripts frame by frame, on a free port.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::must;

/// Listens for clients.
#[derive(Debug)]
pub struct Peer {
    listener: TcpListener,
}

/// One client, after the handshake.
#[derive(Debug)]
pub struct Session {
    ws: WebSocketStream<TcpStream>,
}

impl Peer {
    /// Listens on a free port.
    pub async fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        Self {
            listener: listener.expect("a free port"),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket")
    }

    /// The next client, without a word said.
    pub async fn accept_tcp(&self) -> TcpStream {
        let accepted = must("a client", self.listener.accept()).await;
        accepted.expect("a client").0
    }

    /// The next client, after the handshake.
    pub async fn accept(&self) -> Session {
        let tcp = self.accept_tcp().await;
        let ws = must("a handshake", accept_async(tcp)).await;
        Session {
            ws: ws.expect("a handshake"),
        }
    }

    /// The next client gets this HTTP response instead of a handshake.
    pub async fn answer_http(&self, response: &str) {
        let mut tcp = self.accept_tcp().await;
        tcp.write_all(response.as_bytes())
            .await
            .expect("a client that listens");
        tcp.shutdown().await.expect("a client that listens");
    }
}

impl Session {
    /// The next message, pings and pongs included.
    pub async fn message(&mut self) -> Option<Message> {
        let next = must("a message", self.ws.next()).await?;
        next.ok()
    }

    /// The next text.
    pub async fn text(&mut self) -> String {
        loop {
            match self.message().await {
                Some(Message::Text(text)) => return text.to_string(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a text was expected, not {other:?}"),
            }
        }
    }

    /// The next text, as JSON.
    pub async fn json(&mut self) -> serde_json::Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Sends a text.
    pub async fn send(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        let sent = must("room for a message", self.ws.send(Message::text(text))).await;
        sent.expect("a client that listens");
    }

    /// Sends bytes.
    pub async fn send_bytes(&mut self, bytes: Vec<u8>) {
        let sent = must("room for a message", self.ws.send(Message::binary(bytes))).await;
        sent.expect("a client that listens");
    }

    /// Sends a ping.
    pub async fn ping(&mut self, body: Vec<u8>) {
        let ping = self.ws.send(Message::Ping(body.into()));
        must("room for a ping", ping)
            .await
            .expect("a client that listens");
    }

    /// Says goodbye.
    pub async fn close(mut self, frame: Option<CloseFrame>) {
        // The client may be gone already.
        let _ = self.ws.close(frame).await;
    }

    /// Is gone without a word.
    pub fn abort(self) {
        drop(self.ws);
    }

    /// The bare connection, to keep it open and silent.
    #[must_use]
    pub fn into_tcp(self) -> TcpStream {
        self.ws.into_inner()
    }
}
