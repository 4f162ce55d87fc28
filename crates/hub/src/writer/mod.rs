//! The writer: one thread that owns state and log.
//!
//! Order of truth: fold → commit → swap the view → publish. A batch is all that waits. When its commit fails the batch
//! is kept and tried again; meanwhile nothing is taken from the inbox, which fills and makes the links wait.

mod archive;
mod batch;
mod checkpoint;
mod followed;
mod inbox;
mod restore;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    thread::sleep,
    time::Duration,
};

use model::{Clock, Heard, Position, SourceId};
use telemetry::{Stage, Tracer};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info};

use self::{
    archive::Disk,
    batch::Batch,
    checkpoint::Rounds,
    followed::{Teller, published, traceparent},
    inbox::Inbox,
};
use crate::{
    command::{Accepted, Rejected, Request},
    draft::Draft,
    hub::{HubError, Shared, View},
    log::Log,
    meters::Tally,
    seal::Sealer,
    shelf::Shelving,
    state::{SourceSettings, State},
};

/// What the writer is told.
pub(crate) enum Input {
    /// A source was heard.
    Heard(Heard),
    /// Somebody wants a command to be done, and is answered when that is committed.
    Command(Box<Request>, oneshot::Sender<Answer>),
    /// Somebody wants to keep something, and to publish events of the gateway itself; told when that is committed.
    Keep(Vec<Shelving>, Vec<Draft>, oneshot::Sender<()>),
    /// The sources are these now.
    Configure(BTreeMap<SourceId, SourceSettings>),
    /// Commit, close, end.
    Stop,
}

/// What becomes of a command that somebody wants.
pub(crate) type Answer = Result<Accepted, Rejected>;

/// The thread's state before it runs.
pub(crate) struct Writer {
    log: Log,
    inbox: mpsc::Receiver<Input>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    tracer: Tracer,
}

/// The thread's state while it runs.
struct Fold {
    log: Log,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    state: State,
    sealer: Sealer,
    rounds: Rounds,
    archive: Disk,
    tally: Tally,
    tracer: Tracer,
    /// When the view was last shown, on the monotonic clock.
    shown: Duration,
}

/// The most messages of a batch.
const BATCH: usize = 1_024;
/// How long the writer sleeps at most: so often retention and the checkpoint are looked after.
const IDLE: Duration = Duration::from_secs(1);
/// Entities written at once, for the checkpoint, when there is nothing else to do.
const IDLE_SLICE: usize = 2_048;
/// Before a failed commit is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

impl Writer {
    pub(crate) fn new(
        log: Log,
        inbox: mpsc::Receiver<Input>,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        tracer: Tracer,
    ) -> Self {
        Self {
            log,
            inbox,
            shared,
            clock,
            tracer,
        }
    }

    pub(crate) fn run(self, sources: BTreeMap<SourceId, SourceSettings>) -> Result<(), HubError> {
        let Self {
            log,
            inbox,
            shared,
            clock,
            tracer,
        } = self;
        let (state, memos) = restore::state(&log, &shared.reader, sources, clock.now())?;
        let mut fold = Fold {
            sealer: Sealer::new(log.epoch(), log.next()),
            archive: Disk::new(shared.reader.clone()),
            rounds: Rounds::default(),
            tally: Tally::new(Arc::clone(&shared.meters)),
            shown: Duration::ZERO,
            tracer,
            log,
            shared,
            clock,
            state,
        };
        let mut inbox = Inbox::new(inbox);
        fold.begin();
        fold.shared.rebuilt.send_replace(Some(Arc::new(memos)));
        fold.follow(&mut inbox);
        fold.finish(&mut inbox)
    }
}

impl Fold {
    /// Tells what became of what was pending when the last run ended.
    fn begin(&mut self) {
        let mut batch = Batch::default();
        self.state
            .restarted(self.clock.now(), &mut self.archive, &mut batch.drafts);
        self.commit(batch, IDLE_SLICE);
        // A commit of nothing shows nothing, and what was read back has not been shown yet.
        self.show(&[], Position(self.sealer.next().0 - 1));
    }

    /// Folds batch after batch until it is told to stop or nobody is left to tell it anything.
    fn follow(&mut self, inbox: &mut Inbox) {
        let mut inputs = Vec::with_capacity(BATCH);
        loop {
            match inbox.take(&mut inputs, BATCH, self.patience()) {
                Some(0) => return,
                Some(_) => {
                    if self.fold(&mut inputs).is_break() {
                        return;
                    }
                }
                None => self.idle(),
            }
        }
    }

    /// Takes what still waits, commits it, brings the checkpoint to the head and closes the log.
    fn finish(mut self, inbox: &mut Inbox) -> Result<(), HubError> {
        inbox.close();
        let mut inputs = Vec::new();
        while inbox
            .take(&mut inputs, BATCH, IDLE)
            .is_some_and(|taken| taken > 0)
        {
            // A second wish to stop is the same wish.
            let _ = self.fold(&mut inputs);
        }
        while self.state.is_dirty() || self.rounds.is_open() {
            self.commit(Batch::default(), IDLE_SLICE);
            if !self.shared.writable.load(Ordering::Relaxed) {
                break;
            }
        }
        self.log.close()?;
        info!("the log is closed");
        Ok(())
    }

