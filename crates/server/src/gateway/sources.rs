//! The sources that run: one supervised task each, started, stopped and exchanged as the config says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adapter::{
    Adapter, Closed, Counters, Handle, Measure, Order, Reconnect, Refusal, Resume, Setup, Sink,
    Supervisor,
};
use async_trait::async_trait;
use hub::{Hub, Memos, block::Key};
use model::{Clock, Heard, SourceId, Text};
use telemetry::Tracer;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Build;
use crate::config::{Config, Source};

/// The adapters by source.
pub(super) type Adapters = BTreeMap<SourceId, Arc<dyn Adapter>>;

/// The sources that run.
pub(super) struct Sources {
    hub: Hub,
    clock: Arc<dyn Clock>,
    seed: u64,
    tracer: Tracer,
    /// What the translators want to remember: a source that is exchanged goes on from it.
    memos: Arc<Mutex<Memos>>,
    running: Mutex<BTreeMap<SourceId, Running>>,
}

struct Running {
    adapter: Arc<dyn Adapter>,
    required: bool,
    handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// How long a source may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

impl Sources {
    /// None runs yet. `seed` is a random number, to keep sources out of step.
    pub(super) fn new(hub: Hub, clock: Arc<dyn Clock>, seed: u64, tracer: Tracer) -> Self {
        Self {
            hub,
            clock,
            seed,
            tracer,
            memos: Arc::default(),
            running: Mutex::default(),
        }
    }

    /// Takes over what the translators of the last run of the gateway wanted to remember.
    pub(super) fn remember(&self, memos: Memos) {
        *lock(&self.memos) = memos;
    }

    /// Starts a source, which goes on from what is known of it.
    pub(super) fn start(&self, source: &Source, adapter: Arc<dyn Adapter>) {
        let setup = Setup {
            source: source.id.clone(),
            boot: self.hub.boot(),
            adapter: Arc::clone(&adapter),
            resume: self.resume(&source.id),
            reconnect: Reconnect {
                initial: source.reconnect.initial,
                max: source.reconnect.max,
                budget_per_min: source.reconnect.budget_per_min,
            },
            connect_timeout: Setup::CONNECT_TIMEOUT,
            clock: Arc::clone(&self.clock),
            seed: self.seed ^ Key::of(source.id.as_str()).0,
            tap: Arc::new(()),
            sink: Arc::new(Intake {
                hub: self.hub.clone(),
                memos: Arc::clone(&self.memos),
            }),
        };
        let supervisor = Supervisor::new(setup).traced(self.tracer.clone());
        let (handle, stop, id) = (
            supervisor.handle(),
            CancellationToken::new(),
            source.id.clone(),
        );
        let token = stop.clone();
        let task = tokio::spawn(async move {
            if supervisor.run(token).await.is_err() {
                error!(source = %id, "the hub has stopped: the source stops");
            }
        });
        let running = Running {
            adapter,
            required: source.required,
            handle,
            stop,
            task,
        };
        self.running().insert(source.id.clone(), running);
    }

    /// Stops some sources, at the same time, and waits until they have said goodbye.
    pub(super) async fn stop<'a>(&self, ids: impl Iterator<Item = &'a SourceId>) {
        let ending: Vec<_> = {
            let mut running = self.running();
            ids.filter_map(|id| running.remove_entry(id)).collect()
        };
        end(ending).await;
    }

    /// Stops all of them, at the same time.
    pub(super) async fn stop_all(&self) {
        let all = std::mem::take(&mut *self.running());
        end(all.into_iter().collect()).await;
    }

    /// Calls `each` with every source that runs, in order of id: its adapter, and whether it is required.
    pub(super) fn each(&self, mut each: impl FnMut(&SourceId, &Arc<dyn Adapter>, bool)) {
        for (id, running) in self.running().iter() {
            each(id, &running.adapter, running.required);
        }
    }

    /// The adapter of a source that runs.
    pub(super) fn adapter(&self, id: &SourceId) -> Option<Arc<dyn Adapter>> {
        let running = self.running();
        running.get(id).map(|running| Arc::clone(&running.adapter))
    }

    /// What the link of a source has counted.
    pub(super) fn counters(&self, id: &SourceId) -> Option<Arc<Counters>> {
        let running = self.running();
        let counters = running.get(id).map(|running| running.handle.counters());
        counters.cloned()
    }

    /// What the adapter of a source has counted besides.
    pub(super) fn measures(&self, id: &SourceId) -> Vec<Measure> {
        let handle = self.running().get(id).map(|running| running.handle.clone());
        handle.map_or_else(Vec::new, |handle| handle.measures())
    }

    /// Connects a source anew, at once. False when there is no such source.
    pub(super) fn reconnect(&self, id: &SourceId) -> bool {
        let running = self.running();
        let known = running.get(id);
        if let Some(running) = known {
            running.handle.reconnect();
        }
        known.is_some()
    }

    /// Hands a command to a source.
    ///
    /// # Errors
    /// When it does not take it.
    pub(super) fn order(&self, id: &SourceId, order: Order) -> Result<(), Refusal> {
        let handle = self.running().get(id).map(|running| running.handle.clone());
        handle.map_or_else(
            || Err(Refusal::not_connected()),
            |handle| handle.order(order),
        )
    }

    fn resume(&self, id: &SourceId) -> Resume {
        let view = self.hub.view();
        let known = &view.entities;
        Resume {
            calls: of(&known.calls, id),
            extensions: of(&known.extensions, id),
            queues: of(&known.queues, id),
            agents: of(&known.agents, id),
            devices: of(&known.devices, id),
            memo: lock(&self.memos)
                .get(id.as_str())
                .cloned()
                .unwrap_or_default(),
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<SourceId, Running>> {
        lock(&self.running)
    }
}

/// Stops sources at the same time.
async fn end(sources: Vec<(SourceId, Running)>) {
    for (_, running) in &sources {
        running.stop.cancel();
    }
    let until = Instant::now() + GOODBYE;
    for (id, running) in sources {
        let abort = running.task.abort_handle();
        if timeout_at(until, running.task).await.is_err() {
            warn!(source = %id, "the source does not end: it is dropped");
            abort.abort();
        }
    }
}

/// The hub as supervisors see it.
struct Intake {
    hub: Hub,
    memos: Arc<Mutex<Memos>>,
}

#[async_trait]
impl Sink for Intake {
    async fn deliver(&self, heard: Heard) -> Result<(), Closed> {
        if !heard.memo.is_empty() {
            let mut memos = lock(&self.memos);
            let own = memos.entry(Text::from(heard.source.as_str())).or_default();
            for change in &heard.memo {
                match &change.value {
                    Some(value) => own.insert(Text::clone(&change.key), value.clone()),
                    None => own.remove(&change.key),
                };
            }
        }
        self.hub.hear(heard).await.map_err(|_| Closed)
    }
}

/// The adapters of all configured sources. Touches no network.
pub(super) fn adapters(config: &Config, build: Build) -> Adapters {
    let build = |source: &Source| Some((source.id.clone(), Arc::from(build(source)?)));
    config.sources.values().filter_map(build).collect()
}

fn of<T>(table: &hub::state::Table<T>, source: &SourceId) -> Vec<Arc<T>> {
    let theirs = table.values().filter(|stored| stored.source == *source);
    theirs.map(|stored| Arc::clone(&stored.entity)).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
