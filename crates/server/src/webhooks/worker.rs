//! One endpoint's deliveries: a task that reads the log forward, sends what passes, and keeps what could not be sent.
//!
//! Its position in the log is the line before which everything is delivered, given up, or kept in the table of
//! deliveries; so after a kill what may have been sent is sent again, and nothing is left out.

mod followed;
mod losses;
mod outfit;
mod reading;
mod sending;
mod standing;
mod table;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use hub::{Stopped, block::Block, shelf::Shelving};
use model::{Gap, Position, Text, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

pub(super) use self::sending::test;
use self::{outfit::Outfit, sending::Done, standing::FAILING};
use super::{
    Parts, Shared,
    endpoint::Endpoint,
    queue::Queue,
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

/// The most requests of an endpoint at a time, while it answers and while it fails.
const PARALLEL: (usize, usize) = (32, 1);
/// Between two checkpoints.
const CHECKPOINT: Duration = Duration::from_millis(250);
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
            self.go_on(&mut head).await?;
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

    /// Does what it was asked, and then reads and sends what there is.
    async fn go_on(&mut self, head: &mut watch::Receiver<Position>) -> Result<(), Stopped> {
        let on = self.shared.endpoint.borrow().is_on();
        // Whoever switched it on said before from where: nothing is read until that is known.
        while let Ok(message) = self.inbox.try_recv() {
            self.told(message);
        }
        if on {
            self.fill(head).await?;
            self.launch();
        }
        Ok(())
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
