//! Closed subjects as the state asks for them, read from the log.

use std::{collections::BTreeSet, error::Error};

use model::{Collection, EntityId, Event};
use tracing::warn;

use crate::{
    log::Reader,
    state::{Archive, Archived},
};

/// The archive in the log. Remembers which subjects it gave out, since one that is spoken of again may be open again.
pub(super) struct Disk {
    reader: Reader,
    given: BTreeSet<(Collection, EntityId)>,
}

impl Disk {
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            given: BTreeSet::new(),
        }
    }

    /// The subjects given out since the last call.
    pub(super) fn take_given(&mut self) -> BTreeSet<(Collection, EntityId)> {
        std::mem::take(&mut self.given)
    }

    fn read(
        &self,
        collection: Collection,
        id: &EntityId,
    ) -> Result<Option<(EntityId, Archived)>, Box<dyn Error>> {
        let Some(archived) = self.reader.archived(collection, id)? else {
            return Ok(None);
        };
        // Retention may have taken the event itself; then nothing can be added to it either.
        let Some(block) = self.reader.block_at(archived.position)? else {
            return Ok(None);
        };
        let Some(entry) = block
            .entries
            .iter()
            .find(|entry| entry.position == archived.position)
        else {
            return Ok(None);
        };
        let last: Event = serde_json::from_slice(block.json(entry))?;
        Ok(Some((
            archived.id,
            Archived {
                version: archived.version,
                last,
            },
        )))
    }
}

impl Archive for Disk {
    fn find(&mut self, collection: Collection, id: &EntityId) -> Option<Archived> {
        let (id, archived) = self.read(collection, id).unwrap_or_else(|error| {
            warn!(%collection, %id, error = &*error, "a closed subject cannot be read: it begins anew");
            None
        })?;
        self.given.insert((collection, id));
        Some(archived)
    }
}
