//! The long way: a simulated PBX on a real socket, the adapter's link, and a hub with its log on disk. Sockets are cut,
//! the gateway is stopped and started again on the same file, the PBX restarts; then the log is judged.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use adapter::{Adapter, Closed, Reconnect, Resume, Setup, Sink, Supervisor, truth::TrueCall};
use async_trait::async_trait;
use hub::{
    Hub, Memos, Running,
    state::Table,
    tail::{Recent, TailLimits},
};
use model::{Cause, Clock, EntityId, Event, Heard, Now, Position, SourceId, Text, Timestamp};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Accounts,
    gateway::{SOURCE, settings},
    house::{House, Served},
    judge::{invented, judge_to},
    play::entity,
    score::Score,
};

/// What is to be lived through.
#[derive(Clone, Debug)]
pub struct Live<'l> {
    /// The dialect.
    pub dialect: &'l str,
    /// The same seed tells the same story, though not at the same moments.
    pub seed: u64,
    /// At least so many calls.
    pub calls: usize,
    /// The socket is cut, the gateway restarts, the PBX restarts.
    pub troubles: bool,
}

/// What came of it.
pub struct Lived {
    /// What was found.
    pub score: Score,
    /// From a frame's arrival to the event at a subscriber, microseconds.
    pub delays: Vec<u64>,
}

/// How often what must come is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long what must come is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

impl Live<'_> {
    /// Lives through it.
    pub async fn run(&self, house: &dyn House) -> Lived {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("truth.db");
        let pbx = house.serve(self.dialect, self.seed).await;
        let follower = Arc::new(Mutex::new(Follower::default()));
        let mut gateway = Alive::start(&path, pbx.adapter(), &follower).await;
        let ended = |pbx: &dyn Served| {
            let calls = pbx.truth();
            calls.iter().filter(|call| call.ended_at.is_some()).count()
        };
        if self.troubles {
            until("a quarter of the calls", || ended(&*pbx) * 4 >= self.calls).await;
            pbx.cut();
            until("half of the calls", || ended(&*pbx) * 2 >= self.calls).await;
            gateway.stop().await;
            gateway = Alive::start(&path, pbx.adapter(), &follower).await;
            until("most of the calls", || ended(&*pbx) * 4 >= self.calls * 3).await;
            pbx.restart();
        }
        // Those that the restart ended told nothing of it.
        let goal = self.calls.max(ended(&*pbx) + self.calls / 4);
        until("the calls", || ended(&*pbx) >= goal).await;
        pbx.last_orders();
        until("the last of the calls", || {
            pbx.truth().iter().all(|call| call.ended_at.is_some())
        })
        .await;
        let truths = pbx.truth();
        if self.troubles {
            // The record of the last call is the last that is said of any.
            let told = truths.iter().filter(|call| !was_lost(call));
            let last = told.max_by_key(|call| call.ended_at);
            let last = last.map(|call| entity(&call.key));
            until("the end of the last call", || {
                let follower = lock(&follower);
                last.as_ref().is_none_or(|id| follower.has_ended(id))
            })
            .await;
        } else {
            until("the end of every call", || {
                let follower = lock(&follower);
                truths
                    .iter()
                    .all(|call| follower.has_ended(&entity(&call.key)))
            })
            .await;
        }
        gateway.stop().await;
        self.judge(house, &truths, &mut lock(&follower))
    }

    fn judge(&self, house: &dyn House, truths: &[TrueCall], follower: &mut Follower) -> Lived {
        let column = format!("{} {} live", house.name(), self.dialect);
        let weather = if self.troubles {
            "live, troubled"
        } else {
            "live"
        };
        let mut score = Score::default();
        for truth in truths {
            let account = follower.accounts.take(&entity(&truth.key));
            let precision = house.precision_live();
            let findings = judge_to(precision, truth, account.as_ref(), !self.troubles);
            score.add(&column, (90, weather), Some(truth), &findings);
        }
        let shadows: HashSet<EntityId> = truths
            .iter()
            .filter_map(|truth| truth.shadow.as_deref().map(entity))
            .collect();
        for id in follower.accounts.rest() {
            let account = follower.accounts.take(&id);
            if let Some(account) = account.filter(|_| !shadows.contains(&id)) {
                score.add(&column, (90, weather), None, &[invented(&account)]);
            }
        }
        score.twice = follower.accounts.again;
        Lived {
            score,
            delays: std::mem::take(&mut follower.delays),
        }
    }
}

/// A subscriber.
#[derive(Default)]
struct Follower {
    accounts: Accounts,
    position: Position,
    delays: Vec<u64>,
}

