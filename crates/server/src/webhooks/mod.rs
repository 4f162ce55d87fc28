//! Webhooks: endpoints, and the delivery of events to them.
//!
//! [`queue`] and [`schedule`] decide, purely. [`client`] sends, wherever [`guard`] lets it. `worker` is the task that joins
//! them for one endpoint, and what it has to remember lies on shelves in the log's database.

pub mod client;
pub mod endpoint;
mod figures;
pub mod guard;
pub mod queue;
pub mod record;
pub mod schedule;
pub mod secret;
mod shared;
mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use hub::{Hub, Stopped, draft::Draft, shelf::Shelving};
use model::{Clock, Position, Text, Timestamp, source::WebhookState};
use telemetry::Tracer;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsConnector;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::shared::{Parts, Progress, Shared};
use self::{
    client::{Attempt, Client, Lines},
    endpoint::Endpoint,
    figures::Attempts,
    guard::Guard,
    secret::Vault,
    shared::put,
    worker::{Message, Replay, Worker},
};
use crate::auth::Entropy;

/// All endpoints.
pub struct Webhooks {
    parts: Arc<Parts>,
    most: AtomicUsize,
    /// The names of the static tokens there are; none where nobody needs one.
    tokens: ArcSwap<Option<BTreeSet<Text>>>,
    running: Mutex<BTreeMap<Text, Running>>,
    tasks: TaskTracker,
}

/// How much is kept of an endpoint's deliveries.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Events that are not delivered, until reading stops.
    pub waiting: usize,
    /// Deliveries that are over and were not made; the oldest are forgotten.
    pub over: usize,
}

struct Running {
    shared: Arc<Shared>,
    inbox: mpsc::Sender<Message>,
    stop: CancellationToken,
}

/// What the config says.
pub struct Settings {
    /// Where deliveries may go.
    pub guard: Guard,
    /// What keeps secrets.
    pub vault: Vault,
    /// The certificates that are trusted; none when they cannot be read, and then those from before are.
    pub tls: Option<TlsConnector>,
    /// How many endpoints there may be.
    pub most: usize,
    /// The names of the static tokens there are; none where nobody needs one.
    pub tokens: Option<BTreeSet<Text>>,
}

/// Why an endpoint cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// There are as many as there may be.
    #[error("there are {0} webhooks already")]
    Full(usize),
    /// The hub has stopped.
    #[error("the gateway stops")]
    Stopped,
    /// There is no randomness.
    #[error("no secret can be made now")]
    Entropy,
    /// Too many replays wait.
    #[error("too many replays of this webhook wait")]
    Busy,
}

const ENDPOINTS: &str = "webhook";
const POSITIONS: &str = "webhook.position";
const REPLAYS: &str = "webhook.replay";
/// Requests of all endpoints together. An endpoint that fails has one at a time, so these never crowd out the others.
const PERMITS: usize = 2_048;
/// Requests to a task that wait.
const INBOX: usize = 16;
/// Replays of an endpoint that are not over.
const REPLAYS_AT_ONCE: usize = 16;
/// Why an endpoint rests whose creator is gone.
const WITHDRAWN: &str = "the token of its creator is withdrawn";

impl Default for Room {
    fn default() -> Self {
        Self {
            waiting: 100_000,
            over: 10_000,
        }
    }
}

