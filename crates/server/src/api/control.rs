//! What clients say on a WebSocket: commands in JSON, answered in the order they come.

use std::sync::Arc;

use hub::{
    fanout::{Command, Control, Start},
    stream::ConnectionId,
};
use serde_json::{Map, Value, value::RawValue};
use tokio::sync::mpsc;

use super::{
    Surface,
    events::{subscribe, websocket::closing, wish::Wish},
    expiry::{self, Expiry, Stage},
    sessions::{Open, Session, Timer},
};
use crate::{
    auth::{Principal, Scope},
    problem::{Kind, Problem, Violation},
};

/// Where the fan-out leaves what its connections say. Never waits: a connection says nothing more until it is answered,
/// so at most two messages of each connection are under way.
pub struct Said(mpsc::UnboundedSender<Message>);

/// The other end of [`Said`].
pub struct Inbox(mpsc::UnboundedReceiver<Message>);

enum Message {
    Text(ConnectionId, String),
    Closed(ConnectionId),
}

/// Connects the fan-out with [`run`].
#[must_use]
pub fn channel() -> (Arc<Said>, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Arc::new(Said(sender)), Inbox(receiver))
}

impl Control for Said {
    fn text(&self, connection: ConnectionId, text: String) {
        // When nobody listens any more the gateway is past answering.
        let _ = self.0.send(Message::Text(connection, text));
    }

    fn closed(&self, connection: ConnectionId) {
        let _ = self.0.send(Message::Closed(connection));
    }
}

/// Answers what is said until the fan-out is gone.
pub async fn run(surface: Arc<Surface>, mut inbox: Inbox) {
    while let Some(message) = inbox.0.recv().await {
        match message {
            Message::Closed(connection) => surface.sessions.leave(connection),
            Message::Text(connection, text) => {
                let surface = Arc::clone(&surface);
                // One at a time per connection; those of different connections do not wait for each other.
                tokio::task::spawn_blocking(move || {
                    if let Some(command) = answer(&surface, connection, &text) {
                        surface.fanout.command(connection, command);
                    }
                });
            }
        }
    }
}

/// Closes a stream when its token ends by itself, after telling so.
pub(super) fn watch(surface: &Arc<Surface>, connection: ConnectionId, principal: &Principal) {
    let mut expiry = Expiry::of(surface, principal.identity());
    if expiry.is_never() {
        return;
    }
    let fanout = surface.fanout.clone();
    let stop = surface.stop.clone();
    let task = surface.tasks.spawn(async move {
        loop {
            let stage = tokio::select! {
                () = stop.cancelled() => return,
                stage = expiry.next() => stage,
            };
            match stage {
                Stage::Expiring(at) => fanout.command(connection, Command::Expiring { at }),
                Stage::Over => {
                    fanout.command(connection, Command::Close(expiry::over()));
                    return;
                }
            }
        }
    });
    let timer = Timer(task.abort_handle());
    surface.sessions.with(connection, |session| {
        if let Session::Open(open) = session {
            open.timer = Some(timer);
        }
    });
}

enum Frame {
    Subscribe(Wish),
    Token(String),
    Ping,
}

/// None when the connection is gone.
fn answer(surface: &Arc<Surface>, connection: ConnectionId, text: &str) -> Option<Command> {
    let frame = read(text);
    let awaiting = surface.sessions.with(connection, |session| match session {
        Session::Awaiting(wish) => Some(wish.clone()),
        Session::Open(_) => None,
    })?;
    let answered = match (awaiting, frame) {
        (Some(wish), Ok(Frame::Token(token))) => {
            return match admit(surface, connection, &wish, &token) {
                Ok(command) => command,
                Err(problem) => Some(Command::Close(closing(&problem))),
            };
        }
        (Some(_), _) => {
            let problem = Problem::new(
                Kind::Unauthenticated,
                "the first frame is not a token: {\"op\":\"token\",\"token\":\"…\"}",
            );
            return Some(Command::Close(closing(&problem)));
        }
        (None, Ok(Frame::Subscribe(wish))) => subscribe(surface, connection, wish),
        (None, Ok(Frame::Token(token))) => renew(surface, connection, &token),
        (None, Ok(Frame::Ping)) => Ok(Some(Command::Bookmark)),
        (None, Err(problem)) => Err(problem),
    };
    answered.unwrap_or_else(|problem| Some(Command::Error(raw(&problem))))
}

