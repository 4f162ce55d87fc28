//! What a start finds.

use bytes::Bytes;
use model::{Position, Text};
use rusqlite::{Connection, OptionalExtension};

use super::{
    archive::entity,
    block::{Candidate, Header, blob},
    commit::{Entity, Memo},
    error::LogError,
    position::{Lost, from_row},
    sql,
};

/// What a restart begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The entities as stored: each at least as new as `checkpoint`, some newer. Each has a body.
    pub entities: Vec<Entity>,
    /// The private memos, as of the newest event. Each has a value.
    pub memo: Vec<Memo>,
    /// Events after it are to be applied to the entities, where they are newer than the entity.
    pub checkpoint: Position,
}

/// How the log was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is new.
    Never,
    /// In order.
    Clean,
    /// The process died. Everything that was committed is here.
    Process,
    /// The machine died, or nobody can tell. With [`SyncMode::Normal`](super::SyncMode::Normal) commits may be missing.
    Machine {
        /// Positions that will not be given again; none when every commit had been synced.
        lost: Option<Lost>,
    },
}

/// The one row of `state`.
pub(super) struct State {
    pub(super) epoch: String,
    pub(super) boot: u32,
    pub(super) machine: Option<String>,
    pub(super) clean: bool,
    pub(super) relaxed: bool,
    pub(super) ceiling: Position,
    pub(super) floor: Position,
    pub(super) checkpoint: Position,
}

impl State {
    pub(super) fn read(db: &Connection) -> Result<Self, LogError> {
        let state = db.query_row(sql::STATE, [], |row| {
            Ok(Self {
                epoch: row.get(0)?,
                boot: row.get(1)?,
                machine: row.get(2)?,
                clean: row.get(3)?,
                relaxed: row.get(4)?,
                ceiling: Position(from_row(row.get(5)?)),
                floor: Position(from_row(row.get(6)?)),
                checkpoint: Position(from_row(row.get(7)?)),
            })
        })?;
        Ok(state)
    }

    /// What the last stop was, given the newest event that is here and the name of this run of the machine.
    pub(super) fn stop(&self, head: Position, machine: Option<&str>) -> Stop {
        if self.boot == 0 {
            Stop::Never
        } else if self.clean {
            Stop::Clean
        } else if machine.is_some() && self.machine.as_deref() == machine {
            Stop::Process
        } else {
            // The ceiling itself was never reached: with no room below it, nothing can have been given.
            let first = Position(head.0 + 1);
            let given = self.relaxed && first < self.ceiling;
            Stop::Machine {
                lost: given.then_some(Lost {
                    first,
                    last: Position(self.ceiling.0 - 1),
                }),
            }
        }
    }
}

pub(super) fn read(db: &Connection, checkpoint: Position) -> Result<Recovered, LogError> {
    let mut entities = Vec::new();
    let mut select = db.prepare(sql::ENTITY)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (collection, id) = entity(&row.get::<_, String>(0)?)?;
        entities.push(Entity {
            collection,
            id,
            version: from_row(row.get(1)?),
            position: Position(from_row(row.get(2)?)),
            body: Some(Bytes::copy_from_slice(blob(row, 3)?)),
        });
    }
    let mut memo = Vec::new();
    let mut select = db.prepare(sql::MEMO)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        memo.push(Memo {
            owner: Text::from(row.get::<_, String>(0)?),
            key: Text::from(row.get::<_, String>(1)?),
            value: Some(Bytes::copy_from_slice(blob(row, 2)?)),
        });
    }
    Ok(Recovered {
        entities,
        memo,
        checkpoint,
    })
}

pub(super) fn lost(db: &Connection) -> Result<Vec<Lost>, LogError> {
    let mut select = db.prepare(sql::LOST)?;
    let rows = select.query_map([], |row| {
        Ok(Lost {
            first: Position(from_row(row.get(0)?)),
            last: Position(from_row(row.get(1)?)),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The newest row of blocks.
pub(super) fn newest_block(db: &Connection) -> Result<Option<Header>, LogError> {
    let mut select = db.prepare(sql::BLOCK_BEFORE)?;
    let mut rows = select.query([i64::MAX])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Candidate::read(row)?.header))
}

/// The bytes of all frames that were ever written.
pub(super) fn frame_total(db: &Connection) -> Result<u64, LogError> {
    let total = db
        .query_row(sql::FRAME_TOTAL, [], |row| row.get(0))
        .optional()?;
    Ok(total.map_or(0, from_row))
}
