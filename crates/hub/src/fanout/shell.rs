//! The threads of the shards: a poll, an inbox, and the core between them.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use mio::{Events, Poll, Token, Waker};
use model::Clock;
use tokio::sync::oneshot;

use super::{
    AdoptError, Command, Control, Counters, History, Opening, Options, Socket,
    core::{Core, Found, Key, Wish},
    pool::Pool,
    socket::Watched,
};
use crate::{
    stream::{Closing, ConnectionId},
    tail::Tail,
};

/// The fan-out. Clones are handles to it; when the last is dropped all streams are cut off.
#[derive(Clone)]
pub struct Fanout(Arc<Handle>);

/// One shard as others see it.
pub(super) struct Shard {
    /// None once the shard has stopped.
    inbox: Mutex<Option<Vec<Input>>>,
    waker: Waker,
    /// A wake-up is on its way: publishing while the shard is busy costs it nothing.
    woken: AtomicBool,
    counters: Mutex<Counters>,
}

/// What a shard is told.
pub(super) enum Input {
    Adopt {
        id: ConnectionId,
        socket: Box<Watched>,
        buffered: Bytes,
        opening: Opening,
    },
    Command(ConnectionId, Command),
    Pulled {
        key: Key,
        pull: u64,
        found: Found,
    },
    Drain {
        closing: Closing,
        within: Duration,
        done: oneshot::Sender<()>,
    },
    Stop,
}

struct Handle {
    shards: Vec<Arc<Shard>>,
    first: u64,
    next: AtomicU64,
    streams: Arc<AtomicUsize>,
    limit: usize,
}

const WAKE: Token = Token(usize::MAX);
/// What is taken from the inbox in one turn, so that a rush of newcomers does not keep the others waiting.
const INBOX: usize = 64;

/// Starts the threads.
///
/// # Errors
/// When the system gives no poll or no thread.
pub fn start(
    options: &Options,
    tail: &Tail,
    history: &Arc<dyn History>,
    control: &Arc<dyn Control>,
    clock: &Arc<dyn Clock>,
) -> Result<Fanout, io::Error> {
    let pool = Pool::start(options.workers, tail, history)?;
    let held = Arc::new(AtomicUsize::new(0));
    let streams = Arc::new(AtomicUsize::new(0));
    let mut shards = Vec::new();
    for n in 0..options.shards.max(1) {
        let poll = Poll::new()?;
        let shard = Arc::new(Shard {
            inbox: Mutex::new(Some(Vec::new())),
            waker: Waker::new(poll.registry(), WAKE)?,
            woken: AtomicBool::new(false),
            counters: Mutex::default(),
        });
        let runner = Runner {
            poll,
            core: Core::new(options.clone(), tail.clone(), Arc::clone(&held)),
            shard: Arc::clone(&shard),
            pool: pool.clone(),
            control: Arc::clone(control),
            clock: Arc::clone(clock),
            streams: Arc::clone(&streams),
            inbox: Vec::new(),
            draining: None,
        };
        thread::Builder::new()
            .name(format!("fanout-{n}"))
            .spawn(move || runner.run())?;
        shards.push(shard);
    }
    for shard in &shards {
        let shard = Arc::downgrade(shard);
        tail.on_publish(move || {
            if let Some(shard) = shard.upgrade() {
                shard.wake();
            }
        });
    }
    Ok(Fanout(Arc::new(Handle {
        shards,
        first: options.first_connection,
        next: AtomicU64::new(0),
        streams,
        limit: options.streams,
    })))
}

impl Fanout {
    /// A number for a connection, so that it can be known by it before it is adopted.
    #[must_use]
    pub fn next_id(&self) -> ConnectionId {
        let n = self.0.next.fetch_add(1, Ordering::Relaxed);
        ConnectionId(self.0.first.wrapping_add(n))
    }

    /// Takes over a socket after the WebSocket handshake, with what was read beyond it.
    ///
    /// # Errors
    /// When there are as many streams as there may be, or the fan-out has stopped, or the socket is unusable.
    pub fn adopt(
        &self,
        id: ConnectionId,
        socket: Socket,
        buffered: Bytes,
        opening: Opening,
    ) -> Result<(), AdoptError> {
        let socket = Box::new(Watched::new(socket).map_err(AdoptError::Socket)?);
        if self.0.streams.fetch_add(1, Ordering::AcqRel) >= self.0.limit {
            self.0.streams.fetch_sub(1, Ordering::AcqRel);
            return Err(AdoptError::Full(self.0.limit));
        }
        let newcomer = Input::Adopt {
            id,
            socket,
            buffered,
            opening,
        };
        if self.shard(id).send(newcomer) {
            Ok(())
        } else {
            self.0.streams.fetch_sub(1, Ordering::AcqRel);
            Err(AdoptError::Stopped)
        }
    }

    /// Tells a connection something; one that is gone does not hear it.
    pub fn command(&self, id: ConnectionId, command: Command) {
        self.shard(id).send(Input::Command(id, command));
    }

    /// Says goodbye to all and waits until they are gone, but not longer than `within`. Nothing is adopted any more.
    pub async fn drain(&self, closing: Closing, within: Duration) {
        let mut waiting = Vec::new();
        for shard in &self.0.shards {
            let (done, gone) = oneshot::channel();
            let closing = closing.clone();
            shard.send(Input::Drain {
                closing,
                within,
                done,
            });
            waiting.push(gone);
        }
        for gone in waiting {
            // A shard that has stopped drops the sender, which is an answer as well.
            let _ = gone.await;
        }
    }