    fn fold(&mut self, inputs: &mut Vec<Input>) -> ControlFlow<()> {
        let mut batch = Batch::default();
        let (mut answers, mut kept) = (Vec::new(), Vec::new());
        let mut flow = ControlFlow::Continue(());
        self.tally.meters().batch.record(inputs.len() as u64);
        for input in inputs.drain(..) {
            match input {
                Input::Heard(heard) => {
                    let before = batch.drafts.len();
                    let frame = heard.frame.as_ref();
                    let followed = frame.and_then(|frame| self.tracer.of(&frame.id));
                    let begun = followed.map(|context| (context, self.clock.now()));
                    self.state
                        .handle(&heard, &mut self.archive, &mut batch.drafts);
                    if let Some((context, begun)) = begun {
                        let events = before..batch.drafts.len();
                        let followed = self.teller().folded(context, begun, events);
                        batch.followed.push(followed);
                    }
                    batch.note(heard, before);
                }
                Input::Command(request, asked) => {
                    let now = self.clock.now();
                    let answer =
                        self.state
                            .command(&request, now, &mut self.archive, &mut batch.drafts);
                    answers.push((asked, answer));
                }
                Input::Keep(shelves, drafts, asked) => {
                    batch.keep(shelves, drafts);
                    kept.push(asked);
                }
                Input::Configure(sources) => {
                    let now = self.clock.now();
                    let kept = sources.keys().cloned().collect();
                    self.state
                        .configure(sources, now, &mut self.archive, &mut batch.drafts);
                    self.tally.keep(&kept);
                }
                Input::Stop => flow = ControlFlow::Break(()),
            }
        }
        self.timers(&mut batch);
        let now = self.clock.now().mono;
        let slice = self.rounds.due(batch.drafts.len(), now);
        self.commit(batch, slice);
        for (asked, answer) in answers {
            // Whoever asked may be gone; what was accepted and not sent is unknown in the end.
            let _ = asked.send(answer);
        }
        for asked in kept {
            let _ = asked.send(());
        }
        flow
    }

    fn idle(&mut self) {
        let mut batch = Batch::default();
        self.timers(&mut batch);
        self.commit(batch, IDLE_SLICE);
        if let Err(error) = self.log.maintain(self.clock.now().wall) {
            debug!(
                error = &error as &dyn std::error::Error,
                "retention could not be enforced"
            );
        }
    }

    fn timers(&mut self, batch: &mut Batch) {
        let now = self.clock.now();
        if self.state.poll_timeout().is_some_and(|due| due <= now.mono) {
            self.state
                .handle_timeout(now, &mut self.archive, &mut batch.drafts);
        }
    }

    /// Commits a batch, however long it takes, then shows it.
    fn commit(&mut self, mut batch: Batch, slice: usize) {
        self.tally.violations(&self.state.counters().broken);
        let followed = std::mem::take(&mut batch.followed);
        let blocks = self
            .sealer
            .seal_traced(&batch.drafts, |place| traceparent(&followed, place));
        let head = Position(self.sealer.next().0 - 1);
        let entities = self.rounds.slice(&mut self.state, head, slice);
        let (memo, commands) = (self.state.take_memo(), self.state.take_commands());
        let since = batch.since;
        let written = batch.written(&blocks, memo, commands, &mut self.archive);
        let checkpoint = self.rounds.take_checkpoint();
        let commit = written.commit(&blocks, &entities, checkpoint);
        if written.is_empty() && blocks.is_empty() && entities.is_empty() {
            self.show_counters(head);
            return;
        }
        let mut wait = RETRY.0;
        let mut begun = self.clock.now();
        while let Err(error) = self.log.append(&commit) {
            if self.shared.writable.swap(false, Ordering::Relaxed) {
                error!(
                    error = &error as &dyn std::error::Error,
                    "cannot append to the log: intake waits until it can"
                );
            }
            sleep(wait);
            wait = (wait * 2).min(RETRY.1);
            begun = self.clock.now();
        }
        let committed = self.clock.now();
        self.tally
            .meters()
            .append
            .time(committed.mono.saturating_sub(begun.mono));
        self.teller().all(&followed, Stage::Commit, begun);
        if !self.shared.writable.swap(true, Ordering::Relaxed) {
            info!("the log can be written again");
        }
        let published = published(&followed, &blocks, committed);
        self.shared.tail.follow(&published);
        self.show(&blocks, head);
        self.teller().all(&followed, Stage::Publish, committed);
        self.tally.published(&blocks, &written.gaps);
        if let (Some(since), false) = (since, blocks.is_empty()) {
            let lag = self.shown.saturating_sub(since);
            self.tally.meters().publish_lag.time(lag);
        }
    }

    /// Shows what is counted apart from events, at most once a second: frames that tell nothing new are no news.
    fn show_counters(&mut self, head: Position) {
        if self.clock.now().mono >= self.shown + IDLE {
            self.show(&[], head);
        }
    }

    fn show(&mut self, blocks: &[Arc<crate::block::Block>], head: Position) {
        self.shared.view.store(Arc::new(View {
            position: head,
            entities: self.state.view(),
        }));
        self.shared.tail.publish(blocks);
        self.shown = self.clock.now().mono;
    }

    fn teller(&self) -> Teller<'_> {
        Teller {
            tracer: &self.tracer,
            clock: &*self.clock,
        }
    }

    fn patience(&self) -> Duration {
        let due = self
            .state
            .poll_timeout()
            .map_or(IDLE, |due| due.saturating_sub(self.clock.now().mono));
        due.min(IDLE)
    }
}