fn read(text: &str) -> Result<Frame, Problem> {
    let wrong = |pointer, why: String| Problem::body(vec![Violation::pointer(pointer, why)]);
    let members: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| wrong("", format!("not a JSON object: {error}")))?;
    let op = members
        .get("op")
        .ok_or_else(|| wrong("/op", "`op` is missing".to_owned()))?;
    match op.as_str() {
        Some("subscribe") => Wish::from_members(&members).map(Frame::Subscribe),
        Some("token") => {
            only(&members, &["op", "token"])?;
            let token = members.get("token").and_then(Value::as_str);
            token
                .map(|token| Frame::Token(token.to_owned()))
                .ok_or_else(|| wrong("/token", "`token` is not a text".to_owned()))
        }
        Some("ping") => only(&members, &["op"]).map(|()| Frame::Ping),
        _ => Err(wrong(
            "/op",
            "`op` is not one of subscribe, token, ping".to_owned(),
        )),
    }
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    let unknown: Vec<_> = members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| {
            let shown: String = name.chars().take(64).collect();
            Violation::pointer(
                &format!("/{name}"),
                format!("there is no member `{shown}` here"),
            )
        })
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Problem::body(unknown))
    }
}

/// The first token: the stream begins.
fn admit(
    surface: &Arc<Surface>,
    connection: ConnectionId,
    wish: &Wish,
    token: &str,
) -> Result<Option<Command>, Problem> {
    let principal = surface.authority.token(token)?;
    principal.require(Scope::EventsRead)?;
    let slot = surface.authority.stream(&principal)?;
    let subscription = subscribe::subscription(surface, &principal, wish, Start::Live)?;
    let open = Open::new(principal.clone(), wish.spec.clone(), slot).into();
    let entered = surface
        .sessions
        .with(connection, |session| *session = open)
        .is_some();
    if !entered {
        return Ok(None);
    }
    watch(surface, connection, &principal);
    Ok(Some(Command::Subscribe(Box::new(subscription))))
}

fn subscribe(
    surface: &Arc<Surface>,
    connection: ConnectionId,
    wish: Wish,
) -> Result<Option<Command>, Problem> {
    let Some(principal) = principal(surface, connection) else {
        return Ok(None);
    };
    let subscription = subscribe::subscription(surface, &principal, &wish, Start::Here)?;
    surface.sessions.with(connection, |session| {
        if let Session::Open(open) = session {
            open.spec = wish.spec;
        }
    });
    Ok(Some(Command::Subscribe(Box::new(subscription))))
}

/// Another token in place of the first. Where its limits differ the filter is held against them anew.
fn renew(
    surface: &Arc<Surface>,
    connection: ConnectionId,
    token: &str,
) -> Result<Option<Command>, Problem> {
    let Some(before) = principal(surface, connection) else {
        return Ok(None);
    };
    let principal = surface.authority.token(token)?;
    principal.require(Scope::EventsRead)?;
    if Arc::ptr_eq(principal.identity(), before.identity()) {
        return Ok(Some(Command::Done));
    }
    let slot = surface.authority.stream(&principal)?;
    let spec = surface.sessions.with(connection, |session| match session {
        Session::Awaiting(_) => None,
        Session::Open(open) => {
            let spec = open.spec.clone();
            **open = Open::new(principal.clone(), spec.clone(), slot);
            Some(spec)
        }
    });
    let Some(Some(spec)) = spec else {
        return Ok(None);
    };
    watch(surface, connection, &principal);
    if principal.narrowing() == before.narrowing() {
        return Ok(Some(Command::Done));
    }
    let wish = Wish {
        spec,
        ..Wish::default()
    };
    let subscription = subscribe::subscription(surface, &principal, &wish, Start::Here)?;
    Ok(Some(Command::Subscribe(Box::new(subscription))))
}

fn principal(surface: &Surface, connection: ConnectionId) -> Option<Principal> {
    surface
        .sessions
        .with(connection, |session| match session {
            Session::Awaiting(_) => None,
            Session::Open(open) => Some(open.principal.clone()),
        })
        .flatten()
}

fn raw(problem: &Problem) -> Box<RawValue> {
    serde_json::value::to_raw_value(&problem.json()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
