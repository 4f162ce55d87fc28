//! Reading: pages of blocks, single blocks, and what is kept beside them. Calls may touch the disk, and wait when all
//! connections are in use, so they belong on threads that may block.

use std::{
    fs::File,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use bytes::Bytes;
use model::{Collection, Cursor, EntityId, Epoch, FrameId, Gap, Position, SourceId, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{
    archive::{self, Archived, Index},
    block::{Candidate, blob},
    command,
    error::LogError,
    frame,
    pool::Pool,
    position::{Marks, Resume, from_row, to_row},
    search, sql,
    summary::Summary,
};
use crate::{
    block::{Block, Blocks},
    command::CommandRecord,
};

/// Reads a log, while it is open. Clones share a few connections.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// How much a page holds at most. A page makes progress whatever the limits are.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Bytes of JSON; the last block may exceed it.
    pub bytes: usize,
    /// Events; the last block may exceed it.
    pub events: usize,
    /// How long to look for blocks that are wanted.
    pub time: Duration,
}

/// Some blocks, whole: the outer ones may hold events beyond where the page begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// In the order of reading: backwards, the newest is first.
    pub blocks: Blocks,
    /// Where to go on: the `after` of the next page, or the `before` of the next one backwards.
    pub scanned_to: Position,
    /// There was nothing beyond.
    pub end: bool,
}

/// Some closed subjects, the latest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePage {
    /// In falling order of position.
    pub items: Vec<Archived>,
    /// The `before` of the next page; none when there is nothing beyond.
    pub next: Option<Position>,
}

/// What writer and readers have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) epoch: Epoch,
    pub(super) pool: Pool,
    pub(super) marks: RwLock<Marks>,
    pub(super) archive: RwLock<Index>,
    // Dropped last: it has to outlive every connection.
    pub(super) _database: Arc<File>,
}