impl From<Stopped> for WebhookError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl Webhooks {
    /// Takes up what the last run left, and delivers.
    ///
    /// # Errors
    /// When the hub has stopped.
    pub async fn start(
        hub: Hub,
        settings: Settings,
        client: Client,
        room: Room,
        clock: Arc<dyn Clock>,
        entropy: Entropy,
        tracer: Tracer,
    ) -> Result<Arc<Self>, Stopped> {
        let parts = Arc::new(Parts {
            hub,
            client,
            vault: ArcSwap::from_pointee(Vault::new(None)),
            clock,
            entropy,
            permits: Semaphore::new(PERMITS),
            room,
            attempts: Attempts::default(),
            tracer,
        });
        let webhooks = Arc::new(Self {
            parts: Arc::clone(&parts),
            most: AtomicUsize::new(settings.most),
            tokens: ArcSwap::default(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
        });
        webhooks.adopt(settings);
        let tokens = webhooks.tokens.load_full();
        let positions: BTreeMap<String, Bytes> =
            parts.rows(POSITIONS, "", ALL).await?.into_iter().collect();
        for (id, value) in parts.rows(ENDPOINTS, "", ALL).await? {
            match serde_json::from_slice::<Endpoint>(&value) {
                Ok(mut endpoint) => {
                    // Before the first delivery: nothing more goes to somebody who is gone.
                    if let Some(events) = endpoint.heed((*tokens).as_ref(), parts.clock.now().wall)
                    {
                        parts.hub.keep(vec![put(&endpoint)], events).await?;
                    }
                    let position = positions
                        .get(&id)
                        .and_then(|text| std::str::from_utf8(text).ok());
                    let position = position.and_then(record::position);
                    let position = position.unwrap_or_else(|| parts.hub.tail().head());
                    webhooks.run(endpoint, position);
                }
                Err(error) => {
                    tracing::error!(id, %error, "a webhook cannot be read: it stays as it is and rests");
                }
            }
        }
        Ok(webhooks)
    }

    /// Takes over other settings.
    ///
    /// # Errors
    /// When the hub has stopped.
    pub async fn reload(&self, settings: Settings) -> Result<(), Stopped> {
        self.adopt(settings);
        self.rest().await?;
        for shared in self.all() {
            // What may be delivered to may have changed.
            shared.endpoint.send_modify(|_| {});
        }
        Ok(())
    }

    /// Ends all deliveries, and keeps what has become of them. The hub must still run.
    pub async fn stop(&self) {
        for running in self.lock().values() {
            running.stop.cancel();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Every endpoint, in the order of ids.
    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.lock()
            .values()
            .map(|running| Arc::clone(&running.shared))
            .collect()
    }

    /// One endpoint.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Shared>> {
        self.lock()
            .get(id)
            .map(|running| Arc::clone(&running.shared))
    }

    /// Makes an endpoint, which gets what happens from now on.
    pub(crate) async fn create(&self, endpoint: Endpoint) -> Result<Arc<Shared>, WebhookError> {
        let most = self.most.load(Ordering::Relaxed);
        if self.lock().len() >= most {
            return Err(WebhookError::Full(most));
        }
        let position = self.parts.hub.tail().head();
        let changes = vec![
            put(&endpoint),
            Shelving::Put {
                shelf: POSITIONS.into(),
                key: Text::clone(&endpoint.id),
                value: position.to_string().into(),
            },
        ];
        self.parts.hub.keep(changes, Vec::new()).await?;
        Ok(self.run(endpoint, position))
    }

    /// Ends an endpoint, and forgets everything about it.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), WebhookError> {
        let Some(running) = self.lock().remove(id) else {
            return Ok(());
        };
        running.stop.cancel();
        // Its task writes for the last time before this does.
        running.inbox.closed().await;
        let drop = |shelf: &str| Shelving::Drop {
            shelf: shelf.into(),
            key: id.into(),
        };
        let mut changes: Vec<Shelving> = [ENDPOINTS, POSITIONS, REPLAYS].map(drop).into();
        changes.push(Shelving::Clear {
            shelf: record::shelf(id),
        });
        self.parts.hub.keep(changes, Vec::new()).await?;
        Ok(())
    }

    /// Changes an endpoint.
    pub(crate) async fn update(
        &self,
        shared: &Shared,
        change: impl FnOnce(&mut Endpoint) -> Vec<Draft>,
    ) -> Result<(), WebhookError> {
        Ok(shared.update(&self.parts, change).await?)
    }

    /// Delivers again, also what waits.
    pub(crate) async fn enable(&self, shared: &Shared) -> Result<(), WebhookError> {
        let skip = shared.endpoint().state == WebhookState::Disabled;
        if skip {
            // Before it is on: it would read what is left to a replay.
            self.tell(&shared.id, Message::Enable { skip })?;
        }
        let now = self.parts.clock.now().wall;
        let tokens = self.tokens.load_full();
        self.update(shared, |endpoint| {
            endpoint.failing_since = None;
            let on = endpoint.enter(WebhookState::Enabled, None, now);
            // Nobody can enable what belongs to somebody who is gone.
            let rests = endpoint.heed((*tokens).as_ref(), now);
            on.into_iter().chain(rests.into_iter().flatten()).collect()
        })
        .await?;
        if !skip {
            self.tell(&shared.id, Message::Enable { skip })?;
        }
        Ok(())
    }

