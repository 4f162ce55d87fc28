//! Webhooks: endpoints, and the delivery of events to them.
//!
//! [`queue`] and [`schedule`] decide, purely. [`client`] sends, wherever [`guard`] lets it. `worker` is the task that joins
//! them for one endpoint, and what it has to remember lies on shelves in the log's database.

pub mod client;
pub mod endpoint;
mod figures;
pub mod guard;
mod managing;
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
use hub::{Hub, Stopped};
use model::{Clock, Position, Text};
use telemetry::Tracer;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::managing::WebhookError;
pub(crate) use self::shared::{Parts, Progress, Shared};
use self::{
    client::Client,
    endpoint::Endpoint,
    guard::Guard,
    secret::Vault,
    shared::put,
    worker::{Message, Worker},
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

const ENDPOINTS: &str = "webhook";
const POSITIONS: &str = "webhook.position";
const REPLAYS: &str = "webhook.replay";
/// Requests to a task that wait.
const INBOX: usize = 16;
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
        let parts = Arc::new(Parts::new(hub, client, room, clock, entropy, tracer));
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
        let shared = Arc::new(Shared::new(endpoint, position));
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
