//! The connection to a Basix PBX: open with credentials, read, keep alive, send commands. Knows no meaning, but for the
//! PBX's last words about the connection itself.

mod ticket;

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use adapter::{
    Direction, Limits, Link, LinkError, LinkErrorKind, Tap, TlsOptions,
    socket::{Opening, Place, Socket},
};
use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use model::{Collection, Text};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};

use crate::{
    capability::reconciles,
    config::{Config, Secret},
    wire::{self, Message, SystemMsg},
};

const OPEN: Duration = Duration::from_secs(10);
/// How long the first word is waited for. It may be that there is no room.
const FIRST_WORD: Duration = Duration::from_secs(3);

/// Connects. The PBX needs no subscription: it begins to tell by itself.
///
/// # Errors
/// With the class that decides when to try again. Each step is bounded in time.
pub async fn connect(
    config: &Config,
    limits: Limits,
    tap: Arc<dyn Tap>,
) -> Result<Connection, LinkError> {
    if config.insecure_tls {
        tracing::warn!(
            url = config.url,
            "insecure_tls: the certificate is not checked, anybody in between can read and change everything"
        );
    }
    let place = place(config)?;
    let deadline = Instant::now() + OPEN;
    let opened = timeout_at(deadline, open(config, limits, &place)).await;
    let socket = opened.unwrap_or_else(|elapsed| {
        let doing = format!("open {place} within {} s", OPEN.as_secs());
        Err(LinkError::new(LinkErrorKind::Unreachable, doing, elapsed))
    })?;
    let mut connection = Connection {
        reconciles: reconciles(),
        name: place.to_string(),
        socket,
        kept: Vec::new(),
        farewell: None,
        tap,
    };
    connection.first_word().await?;
    Ok(connection)
}

/// An open connection.
pub struct Connection {
    reconciles: Vec<Collection>,
    name: String,
    socket: Socket,
    /// The frame that came while connecting.
    kept: Vec<Bytes>,
    /// Why the PBX has ended the connection.
    farewell: Option<LinkError>,
    tap: Arc<dyn Tap>,
}

#[async_trait]
impl Link for Connection {
    fn dialect(&self) -> Option<Text> {
        None
    }

    fn reconciles(&self) -> Vec<Collection> {
        self.reconciles.clone()
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        if let Some(farewell) = self.farewell.take() {
            return Err(farewell);
        }
        if !self.kept.is_empty() {
            frames.append(&mut self.kept);
            return Ok(());
        }
        poll_fn(|cx| self.poll_read(cx, frames)).await
    }

    async fn send(&mut self, request: Bytes) -> Result<(), LinkError> {
        self.tap.frame(Direction::Sent, &request);
        self.socket.send(request).await
    }

    async fn close(&mut self) {
        self.socket.close().await;
    }
}