/// The most gaps in an answer.
const GAPS: usize = 1_000;
/// The most closed subjects looked at for an answer.
const LOOKED_AT: usize = 10_000;

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The generation of the log.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// The last committed position; zero before the first event.
    #[must_use]
    pub fn head(&self) -> Position {
        self.marks().head
    }

    /// The oldest event that is kept; [`Self::head`] when none is.
    #[must_use]
    pub fn oldest(&self) -> Position {
        self.marks().oldest()
    }

    /// The position after which everything that is kept comes.
    #[must_use]
    pub fn earliest(&self) -> Position {
        self.marks().floor
    }

    /// Whether a consumer can go on after a cursor.
    #[must_use]
    pub fn resume(&self, cursor: Cursor) -> Resume {
        self.marks().resume(self.shared.epoch, cursor)
    }

    /// The next blocks with events after a position, without those whose summary is not wanted.
    ///
    /// # Errors
    /// [`LogError::Expired`] when events after the position are gone, and what reading may meet.
    pub fn page(
        &self,
        after: Position,
        limit: &Limit,
        wants: &dyn Fn(&Summary<'_>) -> bool,
    ) -> Result<Page, LogError> {
        self.shared.pool.with(|db| {
            // One snapshot for both: retention may go on between the statements.
            let tx = db.unchecked_transaction()?;
            let floor: i64 = tx
                .prepare_cached(sql::FLOOR)?
                .query_row([], |row| row.get(0))?;
            if after.0 < from_row(floor) {
                return Err(LogError::Expired {
                    after,
                    oldest: self.oldest(),
                });
            }
            let mut page = Page {
                blocks: Blocks::new(),
                scanned_to: after,
                end: false,
            };
            let mut select = tx.prepare_cached(sql::BLOCK_AFTER)?;
            let mut rows = select.query([to_row(after.0)])?;
            let mut gauge = Gauge::new(limit);
            page.end = loop {
                let Some(row) = rows.next()? else { break true };
                let block = Candidate::read(row)?;
                page.scanned_to = block.header.last;
                if wants(&block.summary) {
                    let block = block.load(&tx, self.shared.epoch)?;
                    gauge.count(block.after(after).len(), block.body.len());
                    page.blocks.push(block);
                }
                if gauge.is_full() {
                    break false;
                }
            };
            Ok(page)
        })
    }

    /// The same backwards: blocks with events before a position, the newest first.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn page_back(
        &self,
        before: Position,
        limit: &Limit,
        wants: &dyn Fn(&Summary<'_>) -> bool,
    ) -> Result<Page, LogError> {
        self.shared.pool.with(|db| {
            let tx = db.unchecked_transaction()?;
            // The block in which `before` lies may begin before it.
            let start: Option<i64> = tx
                .prepare_cached(sql::BLOCK_LAST_FROM)?
                .query_row([to_row(before.0)], |row| row.get(0))
                .optional()?;
            let mut page = Page {
                blocks: Blocks::new(),
                scanned_to: before,
                end: false,
            };
            let mut select = tx.prepare_cached(sql::BLOCK_BEFORE)?;
            let mut rows = select.query([start.unwrap_or(i64::MAX)])?;
            let mut gauge = Gauge::new(limit);
            page.end = loop {
                let Some(row) = rows.next()? else { break true };
                let block = Candidate::read(row)?;
                if block.header.first >= before {
                    continue;
                }
                page.scanned_to = block.header.first;
                if wants(&block.summary) {
                    let block = block.load(&tx, self.shared.epoch)?;
                    let events = block
                        .entries
                        .partition_point(|entry| entry.position < before);
                    gauge.count(events, block.body.len());
                    page.blocks.push(block);
                }
                if gauge.is_full() {
                    break false;
                }
            };
            Ok(page)
        })
    }

    /// The block that holds the event at a position.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn block_at(&self, position: Position) -> Result<Option<Arc<Block>>, LogError> {
        self.shared.pool.with(|db| {
            let tx = db.unchecked_transaction()?;
            let mut select = tx.prepare_cached(sql::BLOCK_AFTER)?;
            let mut rows = select.query([to_row(position.0.saturating_sub(1))])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let block = Candidate::read(row)?;
            if position < block.header.first {
                return Ok(None);
            }
            block.load(&tx, self.shared.epoch).map(Some)
        })
    }

    /// The position after which the first event comes that was received at `time` or later; the head when there is none.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn resolve_time(&self, time: Timestamp) -> Result<Position, LogError> {
        self.shared.pool.with(|db| {
            let tx = db.unchecked_transaction()?;
            let marks = self.marks().clone();
            search::before(&tx, &marks, self.shared.epoch, time)
        })
    }

    /// What is on a shelf after a key, in order of keys; at most `limit`.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn shelf(
        &self,
        shelf: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, LogError> {
        self.shared.pool.with(|db| {
            let mut select = db.prepare_cached(sql::SHELF)?;
            let mut rows = select.query(params![shelf, after, to_row(limit as u64)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((row.get(0)?, Bytes::copy_from_slice(blob(row, 1)?)));
            }
            Ok(found)
        })
    }

    /// A command that was accepted lately.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn command(&self, id: &str) -> Result<Option<CommandRecord>, LogError> {
        self.shared.pool.with(|db| command::by_id(db, id))
    }

    /// The command that somebody's idempotency key was last used for.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn command_of_key(
        &self,
        owner: &str,
        key: &str,
    ) -> Result<Option<CommandRecord>, LogError> {
        self.shared.pool.with(|db| command::by_key(db, owner, key))
    }

    /// A closed subject, by its id or an alias. Costs no access to the disk when it is not known.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn archived(
        &self,
        collection: Collection,
        id: &EntityId,
    ) -> Result<Option<Archived>, LogError> {
        let place = guard(&self.shared.archive).place(collection, id.as_str());
        match place {
            Some(position) => self
                .shared
                .pool
                .with(|db| archive::read(db, position, collection, id)),
            None => Ok(None),
        }
    }

    /// Closed subjects of a kind whose last event is before a position, closed at `since` or later, the latest first.
    /// A page may be short or empty and still have a next one.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn archived_before(
        &self,
        collection: Collection,
        before: Position,
        since: Timestamp,
        limit: usize,
    ) -> Result<ArchivePage, LogError> {
        self.shared.pool.with(|db| {
            let mut page = ArchivePage {
                items: Vec::new(),
                next: None,
            };
            let mut select = db.prepare_cached(sql::CLOSED_BEFORE)?;
            let mut rows = select.query(params![to_row(before.0), to_row(LOOKED_AT as u64)])?;
            let mut looked_at = 0;
            while let Some(row) = rows.next()? {
                let archived = archive::from_columns(row)?;
                if archived.closed_at < since {
                    return Ok(page);
                }
                looked_at += 1;
                let position = archived.position;
                if archived.collection == collection {
                    page.items.push(archived);
                }
                if page.items.len() >= limit || looked_at == LOOKED_AT {
                    page.next = Some(position);
                    break;
                }
            }
            Ok(page)
        })
    }

    /// A native frame, if the ring still has it.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn frame(&self, id: &FrameId) -> Result<Option<Bytes>, LogError> {
        let frame = self.shared.pool.with(|db| frame::read(db, id))?;
        Ok(frame.map(Bytes::from))
    }

    /// The gaps of a source that touch a time, in order of their begin, at most 1,000.
    ///
    /// # Errors
    /// What reading may meet.
    pub fn gaps(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Gap>, LogError> {
        self.shared.pool.with(|db| {
            let mut select = db.prepare_cached(sql::GAP)?;
            let mut rows = select.query(params![
                source.as_str(),
                from.micros(),
                to.micros(),
                to_row(GAPS as u64)
            ])?;
            let mut gaps = Vec::new();
            while let Some(row) = rows.next()? {
                let gap = serde_json::from_slice(blob(row, 0)?)
                    .map_err(|error| LogError::corrupt(format!("a gap of {source}: {error}")))?;
                gaps.push(gap);
            }
            Ok(gaps)
        })
    }

    fn marks(&self) -> RwLockReadGuard<'_, Marks> {
        guard(&self.shared.marks)
    }
}

/// Measures a page against its limit.
struct Gauge<'a> {
    limit: &'a Limit,
    started: Instant,
    events: usize,
    bytes: usize,
}

impl<'a> Gauge<'a> {
    fn new(limit: &'a Limit) -> Self {
        Self {
            limit,
            started: Instant::now(),
            events: 0,
            bytes: 0,
        }
    }

    fn count(&mut self, events: usize, bytes: usize) {
        self.events += events;
        self.bytes += bytes;
    }

    fn is_full(&self) -> bool {
        self.events >= self.limit.events
            || self.bytes >= self.limit.bytes
            || self.started.elapsed() >= self.limit.time
    }
}

fn guard<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
