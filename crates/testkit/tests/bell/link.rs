//! The connection: a WebSocket with a token in its handshake. Knows no meaning.

use std::{future::poll_fn, sync::Arc, task::Poll};

use adapter::{
    Direction, Limits, Link, LinkError, Tap, TlsOptions,
    socket::{Opening, Place, Socket},
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Collection, Text};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, header};

pub(crate) struct Wire {
    socket: Socket,
    tap: Arc<dyn Tap>,
}

/// Connects and logs in. The PBX then lists its open calls by itself.
pub(crate) async fn connect(
    url: &str,
    limits: Limits,
    tap: Arc<dyn Tap>,
) -> Result<Wire, LinkError> {
    let mut opening = Opening::new(limits, TlsOptions::default());
    let token: (HeaderName, _) = (
        header::AUTHORIZATION,
        HeaderValue::from_static("Bearer bell"),
    );
    opening.headers.push(token);
    let socket = Socket::open(&Place::of(url)?, &opening).await?;
    Ok(Wire { socket, tap })
}

#[async_trait]
impl Link for Wire {
    fn dialect(&self) -> Option<Text> {
        None
    }

    fn reconciles(&self) -> Vec<Collection> {
        vec![Collection::Calls]
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        let from = frames.len();
        let read = poll_fn(|cx| match self.socket.poll_frames(cx, frames) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending if frames.len() > from => Poll::Ready(Ok(())),
            Poll::Pending => self.socket.poll_idle(cx).map(Err),
        })
        .await;
        for frame in &frames[from..] {
            self.tap.frame(Direction::Received, frame);
        }
        read
    }

    async fn send(&mut self, request: Bytes) -> Result<(), LinkError> {
        self.tap.frame(Direction::Sent, &request);
        self.socket.send(request).await
    }

    async fn close(&mut self) {
        self.socket.close().await;
    }
}
