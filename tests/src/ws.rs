//! A WebSocket client of `/v1/events`.

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use hyper::{HeaderMap, header::HeaderName};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::{Client, Event, Response, client::events_path, wait};

/// A stream of events.
#[derive(Debug)]
pub struct Stream {
    socket: WebSocketStream<TcpStream>,
    headers: HeaderMap,
    /// Read, and not yet given.
    first: Option<Frame>,
}

/// What comes over a stream.
#[derive(Clone, Debug)]
pub enum Frame {
    /// An event, or what the stream says about itself.
    Event(Event),
    /// The end, with its code and reason; code 1006 when the connection just broke.
    Closed(u16, String),
}

impl Stream {
    /// Connects; the answer when the gateway refuses.
    ///
    /// # Errors
    /// When the gateway answers with anything but 101.
    ///
    /// # Panics
    /// When there is no connection at all.
    pub async fn open(client: &Client, query: &str) -> Result<Self, Response> {
        Self::open_with(client, query, None).await
    }

    /// Connects with a small receive buffer, so that a reader that stops is noticed soon.
    pub async fn open_narrow(client: &Client, query: &str) -> Self {
        let opened = Self::open_with(client, query, Some(4096)).await;
        let opened = opened.unwrap_or_else(|refused| panic!("stream {query}: {refused:?}"));
        opened.begun().await
    }

    async fn open_with(
        client: &Client,
        query: &str,
        buffer: Option<u32>,
    ) -> Result<Self, Response> {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = buffer {
            socket
                .set_recv_buffer_size(bytes)
                .expect("a receive buffer");
        }
        let socket = wait::within("a connection", socket.connect(client.address()))
            .await
            .expect("a connection");
        let url = format!("ws://{}{}", client.address(), events_path(query));
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in client.headers() {
            let name: HeaderName = name.parse().expect("a header name");
            request
                .headers_mut()
                .insert(name, value.parse().expect("a header value"));
        }
        match wait::within("a handshake", client_async(request, socket)).await {
            Ok((socket, answer)) => {
                let headers = answer.headers().clone();
                Ok(Self {
                    socket,
                    headers,
                    first: None,
                })
            }
            Err(tungstenite::Error::Http(answer)) => {
                let (head, body) = answer.into_parts();
                let (status, headers) = (head.status.as_u16(), head.headers);
                Err(Response {
                    status,
                    headers,
                    body: body.unwrap_or_default().into(),
                })
            }
            Err(error) => panic!("{query}: {error}"),
        }
    }

    /// Waits for the first frame, which stays the next one: only then has the stream its position.
    pub async fn begun(mut self) -> Self {
        self.first = Some(self.next().await);
        self
    }

    /// The headers of the handshake's answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The next frame. Pings are answered on the way.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> Frame {
        if let Some(frame) = self.first.take() {
            return frame;
        }
        loop {
            let message = wait::within("a frame", self.socket.next()).await;
            match message {
                Some(Ok(Message::Text(text))) => return Frame::Event(Event::read(&text)),
                Some(Ok(Message::Close(Some(close)))) => {
                    return Frame::Closed(close.code.into(), close.reason.to_string());
                }
                Some(Ok(Message::Close(None))) => return Frame::Closed(1005, String::new()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("a frame that no stream has: {other:?}"),
                Some(Err(error)) => return Frame::Closed(1006, error.to_string()),
                None => return Frame::Closed(1006, "end of stream".into()),
            }
        }
    }

    /// The next frame that is an event or says something about the stream.
    ///
    /// # Panics
    /// When the stream ends.
    pub async fn said(&mut self) -> Event {
        match self.next().await {
            Frame::Event(event) => event,
            Frame::Closed(code, reason) => panic!("closed with {code}: {reason}"),
        }
    }

    /// The next event of the log.
    pub async fn event(&mut self) -> Event {
        // Bookmarks come for ever: they are no progress.
        let end = Instant::now() + wait::PATIENCE;
        loop {
            let event = self.said().await;
            if !event.is_about_stream() {
                return event;
            }
            assert!(Instant::now() < end, "no event but {}", event.text());
        }
    }

    /// The next frame, which must be of this type.
    ///
    /// # Panics
    /// When it is of another one.
    pub async fn expect(&mut self, kind: &str) -> Event {
        let event = self.said().await;
        assert_eq!(event.kind(), kind, "{}", event.text());
        event
    }

    /// Skips to the first frame of this type.
    pub async fn skip_to(&mut self, kind: &str) -> Event {
        let end = Instant::now() + wait::PATIENCE;
        loop {
            let event = self.said().await;
            if event.kind() == kind {
                return event;
            }
            assert!(Instant::now() < end, "no {kind} but {}", event.text());
        }
    }

    /// The events of the log up to and including the first that `last` recognises.
    pub async fn events_until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let done = last(&event);
            events.push(event);
            if done {
                return events;
            }
        }
    }

    /// Reads on until the stream ends: the `stream.*` events and events that came before, and the close code.
    pub async fn ending(&mut self) -> (Vec<Event>, u16) {
        let mut events = Vec::new();
        loop {
            match self.next().await {
                Frame::Event(event) => events.push(event),
                Frame::Closed(code, _) => return (events, code),
            }
        }
    }

    /// Sends a JSON text frame.
    pub async fn send(&mut self, command: &Value) {
        self.send_message(Message::text(command.to_string())).await;
    }

    /// Sends any frame.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send_message(&mut self, message: Message) {
        wait::within("a sent frame", self.socket.send(message))
            .await
            .expect("a live connection");
    }

    /// Waits for the answer to a ping command: everything before it has been considered.
    pub async fn bookmark(&mut self) -> String {
        self.send(&serde_json::json!({"op": "ping"})).await;
        let bookmark = self.skip_to("stream.bookmark").await;
        bookmark.data()["cursor"]
            .as_str()
            .expect("a cursor")
            .to_owned()
    }
}