    /// Delivers once more what lies after a position, up to another.
    pub(crate) fn replay(
        &self,
        shared: &Shared,
        next: Position,
        until: Position,
    ) -> Result<(), WebhookError> {
        let taken = shared.replays.fetch_add(1, Ordering::Relaxed);
        let told = if taken < REPLAYS_AT_ONCE {
            self.tell(&shared.id, Message::Replay(Replay { next, until }))
        } else {
            Err(WebhookError::Busy)
        };
        if told.is_err() {
            shared.replays.fetch_sub(1, Ordering::Relaxed);
        }
        told
    }

    /// Sends an event that is not in the log, and says what came of it.
    pub(crate) async fn test(
        &self,
        shared: &Shared,
        id: &str,
        body: Vec<u8>,
    ) -> Result<Attempt, &'static str> {
        let now = self.parts.clock.now().wall;
        worker::test(&self.parts, shared, id, body, now).await
    }

    /// A page of what is kept of deliveries.
    pub(crate) async fn deliveries(
        &self,
        shared: &Shared,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, WebhookError> {
        Ok(self
            .parts
            .rows(&record::shelf(&shared.id), after, limit)
            .await?)
    }

    pub(crate) fn vault(&self) -> Arc<Vault> {
        self.parts.vault()
    }

    pub(crate) fn guard(&self) -> Arc<Guard> {
        self.parts.client.guard()
    }

    pub(crate) fn random(&self) -> Result<[u8; 32], WebhookError> {
        (self.parts.entropy)().map_err(|error| {
            tracing::error!(%error, "no randomness for a webhook");
            WebhookError::Entropy
        })
    }

    fn adopt(&self, settings: Settings) {
        self.parts.client.reload(settings.guard);
        if let Some(tls) = settings.tls {
            self.parts.client.trust(tls);
        }
        self.parts.vault.store(settings.vault.into());
        self.most.store(settings.most, Ordering::Relaxed);
        self.tokens.store(settings.tokens.into());
    }

    /// Endpoints whose token is gone rest, and those whose token is back go on.
    async fn rest(&self) -> Result<(), Stopped> {
        let tokens = self.tokens.load_full();
        let tokens = (*tokens).as_ref();
        let now = self.parts.clock.now().wall;
        for shared in self.all() {
            if (*shared.endpoint()).clone().heed(tokens, now).is_some() {
                shared
                    .update(&self.parts, |endpoint| {
                        endpoint.heed(tokens, now).unwrap_or_default()
                    })
                    .await?;
            }
        }
        Ok(())
    }

    fn run(&self, endpoint: Endpoint, position: Position) -> Arc<Shared> {
        let shared = Arc::new(Shared {
            id: Text::clone(&endpoint.id),
            endpoint: watch::Sender::new(Arc::new(endpoint)),
            changing: tokio::sync::Mutex::default(),
            lines: Lines::default(),
            recent: Mutex::default(),
            progress: Mutex::new(Progress {
                line: position,
                ..Progress::default()
            }),
            replays: AtomicUsize::new(0),
        });
        let (sender, inbox) = mpsc::channel(INBOX);
        let stop = CancellationToken::new();
        let worker = Worker::new(
            Arc::clone(&self.parts),
            Arc::clone(&shared),
            inbox,
            position,
        );
        self.tasks.spawn(worker.run(stop.clone()));
        let running = Running {
            shared: Arc::clone(&shared),
            inbox: sender,
            stop,
        };
        self.lock().insert(Text::clone(&shared.id), running);
        shared
    }

    fn tell(&self, id: &str, message: Message) -> Result<(), WebhookError> {
        let running = self.lock();
        let running = running.get(id).ok_or(WebhookError::Stopped)?;
        running
            .inbox
            .try_send(message)
            .map_err(|_| WebhookError::Busy)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Text, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All rows: there are as many as there are endpoints.
const ALL: usize = 1_000_000;

/// When an endpoint's old secrets are over, they are forgotten with the next change.
pub(crate) fn current(secrets: &mut Vec<endpoint::Kept>, now: Timestamp) {
    secrets.retain(|kept| kept.until.is_none_or(|until| until > now));
}
