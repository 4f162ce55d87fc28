//! A block: events that were committed together, encoded once, with an index that filters read instead of the JSON.

use std::{hash::Hasher, ops::Range, sync::Arc};

use bytes::Bytes;
use model::{Cursor, Epoch, EventType, Position, SourceId, Text, Timestamp};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Events in log order. Immutable and shared: the log stores it, every subscriber reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The generation of the log.
    pub epoch: Epoch,
    /// The index, in log order. Never empty.
    pub entries: Vec<Entry>,
    /// The JSON of all events, one after another, without separators.
    pub body: Bytes,
}

/// What a filter needs to know about one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The place in the log.
    pub position: Position,
    /// The type.
    pub kind: EventType,
    /// Where in the body the event begins.
    pub start: u32,
    /// Where in the body the event ends.
    pub end: u32,
    /// Where in the body `,"payload":…` of its origin begins, up to the closing `}}}`; none without a payload.
    pub payload: Option<u32>,
    /// The source; none for events of the gateway itself.
    pub source: Option<SourceId>,
    /// The tenant.
    pub tenant: Option<Text>,
    /// The subject.
    pub subject: Key,
    /// Numbers, canonical ids and native ids of the extensions that the event's entity ever involved.
    pub extensions: SmallVec<[Key; 4]>,
    /// The same of its queues.
    pub queues: SmallVec<[Key; 2]>,
    /// When the gateway received it.
    pub recorded: Timestamp,
    /// A party asked not to be shown: needs masking without `pii:read`.
    pub private: bool,
    /// The payload speaks of several tenants.
    pub mixed: bool,
    /// A ringing that was over when it was reported (`expirytime` = `recordedtime`).
    pub reconstructed: bool,
}

/// A hashed text in the index. Stable over versions, since it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub u64);

impl Block {
    /// The most events in a block.
    pub const MAX_EVENTS: usize = 256;
    /// The most bytes of JSON in a block; one event may exceed what is left, never the whole.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// The first position.
    #[must_use]
    pub fn first(&self) -> Position {
        self.entries
            .first()
            .map_or(Position(0), |entry| entry.position)
    }

    /// The last position.
    #[must_use]
    pub fn last(&self) -> Position {
        self.entries
            .last()
            .map_or(Position(0), |entry| entry.position)
    }

    /// The JSON of one event, whole.
    #[must_use]
    pub fn json(&self, entry: &Entry) -> &[u8] {
        &self.body[entry.span()]
    }

    /// The id of one event.
    #[must_use]
    pub fn cursor(&self, entry: &Entry) -> Cursor {
        self.epoch.at(entry.position)
    }

    /// The entries after a position.
    #[must_use]
    pub fn after(&self, position: Position) -> &[Entry] {
        let start = self
            .entries
            .partition_point(|entry| entry.position <= position);
        &self.entries[start..]
    }
}

impl Entry {
    fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Key {
    /// The key of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut hash = Fnv64(0xcbf2_9ce4_8422_2325);
        hash.write(text.as_bytes());
        // FNV alone leaves the high bits of short texts alike; one round of a finalizer spreads them.
        let mut x = hash.finish();
        x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        Self(x ^ (x >> 33))
    }
}

/// Shared blocks, oldest first.
pub type Blocks = Vec<Arc<Block>>;

struct Fnv64(u64);

impl Hasher for Fnv64 {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}
