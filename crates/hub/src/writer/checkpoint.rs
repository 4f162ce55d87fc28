//! The checkpoint: entities written in small slices beside ordinary commits.
//!
//! A round begins at a head with every entity that has changed since the last round. When the last of them is written,
//! all entities stored are at least as new as that head, and a restart need not look at older events.
//!
//! Not every commit carries a slice: a few events alone cost one page of the log, a slice beside them two more. And no
//! slice is large for its events, since they wait for it.

use std::{collections::BTreeSet, time::Duration};

use model::{Collection, EntityId, Position};

use crate::{log::Entity, state::State};

#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Entities of this round that are not written.
    left: BTreeSet<(Collection, EntityId)>,
    /// Where this round began.
    began: Position,
    /// Where the last complete round began, until a commit has said so.
    reached: Option<Position>,
    /// Events since the last slice.
    events: usize,
    /// When the last slice was taken, on the monotonic clock.
    taken: Duration,
}

/// A slice is due after so many events, or so much time, whichever comes first.
const DUE: (usize, Duration) = (256, Duration::from_millis(25));
/// Entities of a slice: so many at least, and one for so many of the events since the last.
const SLICE: (usize, usize) = (16, 4);

impl Rounds {
    /// How many entities the commit of so many events is to carry.
    pub(super) fn due(&mut self, events: usize, now: Duration) -> usize {
        self.events += events;
        if self.events < DUE.0 && now < self.taken + DUE.1 {
            return 0;
        }
        self.taken = now;
        SLICE.0.max(std::mem::take(&mut self.events) / SLICE.1)
    }

    /// The next slice of a commit that brings the log to `head`. The state has folded what the commit holds.
    pub(super) fn slice(&mut self, state: &mut State, head: Position, most: usize) -> Vec<Entity> {
        if most == 0 {
            return Vec::new();
        }
        if self.left.is_empty() {
            self.left = state.take_changed();
            self.began = head;
        }
        let mut slice = Vec::with_capacity(most.min(self.left.len()));
        while slice.len() < most
            && let Some((collection, id)) = self.left.pop_first()
        {
            let row = state.row(collection, id);
            slice.push(Entity {
                collection,
                id: row.id,
                version: row.version,
                position: head,
                body: row.body,
            });
        }
        if self.left.is_empty() {
            self.reached = Some(self.began);
        }
        slice
    }

    /// True when a round is not complete.
    pub(super) fn is_open(&self) -> bool {
        !self.left.is_empty()
    }

    /// Where a restart can begin, when this commit is the first to say so.
    pub(super) fn take_checkpoint(&mut self) -> Option<Position> {
        self.reached.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_due_after_some_events_or_some_time() {
        let mut rounds = Rounds::default();
        let at = Duration::from_millis;
        assert_eq!(rounds.due(1, at(1_000)), 16, "nothing was written for long");
        assert_eq!(rounds.due(200, at(1_010)), 0);
        assert_eq!(rounds.due(55, at(1_015)), 0);
        assert_eq!(rounds.due(1, at(1_020)), 64, "after 256 events");
        assert_eq!(rounds.due(0, at(1_044)), 0);
        assert_eq!(rounds.due(0, at(1_045)), 16, "after 25 ms");
        assert_eq!(rounds.due(1_024, at(1_046)), 256, "more for more events");
    }
}