impl Follower {
    fn has_ended(&self, id: &EntityId) -> bool {
        self.accounts
            .get(id)
            .is_some_and(|account| account.ended > 0)
    }

    fn follow(&mut self, hub: &Hub) {
        loop {
            let blocks = match hub.tail().after(self.position, 1 << 20) {
                Recent::Blocks(blocks) if !blocks.is_empty() => blocks,
                Recent::Blocks(_) => return,
                Recent::TooOld => panic!("the follower lost the tail"),
            };
            let now = SystemClock::wall();
            for block in &blocks {
                for entry in block.after(self.position) {
                    let event: Event =
                        serde_json::from_slice(block.json(entry)).expect("an event of ours");
                    let delay = now.micros() - event.recordedtime.micros();
                    self.delays.push(u64::try_from(delay).unwrap_or(0));
                    let origin = event.data.origin.kind;
                    self.accounts
                        .hear(event.kind, event.time, now, &event.data, origin);
                }
                self.position = block.last();
            }
        }
    }
}

/// A gateway that runs.
struct Alive {
    hub: Hub,
    running: Running,
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
    following: JoinHandle<()>,
    follower: Arc<Mutex<Follower>>,
}

impl Alive {
    async fn start(
        path: &Path,
        adapter: Arc<dyn Adapter>,
        follower: &Arc<Mutex<Follower>>,
    ) -> Self {
        let source = SourceId::new(SOURCE).expect("a source id");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock(Instant::now()));
        let options = hub::Options {
            log: hub::log::Options::new(path),
            tail: TailLimits::default(),
            sources: settings(&source, &*adapter),
            random: *b"truthful",
        };
        let (hub, running) =
            hub::start(options, Arc::clone(&clock)).expect("a log in a new folder");
        let memos = hub.rebuilt().await.expect("what the hub wrote itself");
        let following = tokio::spawn({
            let (hub, follower) = (hub.clone(), Arc::clone(follower));
            let mut head = hub.tail().watch();
            async move {
                loop {
                    lock(&follower).follow(&hub);
                    if head.changed().await.is_err() {
                        return;
                    }
                }
            }
        });
        let memos = Arc::new(Mutex::new((*memos).clone()));
        let supervisor = Supervisor::new(Setup {
            resume: resume(&hub, &memos),
            source,
            boot: hub.boot(),
            adapter,
            reconnect: Reconnect {
                initial: Duration::from_millis(200),
                max: Duration::from_secs(1),
                budget_per_min: 600,
            },
            connect_timeout: Setup::CONNECT_TIMEOUT,
            clock,
            seed: 1,
            tap: Arc::new(()),
            sink: Arc::new(Intake {
                hub: hub.clone(),
                memos,
            }),
        });
        let stop = CancellationToken::new();
        let token = stop.clone();
        let supervisor = tokio::spawn(async move {
            // It ends when it is told to, or with the hub.
            let _ = supervisor.run(token).await;
        });
        Self {
            hub,
            running,
            stop,
            supervisor,
            following,
            follower: Arc::clone(follower),
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.supervisor.await.expect("no panic in the supervisor");
        self.hub.stop().await;
        let running = self.running;
        let joined = tokio::task::spawn_blocking(move || running.join()).await;
        joined.expect("a thread").expect("the log closes");
        self.following.abort();
        let _ = self.following.await;
        lock(&self.follower).follow(&self.hub);
    }
}

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
            crate::gateway::keep(own, heard.memo.clone());
        }
        self.hub.hear(heard).await.map_err(|_| Closed)
    }
}

fn resume(hub: &Hub, memos: &Mutex<Memos>) -> Resume {
    fn all<T>(table: &Table<T>) -> Vec<Arc<T>> {
        let stored = table.values();
        stored.map(|stored| Arc::clone(&stored.entity)).collect()
    }
    let view = hub.view();
    let known = &view.entities;
    Resume {
        calls: all(&known.calls),
        extensions: all(&known.extensions),
        queues: all(&known.queues),
        agents: all(&known.agents),
        devices: all(&known.devices),
        memo: lock(memos).get(SOURCE).cloned().unwrap_or_default(),
    }
}

struct SystemClock(Instant);

impl SystemClock {
    fn wall() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.unwrap_or_default().as_micros();
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now {
            mono: self.0.elapsed(),
            wall: Self::wall(),
        }
    }
}

/// True for a call that ended without a word.
fn was_lost(call: &TrueCall) -> bool {
    let end = call.end.as_ref();
    end.is_some_and(|end| end.cause == Cause::SystemRestart)
}

async fn until(what: &str, mut come: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !come() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        sleep(LOOK).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
