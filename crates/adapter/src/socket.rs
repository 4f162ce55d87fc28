//! A WebSocket to a PBX: opened with or without TLS, read in batches, watched for silence.

mod place;
mod transport;
mod watchdog;

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink as _, SinkExt as _, Stream as _};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WsError, Message, Utf8Bytes,
        client::IntoClientRequest as _,
        error::CapacityError,
        http::{HeaderName, HeaderValue, StatusCode},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

pub use self::{place::Place, transport::Metered};
use self::{
    transport::Transport,
    watchdog::{Idle, Watchdog},
};
use crate::{LinkError, LinkErrorKind, TlsOptions};

/// The parts of the silence: after so many without a byte a connection is given up.
pub const PATIENCE: u32 = 3;

/// Frames taken from one socket before another, and the reader, have their turn.
const BATCH: usize = 256;
/// All of it is cleared before each read, so a large one drives everything else out of the processor's caches.
const READ_BUFFER: usize = 8 * 1024;
const GOODBYE: Duration = Duration::from_millis(400);

/// What a connection heeds beside its own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A connection on which nothing comes for so long is given up. It is pinged each third of this time.
    pub silence: Duration,
    /// The longest frame, in bytes. A longer one ends the connection.
    pub max_frame: usize,
}

/// How a WebSocket is opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Silence and size.
    pub limits: Limits,
    /// How to check the certificate, where there is TLS.
    pub tls: TlsOptions,
    /// Headers beside those of the handshake, credentials among them. Never shown.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What an HTTP answer other than the upgrade means.
    pub refusal: fn(StatusCode) -> LinkErrorKind,
}

/// A frame, where text and binary differ in meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(Bytes),
    /// Anything.
    Binary(Bytes),
}

/// An open WebSocket to one address.
pub struct Socket {
    ws: WebSocketStream<Metered>,
    name: String,
    /// The close frame, when the peer has said goodbye.
    goodbye: Option<CloseFrame>,
    watchdog: Watchdog,
}

impl Socket {
    /// Opens TCP, TLS and HTTP. The caller bounds the time.
    ///
    /// # Errors
    /// With the class that decides when to try again.
    pub async fn open(place: &Place, opening: &Opening) -> Result<Self, LinkError> {
        let doing = || format!("open {place}");
        let stream = reach(place, &opening.tls).await?;
        let Limits { silence, max_frame } = opening.limits;
        let settings = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(max_frame))
            .max_frame_size(Some(max_frame));
        let mut request = place
            .to_string()
            .into_client_request()
            .map_err(|error| unreachable(doing(), error))?;
        for (name, value) in &opening.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let (ws, _) = client_async_with_config(request, stream, Some(settings))
            .await
            .map_err(|error| refused(doing(), error, opening.refusal))?;
        Ok(Self {
            ws,
            name: place.to_string(),
            goodbye: None,
            watchdog: Watchdog::new(silence / PATIENCE),
        })
    }

    /// The next frame. Safe to cancel.
    ///
    /// # Errors
    /// When the socket has ended.
    pub async fn next(&mut self) -> Result<Bytes, LinkError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Takes what is there, up to a bound. Ready only when the socket has ended.
    pub fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut Vec<Bytes>,
    ) -> Poll<LinkError> {
        for _ in 0..BATCH {
            match self.poll_next(cx) {
                Poll::Ready(Ok(frame)) => frames.push(frame),
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }

    /// With nothing to read: pings a peer that says nothing, and gives it up in the end.
    pub fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<LinkError> {
        let received = self.ws.get_ref().received();
        loop {
            match ready!(self.watchdog.poll(cx, received)) {
                Idle::Ping => {
                    if let Poll::Ready(Err(error)) = self.poll_ping(cx) {
                        return Poll::Ready(self.lost(error));
                    }
                }
                Idle::GiveUp => {
                    let silent = self.watchdog.patience();
                    return Poll::Ready(LinkError::new(
                        LinkErrorKind::Transient,
                        format!("hear from {}", self.name),
                        format!("nothing in {} s, pings unanswered", silent.as_secs_f32()),
                    ));
                }
            }
        }
    }

    /// Sends one text frame. A peer that takes nothing for as long as silence may last is given up.
    ///
    /// # Errors
    /// When the socket has ended.
    pub async fn send(&mut self, text: Bytes) -> Result<(), LinkError> {
        let text = Utf8Bytes::try_from(text).map_err(|error| {
            let doing = format!("send to {}", self.name);
            LinkError::new(LinkErrorKind::Protocol, doing, error)
        })?;
        let limit = self.watchdog.patience();
        match timeout(limit, self.ws.send(Message::Text(text))).await {
            Ok(sent) => sent.map_err(|error| self.lost(error)),
            Err(elapsed) => Err(LinkError::new(
                LinkErrorKind::Transient,
                format!("send to {}", self.name),
                elapsed,
            )),
        }
    }

    /// Says goodbye, as far as the peer listens.
    pub async fn close(&mut self) {
        // The socket is dropped next, whatever comes of it.
        let _ = timeout(GOODBYE, self.ws.close(None)).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        let frame = ready!(self.poll_frame(cx));
        Poll::Ready(frame.map(|(Frame::Text(bytes) | Frame::Binary(bytes))| bytes))
    }

    /// The next frame, with its kind.
    ///
    /// # Errors
    /// When the socket has ended.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, LinkError>> {
        loop {
            let message = ready!(Pin::new(&mut self.ws).poll_next(cx));
            return Poll::Ready(match message {
                Some(Ok(Message::Text(text))) => Ok(Frame::Text(text.into())),
                Some(Ok(Message::Binary(bytes))) => Ok(Frame::Binary(bytes)),
                Some(Ok(Message::Close(frame))) => {
                    self.goodbye = frame;
                    continue;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => Err(self.lost(error)),
                None => Err(self.lost(WsError::ConnectionClosed)),
            });
        }
    }

    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        let mut ws = Pin::new(&mut self.ws);
        // A peer that takes no ping now will be given up when it says nothing either.
        ready!(ws.as_mut().poll_ready(cx))?;
        ws.as_mut().start_send(Message::Ping(Bytes::new()))?;
        ws.poll_flush(cx)
    }

    fn lost(&mut self, error: WsError) -> LinkError {
        let doing = format!("stay connected to {}", self.name);
        match (error, self.goodbye.take()) {
            (WsError::Capacity(CapacityError::MessageTooLong { size, max_size }), _) => {
                LinkError::new(
                    LinkErrorKind::Protocol,
                    doing,
                    format!("a frame of {size} bytes is above max_frame, {max_size}"),
                )
            }
            (error @ (WsError::Protocol(_) | WsError::Utf8(_) | WsError::Capacity(_)), _)
                if !torn(&error) =>
            {
                LinkError::new(LinkErrorKind::Protocol, doing, error)
            }
            (_, Some(goodbye)) => {
                let reason: String = goodbye.reason.chars().take(120).collect();
                let said = format!("the PBX closed it: {} {reason}", goodbye.code);
                LinkError::new(LinkErrorKind::Transient, doing, said)
            }
            (error, None) => LinkError::new(LinkErrorKind::Transient, doing, error),
        }
    }
}

