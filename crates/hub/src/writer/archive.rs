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
        Self { reader, given: BTreeSet::new() }
    }

    /// The subjects given out since the last call.
    pub(super) fn take_given(&mut self) -> BTreeSet<(Collection, EntityId)> {
        std::mem::take(&mut self.given)
    }

    fn read(&self, collection: Collection, id: &EntityId) -> Result<Option<Archived>, Box<dyn Error>> {
        let Some(archived) = self.reader.archived(collection, id)? else { return Ok(None) };
        let block = self.reader.block_at(archived.position)?;
        let last = block.and_then(|block| {
            let entry = block.entries.iter().find(|entry| entry.position == archived.position)?;
            Some(serde_json::from_slice::<Event>(block.json(entry)))
        });
        Ok(Some(Archived { version: archived.version, id: archived.id, last: last.transpose()? }))
    }
}

impl Archive for Disk {
    fn find(&mut self, collection: Collection, id: &EntityId) -> Option<Archived> {
        let archived = self.read(collection, id).unwrap_or_else(|error| {
            warn!(%collection, %id, error = &*error, "a closed subject cannot be read: it begins anew");
            None
        })?;
        self.given.insert((collection, archived.id.clone()));
        Some(archived)
    }
}
