//! Fan-out: shard threads that own the WebSockets of all streams and write to them themselves.
//!
//! Invariants of this module:
//! - A live stream is a position in the bytes of its group (one filter, one variant), not a queue. The frames of a
//!   group are built once; to deliver costs one write, no lock, no allocation, no copy, no wake-up.
//! - A socket that takes everything is never registered for anything new; one that does not is parked until it does.
//! - What a stream says about itself goes out between two frames, never inside one.
//! - Each stream carries every matching event after its start once and in order, or it closes.
//! - A shard thread never waits: the log and snapshots are read by a pool of workers, the meaning of client frames is
//!   decided by [`Control`], and both answer through the shard's inbox. One request of either kind is out per stream.
//! - What waits for readers is bounded: per live stream by `live_lag`, per replaying one by a page, in all by
//!   `stream_memory`.

mod codec;
mod core;
mod followed;
mod pool;
mod shard;
mod shell;
mod socket;
mod timers;

use std::{io, sync::Arc, time::Duration};

use model::{Position, Timestamp};
use serde_json::value::RawValue;
use thiserror::Error;

pub use self::{
    shell::{Fanout, start, start_traced},
    socket::Socket,
};
use crate::{
    block::Blocks,
    filter::{Filter, Variant},
    stream::{Announcement, Closing, ConnectionId, Reset},
};

/// The limits of the fan-out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that own sockets.
    pub shards: usize,
    /// Threads that read the log and snapshots for streams that replay.
    pub workers: usize,
    /// The most streams at once; [`Fanout::adopt`] refuses more.
    pub streams: usize,
    /// Bytes by which a live stream may lag before it falls back to replay.
    pub live_lag: usize,
    /// Bytes that may wait for readers in all; beyond it the most lagging are closed.
    pub stream_memory: usize,
    /// Between two pings, each with a bookmark. After two that nothing answers the stream is closed.
    pub heartbeat: Duration,
    /// How long a reader may take nothing of what waits for it.
    pub stall: Duration,
    /// How long the peer may take to answer a close frame.
    pub close_wait: Duration,
    /// Bytes of a page of replay.
    pub page: usize,
    /// Where the numbers of connections begin: random, so that they tell runs of the gateway apart.
    pub first_connection: u64,
}

/// What a new connection begins with.
#[derive(Debug)]
pub enum Opening {
    /// The client is to authenticate by its first frame.
    AwaitToken {
        /// From now.
        within: Duration,
    },
    /// The handshake said all.
    Stream(Box<Subscription>),
    /// The connection only exists to be told why it may not.
    Refuse(Closing),
}

/// What a stream carries.
#[derive(Debug)]
pub struct Subscription {
    /// The events that pass.
    pub filter: Arc<Filter>,
    /// As what they are shown.
    pub variant: Variant,
    /// From where; with a snapshot ignored in favour of its `as_of`.
    pub from: Start,
    /// State first.
    pub snapshot: Option<Snapshot>,
    /// Told in `stream.opened`, or in `stream.filtered` when the stream is open already.
    pub announcement: Announcement,
    /// Told after it, when the position asked for cannot be resumed.
    pub reset: Option<Reset>,
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next event.
    Live,
    /// After a position that can be resumed.
    After(Position),
    /// Where the stream stands; for one that has not begun the same as [`Self::Live`].
    Here,
}

/// State to be told before the events after it.
pub struct Snapshot {
    /// The position at which the state is true.
    pub as_of: Position,
    /// The pages, pulled one at a time at the reader's pace.
    pub pages: Box<dyn Pages>,
}

/// Pages of state. Asked on worker threads.
pub trait Pages: Send {
    /// The `data` of the next `stream.snapshot`; none when all is told.
    fn next(&mut self) -> Option<Box<RawValue>>;
}

/// What the server tells a connection.
///
/// All but `Expiring` and `Close` answer the text frame that [`Control::text`] was called with: reading goes on.
#[derive(Debug)]
pub enum Command {
    /// From now on this.
    Subscribe(Box<Subscription>),
    /// `stream.error`; the stream goes on.
    Error(Box<RawValue>),
    /// `stream.bookmark`.
    Bookmark,
    /// The frame is dealt with and needs no answer.
    Done,
    /// `stream.expiring`.
    Expiring {
        /// When the token ends.
        at: Timestamp,
    },
    /// `stream.closing`, and the end.
    Close(Closing),
}

/// The log as streams see it. Called on worker threads, one request at a time per stream.
pub trait History: Send + Sync {
    /// Blocks after a position in log order, as far as they may hold what the filter lets pass, about `max_bytes` of them.
    ///
    /// # Errors
    /// When the log cannot be read or no longer reaches back that far.
    fn page(
        &self,
        after: Position,
        filter: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError>;
}

/// A part of the log.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// Blocks with events that may pass.
    pub blocks: Blocks,
    /// Everything after the position asked for and up to this one was looked at. Beyond it whenever there is more.
    pub scanned_to: Position,
}

/// Why a part of the log cannot be had.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// Retention took what follows the position.
    #[error("the log no longer reaches back to {0}")]
    Expired(Position),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the server decides. Called on shard threads: hand over and return. It may answer at once.
pub trait Control: Send + Sync {
    /// A client sent a text frame. Nothing more is read from it until a [`Command`] answers.
    fn text(&self, connection: ConnectionId, text: String);
    /// A connection is gone, whoever ended it.
    fn closed(&self, connection: ConnectionId);
}

/// Why a connection is not adopted. The socket is dropped, and with it closed.
#[derive(Debug, Error)]
pub enum AdoptError {
    /// There are as many as there may be.
    #[error("there are {0} streams, the most there may be")]
    Full(usize),
    /// The fan-out is drained.
    #[error("the fan-out has stopped")]
    Stopped,
    /// The socket cannot be watched.
    #[error("cannot watch the socket")]
    Socket(#[source] io::Error),
}

/// What the fan-out has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections now.
    pub connections: usize,
    /// Groups of streams with equal filter and variant now.
    pub groups: usize,
    /// Bytes that wait for readers now.
    pub held: usize,
    /// Events handed to sockets.
    pub delivered: u64,
    /// Live streams that fell back to replay.
    pub fallbacks: u64,
    /// Streams closed because they took too little.
    pub slow: u64,
    /// Streams closed because they sent what the protocol forbids.
    pub violations: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 1,
            workers: 2,
            streams: 20_000,
            live_lag: 1024 * 1024,
            stream_memory: 512 * 1024 * 1024,
            heartbeat: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            close_wait: Duration::from_secs(5),
            page: 256 * 1024,
            first_connection: 0,
        }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("as_of", &self.as_of)
            .finish_non_exhaustive()
    }
}
