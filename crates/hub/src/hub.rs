//! The hub as the rest of the program sees it: a door for what is heard, and shared views of what is known.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use model::{Clock, Heard, Position, SourceId, Text};
use telemetry::Tracer;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    command::{Accepted, Rejected, Request},
    draft::Draft,
    log::{self, LogError, Reader},
    meters::Meters,
    shelf::Shelving,
    state::{Entities, SourceSettings},
    tail::{Tail, TailLimits},
    writer::{Input, Writer},
};

/// A handle on the hub. Clones share it.
#[derive(Clone)]
pub struct Hub {
    pub(crate) shared: Arc<Shared>,
    intake: mpsc::Sender<Input>,
}

/// What a hub begins with.
pub struct Options {
    /// The log.
    pub log: log::Options,
    /// The recent blocks in memory.
    pub tail: TailLimits,
    /// The configured sources.
    pub sources: BTreeMap<SourceId, SourceSettings>,
    /// Eight random bytes, for the epoch of a new log.
    pub random: [u8; 8],
}

/// The state at a position: true after the event there, and before the next.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The position.
    pub position: Position,
    /// All entities.
    pub entities: Entities,
}

/// How the hub is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The last commit succeeded.
    pub log_writable: bool,
    /// State is rebuilt after the start.
    pub state_rebuilt: bool,
}

/// The private memos that translators left, by source and key.
pub type Memos = BTreeMap<Text, BTreeMap<Text, Bytes>>;

/// The writer thread. It ends when it is told to, or when state or log cannot be read at the start.
pub struct Running {
    thread: JoinHandle<Result<(), HubError>>,
}

/// Why the hub cannot start, or stopped.
#[derive(Debug, Error)]
pub enum HubError {
    /// The log cannot be opened, read or closed.
    #[error("the log failed")]
    Log(#[from] LogError),
    /// What the log holds cannot be read back.
    #[error("cannot rebuild the state from the log")]
    Restore(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system gives no thread or runtime.
    #[error("cannot start the writer thread")]
    Thread(#[source] io::Error),
    /// The writer thread panicked.
    #[error("the writer thread failed")]
    Panicked,
}

/// The hub has stopped, and hears nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the hub has stopped")]
pub struct Stopped;

pub(crate) struct Shared {
    pub(crate) view: ArcSwap<View>,
    pub(crate) tail: Tail,
    pub(crate) reader: Reader,
    pub(crate) boot: u32,
    pub(crate) writable: AtomicBool,
    pub(crate) meters: Arc<Meters>,
    /// The memos of the last run, once state is rebuilt.
    pub(crate) rebuilt: watch::Sender<Option<Arc<Memos>>>,
}

/// How many messages wait for the writer before those who bring more have to.
const INTAKE: usize = 4_096;

/// Opens the log and starts the writer. State is rebuilt on the writer's thread: [`Hub::rebuilt`] waits for it.
///
/// # Errors
/// When the log cannot be opened, or no thread can be had.
pub fn start(options: Options, clock: Arc<dyn Clock>) -> Result<(Hub, Running), HubError> {
    start_traced(options, clock, Tracer::off())
}

/// The same, following frames for a tracer: their events say so in `traceparent`.
///
/// # Errors
/// As [`start`].
pub fn start_traced(
    options: Options,
    clock: Arc<dyn Clock>,
    tracer: Tracer,
) -> Result<(Hub, Running), HubError> {
    let (log, reader) = log::open(&options.log, options.random)?;
    let (intake, inbox) = mpsc::channel(INTAKE);
    let shared = Arc::new(Shared {
        view: ArcSwap::default(),
        tail: Tail::new(reader.epoch(), reader.head(), options.tail),
        boot: log.boot(),
        reader,
        writable: AtomicBool::new(true),
        meters: Arc::default(),
        rebuilt: watch::Sender::new(None),
    });
    let writer = Writer::new(log, inbox, Arc::clone(&shared), clock, tracer);
    let sources = options.sources;
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || writer.run(sources))
        .map_err(HubError::Thread)?;
    Ok((Hub { shared, intake }, Running { thread }))
}

impl Hub {
    /// Hands over what was heard. Waits while the writer is busy or the log cannot be written.
    ///
    /// # Errors
    /// When the hub has stopped.
    pub async fn hear(&self, heard: Heard) -> Result<(), Stopped> {
        self.send(Input::Heard(heard)).await
    }

    /// Asks for a command to be accepted. When it is, that is committed, and the caller has to send it.
    ///
    /// # Errors
    /// When the hub has stopped.
    pub async fn command(&self, request: Request) -> Result<Result<Accepted, Rejected>, Stopped> {
        let (asked, answer) = oneshot::channel();
        self.send(Input::Command(Box::new(request), asked)).await?;
        answer.await.map_err(|_| Stopped)
    }

    /// Keeps things in the log's database and publishes events of the gateway itself, together. Returns when that is committed.
    ///
    /// # Errors
    /// When the hub has stopped.
    pub async fn keep(&self, shelves: Vec<Shelving>, events: Vec<Draft>) -> Result<(), Stopped> {
        let (asked, kept) = oneshot::channel();
        self.send(Input::Keep(shelves, events, asked)).await?;
        kept.await.map_err(|_| Stopped)
    }

    /// Takes over a new set of sources. What is known of sources that are gone stays until it ends.
    ///
    /// # Errors
    /// When the hub has stopped.
    pub async fn configure(
        &self,
        sources: BTreeMap<SourceId, SourceSettings>,
    ) -> Result<(), Stopped> {
        self.send(Input::Configure(sources)).await
    }

    /// Asks the writer to commit what it has and to close the log.
    pub async fn stop(&self) {
        // One that has stopped already needs no telling.
        let _ = self.send(Input::Stop).await;
    }

    /// Waits until state is rebuilt; the memos that translators left in the last run.
    ///
    /// # Errors
    /// When the hub has stopped, because it could not be rebuilt.
    pub async fn rebuilt(&self) -> Result<Arc<Memos>, Stopped> {
        let mut rebuilt = self.shared.rebuilt.subscribe();
        let memos = rebuilt.wait_for(Option::is_some);
        tokio::select! {
            memos = memos => memos.ok().and_then(|memos| memos.clone()).ok_or(Stopped),
            () = self.intake.closed() => Err(Stopped),
        }
    }

    /// The state, as of the last commit.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.shared.view.load_full()
    }

    /// The recent blocks.
    #[must_use]
    pub fn tail(&self) -> &Tail {
        &self.shared.tail
    }

    /// The log, for reading.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.shared.reader
    }

    /// Which start of the log this is, for the ids of frames.
    #[must_use]
    pub fn boot(&self) -> u32 {
        self.shared.boot
    }

    /// What the hub has counted and timed.
    #[must_use]
    pub fn meters(&self) -> &Arc<Meters> {
        &self.shared.meters
    }

    /// How the hub is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            log_writable: self.shared.writable.load(Ordering::Relaxed),
            state_rebuilt: self.shared.rebuilt.borrow().is_some(),
        }
    }

    async fn send(&self, input: Input) -> Result<(), Stopped> {
        self.intake.send(input).await.map_err(|_| Stopped)
    }
}

impl Running {
    /// True when the writer has stopped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the writer to stop. Blocks.
    ///
    /// # Errors
    /// Why it stopped, when it was not told to.
    pub fn join(self) -> Result<(), HubError> {
        self.thread.join().unwrap_or(Err(HubError::Panicked))
    }
}
