//! One endpoint's deliveries: a task that reads the log forward, sends what passes, and keeps what could not be sent.
//!
//! Its position in the log is the line before which everything is delivered, given up, or kept in the table of
//! deliveries; so after a kill what may have been sent is sent again, and nothing is left out.

mod followed;
mod losses;
mod outfit;
mod sending;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hub::{
    Stopped,
    block::{Block, Key},
    log::{Limit, LogError},
    shelf::Shelving,
    tail::Recent,
};
use model::{EventType, Gap, Position, Text, Timestamp, source::WebhookState};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

pub(super) use self::sending::test;
use self::{outfit::Outfit, sending::Done};
use super::{
    Parts, Shared,
    endpoint::Endpoint,
    queue::{Item, Queue},
    record::{self, Record},
};

/// What the task is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    /// Deliver again: what waits at once, and else what happens from now on, when it was disabled.
    Enable {
        /// It was disabled: what happened meanwhile is left to a replay.
        skip: bool,
    },
    /// Deliver what lies between these positions once more.
    Replay(Replay),
}

/// A part of the log that is delivered once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replay {
    /// Read up to here.
    pub(super) next: Position,
    /// The last position.
    pub(super) until: Position,
}

pub(super) struct Worker {
    parts: Arc<Parts>,
    shared: Arc<Shared>,
    seen: watch::Receiver<Arc<Endpoint>>,
    inbox: mpsc::Receiver<Message>,
    outfit: Option<Arc<Outfit>>,
    queue: Queue,
    /// Where the events are that are not saved.
    fresh: BTreeMap<Position, (Arc<Block>, usize)>,
    /// What is known of deliveries that failed.
    records: BTreeMap<Position, Record>,
    /// Deliveries that are over and kept, oldest first.
    over: BTreeSet<Position>,
    /// Read up to here.
    scanned: Position,
    /// When the last event read was received.
    reached: Timestamp,
    /// The line as it is kept.
    kept: Position,
    replays: VecDeque<Replay>,
    changes: Vec<Shelving>,
    tasks: JoinSet<Done>,
    /// Attempts that failed since the last that succeeded, and when the first of them was.
    failures: (u32, Option<Timestamp>),
    /// An attempt failed since the start: before that nobody has tried.
    tried: bool,
    /// The receiver wants nothing any more.
    gone: bool,
    /// The table is full, it was said so, and there is not much room yet.
    full: bool,
    /// What retention took, to be told.
    losses: Vec<Gap>,
    checkpointed: Timestamp,
}

/// The most events that are read and not saved.
const WINDOW: usize = 1_024;
/// The most requests of an endpoint at a time, while it answers and while it fails.
const PARALLEL: (usize, usize) = (32, 1);
/// How many bytes of the log are read at a time.
const READ: usize = 256 * 1024;
/// How long one look at the log may take.
const LOOK: Duration = Duration::from_millis(250);
/// Between two checkpoints.
const CHECKPOINT: Duration = Duration::from_millis(250);
/// How many attempts have to fail, one after another, before the endpoint counts as failing.
const FAILING: u32 = 3;
/// How long an endpoint may fail.
const GIVE_UP: Duration = Duration::from_hours(24);
/// How long requests that are under way may take at the end.
const FAREWELL: Duration = Duration::from_secs(2);

impl Worker {
    pub(super) fn new(
        parts: Arc<Parts>,
        shared: Arc<Shared>,
        inbox: mpsc::Receiver<Message>,
        position: Position,
    ) -> Self {
        let now = parts.clock.now().wall;
        Self {
            seen: shared.endpoint.subscribe(),
            parts,
            shared,
            inbox,
            outfit: None,
            queue: Queue::default(),
            fresh: BTreeMap::new(),
            records: BTreeMap::new(),
            over: BTreeSet::new(),
            scanned: position,
            reached: now,
            kept: position,
            replays: VecDeque::new(),
            changes: Vec::new(),
            tasks: JoinSet::new(),
            failures: (0, None),
            tried: false,
            gone: false,
            full: false,
            losses: Vec::new(),
            checkpointed: now,
        }
    }

