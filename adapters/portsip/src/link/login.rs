//! Opening one socket: which address answers, who we are, what dialect it speaks, and what we want to hear.

use std::{sync::Arc, time::Duration};

use adapter::{
    Direction, Limits, LinkError, LinkErrorKind, Tap,
    socket::{Place, Socket},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::{socket_opening, target::is_wsi};
use crate::{
    config::{Config, Secret},
    wire::{Dialect, request},
};

/// One address among several gets this long, lest a firewall that swallows the first leaves no time for the second.
const PROBE: Duration = Duration::from_secs(4);
const OPEN: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(8);
/// How long v12 and v16 may take to show which form of topics they understand.
const FORM: Duration = Duration::from_secs(5);
/// What a PBX says in an error is quoted up to here.
const QUOTE: usize = 200;
/// Frames that may come before the login is done. More end the attempt, since none is dropped.
const KEPT: usize = 10_000;

/// A socket that is logged in and subscribed.
pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) target: Place,
    pub(super) dialect: Dialect,
    /// Frames that came meanwhile.
    pub(super) kept: Vec<Bytes>,
}

/// How one socket is opened.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) config: &'a Config,
    pub(super) limits: Limits,
    pub(super) tap: &'a Arc<dyn Tap>,
    /// For `global_*` topics, or else for all others.
    pub(super) global: bool,
}

impl Opening<'_> {
    /// Opens the first address that has a WebSocket.
    pub(super) async fn first_of(self, targets: &[Place]) -> Result<Opened, LinkError> {
        let mut failed = None;
        let limit = if targets.len() > 1 { PROBE } else { OPEN };
        for target in targets {
            match self.dial(target, limit).await {
                Ok(socket) => return self.talk(target, self.config.dialect, socket).await,
                Err(error) => {
                    tracing::debug!(%target, reason = error.chain(), "not here");
                    // What the first address says is what the user meant to reach.
                    failed.get_or_insert(error);
                }
            }
        }
        Err(failed.unwrap_or_else(|| {
            super::unreachable(format!("connect to {}", self.config.url), "no address")
        }))
    }

    /// Opens a known address.
    pub(super) async fn one(
        self,
        target: &Place,
        dialect: Option<Dialect>,
    ) -> Result<Opened, LinkError> {
        let socket = self.dial(target, OPEN).await?;
        self.talk(target, dialect, socket).await
    }

    async fn dial(self, target: &Place, limit: Duration) -> Result<Socket, LinkError> {
        let how = socket_opening(self.config, self.limits);
        let opening = Socket::open(target, &how);
        timeout(limit, opening).await.unwrap_or_else(|elapsed| {
            let doing = format!("open {target} within {} s", limit.as_secs());
            Err(super::unreachable(doing, elapsed))
        })
    }

    async fn talk(
        self,
        target: &Place,
        dialect: Option<Dialect>,
        mut socket: Socket,
    ) -> Result<Opened, LinkError> {
        let mut conversation = Conversation {
            opening: self,
            kept: Vec::new(),
        };
        let mut refusal = None;
        for &form in forms(self.config, dialect, target) {
            if refusal.is_some() {
                socket.close().await;
                socket = self.dial(target, OPEN).await?;
            }
            let reply = conversation.log_in(&mut socket, target, form).await?;
            if reply.ok {
                let dialect = dialect.or_else(|| self.dialect_of(target, form, &reply));
                let dialect = conversation.subscribe(&mut socket, dialect).await?;
                return Ok(Opened {
                    socket,
                    target: target.clone(),
                    dialect,
                    kept: conversation.kept,
                });
            }
            let bare = reply.command.is_none();
            refusal = Some(reply);
            if !bare {
                // Only the oldest dialects answer without naming the command, and only they know the other form.
                break;
            }
        }
        let said = refusal.map_or_else(String::new, |reply| reply.error);
        Err(LinkError::new(
            LinkErrorKind::AuthRejected,
            format!("log in to {target} as {}", name(self.config)),
            format!("the PBX says: {said}"),
        ))
    }

    /// The dialect, as far as address and first reply tell. None: v12 or v16.
    fn dialect_of(self, target: &Place, form: Dialect, reply: &Reply) -> Option<Dialect> {
        let wants_v22_3 = self
            .config
            .known_topics()
            .iter()
            .any(|topic| topic.exists_in(Dialect::V22_3) && !topic.exists_in(Dialect::V22));
        match (is_wsi(target), form, &reply.command) {
            // Nothing in a login tells the two apart, but who asks for a topic of 22.3 should know.
            (true, ..) if wants_v22_3 => Some(Dialect::V22_3),
            (true, ..) => Some(Dialect::V22),
            (false, Dialect::V12, _) => Some(Dialect::V12),
            (false, _, Some(_)) => Some(Dialect::V16_2),
            (false, _, None) => None,
        }
    }
}

