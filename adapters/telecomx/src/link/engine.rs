//! Which Engine.IO the server speaks: asked once, remembered, and asked again when it seems to have changed.
//!
//! A server of version 2 accepts a client of version 4 and drops it after each heartbeat, so trying is no way to find out.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adapter::{LinkError, LinkErrorKind, Measure};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    http::{Answer, Http},
    meter::Meter,
    packet::Engine,
};

/// Handshakes that must fail in a row before the question is asked again.
const DOUBT: u32 = 3;
const ANSWER: Duration = Duration::from_secs(5);

/// What is remembered of a server from one connection to the next, and what was counted meanwhile.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
    pub(super) meter: Arc<Meter>,
}

#[derive(Debug, Default)]
struct State {
    engine: Option<Engine>,
    failures: u32,
}

/// What a server says when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Speaks(Engine),
    /// It serves no polling: only a WebSocket can tell.
    NoPolling,
}

impl Memory {
    /// What the links have counted so far.
    pub fn measures(&self) -> Vec<Measure> {
        self.meter.measures(Instant::now())
    }

    pub(super) fn engine(&self) -> Option<Engine> {
        self.lock().engine
    }

    pub(super) fn learn(&self, engine: Engine) {
        *self.lock() = State {
            engine: Some(engine),
            failures: 0,
        };
    }

    /// A session could not be begun.
    pub(super) fn doubt(&self) {
        let mut state = self.lock();
        state.failures += 1;
        if state.failures >= DOUBT {
            *state = State::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks with one polling request, and ends the session that it makes.
pub(super) async fn ask(http: &mut Http) -> Result<Answered, LinkError> {
    let answer = http
        .get("/socket.io/?EIO=4&transport=polling", ANSWER)
        .await?;
    let doing = || format!("find out the version of Engine.IO at {}", http.name());
    if answer.status.as_u16() == 429 {
        return Err(LinkError::new(LinkErrorKind::LimitReached, doing(), "429"));
    }
    let body = String::from_utf8_lossy(&answer.body);
    let Some(answered) = read(&answer, &body) else {
        let beginning: String = body.chars().take(60).collect();
        let error = format!("HTTP {} {beginning:?} is none that is known", answer.status);
        let kind = if answer.status.is_success() || answer.status.is_client_error() {
            LinkErrorKind::Protocol
        } else {
            LinkErrorKind::Unreachable
        };
        return Err(LinkError::new(kind, doing(), error));
    };
    if let Answered::Speaks(engine) = answered
        && let Some(sid) = sid(&body)
    {
        let path = format!(
            "/socket.io/?EIO={}&transport=polling&sid={sid}",
            engine.as_str()
        );
        let close = if engine == Engine::V3 { "1:1" } else { "1" };
        // Out of politeness: the session would end by itself.
        let _ = http
            .post(&path, ("text/plain;charset=UTF-8", close.into()), ANSWER)
            .await;
    }
    Ok(answered)
}

fn read(answer: &Answer, body: &str) -> Option<Answered> {
    if answer.status.is_success() {
        let digits = body.trim_start_matches(|c: char| c.is_ascii_digit());
        return match body {
            body if body.starts_with("0{") => Some(Answered::Speaks(Engine::V4)),
            body if digits.starts_with(":0{") && digits.len() < body.len() => {
                Some(Answered::Speaks(Engine::V3))
            }
            _ => None,
        };
    }
    // "Transport unknown": there is an Engine.IO, but polling is switched off.
    let said: Value = serde_json::from_str(body).ok()?;
    (said.get("code")?.as_u64()? == 0).then_some(Answered::NoPolling)
}

fn sid(body: &str) -> Option<String> {
    let json = &body[body.find('{')?..];
    let mut packets = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    let sid = packets.next()?.ok()?.get("sid")?.as_str()?.to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    sid.chars().all(plain).then_some(sid)
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    fn answered(status: u16, body: &str) -> Option<Answered> {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: body.to_owned().into(),
            retry_after: None,
        };
        read(&answer, body)
    }

    /// As measured on socket.io 2.5.1, 3.1.2 and 4.8.4.
    #[test]
    fn answers_tell_versions_apart() {
        let v2 = r#"96:0{"sid":"ab-_1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000}2:40"#;
        let v4 =
            r#"0{"sid":"ab-_1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;
        assert_eq!(answered(200, v2), Some(Answered::Speaks(Engine::V3)));
        assert_eq!(answered(200, v4), Some(Answered::Speaks(Engine::V4)));
        for body in [v2, v4] {
            assert_eq!(sid(body).as_deref(), Some("ab-_1"));
        }
        let no_polling = r#"{"code":0,"message":"Transport unknown"}"#;
        assert_eq!(answered(400, no_polling), Some(Answered::NoPolling));
        for (status, body) in [
            (
                400,
                r#"{"code":5,"message":"Unsupported protocol version"}"#,
            ),
            (404, "<html>"),
            (200, "<html>"),
            (200, ":0{"),
            (502, ""),
        ] {
            assert_eq!(answered(status, body), None, "{body}");
        }
        assert_eq!(sid(r#"0{"sid":"a&b"}"#), None);
    }

    #[test]
    fn what_is_remembered_is_doubted_after_three_failures() {
        let memory = Memory::default();
        memory.learn(Engine::V3);
        memory.doubt();
        memory.doubt();
        assert_eq!(memory.engine(), Some(Engine::V3));
        memory.learn(Engine::V3);
        for _ in 0..DOUBT {
            assert_eq!(memory.engine(), Some(Engine::V3));
            memory.doubt();
        }
        assert_eq!(memory.engine(), None);
    }
}
