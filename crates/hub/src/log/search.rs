//! Finding a position by a time.

use model::{Epoch, Position, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use super::{
    block::Candidate,
    error::LogError,
    position::{Marks, from_row, to_row},
    sql,
};

/// The position after which the first event comes that was received at `time` or later; the head when there is none.
pub(super) fn before(
    db: &Connection,
    marks: &Marks,
    epoch: Epoch,
    time: Timestamp,
) -> Result<Position, LogError> {
    let mut select = db.prepare_cached(sql::BLOCK_AFTER)?;
    let mut rows = select.query([to_row(below(db, marks, time)?)])?;
    while let Some(row) = rows.next()? {
        let block = Candidate::read(row)?;
        if block.header.newest < time {
            continue;
        }
        let block = block.load(db, epoch)?;
        let early = block
            .entries
            .iter()
            .take_while(|entry| entry.recorded < time);
        return match early.last() {
            Some(entry) => Ok(entry.position),
            // Not simply one less: that may be a position that was lost.
            None => Ok(last_below(db, block.first())?.unwrap_or(marks.floor)),
        };
    }
    Ok(marks.head)
}

/// A position below which no event was received at `time` or later, found by halving: what a block has *reached* never
/// falls along the log, whatever the clock did.
fn below(db: &Connection, marks: &Marks, time: Timestamp) -> Result<u64, LogError> {
    let mut select = db.prepare_cached(sql::BLOCK_REACHED)?;
    let (mut low, mut high) = (marks.floor.0, marks.head.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let probe: Option<(i64, i64)> = select
            .query_row([to_row(middle)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match probe {
            Some((last, reached)) if Timestamp::from_micros(reached) < time => {
                low = from_row(last);
            }
            _ => high = middle,
        }
    }
    Ok(low)
}

fn last_below(db: &Connection, position: Position) -> Result<Option<Position>, LogError> {
    let last: Option<i64> = db
        .prepare_cached(sql::BLOCK_LAST_BELOW)?
        .query_row([to_row(position.0)], |row| row.get(0))
        .optional()?;
    Ok(last.map(|last| Position(from_row(last))))
}