    /// What all shards have done and hold, as of their last turn.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let each = self.0.shards.iter().map(|shard| *shard.counters());
        each.fold(Counters::default(), |sum, one| Counters {
            connections: sum.connections + one.connections,
            groups: sum.groups + one.groups,
            held: sum.held + one.held,
            delivered: sum.delivered + one.delivered,
            fallbacks: sum.fallbacks + one.fallbacks,
            slow: sum.slow + one.slow,
            violations: sum.violations + one.violations,
        })
    }

    fn shard(&self, id: ConnectionId) -> &Arc<Shard> {
        let n = id.0.wrapping_sub(self.0.first);
        &self.0.shards[usize::try_from(n).unwrap_or(0) % self.0.shards.len()]
    }
}

impl fmt::Debug for Fanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fanout")
            .field("shards", &self.0.shards.len())
            .field("counters", &self.counters())
            .finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.send(Input::Stop);
        }
    }
}

impl Shard {
    /// False when the shard has stopped, and the input is dropped.
    pub(super) fn send(&self, input: Input) -> bool {
        let Some(inbox) = &mut *self.inbox() else {
            return false;
        };
        inbox.push(input);
        self.wake();
        true
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It fails only when the poll is gone, and then nobody is to be woken.
            let _ = self.waker.wake();
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Option<Vec<Input>>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread of one shard.
struct Runner {
    poll: Poll,
    core: Core<Watched>,
    shard: Arc<Shard>,
    pool: Pool,
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    streams: Arc<AtomicUsize>,
    /// Taken from the inbox and not yet done, the next last.
    inbox: Vec<Input>,
    draining: Option<(Duration, Vec<oneshot::Sender<()>>)>,
}

impl Runner {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut more = false;
        loop {
            let timeout = if more {
                Some(Duration::ZERO)
            } else {
                self.patience()
            };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a shard of the fan-out cannot wait for its sockets and stops");
                break;
            }
            // Before looking at what a wake-up may be about, or one that comes meanwhile would be lost.
            self.shard.woken.store(false, Ordering::Release);
            let now = self.clock.now();
            for event in &events {
                if event.token() != WAKE {
                    let readable =
                        event.is_readable() || event.is_read_closed() || event.is_error();
                    let writable =
                        event.is_writable() || event.is_write_closed() || event.is_error();
                    let slot = u32::try_from(event.token().0).unwrap_or(u32::MAX);
                    self.core.ready(slot, readable, writable, now);
                }
            }
            if !self.take_inbox() {
                break;
            }
            more = self.core.turn(now) || !self.inbox.is_empty();
            self.grant_wishes();
            *self.shard.counters() = self.core.counters();
            if let Some((until, _)) = &self.draining
                && (*until <= now.mono || (self.core.is_empty() && self.inbox.is_empty()))
            {
                break;
            }
        }
        self.stop();
    }

    fn patience(&self) -> Option<Duration> {
        let drained = self.draining.as_ref().map(|(until, _)| *until);
        let next = self.core.deadline().into_iter().chain(drained).min()?;
        Some(next.saturating_sub(self.clock.now().mono))
    }

    /// False when the shard is to stop.
    fn take_inbox(&mut self) -> bool {
        if self.inbox.is_empty() {
            self.inbox = self
                .shard
                .inbox()
                .as_mut()
                .map(std::mem::take)
                .unwrap_or_default();
            self.inbox.reverse();
        }
        for _ in 0..INBOX {
            let now = self.clock.now();
            match self.inbox.pop() {
                None => return true,
                Some(Input::Stop) => return false,
                Some(Input::Adopt {
                    id,
                    socket,
                    buffered,
                    opening,
                }) => self.adopt(id, *socket, &buffered, opening),
                Some(Input::Command(id, command)) => self.core.command(id, command, now),
                Some(Input::Pulled { key, pull, found }) => self.core.pulled(key, pull, found, now),
                Some(Input::Drain {
                    closing,
                    within,
                    done,
                }) => {
                    self.core.close_all(&closing, now);
                    let until = now.mono + within;
                    self.draining
                        .get_or_insert((until, Vec::new()))
                        .1
                        .push(done);
                }
            }
        }
        true
    }

    fn adopt(&mut self, id: ConnectionId, mut socket: Watched, buffered: &[u8], opening: Opening) {
        let slot = self.core.vacancy();
        let token = Token(slot as usize);
        let watched = socket.register(self.poll.registry(), token);
        if self.draining.is_some() || watched.is_err() {
            self.gone(id);
            return;
        }
        self.core
            .adopt(id, socket, buffered, opening, self.clock.now());
    }

    fn grant_wishes(&mut self) {
        for wish in self.core.wishes() {
            match wish {
                Wish::Text(id, text) => self.control.text(id, text),
                Wish::Closed(id) => self.gone(id),
                Wish::Pull(job) => self.pool.send(&self.shard, job),
            }
        }
    }

    fn gone(&self, id: ConnectionId) {
        self.streams.fetch_sub(1, Ordering::AcqRel);
        self.control.closed(id);
    }

    /// Cuts off whoever is left.
    fn stop(mut self) {
        let late = self.shard.inbox().take().unwrap_or_default();
        for input in self.inbox.drain(..).chain(late).collect::<Vec<_>>() {
            match input {
                Input::Adopt { id, .. } => self.gone(id),
                Input::Drain { done, .. } => drop(done),
                Input::Command(..) | Input::Pulled { .. } | Input::Stop => {}
            }
        }
        self.core.drop_all();
        self.grant_wishes();
        *self.shard.counters() = self.core.counters();
    }
}
