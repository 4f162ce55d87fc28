//! Beginning a session: open the socket, hear the handshake, join the namespace, say who we are.

use std::{sync::Arc, time::Duration};

use adapter::{
    LinkError, Tap,
    socket::{Opening, Place, Socket},
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    exit::Exit,
    heartbeat::Handshake,
    meter::Meter,
    packet::{Engine, Heard, name},
    wire::Wire,
};
use crate::config::Secret;

/// The limits of the steps.
const CONNECT: Duration = Duration::from_secs(5);
const HANDSHAKE: Duration = Duration::from_secs(5);
const JOIN: Duration = Duration::from_secs(5);
const AUTHENTICATE: Duration = Duration::from_secs(10);
/// A server of Engine.IO 3 joins the default namespace for us, at once.
const UNASKED: Duration = Duration::from_millis(250);
/// Frames that may come before the session stands. More end the attempt, since none is dropped.
const KEPT: usize = 10_000;
/// What the server says in a refusal is quoted up to here.
const QUOTE: usize = 200;

/// A session in which we are known.
pub(super) struct Opened {
    pub(super) wire: Wire,
    pub(super) engine: Engine,
    pub(super) handshake: Handshake,
}

/// Who we say that we are.
pub(super) struct Identity<'a> {
    pub(super) token: &'a Secret,
    pub(super) instance: &'a str,
}

/// Begins a session. Without a version the server shows which one it speaks.
pub(super) async fn open(
    place: &Place,
    opening: &Opening,
    engine: Option<Engine>,
    identity: &Identity<'_>,
    tap: Arc<dyn Tap>,
    meter: &Arc<Meter>,
) -> Result<Opened, Exit> {
    let version = engine.unwrap_or(Engine::V4).as_str();
    let place = Place {
        path: format!("/socket.io/?EIO={version}&transport=websocket"),
        ..place.clone()
    };
    let socket = timeout(CONNECT, Socket::open(&place, opening));
    let socket = socket
        .await
        .map_err(|_| Exit::Slow("open the socket", CONNECT))??;
    let mut wire = Wire::new(socket, opening.limits.max_frame, tap, Arc::clone(meter));
    let handshake = handshake(&mut wire).await?;
    let engine = join(&mut wire, engine).await?;
    authenticate(&mut wire, identity).await?;
    Ok(Opened {
        wire,
        engine,
        handshake,
    })
}

async fn handshake(wire: &mut Wire) -> Result<Handshake, Exit> {
    let heard = timeout(HANDSHAKE, wire.next()).await;
    match heard.map_err(|_| Exit::Slow("hear the handshake", HANDSHAKE))?? {
        Heard::Open(data) => serde_json::from_slice(&data)
            .map_err(|_| Exit::UnsupportedVersion("the handshake cannot be read")),
        _ => Err(Exit::UnsupportedVersion("it begins without a handshake")),
    }
}

async fn join(wire: &mut Wire, engine: Option<Engine>) -> Result<Engine, Exit> {
    if engine != Some(Engine::V4) {
        wire.speak(Engine::V3);
        let limit = if engine.is_some() { JOIN } else { UNASKED };
        match timeout(limit, joined(wire)).await {
            Ok(joined) => return joined.map(|_| Engine::V3),
            Err(_) if engine.is_some() => {
                return Err(Exit::UnsupportedVersion(
                    "the namespace is not joined unasked, as Engine.IO 3 has it: is engine_io right?",
                ));
            }
            Err(_) => {}
        }
    }
    wire.speak(Engine::V4);
    wire.say("40").await?;
    let joined = timeout(JOIN, joined(wire)).await;
    if joined.map_err(|_| Exit::Slow("join the namespace", JOIN))?? {
        return Ok(Engine::V4);
    }
    Err(Exit::UnsupportedVersion(
        "the namespace is joined unasked, as Engine.IO 3 has it: is engine_io right?",
    ))
}

/// Waits until the namespace is joined. True when the server names the session in it, as Engine.IO 4 has it.
async fn joined(wire: &mut Wire) -> Result<bool, Exit> {
    loop {
        match wire.next().await? {
            Heard::Connect(data) => return Ok(!data.is_empty()),
            Heard::Refused(said) => return Err(Exit::Refused(quote(&said))),
            Heard::Close => return Err(Exit::EngineClose),
            Heard::Disconnect => return Err(Exit::NamespaceGone),
            heard => keep(wire, heard)?,
        }
    }
}

/// Says who we are. Whatever ends the session now is taken for a refusal: none is documented, and servers of this kind
/// mostly hang up.
async fn authenticate(wire: &mut Wire, identity: &Identity<'_>) -> Result<(), Exit> {
    let args = |token: &str| {
        let who = json!({
            "token": token, "client": "Switchhook", "instanceId": identity.instance,
        });
        json!(["authenticate", who]).to_string()
    };
    let (args, shown) = (args(identity.token.expose()), args("***"));
    wire.emit(None, &args, &shown).await?;
    let until = Instant::now() + AUTHENTICATE;
    loop {
        let next = timeout_at(until, wire.next()).await.map_err(|_| {
            let limit = AUTHENTICATE.as_secs();
            Exit::AuthFailed(format!("nobody says within {limit} s that we may"))
        })?;
        let heard = next.map_err(hung_up)?;
        let said = |data: &[u8]| quote_without(data, identity.token);
        match heard {
            Heard::Refused(data) => return Err(Exit::AuthFailed(said(&data))),
            Heard::Close | Heard::Disconnect => {
                let hung_up = "the server ended the session instead of an answer";
                return Err(Exit::AuthFailed(hung_up.to_owned()));
            }
            Heard::Event(args) => match name_of(&args).as_deref() {
                Some("authenticated") => {
                    keep(wire, Heard::Event(args))?;
                    return Ok(());
                }
                Some("unauthorized" | "error") => return Err(Exit::AuthFailed(said(&args))),
                _ => keep(wire, Heard::Event(args))?,
            },
            heard => keep(wire, heard)?,
        }
    }
}

fn hung_up(error: LinkError) -> Exit {
    match error.kind {
        adapter::LinkErrorKind::Protocol => Exit::Transport(error),
        _ => Exit::AuthFailed(error.chain()),
    }
}

/// Keeps what is for later.
fn keep(wire: &mut Wire, heard: Heard) -> Result<(), Exit> {
    if let Heard::Event(args) = heard {
        wire.hand_on(args);
    }
    if wire.frames.len() > KEPT {
        return Err(Exit::UnsupportedVersion(
            "too much comes before the session stands",
        ));
    }
    Ok(())
}

pub(super) fn name_of(args: &[u8]) -> Option<String> {
    let args = std::str::from_utf8(args).ok()?;
    name(args).map(std::borrow::Cow::into_owned)
}

/// What the server says in a refusal: its message if it has one, else all of it.
pub(super) fn quote(said: &[u8]) -> String {
    let value: Value = serde_json::from_slice(said).unwrap_or_default();
    let message = value
        .get("message")
        .or_else(|| value.get(1)?.get("message"));
    let text = match message.and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(said).into_owned(),
    };
    text.chars().take(QUOTE).collect()
}

fn quote_without(said: &[u8], token: &Secret) -> String {
    let text = quote(said);
    match token.expose() {
        "" => text,
        token => text.replace(token, "***"),
    }
}
