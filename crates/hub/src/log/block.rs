//! Blocks as rows: what is stored of them, and the check that what is read is what was stored.

use std::sync::Arc;

use bytes::Bytes;
use model::{Epoch, Position, SourceId, Text, Timestamp};
use rusqlite::{CachedStatement, Connection, Row, params, types::ValueRef};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    error::LogError,
    position::{from_row, to_row},
    sql,
    summary::{Stored, Summary, bloom},
    transaction::Transaction,
};
use crate::block::{Block, Entry, Key};

/// What a row says before anything of the block is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) last: Position,
    pub(super) first: Position,
    pub(super) oldest: Timestamp,
    pub(super) newest: Timestamp,
    /// The latest time that any event up to here was received: unlike `newest`, it never falls.
    pub(super) reached: Timestamp,
    pub(super) total: u64,
    pub(super) bytes: u64,
}

/// A block, encoded.
pub(super) struct Packed {
    pub(super) header: Header,
    summary: Vec<u8>,
    entries: Vec<u8>,
    body: Bytes,
}

/// One entry as stored: small numbers become one byte, keys and words of the summary are not repeated.
#[derive(Serialize, Deserialize)]
struct StoredEntry {
    step: u64,
    kind: u32,
    skip: u32,
    length: u32,
    payload: Option<u32>,
    source: Option<u32>,
    tenant: Option<u32>,
    subject: Word,
    extensions: SmallVec<[Word; 4]>,
    queues: SmallVec<[Word; 2]>,
    recorded: i64,
    flags: u8,
}

/// Hashes are evenly spread: as variable length numbers they would take ten bytes.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Word(#[serde(with = "postcard::fixint::le")] u64);

const PRIVATE: u8 = 1;
const MIXED: u8 = 2;
const RECONSTRUCTED: u8 = 4;

impl Packed {
    /// Encodes a block that follows rows of `total` bytes whose events were received until `reached`.
    pub(super) fn new(block: &Block, total: u64, reached: Timestamp) -> Self {
        let times = || block.entries.iter().map(|entry| entry.recorded);
        let (oldest, newest) = (
            times().min().unwrap_or_default(),
            times().max().unwrap_or_default(),
        );
        let keys = bloom(block);
        let mut words = Stored {
            kinds: SmallVec::new(),
            sources: SmallVec::new(),
            tenants: SmallVec::new(),
            keys: &keys,
            check: 0,
        };
        let entries = encode(&pack(block, oldest, &mut words));
        words.check = check(&[&entries, &block.body]);
        let summary = encode(&words);
        let bytes = (summary.len() + entries.len() + block.body.len()) as u64;
        Self {
            header: Header {
                last: block.last(),
                first: block.first(),
                oldest,
                newest,
                reached: reached.max(newest),
                total: total + bytes,
                bytes,
            },
            summary,
            entries,
            body: block.body.clone(),
        }
    }

    pub(super) fn insert(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let row = &self.header;
        let mut put: CachedStatement<'_> = tx.prepare_cached(sql::BLOCK_PUT)?;
        put.execute(params![
            to_row(row.last.0),
            to_row(row.first.0),
            row.oldest.micros(),
            row.newest.micros(),
            row.reached.micros(),
            to_row(row.total),
            to_row(row.bytes),
            row.seal(&self.summary),
            self.summary,
            self.entries,
            &self.body[..],
        ])?;
        Ok(())
    }
}

/// A row under the cursor of a page. What the block holds is read only when it is wanted.
pub(super) struct Candidate<'row> {
    pub(super) header: Header,
    pub(super) summary: Summary<'row>,
}

impl<'row> Candidate<'row> {
    pub(super) fn read(row: &'row Row<'row>) -> Result<Self, LogError> {
        let header = Header {
            last: Position(from_row(row.get(0)?)),
            first: Position(from_row(row.get(1)?)),
            oldest: Timestamp::from_micros(row.get(2)?),
            newest: Timestamp::from_micros(row.get(3)?),
            reached: Timestamp::from_micros(row.get(4)?),
            total: from_row(row.get(5)?),
            bytes: from_row(row.get(6)?),
        };
        let summary = blob(row, 8)?;
        if row.get::<_, u32>(7)? != header.seal(summary) {
            return Err(damaged(header.last));
        }
        let summary = Summary::read(
            summary,
            (header.first, header.last),
            header.oldest..=header.newest,
        )?;
        Ok(Self { header, summary })
    }

    /// Reads the block, in the transaction in which the row was read.
    pub(super) fn load(&self, db: &Connection, epoch: Epoch) -> Result<Arc<Block>, LogError> {
        let mut select = db.prepare_cached(sql::BLOCK_CONTENT)?;
        let mut rows = select.query([to_row(self.header.last.0)])?;
        let row = rows.next()?.ok_or_else(|| damaged(self.header.last))?;
        let (entries, body) = (blob(row, 0)?, blob(row, 1)?);
        if check(&[entries, body]) != self.summary.check {
            return Err(damaged(self.header.last));
        }
        let stored: Vec<StoredEntry> = postcard::from_bytes(entries)
            .map_err(|error| LogError::corrupt(format!("the index of a block: {error}")))?;
        let entries = unpack(&stored, &self.header, &self.summary, body.len())
            .ok_or_else(|| damaged(self.header.last))?;
        Ok(Arc::new(Block {
            epoch,
            entries,
            body: Bytes::copy_from_slice(body),
        }))
    }
}

