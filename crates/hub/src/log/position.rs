//! Positions over deaths: which were given, which may have been lost, and where a cursor can go on.
//!
//! With [`SyncMode::Normal`](super::SyncMode::Normal) a commit outlives the process but perhaps not the machine, so the
//! events after the last synced commit, and with them the memory of which positions were given, may be gone after a
//! power cut. Therefore a *ceiling* is kept that no position reaches before it was raised, and raising it is part of a
//! commit that is synced to the disk. After a death of the machine the log goes on at the ceiling; the positions between
//! are *lost*: perhaps a consumer saw events there that nobody has any more.

use model::{Cursor, Epoch, Position};

/// What became of a request to go on after a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Everything after this position is there.
    At(Position),
    /// It cannot be resumed.
    Reset {
        /// Why.
        reason: Reason,
        /// The oldest event that is kept; `newest` when none is.
        oldest: Position,
        /// The newest event.
        newest: Position,
    },
}

/// Why a cursor cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Retention took events after it.
    Expired,
    /// It lies where events were lost with the machine.
    Lost,
    /// It belongs to another log.
    Epoch,
    /// It was not given yet.
    Ahead,
}

/// Positions that may have been given to events that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub first: Position,
    /// The last.
    pub last: Position,
}

/// What the log holds, as all readers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The last position that retention took; reading after it yields everything.
    pub(super) floor: Position,
    /// The first event, when there is one.
    pub(super) oldest: Option<Position>,
    /// The last committed position.
    pub(super) head: Position,
    /// In order.
    pub(super) lost: Vec<Lost>,
}

impl Marks {
    pub(super) fn oldest(&self) -> Position {
        self.oldest.unwrap_or(self.head)
    }

    pub(super) fn resume(&self, epoch: Epoch, cursor: Cursor) -> Resume {
        let at = cursor.position;
        let lost = |range: &Lost| (range.first..=range.last).contains(&at);
        let reason = if cursor.epoch != epoch {
            Reason::Epoch
        } else if self.lost.iter().any(lost) {
            Reason::Lost
        } else if at > self.head {
            Reason::Ahead
        } else if at < self.floor {
            Reason::Expired
        } else {
            return Resume::At(at);
        };
        Resume::Reset {
            reason,
            oldest: self.oldest(),
            newest: self.head,
        }
    }
}

/// SQLite's integers are signed. Nothing that is stored comes near the limit, but a cursor may claim to.
pub(super) fn to_row(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn from_row(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
