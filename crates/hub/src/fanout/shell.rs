//! The handle to the fan-out: starts the shards and hands each what is its own.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use model::Clock;
use telemetry::Tracer;
use tokio::sync::oneshot;

use super::{
    AdoptError, Command, Control, Counters, History, Opening, Options, Socket,
    core::Account,
    pool::Pool,
    shard::{Common, Input, Shard},
    socket::Watched,
};
use crate::{
    stream::{Closing, ConnectionId},
    tail::Tail,
};

/// The fan-out. Clones are handles to it; when the last is dropped all streams are cut off.
#[derive(Clone)]
pub struct Fanout(Arc<Handle>);

struct Handle {
    shards: Vec<Arc<Shard>>,
    first: u64,
    next: AtomicU64,
    streams: Arc<AtomicUsize>,
    limit: AtomicUsize,
    account: Arc<Account>,
}

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
    start_traced(options, tail, history, control, clock, Tracer::off())
}

/// The same, telling a tracer when the events of followed frames are with the streams.
///
/// # Errors
/// As [`start`].
pub fn start_traced(
    options: &Options,
    tail: &Tail,
    history: &Arc<dyn History>,
    control: &Arc<dyn Control>,
    clock: &Arc<dyn Clock>,
    tracer: Tracer,
) -> Result<Fanout, io::Error> {
    let common = Common {
        options: options.clone(),
        tail: tail.clone(),
        pool: Pool::start(options.workers, tail, history)?,
        control: Arc::clone(control),
        clock: Arc::clone(clock),
        tracer,
        streams: Arc::default(),
        account: Arc::new(Account::new(options.stream_memory)),
    };
    let mut handle = Handle {
        shards: Vec::new(),
        first: options.first_connection,
        next: AtomicU64::new(0),
        streams: Arc::clone(&common.streams),
        limit: AtomicUsize::new(options.streams),
        account: Arc::clone(&common.account),
    };
    for n in 0..options.shards.max(1) {
        handle.shards.push(Shard::start(n, &common)?);
    }
    Ok(Fanout(Arc::new(handle)))
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
        let limit = self.0.limit.load(Ordering::Relaxed);
        if self.0.streams.fetch_add(1, Ordering::AcqRel) >= limit {
            self.0.streams.fetch_sub(1, Ordering::AcqRel);
            return Err(AdoptError::Full(limit));
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

    /// From now on so many streams, and so many bytes that may wait for readers. Streams that are open stay.
    pub fn allow(&self, streams: usize, stream_memory: usize) {
        self.0.limit.store(streams, Ordering::Relaxed);
        self.0.account.allow(stream_memory);
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
        let each = self.0.shards.iter().map(|shard| shard.counters());
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
