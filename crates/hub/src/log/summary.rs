//! What a block holds, in a few bytes, so that a page passes over blocks without reading them.

use std::ops::RangeInclusive;

use model::{EventType, Position, Timestamp};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::error::LogError;
use crate::block::{Block, Key};

/// What a block holds. It may say yes where no event fits; it never says no where one does.
#[derive(Debug)]
pub struct Summary<'a> {
    /// The first position.
    pub first: Position,
    /// The last position.
    pub last: Position,
    /// From when to when the events were received.
    pub recorded: RangeInclusive<Timestamp>,
    kinds: SmallVec<[EventType; 16]>,
    mask: u128,
    sources: SmallVec<[&'a str; 4]>,
    tenants: SmallVec<[&'a str; 4]>,
    keys: &'a [u8],
    pub(super) check: u32,
}

/// What a [`Key`] in the index is a key of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The subject of an event.
    Subject,
    /// An extension that the event's entity ever involved.
    Extension,
    /// A queue of the same sort.
    Queue,
}

/// The stored form. The lists are also the dictionaries that the entries refer to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored<'a> {
    #[serde(borrow)]
    pub(super) kinds: SmallVec<[&'a str; 16]>,
    #[serde(borrow)]
    pub(super) sources: SmallVec<[&'a str; 4]>,
    #[serde(borrow)]
    pub(super) tenants: SmallVec<[&'a str; 4]>,
    pub(super) keys: &'a [u8],
    /// The checksum of entries and body, which a page that passes over the block does not read.
    pub(super) check: u32,
}

const _: () = assert!(EventType::ALL.len() <= 128, "the mask has 128 bits");

impl<'a> Summary<'a> {
    /// True when the block holds an event of this type.
    #[must_use]
    pub fn has(&self, kind: EventType) -> bool {
        self.mask >> kind.index() & 1 == 1
    }

    /// The types of its events, each once.
    #[must_use]
    pub fn types(&self) -> &[EventType] {
        &self.kinds
    }

    /// The sources of its events, each once. Events of the gateway itself have none.
    #[must_use]
    pub fn sources(&self) -> &[&'a str] {
        &self.sources
    }

    /// The tenants of its events, each once. Some events have none.
    #[must_use]
    pub fn tenants(&self) -> &[&'a str] {
        &self.tenants
    }

    /// False when no event has this key.
    #[must_use]
    pub fn may_have(&self, domain: Domain, key: Key) -> bool {
        probes(domain, key, self.keys.len()).all(|(byte, bit)| {
            self.keys
                .get(byte)
                .is_some_and(|bits| bits & (1 << bit) != 0)
        })
    }

    pub(super) fn read(
        stored: &'a [u8],
        positions: (Position, Position),
        recorded: RangeInclusive<Timestamp>,
    ) -> Result<Self, LogError> {
        let stored: Stored<'a> = postcard::from_bytes(stored)
            .map_err(|error| LogError::corrupt(format!("a block's summary: {error}")))?;
        let mut kinds = SmallVec::new();
        let mut mask = 0;
        for word in &stored.kinds {
            let kind = EventType::parse(word)
                .ok_or_else(|| LogError::corrupt(format!("unknown event type `{word}`")))?;
            kinds.push(kind);
            mask |= 1 << kind.index();
        }
        Ok(Self {
            first: positions.0,
            last: positions.1,
            recorded,
            kinds,
            mask,
            sources: stored.sources,
            tenants: stored.tenants,
            keys: stored.keys,
            check: stored.check,
        })
    }
}

/// A Bloom filter over the keys of a block: ten bits a key and six probes answer yes wrongly about once in a hundred.
pub(super) fn bloom(block: &Block) -> Vec<u8> {
    const BITS: usize = 10;
    let mut keys: Vec<(Domain, Key)> = Vec::with_capacity(block.entries.len() * 3);
    for entry in &block.entries {
        // Events of one subject tend to follow each other; those of one call carry the same keys.
        let mut add = |domain, key| {
            if !keys.iter().rev().take(8).any(|seen| *seen == (domain, key)) {
                keys.push((domain, key));
            }
        };
        add(Domain::Subject, entry.subject);
        for key in &entry.extensions {
            add(Domain::Extension, *key);
        }
        for key in &entry.queues {
            add(Domain::Queue, *key);
        }
    }
    let mut bits = vec![0; (keys.len() * BITS).div_ceil(8).max(4)];
    let len = bits.len();
    for (domain, key) in keys {
        for (byte, bit) in probes(domain, key, len) {
            bits[byte] |= 1 << bit;
        }
    }
    bits
}

fn probes(domain: Domain, key: Key, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    const PROBES: u64 = 6;
    let salt = match domain {
        Domain::Subject => 0x9e37_79b9_7f4a_7c15,
        Domain::Extension => 0xbf58_476d_1ce4_e5b9,
        Domain::Queue => 0x94d0_49bb_1331_11eb_u64,
    };
    let mut x = key.0 ^ salt;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    let (start, step) = (x & 0xffff_ffff, (x >> 32) | 1);
    let bits = (bytes as u64 * 8).max(1);
    (0..PROBES).map(move |i| {
        let bit = (start + i * step) % bits;
        ((bit / 8) as usize, (bit % 8) as u8)
    })
}