impl Connection {
    /// Waits a while for the first frame, so that a refusal for want of room is one, and no connection that is lost.
    async fn first_word(&mut self) -> Result<(), LinkError> {
        let Ok(first) = timeout_at(Instant::now() + FIRST_WORD, self.socket.next()).await else {
            return Ok(());
        };
        let frame = first?;
        self.tap.frame(Direction::Received, &frame);
        match self.farewell(&frame) {
            Some(farewell) => Err(farewell),
            None => {
                self.kept.push(frame);
                Ok(())
            }
        }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut Vec<Bytes>,
    ) -> Poll<Result<(), LinkError>> {
        let from = frames.len();
        let polled = self.socket.poll_frames(cx, frames);
        let read = frames.iter().skip(from);
        for frame in read {
            self.tap.frame(Direction::Received, frame);
            self.farewell = self.farewell.take().or_else(|| self.farewell(frame));
        }
        let polled = match polled {
            Poll::Pending if frames.len() == from => self.socket.poll_idle(cx),
            polled => polled,
        };
        match polled {
            // What was said before decides what the end means.
            Poll::Ready(error) => Poll::Ready(Err(self.farewell.take().unwrap_or(error))),
            Poll::Pending if frames.len() > from => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether a frame says that this connection is over, and why.
    fn farewell(&self, frame: &[u8]) -> Option<LinkError> {
        const LONGEST: usize = 256;
        if frame.len() > LONGEST {
            return None;
        }
        let Ok(Message::SystemMsg(message)) = wire::decode(frame) else {
            return None;
        };
        let (kind, said) = match message {
            SystemMsg::ConnectionLimitReached => {
                (LinkErrorKind::LimitReached, "connection_limit_reached")
            }
            SystemMsg::ConnectionReplaced => (LinkErrorKind::Replaced, "connection_replaced"),
            SystemMsg::Logout => (LinkErrorKind::AuthRejected, "logout"),
            SystemMsg::Other(_) => return None,
        };
        let doing = format!("stay connected to {}", self.name);
        Some(LinkError::new(kind, doing, format!("the PBX says: {said}")))
    }
}

async fn open(config: &Config, limits: Limits, place: &Place) -> Result<Socket, LinkError> {
    let tls = TlsOptions {
        ca_file: config.ca_file.clone(),
        insecure: config.insecure_tls,
    };
    let (name, value) = match (&config.cookie, &config.domain, &config.token) {
        (Some(cookie), ..) => (header::COOKIE, secret_header(cookie.expose(), place)?),
        (None, Some(domain), Some(token)) => {
            let own = basic(domain, token, place)?;
            let value = if config.ticket {
                let ticket = ticket::draw(place, &tls, own).await?;
                basic("ws_ticket", &ticket, place)?
            } else {
                own
            };
            (header::AUTHORIZATION, value)
        }
        _ => {
            let doing = format!("log in to {place}");
            return Err(LinkError::new(
                LinkErrorKind::AuthRejected,
                doing,
                "no credentials",
            ));
        }
    };
    let mut opening = Opening::new(limits, tls);
    opening.headers.push((name, value));
    opening.refusal = refusal;
    Socket::open(place, &opening).await
}

/// What an HTTP answer other than the upgrade means. A client that is told that it is wrong must not hammer.
fn refusal(status: StatusCode) -> LinkErrorKind {
    match status {
        StatusCode::TOO_MANY_REQUESTS => LinkErrorKind::LimitReached,
        StatusCode::REQUEST_TIMEOUT => LinkErrorKind::Unreachable,
        status if status.is_client_error() => LinkErrorKind::AuthRejected,
        _ => LinkErrorKind::Unreachable,
    }
}

/// The URL with what is wanted of it. No secret is in it.
///
/// # Errors
/// When the configured URL cannot be used.
pub fn place(config: &Config) -> Result<Place, LinkError> {
    let mut place = Place::of(&config.url)?;
    let mut query = format!("app_name={}", escaped(&config.app_name));
    if config.full_events {
        query.push_str("&full_events=true");
    } else if let Some(user) = &config.user {
        query.push_str(&format!(
            "&{}={}",
            config.user_by.parameter(),
            escaped(user)
        ));
    }
    if config.force {
        // Readme and documentation spell it differently.
        query.push_str("&force=true&forced=true");
    }
    place.path = format!("{}?{query}", place.path);
    Ok(place)
}

fn basic(user: &str, secret: &Secret, place: &Place) -> Result<HeaderValue, LinkError> {
    let pair = BASE64_STANDARD.encode(format!("{user}:{}", secret.expose()));
    secret_header(&format!("Basic {pair}"), place)
}

fn secret_header(text: &str, place: &Place) -> Result<HeaderValue, LinkError> {
    let mut value = HeaderValue::try_from(text).map_err(|error| {
        LinkError::new(
            LinkErrorKind::AuthRejected,
            format!("log in to {place}"),
            error,
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Percent-encoded for a query.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(keys: &serde_json::Value) -> String {
        let mut source = serde_json::json!({
            "url": "wss://pbx/basix/api/ws_cti", "domain": "d", "token": "t",
        });
        for (key, value) in keys.as_object().unwrap() {
            source[key] = value.clone();
        }
        place(&serde_json::from_value(source).unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_url_says_what_is_wanted_and_no_secret() {
        const BASE: &str = "wss://pbx:443/basix/api/ws_cti?app_name=";
        for (keys, expected) in [
            (serde_json::json!({}), "switchhook&full_events=true"),
            (
                serde_json::json!({"app_name": "our app & 電話", "force": true}),
                "our%20app%20%26%20%E9%9B%BB%E8%A9%B1&full_events=true&force=true&forced=true",
            ),
            (
                serde_json::json!({"full_events": false, "user": "a+b@c.d", "user_by": "email"}),
                "switchhook&user_email=a%2Bb%40c.d",
            ),
        ] {
            assert_eq!(url(&keys), format!("{BASE}{expected}"));
        }
    }

    #[test]
    fn who_is_told_to_be_wrong_does_not_hammer() {
        for (status, kind) in [
            (400, LinkErrorKind::AuthRejected),
            (401, LinkErrorKind::AuthRejected),
            (403, LinkErrorKind::AuthRejected),
            (404, LinkErrorKind::AuthRejected),
            (408, LinkErrorKind::Unreachable),
            (429, LinkErrorKind::LimitReached),
            (502, LinkErrorKind::Unreachable),
        ] {
            assert_eq!(
                refusal(StatusCode::from_u16(status).unwrap()),
                kind,
                "{status}"
            );
        }
    }
}
