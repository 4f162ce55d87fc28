//! The checkpoint: entities written in small slices beside ordinary commits.
//!
//! A round begins at a head and takes every entity that is dirty then. When the last of them is written, all entities
//! stored are at least as new as that head, and a restart need not look at older events.

use model::Position;

use crate::{
    log::Entity,
    state::State,
};

#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Entities of this round that are not written.
    left: usize,
    /// Where this round began.
    began: Position,
    /// Where the last complete round began.
    reached: Option<Position>,
}

impl Rounds {
    /// The next slice. `before` is the head without this commit, `head` with it.
    pub(super) fn slice(&mut self, state: &mut State, before: Position, head: Position, most: usize) -> Vec<Entity> {
        if self.left == 0 {
            self.left = state.dirty();
            self.began = if self.left <= most { head } else { before };
        }
        let taken = state.take_dirty(most.min(self.left));
        self.left -= taken.len().min(self.left);
        if self.left == 0 {
            self.reached = Some(self.began);
        }
        let entity = |dirty: crate::state::Dirty| Entity {
            collection: dirty.collection,
            id: dirty.id,
            version: dirty.version,
            position: head,
            body: dirty.body,
        };
        taken.into_iter().map(entity).collect()
    }

    /// Where a restart can begin.
    pub(super) fn checkpoint(&self) -> Option<Position> {
        self.reached
    }
}
