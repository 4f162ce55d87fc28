//! Closed subjects as the state asks for them, read from the log.

use std::{collections::BTreeSet, error::Error};

use model::{Collection, EntityId, Event, Position};
use tracing::warn;

use crate::{
    command::CommandRecord,
    log::{LogError, Reader},
    state::{Archive, Archived, Last, Unreadable},
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
    ) -> Result<Option<Archived>, Box<dyn Error>> {
        let Some(archived) = self.reader.archived(collection, id)? else {
            return Ok(None);
        };
        let last = match self.event_at(archived.position)? {
            Some(event) => Last::Event(Box::new(event)),
            // Retention by bytes takes events earlier than it takes what is kept of their subjects.
            None => Last::Remains(serde_json::from_slice(&archived.remains)?),
        };
        Ok(Some(Archived {
            id: archived.id,
            version: archived.version,
            last,
        }))
    }

    fn event_at(&self, position: Position) -> Result<Option<Event>, Box<dyn Error>> {
        let block = match self.reader.block_at(position) {
            Ok(Some(block)) => block,
            Ok(None) => return Ok(None),
            Err(error @ LogError::Corrupt { .. }) => {
                warn!(%position, error = &error as &dyn Error, "the last event of a closed subject cannot be read");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let entry = block
            .entries
            .iter()
            .find(|entry| entry.position == position);
        Ok(entry
            .map(|entry| serde_json::from_slice(block.json(entry)))
            .transpose()?)
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

    fn command(&mut self, owner: &str, key: &str) -> Result<Option<CommandRecord>, Unreadable> {
        self.reader.command_of_key(owner, key).map_err(|error| {
            warn!(
                error = &error as &dyn Error,
                "cannot look up an idempotency key"
            );
            Unreadable
        })
    }
}
