//! The checkpoint: entities written in small slices beside ordinary commits.
//!
//! A round begins at a head with every entity that has changed since the last round. When the last of them is written,
//! all entities stored are at least as new as that head, and a restart need not look at older events.

use std::collections::BTreeSet;

use model::{Collection, EntityId, Position};

use crate::{log::Entity, state::State};

#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Entities of this round that are not written.
    left: BTreeSet<(Collection, EntityId)>,
    /// Where this round began.
    began: Position,
    /// Where the last complete round began.
    reached: Option<Position>,
}

impl Rounds {
    /// The next slice of a commit that brings the log to `head`. The state has folded what the commit holds.
    pub(super) fn slice(&mut self, state: &mut State, head: Position, most: usize) -> Vec<Entity> {
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

    /// Where a restart can begin.
    pub(super) fn checkpoint(&self) -> Option<Position> {
        self.reached
    }
}
