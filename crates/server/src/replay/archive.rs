//! Closed subjects in memory, as the log would hand them back.

use std::collections::{HashMap, VecDeque};

use hub::{
    draft::Draft,
    state::{Archive, Archived, Last},
};
use model::{Collection, EntityId, Epoch, Position};

type Key = (Collection, EntityId);

/// The subjects that were closed last.
#[derive(Default)]
pub(super) struct Closed {
    known: HashMap<Key, Archived>,
    aliases: HashMap<Key, EntityId>,
    order: VecDeque<(Key, Vec<EntityId>)>,
}

/// The most subjects that are kept; the oldest goes first.
const MOST: usize = 50_000;

impl Closed {
    /// Keeps what these events close, and what they say anew of what is closed.
    pub(super) fn keep(&mut self, drafts: &[Draft]) {
        let epoch = Epoch::from_random(super::EPOCH);
        for draft in drafts {
            let id = draft.subject.split_once('/').map_or("", |(_, id)| id);
            let id = EntityId::from_text(id);
            let archived = || Archived {
                id: id.clone(),
                version: draft.version,
                // The state looks at what an event says, not at its place in the log.
                last: Last::Event(Box::new(draft.event(epoch, Position(0)))),
            };
            let Some(closing) = &draft.closes else {
                let key = (draft.kind.collection(), id.clone());
                if let Some(known) = self.known.get_mut(&key) {
                    *known = archived();
                }
                continue;
            };
            let key = (closing.collection, id.clone());
            let aliases: Vec<EntityId> = closing
                .aliases
                .iter()
                .map(|alias| EntityId::from_text(alias))
                .collect();
            for alias in &aliases {
                let alias = (closing.collection, alias.clone());
                self.aliases.insert(alias, id.clone());
            }
            if self.known.insert(key.clone(), archived()).is_none() {
                self.order.push_back((key, aliases));
            }
        }
        while self.order.len() > MOST {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((oldest, aliases)) = self.order.pop_front() {
            self.known.remove(&oldest);
            for alias in aliases {
                self.aliases.remove(&(oldest.0, alias));
            }
        }
    }
}

impl Archive for Closed {
    fn find(&mut self, collection: Collection, id: &EntityId) -> Option<Archived> {
        let key = (collection, id.clone());
        let known = self.known.get(&key).or_else(|| {
            let id = self.aliases.get(&key)?;
            self.known.get(&(collection, id.clone()))
        });
        known.cloned()
    }
}