/// The dialects whose forms of `auth` to try, in order.
fn forms(config: &Config, dialect: Option<Dialect>, target: &Place) -> &'static [Dialect] {
    let as_user = config.extension_number.is_none() && config.domain.is_some();
    match dialect {
        Some(Dialect::V12) => &[Dialect::V12],
        // v12 knows no users, so there is nothing else to try for one.
        None if !is_wsi(target) && !as_user => &[Dialect::V16_2, Dialect::V12],
        _ => &[Dialect::V16_2],
    }
}

/// For messages: who, without the password.
fn name(config: &Config) -> &str {
    let name = config
        .extension_number
        .as_ref()
        .or(config.username.as_ref());
    name.map_or("nobody", String::as_str)
}

struct Conversation<'a> {
    opening: Opening<'a>,
    kept: Vec<Bytes>,
}

impl Conversation<'_> {
    async fn log_in(
        &mut self,
        socket: &mut Socket,
        target: &Place,
        form: Dialect,
    ) -> Result<Reply, LinkError> {
        let config = self.opening.config;
        let redacted = Config {
            password: Secret::new("***"),
            ..config.clone()
        };
        socket.send(request::auth(config, form)).await?;
        self.tap(Direction::Sent, &request::auth(&redacted, form));
        let until = Instant::now() + ANSWER;
        loop {
            let next = timeout_at(until, socket.next()).await;
            let frame = next.unwrap_or_else(|elapsed| {
                let doing = format!("get an answer to the login from {target}");
                Err(LinkError::new(LinkErrorKind::Transient, doing, elapsed))
            })?;
            self.tap(Direction::Received, &frame);
            match Reply::read(&frame).filter(Reply::is_to_auth) {
                Some(reply) => return Ok(reply),
                None => self.keep(frame)?,
            }
        }
    }

    /// Subscribes to each topic. Where the dialect is still v12 or v16, the answers to topic strings decide.
    async fn subscribe(
        &mut self,
        socket: &mut Socket,
        dialect: Option<Dialect>,
    ) -> Result<Dialect, LinkError> {
        if let Some(dialect) = dialect {
            self.send_all(socket, dialect).await?;
            return Ok(dialect);
        }
        let asked = self.send_all(socket, Dialect::V16).await?;
        if self.strings_understood(socket, asked).await? {
            return Ok(Dialect::V16);
        }
        self.send_all(socket, Dialect::V12).await?;
        Ok(Dialect::V12)
    }

    async fn send_all(&self, socket: &mut Socket, dialect: Dialect) -> Result<usize, LinkError> {
        let mut asked = 0;
        for (topic, command) in request::subscriptions(self.opening.config, dialect) {
            if topic.is_global() == self.opening.global {
                self.tap(Direction::Sent, &command);
                socket.send(command).await?;
                asked += 1;
            }
        }
        Ok(asked)
    }

    /// One success or event says yes. Refusals of everything, or silence, say no, and are then no news for the map.
    async fn strings_understood(
        &mut self,
        socket: &mut Socket,
        asked: usize,
    ) -> Result<bool, LinkError> {
        let until = Instant::now() + FORM;
        let mut refusals = Vec::new();
        while refusals.len() < asked {
            let Ok(next) = timeout_at(until, socket.next()).await else {
                return Ok(false);
            };
            let frame = next?;
            self.tap(Direction::Received, &frame);
            let refused = Reply::read(&frame).is_some_and(|reply| !reply.ok);
            refusals.push(frame);
            if !refused {
                for frame in refusals {
                    self.keep(frame)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn keep(&mut self, frame: Bytes) -> Result<(), LinkError> {
        if self.kept.len() == KEPT {
            let doing = format!("log in as {}", name(self.opening.config));
            let source = format!("{KEPT} frames came before the answer");
            return Err(LinkError::new(LinkErrorKind::Protocol, doing, source));
        }
        self.kept.push(frame);
        Ok(())
    }

    fn tap(&self, direction: Direction, frame: &[u8]) {
        self.opening.tap.frame(direction, frame);
    }
}

/// An answer to a command: it has a numeric `status` and no `event_type`.
struct Reply {
    command: Option<String>,
    ok: bool,
    error: String,
}

impl Reply {
    fn read(frame: &[u8]) -> Option<Self> {
        let frame: Value = serde_json::from_slice(frame).ok()?;
        if frame.get("event_type").is_some() {
            return None;
        }
        let status = match frame.get("status")? {
            Value::Number(status) => status.as_i64()?,
            Value::String(status) => status.trim().parse().ok()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        let text = |key: &str| {
            let text = frame.get(key)?.as_str()?;
            Some(text.chars().take(QUOTE).collect::<String>())
        };
        Some(Self {
            command: text("command"),
            ok: status == 0,
            error: text("error").unwrap_or_else(|| format!("status {status}")),
        })
    }

    fn is_to_auth(&self) -> bool {
        self.command.as_deref().is_none_or(|named| named == "auth")
    }
}

#[cfg(test)]
mod tests {
    use testkit::Peer;

    use super::*;

    #[test]
    fn replies_are_told_from_events() {
        let reply =
            Reply::read(br#"{"command":"auth","error":"no","id":"2","status":-1}"#).unwrap();
        assert!(!reply.ok && reply.is_to_auth() && reply.error == "no");
        assert!(Reply::read(br#"{"status":0}"#).unwrap().is_to_auth());
        assert!(Reply::read(br#"{"status":"0"}"#).unwrap().ok);
        for frame in [
            r#"{"event_type":"extension_status","status":[]}"#,
            r#"{"event_type":"x","status":0}"#,
            r#"{"status":[{"online":true}]}"#,
            "not json",
            "[]",
        ] {
            assert!(Reply::read(frame.as_bytes()).is_none(), "{frame}");
        }
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_is_no_websocket() {
        let (portal, publisher) = (Peer::listen().await, Peer::listen().await);
        let config: Config = serde_json::from_value(serde_json::json!({
            "url": "ws://localhost", "username": "u", "domain": "d", "password": "p",
        }))
        .unwrap();
        let target = |peer: &Peer, path: &str| {
            let url = format!("ws://{}{path}", peer.address());
            super::super::target::candidates(&url, None)
                .unwrap()
                .remove(0)
        };
        let targets = [target(&portal, "/wsi"), target(&publisher, "/")];
        let opening = Opening {
            config: &config,
            limits: Limits {
                silence: Duration::from_secs(90),
                max_frame: 1 << 20,
            },
            tap: &(Arc::new(()) as Arc<dyn Tap>),
            global: false,
        };
        let (opened, (), ()) = tokio::join!(
            opening.first_of(&targets),
            portal.answer_http("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
            async {
                let mut session = publisher.accept().await;
                session.json().await;
                session
                    .send(r#"{"command":"auth","id":"1","status":0}"#)
                    .await;
                assert_eq!(session.json().await["topics"][0], "cdr_events");
            }
        );
        let opened = opened.unwrap();
        assert_eq!(opened.target, targets[1]);
        assert_eq!(opened.dialect, Dialect::V16_2);
    }
}
