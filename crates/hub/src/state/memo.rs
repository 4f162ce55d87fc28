//! What survives a restart: rows of entities for the checkpoint, and the private memo.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{Collection, EntityId, MemoChange, Now, SourceId, Text, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    State, Stored,
    call::{Remembered, RememberedEnd, Slot},
    keep::Kept,
};

/// A row of the checkpoint: an entity as it is now, or nothing when it is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The kind of entity.
    pub collection: Collection,
    /// The key in its [`super::Table`].
    pub id: EntityId,
    /// The version of its subject.
    pub version: u64,
    /// What [`State::restore`] reads back; none removes the row.
    pub body: Option<Bytes>,
}

/// An entity with what is kept beside it.
#[derive(Serialize, Deserialize)]
pub(super) struct Body<T> {
    pub(super) source: SourceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<Text>,
    pub(super) version: u64,
    pub(super) seen: Timestamp,
    pub(super) entity: T,
}

/// What is remembered of a source.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RememberedSource {
    pub(super) connected: bool,
    pub(super) lost: Option<Text>,
}

impl State {
    /// Which entities changed since this was last asked.
    pub fn take_changed(&mut self) -> BTreeSet<(Collection, EntityId)> {
        std::mem::take(&mut self.dirty)
    }

    /// True when [`Self::take_changed`] would yield something.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// What changed of the private memo since it was last taken.
    pub fn take_memo(&mut self) -> Vec<MemoChange> {
        std::mem::take(&mut self.memo)
            .into_iter()
            .map(|(key, value)| MemoChange { key, value })
            .collect()
    }

    /// The row of an entity as it is now.
    #[must_use]
    pub fn row(&self, collection: Collection, id: EntityId) -> Row {
        let view = &self.view;
        let found = match collection {
            Collection::Calls => body(view.calls.get(&id)),
            Collection::Extensions => body(view.extensions.get(&id)),
            Collection::Users => body(view.users.get(&id)),
            Collection::Devices => body(view.devices.get(&id)),
            Collection::Agents => body(view.agents.get(&id)),
            Collection::Queues => body(view.queues.get(&id)),
            Collection::Callers => body(view.callers.get(&id)),
            Collection::Trunks => body(view.trunks.get(&id)),
            Collection::Conferences => body(view.conferences.get(&id)),
            Collection::Participants => body(view.participants.get(&id)),
            Collection::Recordings => body(view.recordings.get(&id)),
            Collection::Sources => body(view.sources.get(&id)),
            Collection::Commands => body(view.commands.get(&id)),
            Collection::Voicemails | Collection::Cdrs | Collection::Webhooks => None,
        };
        let (version, body) = found.map_or((0, None), |(version, body)| (version, Some(body)));
        Row {
            collection,
            id,
            version,
            body,
        }
    }

    /// Notes what has to survive of a call and is in no event.
    pub(super) fn remember_call(&mut self, now: Now, slot: &mut Slot) {
        let wall = |mono: Duration| {
            let ahead = mono.saturating_sub(now.mono);
            let ago = now.mono.saturating_sub(mono);
            now.wall.after(ahead).before(ago)
        };
        let note = slot.is_open().then(|| Remembered {
            ending: slot.ending.as_ref().map(|ending| RememberedEnd {
                end: ending.end.clone(),
                time: ending.time,
                deadline: wall(ending.deadline),
            }),
            grace: slot.grace.map(wall),
            holds: (slot.holds.total_ms.is_some()).then(|| slot.holds.clone()),
            routes: slot.routes.clone(),
            transfers: slot.transfers.clone(),
            omitted: slot.omitted.clone(),
            // As long as the call shows all its legs, it shows all whom it involves.
            extensions: if slot.omitted.is_empty() {
                Vec::new()
            } else {
                slot.involved.extensions.to_vec()
            },
            queues: if slot.omitted.is_empty() {
                Vec::new()
            } else {
                slot.involved.queues.to_vec()
            },
        });
        let note = note.filter(|note| *note != Remembered::default());
        if note != slot.remembered {
            let key = format!("call/{}", slot.call.id).into();
            self.memo
                .insert(key, note.as_ref().map(|note| json(note).into()));
            slot.remembered = note;
        }
    }

    /// Another name of an entity was learnt.
    pub(super) fn alias(&mut self, collection: Collection, alias: EntityId, canonical: &EntityId) {
        let key = format!("alias/{collection}/{alias}").into();
        self.memo.insert(key, Some(json(canonical).into()));
        self.names.learn_alias(collection, alias, canonical);
    }

    pub(super) fn forget_aliases(&mut self, collection: Collection, canonical: &EntityId) {
        for alias in self.names.forget_aliases(collection, canonical) {
            let key = format!("alias/{collection}/{alias}").into();
            self.memo.insert(key, None);
        }
    }

    pub(super) fn remember_source(&mut self, source: &SourceId) {
        if let Some(track) = self.sources.get(source) {
            let note = RememberedSource {
                connected: track.connected_before,
                lost: track.lost.clone(),
            };
            let key = format!("source/{source}").into();
            self.memo.insert(key, Some(json(&note).into()));
        }
    }
}

fn body<T: Kept>(stored: Option<&Arc<Stored<T>>>) -> Option<(u64, Bytes)> {
    let stored = stored?;
    let body = Body {
        source: stored.source.clone(),
        tenant: stored.tenant.clone(),
        version: stored.version,
        seen: stored.seen,
        entity: &*stored.entity,
    };
    Some((stored.version, json(&body).into()))
}

/// The JSON form of something that has one.
#[expect(
    clippy::expect_used,
    reason = "every map key of an entity is a text and writing to memory cannot fail"
)]
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("an entity has a JSON form")
}
