//! The connection to Telecom X: open, join, authenticate, subscribe, read, keep alive, ask. Knows no meaning.
//!
//! A frame is the JSON array of an event, as it came: `["PBX",{…}]`. What the transport has to say is told in frames with
//! names of its own: `#session`, `#subscribed`, `#rest`, `#ack`, `#bad`. Requests are JSON: `{"get": "/path?query"}` and
//! `{"emit": ["request", {…}], "ack": "name", "timeout_ms": 10000}`.

mod engine;
mod exit;
mod heartbeat;
mod http;
mod login;
mod meter;
mod open;
pub mod packet;
mod queue;
mod rest;
mod session;
mod subscriptions;
mod wire;

use std::{sync::Arc, time::Duration};

use adapter::{
    Direction, Limits, Link, LinkError, LinkErrorKind, Tap, TlsOptions,
    socket::{Opening, Place},
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Collection, SourceId, Text};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::engine::Memory;
use self::{
    engine::Answered,
    exit::Exit,
    http::Http,
    login::Access,
    open::Identity,
    packet::Engine,
    queue::Queue,
    rest::Rest,
    session::{ACK, Emit, Session},
};
use crate::config::Config;

/// Events that may wait to be sent.
const EMITS: usize = 1024;
const GOODBYE: Duration = Duration::from_millis(900);

/// Logs in, connects, authenticates, and begins to subscribe.
///
/// # Errors
/// With the class that decides when to try again. Each step is bounded in time.
pub async fn connect(
    source: &SourceId,
    config: &Config,
    limits: Limits,
    memory: &Memory,
    tap: Arc<dyn Tap>,
) -> Result<Connection, LinkError> {
    if config.insecure_tls {
        tracing::warn!(
            url = config.url,
            "insecure_tls: the certificate is not checked, anybody in between can read and change everything"
        );
    }
    let place = place(&config.url)?;
    let tls = TlsOptions {
        ca_file: config.ca_file.clone(),
        insecure: config.insecure_tls,
    };
    let client = || Http::new(place.clone(), tls.clone(), limits.max_frame);
    let access = Access::gain(client(), config).await?;
    let engine = match config.engine_io.or_else(|| memory.engine()) {
        Some(engine) => Some(engine),
        None => match engine::ask(&mut client()).await? {
            Answered::Speaks(engine) => Some(engine),
            Answered::NoPolling => None,
        },
    };
    let token = access.token().await;
    let identity = Identity {
        token: &token,
        instance: &format!("switchhook-{source}"),
    };
    let opening = Opening::new(limits, tls.clone());
    let meter = &memory.meter;
    let opened = open::open(&place, &opening, engine, &identity, Arc::clone(&tap), meter).await;
    let mut opened = opened.map_err(|exit| {
        meter.exit(&exit);
        if !matches!(exit, Exit::AuthFailed(_) | Exit::Refused(_)) {
            memory.doubt();
        }
        exit.error(&place.to_string())
    })?;
    memory.learn(opened.engine);
    opened.wire.frames.insert(0, said_of(&access));
    Ok(Connection::start(
        opened,
        config,
        &place,
        &access.into(),
        client,
        tap,
    ))
}

/// An open connection. Everything that it runs ends with it.
pub struct Connection {
    engine: Engine,
    reconciles: Vec<Collection>,
    queue: Arc<Queue>,
    emits: mpsc::Sender<Emit>,
    rest: Rest,
    session: JoinHandle<()>,
    stop: CancellationToken,
    name: String,
    tap: Arc<dyn Tap>,
    _stop_with_it: DropGuard,
}

/// What the map asks for: a path of REST, or an event to send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    get: Option<String>,
    emit: Option<Box<RawValue>>,
    ack: Option<String>,
    timeout_ms: Option<u64>,
}

#[async_trait]
impl Link for Connection {
    fn dialect(&self) -> Option<Text> {
        Some(self.engine.as_str().into())
    }

    fn reconciles(&self) -> Vec<Collection> {
        self.reconciles.clone()
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        let from = frames.len();
        self.queue
            .take(frames)
            .await
            .map_err(|end| end.unwrap_or_else(|| Exit::Shutdown.error(&self.name)))?;
        for frame in frames.iter().skip(from) {
            self.tap.frame(Direction::Received, frame);
        }
        Ok(())
    }

    async fn send(&mut self, request: Bytes) -> Result<(), LinkError> {
        let request: Request = match serde_json::from_slice(&request) {
            Ok(request) => request,
            Err(error) => {
                tracing::error!(%error, "a request of the map that the link does not know");
                return Ok(());
            }
        };
        if let Some(path) = request.get {
            self.rest.ask(path);
        }
        if let Some(args) = request.emit {
            let limit = request.timeout_ms.map_or(ACK, Duration::from_millis);
            let emit = Emit {
                args: args.get().to_owned(),
                ack: request.ack.map(|name| (name, limit)),
            };
            // When the session has ended, reading tells why.
            let _ = self.emits.send(emit).await;
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.stop.cancel();
        // Who does not listen is left without a farewell.
        if timeout(GOODBYE, &mut self.session).await.is_err() {
            self.session.abort();
        }
    }
}

impl Connection {
    fn start(
        opened: open::Opened,
        config: &Config,
        place: &Place,
        access: &Arc<Access>,
        client: impl Fn() -> Http,
        tap: Arc<dyn Tap>,
    ) -> Self {
        let (queue, stop) = (Arc::new(Queue::default()), CancellationToken::new());
        let (emits, emitted) = mpsc::channel(EMITS);
        let (engine, name) = (opened.engine, place.to_string());
        let session = Session::new(opened, config, Arc::clone(&queue), emitted, stop.clone());
        Self {
            engine,
            reconciles: crate::reconciles(config),
            rest: Rest::start(client, access, &queue, &tap),
            session: tokio::spawn(session.run(name.clone())),
            _stop_with_it: stop.clone().drop_guard(),
            queue,
            emits,
            stop,
            name,
            tap,
        }
    }
}

/// The host of a configured URL. The path is that of what is asked.
///
/// # Errors
/// When the URL cannot be used.
pub fn place(url: &str) -> Result<Place, LinkError> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let ws = match scheme {
        "https" => format!("wss://{rest}"),
        "http" => format!("ws://{rest}"),
        _ => {
            return Err(unreachable(
                format!("use the URL {url}"),
                "it is not https://",
            ));
        }
    };
    let place = Place::of(&ws)?;
    Ok(Place {
        path: String::new(),
        ..place
    })
}

fn said_of(access: &Access) -> Bytes {
    json!(["#session", {"level": access.level}])
        .to_string()
        .into()
}

fn unreachable(
    doing: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> LinkError {
    LinkError::new(LinkErrorKind::Unreachable, doing, source)
}
