//! Opening one socket: which address answers, who we are, what dialect it speaks, and what we want to hear.

use std::{sync::Arc, time::Duration};

use adapter::{Direction, LinkError, LinkErrorKind, Tap};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Dialect, LinkConfig,
    request::{self, AuthForm},
    socket::Socket,
    target::Target,
};

/// One address among several gets this long, lest a firewall that swallows the first leaves no time for the second.
const PROBE: Duration = Duration::from_secs(4);
const OPEN: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(8);
/// How long v12 and v16 may take to show which form of topics they understand.
const FORM: Duration = Duration::from_secs(5);
/// What a PBX says in an error is quoted up to here.
const QUOTE: usize = 200;
/// Frames that come before the login is done and are kept.
const KEPT: usize = 10_000;

/// A socket that is logged in and subscribed.
pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) target: Target,
    pub(super) dialect: Dialect,
    /// Frames that came meanwhile.
    pub(super) kept: Vec<Bytes>,
}

/// Opens the first address that has a WebSocket.
pub(super) async fn open_first(
    config: &LinkConfig,
    targets: &[Target],
    topics: &[&String],
    tap: &Arc<dyn Tap>,
) -> Result<Opened, LinkError> {
    let mut failed = None;
    for (index, target) in targets.iter().enumerate() {
        let limit = if targets.len() > 1 { PROBE } else { OPEN };
        match dial(config, target, limit).await {
            Ok(socket) => {
                return talk(config, target, config.dialect, topics, tap, socket).await;
            }
            Err(error) => {
                if index + 1 < targets.len() {
                    tracing::debug!(%target, reason = error.chain(), "not here");
                }
                // What the first address says is what the user meant to reach.
                failed.get_or_insert(error);
            }
        }
    }
    Err(failed.unwrap_or_else(|| {
        LinkError::new(
            LinkErrorKind::Unreachable,
            format!("connect to {}", config.url),
            "no address to try",
        )
    }))
}

/// Opens a known address.
pub(super) async fn open(
    config: &LinkConfig,
    target: &Target,
    dialect: Option<Dialect>,
    topics: &[&String],
    tap: &Arc<dyn Tap>,
) -> Result<Opened, LinkError> {
    let socket = dial(config, target, OPEN).await?;
    talk(config, target, dialect, topics, tap, socket).await
}

async fn dial(config: &LinkConfig, target: &Target, limit: Duration) -> Result<Socket, LinkError> {
    let opening = Socket::open(config, target);
    timeout(limit, opening).await.unwrap_or_else(|elapsed| {
        Err(LinkError::new(
            LinkErrorKind::Unreachable,
            format!("open {target} within {} s", limit.as_secs()),
            elapsed,
        ))
    })
}

async fn talk(
    config: &LinkConfig,
    target: &Target,
    dialect: Option<Dialect>,
    topics: &[&String],
    tap: &Arc<dyn Tap>,
    mut socket: Socket,
) -> Result<Opened, LinkError> {
    let forms = AuthForm::candidates(&config.login, dialect, target.is_wsi());
    let mut conversation = Conversation {
        tap: Arc::clone(tap),
        kept: Vec::new(),
    };
    let mut refusal = None;
    for &form in forms {
        if refusal.is_some() {
            socket.close().await;
            socket = dial(config, target, OPEN).await?;
        }
        let reply = conversation
            .log_in(&mut socket, config, target, form)
            .await?;
        if reply.ok {
            let dialect = dialect.or_else(|| dialect_of(target, form, &reply));
            let dialect = conversation
                .subscribe(&mut socket, config, dialect, topics)
                .await?;
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
        format!("log in to {target} as {}", config.login.name()),
        format!("the PBX says: {said}"),
    ))
}

/// The dialect, as far as address and first reply tell. None: v12 or v16.
fn dialect_of(target: &Target, form: AuthForm, reply: &Reply) -> Option<Dialect> {
    match (target.is_wsi(), form, &reply.command) {
        (true, ..) => Some(Dialect::V22),
        (false, AuthForm::V12, _) => Some(Dialect::V12),
        (false, AuthForm::Modern, Some(_)) => Some(Dialect::V16_2),
        (false, AuthForm::Modern, None) => None,
    }
}

struct Conversation {
    tap: Arc<dyn Tap>,
    kept: Vec<Bytes>,
}

impl Conversation {
    async fn log_in(
        &mut self,
        socket: &mut Socket,
        config: &LinkConfig,
        target: &Target,
        form: AuthForm,
    ) -> Result<Reply, LinkError> {
        let command = request::auth(&config.login, form);
        socket.send(Bytes::from(command.to_string())).await?;
        let shown = request::redacted(command).to_string();
        self.tap.frame(Direction::Sent, shown.as_bytes());
        let until = Instant::now() + ANSWER;
        loop {
            let next = timeout_at(until, socket.next()).await;
            let frame = next.unwrap_or_else(|elapsed| {
                let doing = format!("get an answer to the login from {target}");
                Err(LinkError::new(LinkErrorKind::Transient, doing, elapsed))
            })?;
            self.tap.frame(Direction::Received, &frame);
            match Reply::read(&frame).filter(|reply| reply.is_to("auth")) {
                Some(reply) => return Ok(reply),
                None => self.keep(frame),
            }
        }
    }

    /// Subscribes to each topic. Where the dialect is still v12 or v16, the answers to topic strings decide.
    async fn subscribe(
        &mut self,
        socket: &mut Socket,
        config: &LinkConfig,
        dialect: Option<Dialect>,
        topics: &[&String],
    ) -> Result<Dialect, LinkError> {
        let objects = dialect == Some(Dialect::V12);
        self.send_all(socket, config, topics, objects).await?;
        match dialect {
            Some(dialect) => Ok(dialect),
            None if self.strings_understood(socket, topics.len()).await? => Ok(Dialect::V16),
            None => {
                self.send_all(socket, config, topics, true).await?;
                Ok(Dialect::V12)
            }
        }
    }

    async fn send_all(
        &self,
        socket: &mut Socket,
        config: &LinkConfig,
        topics: &[&String],
        objects: bool,
    ) -> Result<(), LinkError> {
        for topic in topics {
            let command = request::subscribe(config, topic, objects).to_string();
            self.tap.frame(Direction::Sent, command.as_bytes());
            socket.send(Bytes::from(command)).await?;
        }
        Ok(())
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
            self.tap.frame(Direction::Received, &frame);
            let refused = Reply::read(&frame).is_some_and(|reply| !reply.ok);
            refusals.push(frame);
            if !refused {
                for frame in refusals {
                    self.keep(frame);
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn keep(&mut self, frame: Bytes) {
        if self.kept.len() < KEPT {
            self.kept.push(frame);
        }
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

    fn is_to(&self, command: &str) -> bool {
        self.command.as_deref().is_none_or(|named| named == command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_from_events() {
        let reply =
            Reply::read(br#"{"command":"auth","error":"no","id":"2","status":-1}"#).unwrap();
        assert!(!reply.ok && reply.is_to("auth") && reply.error == "no");
        assert!(Reply::read(br#"{"status":0}"#).unwrap().is_to("auth"));
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
}