impl Header {
    /// The checksum of all that a page reads of a block that it passes over.
    fn seal(&self, summary: &[u8]) -> u32 {
        check(&[
            &self.last.0.to_le_bytes(),
            &self.first.0.to_le_bytes(),
            &self.oldest.micros().to_le_bytes(),
            &self.newest.micros().to_le_bytes(),
            &self.reached.micros().to_le_bytes(),
            &self.total.to_le_bytes(),
            &self.bytes.to_le_bytes(),
            summary,
        ])
    }
}

fn pack<'a>(block: &'a Block, oldest: Timestamp, words: &mut Stored<'a>) -> Vec<StoredEntry> {
    let (mut position, mut end) = (block.first().0, 0);
    let mut stored = Vec::with_capacity(block.entries.len());
    for entry in &block.entries {
        stored.push(StoredEntry {
            step: entry.position.0 - position,
            kind: word(&mut words.kinds, entry.kind.as_str()),
            skip: entry.start - end,
            length: entry.end - entry.start,
            payload: entry.payload.map(|at| at - entry.start),
            source: entry
                .source
                .as_ref()
                .map(|source| word(&mut words.sources, source.as_str())),
            tenant: entry
                .tenant
                .as_ref()
                .map(|tenant| word(&mut words.tenants, tenant)),
            subject: Word(entry.subject.0),
            extensions: entry.extensions.iter().map(|key| Word(key.0)).collect(),
            queues: entry.queues.iter().map(|key| Word(key.0)).collect(),
            recorded: entry.recorded.micros() - oldest.micros(),
            flags: if entry.private { PRIVATE } else { 0 }
                | if entry.mixed { MIXED } else { 0 }
                | if entry.reconstructed {
                    RECONSTRUCTED
                } else {
                    0
                },
        });
        (position, end) = (entry.position.0, entry.end);
    }
    stored
}

/// None when the entries do not fit the body or the dictionaries.
fn unpack(
    stored: &[StoredEntry],
    header: &Header,
    summary: &Summary<'_>,
    body: usize,
) -> Option<Vec<Entry>> {
    let sources: Vec<SourceId> = summary
        .sources()
        .iter()
        .map(|name| SourceId::new(name).ok())
        .collect::<Option<_>>()?;
    let tenants: Vec<Text> = summary
        .tenants()
        .iter()
        .map(|name| Text::from(*name))
        .collect();
    let (mut position, mut at) = (header.first.0, 0_u32);
    let mut entries = Vec::with_capacity(stored.len());
    for entry in stored {
        position = position.checked_add(entry.step)?;
        let start = at.checked_add(entry.skip)?;
        let end = start.checked_add(entry.length)?;
        at = end;
        entries.push(Entry {
            position: Position(position),
            kind: *summary.types().get(entry.kind as usize)?,
            start,
            end,
            payload: match entry.payload {
                Some(payload) if payload <= entry.length => Some(start + payload),
                Some(_) => return None,
                None => None,
            },
            source: pick(&sources, entry.source)?,
            tenant: pick(&tenants, entry.tenant)?,
            subject: Key(entry.subject.0),
            extensions: entry.extensions.iter().map(|word| Key(word.0)).collect(),
            queues: entry.queues.iter().map(|word| Key(word.0)).collect(),
            recorded: Timestamp::from_micros(header.oldest.micros().checked_add(entry.recorded)?),
            private: entry.flags & PRIVATE != 0,
            mixed: entry.flags & MIXED != 0,
            reconstructed: entry.flags & RECONSTRUCTED != 0,
        });
    }
    (at as usize <= body && position == header.last.0).then_some(entries)
}

/// The place of a word in its dictionary. Dictionaries of a block are short.
fn word<'a, A: smallvec::Array<Item = &'a str>>(words: &mut SmallVec<A>, text: &'a str) -> u32 {
    let place = words.iter().position(|word| *word == text);
    let place = place.unwrap_or_else(|| {
        words.push(text);
        words.len() - 1
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn pick<T: Clone>(words: &[T], place: Option<u32>) -> Option<Option<T>> {
    match place {
        None => Some(None),
        Some(place) => words.get(place as usize).cloned().map(Some),
    }
}

pub(super) fn blob<'row>(row: &'row Row<'row>, column: usize) -> Result<&'row [u8], LogError> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) => Ok(bytes),
        _ => Err(LogError::corrupt("a column is not what it was")),
    }
}

#[expect(
    clippy::expect_used,
    reason = "lists, numbers and texts of known length are written to memory"
)]
pub(super) fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("a plain value has a binary form")
}

fn check(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

fn damaged(last: Position) -> LogError {
    LogError::corrupt(format!(
        "the block that ends at position {last} is not what was written"
    ))
}
