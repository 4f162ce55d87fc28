//! The thread of a shard: a poll, an inbox, and the core between them.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use mio::{Events, Poll, Token, Waker};
use model::Clock;
use telemetry::Tracer;
use tokio::sync::oneshot;

use super::{
    Command, Control, Counters, Opening, Options,
    core::{Account, Core, Found, Key, Wish},
    followed::Teller,
    pool::Pool,
    socket::Watched,
};
use crate::{
    stream::{Closing, ConnectionId},
    tail::Tail,
};

/// One shard as others see it.
pub(super) struct Shard {
    /// None once the shard has stopped. Bounded by its streams: each is adopted once, has one request out to the
    /// workers and one to the server, and what the server says unasked it says rarely.
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

/// What all shards share.
pub(super) struct Common {
    pub(super) options: Options,
    pub(super) tail: Tail,
    pub(super) pool: Pool,
    pub(super) control: Arc<dyn Control>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tracer: Tracer,
    /// Connections in all.
    pub(super) streams: Arc<AtomicUsize>,
    /// Bytes that wait for readers in all.
    pub(super) account: Arc<Account>,
}

const WAKE: Token = Token(usize::MAX);
/// What is taken from the inbox in one turn, so that a rush of newcomers does not keep the others waiting.
const INBOX: usize = 64;

impl Shard {
    /// Starts the thread.
    pub(super) fn start(n: usize, common: &Common) -> io::Result<Arc<Self>> {
        let poll = Poll::new()?;
        let shard = Arc::new(Self {
            inbox: Mutex::new(Some(Vec::new())),
            waker: Waker::new(poll.registry(), WAKE)?,
            woken: AtomicBool::new(false),
            counters: Mutex::default(),
        });
        let account = Arc::clone(&common.account);
        let runner = Runner {
            poll,
            core: Core::new(common.options.clone(), common.tail.clone(), account),
            shard: Arc::clone(&shard),
            pool: common.pool.clone(),
            control: Arc::clone(&common.control),
            clock: Arc::clone(&common.clock),
            teller: Teller {
                tracer: common.tracer.clone(),
                shard: n as u64,
            },
            streams: Arc::clone(&common.streams),
            inbox: Vec::new(),
            draining: None,
        };
        let published = Arc::downgrade(&shard);
        common.tail.on_publish(move || {
            if let Some(shard) = published.upgrade() {
                shard.wake();
            }
        });
        thread::Builder::new()
            .name(format!("fanout-{n}"))
            .spawn(move || runner.run())?;
        // What was published before the wake-up was in place has woken nobody.
        shard.wake();
        Ok(shard)
    }

    /// What it has done and holds, as of its last turn.
    pub(super) fn counters(&self) -> Counters {
        *self.latest()
    }

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

    fn latest(&self) -> MutexGuard<'_, Counters> {
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
    teller: Teller,
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
            self.tell_delivered();
            *self.shard.latest() = self.core.counters();
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

    fn tell_delivered(&mut self) {
        if self.core.is_following() {
            for delivered in self.core.delivered(self.clock.now()) {
                self.teller.tell(&delivered);
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
        self.tell_delivered();
        *self.shard.latest() = self.core.counters();
    }
}
