//! What clients say on a WebSocket: commands in JSON, answered in the order they come.

use std::{net::IpAddr, sync::Arc};

use hub::{
    fanout::{Command, Control, Start, Subscription},
    filter::FilterSpec,
    stream::ConnectionId,
};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    Surface,
    events::{subscribe, websocket::closing, wish::Wish},
    expiry::{self, Expiry, Stage},
    frame::Frame,
    subscribers::{Holder, Timer},
};
use crate::{
    auth::{Principal, Scope},
    problem::{Kind, Problem},
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
            Message::Closed(connection) => surface.subscribers.leave(connection),
            Message::Text(connection, text) => {
                let surface = Arc::clone(&surface);
                // One at a time per connection; those of different connections do not wait for each other.
                tokio::spawn(async move {
                    if let Some(command) = answer(&surface, connection, &text).await {
                        surface.fanout.command(connection, command);
                    }
                });
            }
        }
    }
}

/// Closes a stream when its token ends by itself, after telling so, or has ended meanwhile.
pub(super) fn watch(surface: &Arc<Surface>, connection: ConnectionId, principal: &Principal) {
    let identity = principal.identity();
    if identity.ended().is_some() {
        // A reload has looked at all subscribers while this one was not there yet.
        let closing = expiry::ended(identity);
        surface.fanout.command(connection, Command::Close(closing));
    }
    let mut expiry = Expiry::of(surface, identity);
    if expiry.is_never() {
        return;
    }
    let fanout = surface.fanout.clone();
    let stop = surface.stop.clone();
    let identity = Arc::clone(identity);
    let task = surface.tasks.spawn(async move {
        loop {
            let stage = tokio::select! {
                () = stop.cancelled() => return,
                () = identity.ends().cancelled() => {
                    fanout.command(connection, Command::Close(expiry::ended(&identity)));
                    return;
                }
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
    surface.subscribers.with(connection, |subscriber| {
        if let Holder::Known(known) = &mut subscriber.holder {
            known.timer = Some(timer);
        }
    });
}

/// None when the connection is gone.
async fn answer(surface: &Arc<Surface>, connection: ConnectionId, text: &str) -> Option<Command> {
    let frame = Frame::read(text);
    let (standing, from) = surface.subscribers.with(connection, |subscriber| {
        let standing = match &subscriber.holder {
            Holder::Unknown(wish) => Standing::Unknown(wish.clone()),
            Holder::Known(known) => Standing::Known(known.principal.clone(), known.spec.clone()),
        };
        (standing, subscriber.from)
    })?;
    let answered = match standing {
        Standing::Unknown(wish) => {
            let admitted = admit(surface, connection, wish, frame.ok(), from).await;
            return Some(admitted.unwrap_or_else(|problem| {
                surface.door.answered(problem.kind());
                Command::Close(closing(&problem))
            }));
        }
        Standing::Known(principal, spec) => {
            let asked = Asked {
                surface,
                connection,
                principal,
            };
            asked.answer(frame, spec, from).await
        }
    };
    Some(answered.unwrap_or_else(|problem| {
        surface.door.answered(problem.kind());
        Command::Error(raw(&problem))
    }))
}

/// Who holds a connection when it says something.
enum Standing {
    Unknown(Box<Wish>),
    Known(Principal, FilterSpec),
}

/// The first token: the stream begins.
async fn admit(
    surface: &Arc<Surface>,
    connection: ConnectionId,
    wish: Box<Wish>,
    frame: Option<Frame>,
    from: IpAddr,
) -> Result<Command, Problem> {
    let Some(Frame::Token(token)) = frame else {
        let detail = "the first frame is not a token: {\"op\":\"token\",\"token\":\"…\"}";
        return Err(Problem::new(Kind::Unauthenticated, detail));
    };
    let principal = surface.authority.token(&token, from).await?;
    surface.authority.admit(&principal)?;
    let (asker, wished) = (principal.clone(), wish.clone());
    let subscription = surface
        .blocking(move |surface| subscribe::subscription(surface, &asker, &wished, Start::Live))
        .await?;
    pass_on(surface, connection, &principal, wish.spec)?;
    Ok(Command::Subscribe(Box::new(subscription)))
}

/// Something that the holder of a connection asks.
struct Asked<'a> {
    surface: &'a Arc<Surface>,
    connection: ConnectionId,
    principal: Principal,
}

impl Asked<'_> {
    async fn answer(
        self,
        frame: Result<Frame, Problem>,
        spec: FilterSpec,
        from: IpAddr,
    ) -> Result<Command, Problem> {
        self.surface.authority.admit(&self.principal)?;
        match frame? {
            Frame::Subscribe(wish) => self.subscribe(wish).await,
            Frame::Token(token) => self.renew(spec, &token, from).await,
            Frame::Ping => Ok(Command::Bookmark),
        }
    }

    /// Another filter.
    async fn subscribe(self, wish: Wish) -> Result<Command, Problem> {
        let spec = wish.spec.clone();
        let subscription = self.subscription(self.principal.clone(), wish).await?;
        self.surface
            .subscribers
            .with(self.connection, |subscriber| {
                if let Holder::Known(known) = &mut subscriber.holder {
                    known.spec = spec;
                }
            });
        Ok(Command::Subscribe(Box::new(subscription)))
    }

    /// Another token. Where its limits differ the filter is held against them anew.
    async fn renew(self, spec: FilterSpec, token: &str, from: IpAddr) -> Result<Command, Problem> {
        let Self {
            surface,
            connection,
            principal: before,
        } = &self;
        let principal = surface.authority.token(token, from).await?;
        principal.require(Scope::EventsRead)?;
        if Arc::ptr_eq(principal.identity(), before.identity()) {
            return Ok(Command::Done);
        }
        if principal.narrowing() == before.narrowing() {
            pass_on(surface, *connection, &principal, spec)?;
            return Ok(Command::Done);
        }
        let wish = Wish {
            spec: spec.clone(),
            ..Wish::default()
        };
        let subscription = self.subscription(principal.clone(), wish).await?;
        pass_on(surface, *connection, &principal, spec)?;
        Ok(Command::Subscribe(Box::new(subscription)))
    }

    /// From where the stream stands.
    async fn subscription(
        &self,
        principal: Principal,
        wish: Wish,
    ) -> Result<Subscription, Problem> {
        let read = move |surface: &Arc<Surface>| {
            subscribe::subscription(surface, &principal, &wish, Start::Here)
        };
        self.surface.blocking(read).await
    }
}

/// From here on the connection is somebody else's. One that is gone meanwhile is nobody's.
fn pass_on(
    surface: &Arc<Surface>,
    connection: ConnectionId,
    principal: &Principal,
    spec: FilterSpec,
) -> Result<(), Problem> {
    let passed = surface.subscribers.with(connection, |subscriber| {
        subscriber.pass_on(&surface.authority, principal, spec)
    });
    passed.transpose()?;
    watch(surface, connection, principal);
    Ok(())
}

fn raw(problem: &Problem) -> Box<RawValue> {
    serde_json::value::to_raw_value(&problem.json()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
