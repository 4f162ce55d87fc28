//! What the writer knows of the tables without asking, and what of them it lets go.

use std::time::Duration;

use model::{Epoch, Position, Timestamp};
use rusqlite::Connection;

use super::{
    Retention,
    block::Packed,
    commit::Commit,
    error::LogError,
    position::to_row,
    recovery::{self, State},
    retention::{BLOCKS, Budget, Extent, FRAMES, Rule},
    sql,
    transaction::Transaction,
};

/// Closed subjects are remembered this long even if events are not.
const ARCHIVE_AGE: Duration = Duration::from_hours(24);

/// The state of the tables. Changed on a copy, which replaces it after the commit.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// The next position.
    pub(super) next: Position,
    /// No position reaches it before it was raised on the disk.
    pub(super) ceiling: Position,
    pub(super) floor: Position,
    pub(super) checkpoint: Position,
    /// The latest time any event was received.
    pub(super) reached: Timestamp,
    pub(super) blocks: Extent,
    pub(super) frames: Extent,
}

/// What retention keeps.
pub(super) struct Keep<'a> {
    pub(super) limits: &'a Retention,
    pub(super) frames: u64,
}

impl Ledger {
    pub(super) fn read(db: &Connection, state: &State) -> Result<Self, LogError> {
        let mut ledger = Self {
            next: Position(state.floor.0 + 1),
            ceiling: state.ceiling,
            floor: state.floor,
            checkpoint: state.checkpoint,
            ..Self::default()
        };
        if let Some(newest) = recovery::newest_block(db)? {
            ledger.next = Position(newest.last.0 + 1);
            ledger.reached = newest.reached;
            ledger.blocks.end = newest.total;
        }
        ledger.frames.end = recovery::frame_total(db)?;
        BLOCKS.measure(db, &mut ledger.blocks)?;
        FRAMES.measure(db, &mut ledger.frames)?;
        Ok(ledger)
    }

    /// Encodes the blocks of a commit and counts them in.
    pub(super) fn pack(
        &mut self,
        commit: &Commit<'_>,
        epoch: Epoch,
        reserve: u64,
    ) -> Result<Vec<Packed>, LogError> {
        let mut packed = Vec::with_capacity(commit.blocks.len());
        for block in commit.blocks {
            let (first, last) = (block.first(), block.last());
            if block.entries.is_empty() || block.epoch != epoch || first < self.next {
                return Err(LogError::Misplaced {
                    first,
                    last,
                    head: Position(self.next.0 - 1),
                });
            }
            let row = Packed::new(block, self.blocks.end, self.reached);
            self.next = Position(last.0 + 1);
            self.reached = row.header.reached;
            let header = &row.header;
            self.blocks.append(first.0, header.newest, header.bytes);
            packed.push(row);
        }
        if self.next > self.ceiling {
            self.ceiling = Position(self.next.0.saturating_add(reserve));
        }
        Ok(packed)
    }

    pub(super) fn oldest(&self) -> Option<Position> {
        self.blocks.oldest.map(|oldest| Position(oldest.first))
    }
}

impl Keep<'_> {
    /// True when something went.
    pub(super) fn prune(
        &self,
        tx: &Transaction<'_>,
        ledger: &mut Ledger,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<bool, LogError> {
        let since = now.before(self.limits.age);
        let blocks = Rule {
            since,
            bytes: self.limits.bytes,
            until: ledger.checkpoint.0,
        };
        let gone = BLOCKS.prune(tx, &mut ledger.blocks, &blocks, budget)?;
        if let Some(last) = gone {
            ledger.floor = Position(last);
            tx.prepare_cached(sql::STATE_FLOOR)?
                .execute([to_row(last)])?;
            tx.prepare_cached(sql::LOST_PRUNE)?
                .execute([to_row(last)])?;
        }
        let frames = Rule {
            since,
            bytes: self.frames,
            until: u64::MAX,
        };
        let forgotten = FRAMES.prune(tx, &mut ledger.frames, &frames, budget)?;
        Ok(gone.is_some() || forgotten.is_some())
    }

    /// Since when closed subjects are remembered.
    pub(super) fn archived(&self, now: Timestamp) -> Timestamp {
        now.before(self.limits.age.max(ARCHIVE_AGE))
    }
}