    /// Delivers until it is told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let id = Text::clone(&self.shared.id);
        if self.restore().await.is_err() {
            return;
        }
        if self.follow(&stop).await.is_ok() {
            let last = async {
                while let Some(done) = self.tasks.join_next().await {
                    self.done(done);
                }
            };
            let _ = tokio::time::timeout(FAREWELL, last).await;
        }
        self.tasks.abort_all();
        if self.checkpoint().await.is_err() {
            tracing::debug!(webhook = %id, "the hub has stopped before the last checkpoint");
        }
    }

    async fn follow(&mut self, stop: &CancellationToken) -> Result<(), Stopped> {
        let mut head = self.parts.hub.tail().watch();
        loop {
            if self.outfit.is_none() || self.seen.has_changed().unwrap_or(false) {
                self.dress().await?;
            }
            let on = self.shared.endpoint.borrow().is_on();
            // Whoever switched it on said before from where: nothing is read until that is known.
            while let Ok(message) = self.inbox.try_recv() {
                self.told(message);
            }
            if on {
                self.fill(&mut head).await?;
                self.launch();
            }
            let wake = self.wake();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.done(done);
                    while let Some(done) = self.tasks.try_join_next() {
                        self.done(done);
                    }
                }
                Some(message) = self.inbox.recv() => self.told(message),
                changed = self.seen.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    self.seen.mark_changed();
                }
                changed = head.changed(), if self.has_room() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                () = sleep(wake) => {}
            }
            self.leave_if_gone().await?;
            self.look_after().await?;
            if self.now() >= self.checkpointed.after(CHECKPOINT) {
                self.checkpoint().await?;
            }
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Enable { skip } => {
                self.failures = (0, None);
                self.full = false;
                self.queue.hurry();
                let head = self.parts.hub.tail().head();
                if skip {
                    self.scanned = self.scanned.max(head);
                }
            }
            Message::Replay(replay) => self.replays.push_back(replay),
        }
    }

    /// Reads on while there is room: first what is to be delivered once more, then what is new.
    async fn fill(&mut self, head: &mut watch::Receiver<Position>) -> Result<(), Stopped> {
        while let Some(replay) = self.replays.front().copied() {
            if self.queue.saved() >= self.parts.room.waiting / 2 {
                break;
            }
            let (blocks, scanned) = self.read(replay.next).await;
            for block in &blocks {
                self.take(block, replay.next, replay.until, true);
            }
            match self.replays.front_mut() {
                Some(front) if scanned < replay.until && scanned > replay.next => {
                    front.next = scanned;
                }
                _ => {
                    self.replays.pop_front();
                    self.shared.replays.fetch_sub(1, Ordering::Relaxed);
                }
            }
            self.keep_replays();
            self.checkpoint().await?;
        }
        while self.has_room() {
            head.mark_unchanged();
            let before = self.scanned;
            let (blocks, scanned) = self.read(before).await;
            for block in &blocks {
                self.take(block, before, Position(u64::MAX), false);
            }
            self.scanned = self.scanned.max(scanned);
            if self.scanned == before {
                break;
            }
        }
        Ok(())
    }

    /// The next blocks after a position, and how far that is.
    async fn read(&mut self, after: Position) -> (Vec<Arc<Block>>, Position) {
        match self.parts.hub.tail().after(after, READ) {
            Recent::Blocks(blocks) => {
                let last = blocks.last().map_or(after, |block| block.last());
                (blocks, last.max(after))
            }
            Recent::TooOld => {
                let (reader, outfit) = (self.parts.hub.reader().clone(), self.outfit.clone());
                let limit = Limit {
                    bytes: READ,
                    events: usize::MAX,
                    time: LOOK,
                };
                let page = tokio::task::spawn_blocking(move || {
                    reader.page(after, &limit, &|block| {
                        outfit
                            .as_ref()
                            .is_none_or(|outfit| outfit.filter.may_pass(block))
                    })
                });
                match page.await {
                    Ok(Ok(page)) => (page.blocks, page.scanned_to.max(after)),
                    Ok(Err(LogError::Expired { .. })) => {
                        let oldest = self.parts.hub.reader().earliest();
                        self.unread();
                        (Vec::new(), oldest.max(after))
                    }
                    Ok(Err(error)) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "a webhook cannot read the log"
                        );
                        (Vec::new(), after)
                    }
                    Err(_) => (Vec::new(), after),
                }
            }
        }
    }

    /// Takes what the endpoint is to get out of a block.
    fn take(&mut self, block: &Arc<Block>, after: Position, until: Position, again: bool) {
        let Some(outfit) = self.outfit.clone() else {
            return;
        };
        let own = Key::of(&self.shared.endpoint.borrow().subject());
        for (index, entry) in block.entries.iter().enumerate() {
            if entry.position <= after || entry.position > until {
                continue;
            }
            if !again {
                self.reached = self.reached.max(entry.recorded);
            }
            // What is told of an endpoint is not told to it.
            if !outfit.filter.passes(entry) || entry.subject == own {
                continue;
            }
            let lane = if outfit.ordered {
                Key::of(&sending::partition(block.json(entry))).0
            } else {
                entry.position.0
            };
            let since = if again { self.now() } else { entry.recorded };
            let mut item = Item::new(lane, since);
            item.saved = again;
            if !self.queue.push(entry.position, item) {
                continue;
            }
            if again {
                let record = Record::new(entry.kind, lane, since);
                self.put(entry.position, &record);
                self.over.remove(&entry.position);
                self.records.insert(entry.position, record);
            } else {
                self.fresh
                    .insert(entry.position, (Arc::clone(block), index));
            }
        }
    }

    fn has_room(&self) -> bool {
        self.outfit.is_some()
            && self.queue.unsaved() < WINDOW
            && self.queue.saved() < self.parts.room.waiting
    }

    fn parallel(&self) -> usize {
        if self.failures.0 < FAILING {
            PARALLEL.0
        } else {
            PARALLEL.1
        }
    }

    /// How long nothing has to be done.
    fn wake(&self) -> Duration {
        let now = self.now();
        let until = |at: Timestamp| Duration::from_millis(at.millis_since(now) + 1);
        let retry = self
            .queue
            .wake()
            .filter(|_| self.queue.in_flight() < self.parallel());
        let retry = retry.map(until);
        let dirty = !self.changes.is_empty() || self.line() != self.kept || self.queue.may_block();
        let checkpoint = dirty.then(|| until(self.checkpointed.after(CHECKPOINT)));
        let soonest = [retry, checkpoint].into_iter().flatten().min();
        soonest
            .unwrap_or(Duration::from_secs(60))
            .min(Duration::from_secs(60))
    }

    /// Says what has to be said about the endpoint as a whole.
    async fn look_after(&mut self) -> Result<(), Stopped> {
        let now = self.now();
        let state = self.shared.endpoint.borrow().state;
        if !matches!(state, WebhookState::Enabled | WebhookState::Failing) {
            return Ok(());
        }
        let (failures, since) = self.failures;
        if self.tried && since.is_some_and(|since| since.after(GIVE_UP) <= now) {
            return self
                .enter(WebhookState::Disabled, "no delivery succeeded for 24 hours")
                .await;
        }
        let (waiting, most) = (self.queue.saved(), self.parts.room.waiting);
        if !self.full && waiting >= most {
            self.full = true;
            let reason = format!("{waiting} events wait, the most there may be: reading stops");
            return self.enter(WebhookState::Failing, &reason).await;
        }
        // It is not said again for each event that comes and goes.
        self.full &= waiting > most - most / 10;
        match state {
            WebhookState::Enabled if failures >= FAILING => {
                self.enter(WebhookState::Failing, "deliveries fail").await
            }
            WebhookState::Failing if failures == 0 && !self.full => {
                self.enter(WebhookState::Enabled, "").await
            }
            _ => Ok(()),
        }
    }

    /// Enters a state, and says so; one that is failing already and fails for another reason says that.
    async fn enter(&mut self, state: WebhookState, reason: &str) -> Result<(), Stopped> {
        let (now, since) = (self.now(), self.failures.1);
        let reason = (!reason.is_empty()).then_some(reason);
        self.shared
            .update(&self.parts, |endpoint| {
                endpoint.failing_since = since;
                let again = endpoint.state == state && state == WebhookState::Failing;
                let entered = endpoint.enter(state, reason, now);
                let said = entered.or_else(|| {
                    again.then(|| {
                        let reason = reason.map(Text::from);
                        endpoint.event(EventType::WebhookFailing, reason, None, now)
                    })
                });
                said.into_iter().collect()
            })
            .await
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now().wall
    }

    fn put(&mut self, position: Position, record: &Record) {
        self.changes.push(Shelving::Put {
            shelf: record::shelf(&self.shared.id),
            key: record::key(position),
            value: record.to_bytes(),
        });
    }
}
