//! One WebSocket: opened with or without TLS, read in batches, watched for silence.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use adapter::{LinkError, LinkErrorKind, TlsOptions};
use bytes::Bytes;
use futures_util::{Sink as _, SinkExt as _, Stream as _};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WsError, Message, Utf8Bytes,
        error::CapacityError,
        http::StatusCode,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::{Limits, PATIENCE, target::Target, unreachable};
use crate::config::Config;

/// Frames taken from one socket before the other, and the reader, have their turn.
const BATCH: usize = 256;
const READ_BUFFER: usize = 64 * 1024;
const GOODBYE: Duration = Duration::from_millis(400);

/// An open WebSocket to one address.
pub(super) struct Socket {
    ws: WebSocketStream<Metered>,
    name: String,
    /// The close frame, when the peer has said goodbye.
    goodbye: Option<CloseFrame>,
    watchdog: Watchdog,
}

impl Socket {
    /// Opens TCP, TLS and HTTP. The caller bounds the time.
    pub(super) async fn open(
        config: &Config,
        limits: Limits,
        target: &Target,
    ) -> Result<Self, LinkError> {
        let doing = || format!("open {target}");
        let tcp = TcpStream::connect((target.host.as_str(), target.port))
            .await
            .map_err(|error| unreachable(doing(), error))?;
        tcp.set_nodelay(true)
            .map_err(|error| unreachable(doing(), error))?;
        let stream = if target.tls {
            let options = TlsOptions {
                ca_file: config.ca_file.clone(),
                insecure: config.insecure_tls,
            };
            let tls = options.client().await;
            let tls = tls.map_err(|error| unreachable(doing(), error))?;
            let name = ServerName::try_from(target.host.clone())
                .map_err(|error| unreachable(doing(), error))?;
            let tls = TlsConnector::from(tls).connect(name, tcp).await;
            Transport::Tls(Box::new(tls.map_err(|error| unreachable(doing(), error))?))
        } else {
            Transport::Plain(tcp)
        };
        let settings = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(limits.max_frame))
            .max_frame_size(Some(limits.max_frame));
        let (ws, _) = client_async_with_config(
            target.to_string(),
            Metered {
                transport: stream,
                received: 0,
            },
            Some(settings),
        )
        .await
        .map_err(|error| refused(doing(), error))?;
        Ok(Self {
            ws,
            name: target.to_string(),
            goodbye: None,
            watchdog: Watchdog::new(limits.silence / PATIENCE),
        })
    }

    /// The next frame, while logging in. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<Bytes, LinkError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Takes what is there, up to a bound. Ready only when the socket has ended.
    pub(super) fn poll_frames(
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
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<LinkError> {
        let received = self.ws.get_ref().received;
        loop {
            match ready!(self.watchdog.poll(cx, received)) {
                Idle::Ping => {
                    if let Poll::Ready(Err(error)) = self.poll_ping(cx) {
                        return Poll::Ready(self.lost(error));
                    }
                }
                Idle::GiveUp => {
                    let silent = self.watchdog.every * PATIENCE;
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
    pub(super) async fn send(&mut self, text: Bytes) -> Result<(), LinkError> {
        let text = Utf8Bytes::try_from(text).map_err(|error| {
            let doing = format!("send to {}", self.name);
            LinkError::new(LinkErrorKind::Protocol, doing, error)
        })?;
        let limit = self.watchdog.every * PATIENCE;
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
    pub(super) async fn close(&mut self) {
        // The socket is dropped next, whatever comes of it.
        let _ = timeout(GOODBYE, self.ws.close(None)).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        loop {
            let message = ready!(Pin::new(&mut self.ws).poll_next(cx));
            return Poll::Ready(match message {
                Some(Ok(Message::Text(text))) => Ok(text.into()),
                Some(Ok(Message::Binary(bytes))) => Ok(bytes),
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

/// The peer vanished without a close frame: the protocol is not to blame.
fn torn(error: &WsError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    matches!(error, WsError::Protocol(ResetWithoutClosingHandshake))
}

fn refused(doing: String, error: WsError) -> LinkError {
    let kind = match &error {
        WsError::Http(response) => match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => LinkErrorKind::AuthRejected,
            StatusCode::TOO_MANY_REQUESTS => LinkErrorKind::LimitReached,
            _ => LinkErrorKind::Unreachable,
        },
        _ => LinkErrorKind::Unreachable,
    };
    LinkError::new(kind, doing, error)
}

enum Idle {
    Ping,
    GiveUp,
}

/// Notices silence. Every byte counts, so a pong does, and so does half a frame.
struct Watchdog {
    every: Duration,
    received: u64,
    idle: u32,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    fn new(every: Duration) -> Self {
        Self {
            every,
            received: 0,
            idle: 0,
            timer: Box::pin(sleep(every)),
        }
    }

    /// Asked only when there is nothing to read: a reader that was away for long hears what waits before it judges.
    fn poll(&mut self, cx: &mut Context<'_>, received: u64) -> Poll<Idle> {
        if received != self.received {
            self.received = received;
            self.idle = 0;
            self.timer.as_mut().reset(Instant::now() + self.every);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.idle += 1;
        if self.idle >= PATIENCE {
            return Poll::Ready(Idle::GiveUp);
        }
        self.timer.as_mut().reset(Instant::now() + self.every);
        Poll::Ready(Idle::Ping)
    }
}

/// A transport that counts what it receives.
struct Metered {
    transport: Transport,
    received: u64,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        };
        let read = buffer.filled().len() - before;
        self.received = self
            .received
            .wrapping_add(u64::try_from(read).unwrap_or(u64::MAX));
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