/// The peer vanished without a close frame, or we still spoke to one that had closed: the protocol is not to blame.
fn torn(error: &WsError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError::{
        ResetWithoutClosingHandshake, SendAfterClosing,
    };
    matches!(
        error,
        WsError::Protocol(ResetWithoutClosingHandshake | SendAfterClosing)
    )
}

fn refused(doing: String, error: WsError, refusal: fn(StatusCode) -> LinkErrorKind) -> LinkError {
    let kind = match &error {
        WsError::Http(response) => refusal(response.status()),
        _ => LinkErrorKind::Unreachable,
    };
    LinkError::new(kind, doing, error)
}

/// Opens TCP, and TLS where the place wants it. The caller bounds the time.
///
/// # Errors
/// When nobody is there, or nobody who can be trusted.
pub async fn reach(place: &Place, tls: &TlsOptions) -> Result<Metered, LinkError> {
    let doing = || format!("open {place}");
    let tcp = TcpStream::connect((place.host.as_str(), place.port))
        .await
        .map_err(|error| unreachable(doing(), error))?;
    tcp.set_nodelay(true)
        .map_err(|error| unreachable(doing(), error))?;
    if !place.tls {
        return Ok(Metered::new(Transport::Plain(tcp)));
    }
    let tls = tls.client().await;
    let tls = tls.map_err(|error| unreachable(doing(), error))?;
    let name =
        ServerName::try_from(place.host.clone()).map_err(|error| unreachable(doing(), error))?;
    let tls = TlsConnector::from(tls).connect(name, tcp).await;
    let tls = tls.map_err(|error| unreachable(doing(), error))?;
    Ok(Metered::new(Transport::Tls(Box::new(tls))))
}

fn unreachable(
    doing: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> LinkError {
    LinkError::new(LinkErrorKind::Unreachable, doing, source)
}

impl Opening {
    /// Without further headers; 401 and 403 refuse the credentials, 429 further connections.
    #[must_use]
    pub fn new(limits: Limits, tls: TlsOptions) -> Self {
        Self {
            limits,
            tls,
            headers: Vec::new(),
            refusal: |status| match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => LinkErrorKind::AuthRejected,
                StatusCode::TOO_MANY_REQUESTS => LinkErrorKind::LimitReached,
                _ => LinkErrorKind::Unreachable,
            },
        }
    }
}
