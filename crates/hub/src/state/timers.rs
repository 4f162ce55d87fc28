//! Deadlines on the monotonic clock.

use std::{collections::BTreeSet, time::Duration};

use model::{Collection, EntityId};

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A call ends, or is old.
    Call(EntityId),
    /// Facts have waited long enough for the start of their call.
    Orphans(EntityId),
    /// Something may have outlasted its call.
    Outlasts(Collection, EntityId),
    /// A command has no outcome yet.
    Command(EntityId),
}

/// All deadlines, soonest first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Duration, Due)>,
}

impl Timers {
    pub(super) fn arm(&mut self, at: Duration, due: Due) {
        self.due.insert((at, due));
    }

    pub(super) fn disarm(&mut self, at: Duration, due: Due) {
        self.due.remove(&(at, due));
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes what is due.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, due)| due)
    }
}
