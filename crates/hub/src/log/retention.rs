//! Tables that grow at one end and shrink at the other.

use model::Timestamp;
use rusqlite::params;

use super::{
    error::LogError,
    position::{from_row, to_row},
    sql,
    transaction::Transaction,
};

/// The statements of such a table. Its rows have a rising key, the time of their newest content, and `total`.
pub(super) struct Ring {
    oldest: &'static str,
    due: &'static str,
    prune: &'static str,
}

/// How far such a table reaches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// The bytes that have left it.
    pub(super) begin: u64,
    /// The bytes that ever came in.
    pub(super) end: u64,
    /// The row that leaves next, when there is one.
    pub(super) oldest: Option<Oldest>,
}

/// The row that leaves next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oldest {
    /// The first thing in it.
    pub(super) first: u64,
    /// The time of its newest content.
    pub(super) newest: Timestamp,
}

/// What has to leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Rows with nothing newer.
    pub(super) since: Timestamp,
    /// The oldest rows while more bytes than these are there.
    pub(super) bytes: u64,
    /// Rows above this key stay in any case.
    pub(super) until: u64,
}

/// How much may leave at once: rows, of which those beyond `few` only until `freed` bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) rows: u64,
    pub(super) few: u64,
    pub(super) freed: u64,
}

pub(super) const BLOCKS: Ring = Ring {
    oldest: sql::BLOCK_OLDEST,
    due: sql::BLOCK_DUE,
    prune: sql::BLOCK_PRUNE,
};

pub(super) const FRAMES: Ring = Ring {
    oldest: sql::FRAME_OLDEST,
    due: sql::FRAME_DUE,
    prune: sql::FRAME_PRUNE,
};

impl Ring {
    /// Reads where the table begins.
    pub(super) fn measure(
        &self,
        db: &rusqlite::Connection,
        extent: &mut Extent,
    ) -> Result<(), LogError> {
        let mut select = db.prepare_cached(self.oldest)?;
        let mut rows = select.query([])?;
        match rows.next()? {
            Some(row) => {
                extent.oldest = Some(Oldest {
                    first: from_row(row.get(0)?),
                    newest: Timestamp::from_micros(row.get(1)?),
                });
                extent.begin = from_row(row.get(2)?);
            }
            None => {
                extent.oldest = None;
                extent.begin = extent.end;
            }
        }
        Ok(())
    }

    /// Deletes what has to leave, as far as the budget goes. The key of the last row that left.
    pub(super) fn prune(
        &self,
        tx: &Transaction<'_>,
        extent: &mut Extent,
        rule: &Rule,
        budget: &Budget,
    ) -> Result<Option<u64>, LogError> {
        if !extent.is_due(rule) {
            return Ok(None);
        }
        let mut last = None;
        {
            let mut select = tx.prepare_cached(self.due)?;
            let mut rows = select.query(params![to_row(rule.until), to_row(budget.rows)])?;
            let (start, mut gone) = (extent.begin, 0);
            while let Some(row) = rows.next()? {
                extent.oldest = Some(Oldest {
                    first: 0,
                    newest: Timestamp::from_micros(row.get(1)?),
                });
                let spent = gone >= budget.few && extent.begin - start >= budget.freed;
                if spent || !extent.is_due(rule) {
                    break;
                }
                last = Some(from_row(row.get(0)?));
                extent.begin = from_row(row.get(2)?);
                gone += 1;
            }
        }
        if let Some(last) = last {
            tx.prepare_cached(self.prune)?.execute([to_row(last)])?;
        }
        self.measure(tx, extent)?;
        Ok(last)
    }
}

impl Extent {
    /// Counts a new row in.
    pub(super) fn append(&mut self, first: u64, newest: Timestamp, bytes: u64) {
        self.end += bytes;
        self.oldest.get_or_insert(Oldest { first, newest });
    }

    fn is_due(&self, rule: &Rule) -> bool {
        let old = |oldest: &Oldest| oldest.newest < rule.since;
        self.oldest.as_ref().is_some_and(old)
            || (self.oldest.is_some() && self.end - self.begin > rule.bytes)
    }
}
