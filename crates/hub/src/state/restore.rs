//! The state as it was: entities and memo read back, and the events after them applied.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use model::{
    Agent, Call, Caller, Collection, Command, Conference, Device, EntityId, Event, EventType,
    Extension, Now, Participant, Queue, Recording, Source, SourceId, Text, Timestamp, Trunk, User,
};

use super::{
    SOURCE_REMOVED, SourceSettings, State, Stored,
    call::Remembered,
    keep::{Kept, REMEMBERED},
    memo::{Body, RememberedSource},
};

/// Why a state cannot be had back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// An entity of the checkpoint is not one.
    #[error("checkpoint of {collection}/{id} cannot be read")]
    Entity {
        /// The kind of entity.
        collection: Collection,
        /// Its key.
        id: EntityId,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A private note is not one.
    #[error("memo `{key}` cannot be read")]
    Memo {
        /// Its key.
        key: Text,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// What was read back and waits for the events that follow it.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) now: Option<Now>,
    pub(super) calls: BTreeMap<EntityId, Remembered>,
    /// Calls that ended a moment ago.
    pub(super) ended: BTreeMap<EntityId, (Arc<Call>, Timestamp)>,
}

/// An event that is applied, and to what.
pub(super) struct Applied<'a> {
    id: EntityId,
    source: SourceId,
    event: &'a Event,
}

impl State {
    /// The state as it was: entities and memo of the checkpoint. [`Self::apply`] the events after it, then call
    /// [`Self::restarted`].
    ///
    /// # Errors
    /// When a body or a note cannot be read.
    pub fn restore(
        sources: BTreeMap<SourceId, SourceSettings>,
        entities: impl IntoIterator<Item = (Collection, EntityId, Bytes)>,
        memo: impl IntoIterator<Item = (Text, Bytes)>,
        now: Now,
    ) -> Result<Self, RestoreError> {
        let mut state = Self::new(sources);
        state.restored.now = Some(now);
        for (collection, id, body) in entities {
            state
                .read_entity(collection, &id, &body)
                .map_err(|source| RestoreError::Entity {
                    collection,
                    id,
                    source,
                })?;
        }
        for (key, value) in memo {
            state
                .read_note(&key, &value)
                .map_err(|source| RestoreError::Memo { key, source })?;
        }
        Ok(state)
    }

    /// Takes over what an event says; the event itself is not questioned.
    pub fn apply(&mut self, event: &Event) {
        let Some(source) = event.source.strip_prefix("/sources/") else {
            return;
        };
        let Ok(source) = SourceId::new(source) else {
            return;
        };
        let subject = event.subject.split_once('/').map_or("", |(_, id)| id);
        let id = EntityId::from_text(subject);
        if let Some(track) = self.sources.get_mut(&source) {
            track.heard = track.heard.max(Some(event.recordedtime));
            track.told.insert(event.kind.collection());
        }
        let at = Applied { id, source, event };
        let data = &event.data;
        let removed = data.origin.rule.as_deref() == Some(SOURCE_REMOVED);
        let closes = removed
            || matches!(
                event.kind,
                EventType::ExtensionDeleted
                    | EventType::UserDeleted
                    | EventType::QueueDeleted
                    | EventType::DeviceUnregistered
                    | EventType::AgentLeft
                    | EventType::QueueCallerLeft
                    | EventType::ConferenceParticipantLeft
                    | EventType::RecordingEnded
                    | EventType::RecordingUpdated
                    | EventType::RecordingDeleted
                    | EventType::CommandSucceeded
                    | EventType::CommandFailed
            );
        match event.kind.collection() {
            Collection::Calls => self.apply_call(&at),
            Collection::Extensions => self.apply_to(&at, data.extension.as_ref(), closes),
            Collection::Users => self.apply_to(&at, data.user.as_ref(), closes),
            Collection::Queues => self.apply_to(&at, data.queue.as_ref(), closes),
            Collection::Devices => {
                let fails = event.kind == EventType::DeviceRegistrationFailed;
                let unknown = !self.view.devices.contains_key(&at.id);
                self.apply_to(&at, data.device.as_ref(), closes || (fails && unknown));
            }
            Collection::Agents => {
                self.apply_queue(&at);
                self.apply_to(&at, data.agent.as_ref(), closes);
            }
            Collection::Callers => {
                self.apply_queue(&at);
                self.apply_to(&at, data.caller.as_ref(), closes);
            }
            Collection::Trunks => self.apply_to(&at, data.trunk.as_ref(), closes),
            Collection::Participants => {
                if let Some(conference) = &data.conference {
                    let of = Applied {
                        id: conference.id.clone(),
                        source: at.source.clone(),
                        event,
                    };
                    let over = conference.participants == 0;
                    self.apply_version(&of, Some(conference), over, conference.version);
                }
                self.apply_to(&at, data.participant.as_ref(), closes);
            }
            Collection::Recordings => {
                if let (true, Some(recording)) = (closes, &data.recording)
                    && self.is_recent(event.recordedtime)
                {
                    self.closed_recordings
                        .insert(at.id.clone(), (**recording).clone());
                }
                self.apply_to(&at, data.recording.as_ref(), closes);
            }
            Collection::Voicemails => {
                if let Some(voicemail) = &data.voicemail
                    && self.is_recent(event.recordedtime)
                {
                    let gone = event.kind == EventType::VoicemailDeleted;
                    let known = ((**voicemail).clone(), gone);
                    self.voicemails.insert(at.id.clone(), known);
                    self.note_closed(&at, Collection::Voicemails, event.subjectversion);
                }
            }
            Collection::Cdrs => self.note_closed(&at, Collection::Cdrs, event.subjectversion),
            Collection::Sources => self.apply_source(&at),
            Collection::Commands => self.apply_to(&at, data.command.as_ref(), closes),
            Collection::Conferences | Collection::Webhooks => {}
        }
    }

    pub(super) fn read_entity(
        &mut self,
        collection: Collection,
        id: &EntityId,
        body: &[u8],
    ) -> Result<(), serde_json::Error> {
        match collection {
            Collection::Calls => self.read::<Call>(id, body),
            Collection::Extensions => self.read::<Extension>(id, body),
            Collection::Users => self.read::<User>(id, body),
            Collection::Devices => self.read::<Device>(id, body),
            Collection::Agents => self.read::<Agent>(id, body),
            Collection::Queues => self.read::<Queue>(id, body),
            Collection::Callers => self.read::<Caller>(id, body),
            Collection::Trunks => self.read::<Trunk>(id, body),
            Collection::Conferences => self.read::<Conference>(id, body),
            Collection::Participants => self.read::<Participant>(id, body),
            Collection::Recordings => self.read::<Recording>(id, body),
            Collection::Sources => self.read::<Source>(id, body),
            Collection::Commands => self.read::<Command>(id, body),
            Collection::Voicemails | Collection::Cdrs | Collection::Webhooks => Ok(()),
        }
    }

    pub(super) fn read<T: Kept>(
        &mut self,
        id: &EntityId,
        body: &[u8],
    ) -> Result<(), serde_json::Error> {
        let body: Body<T> = serde_json::from_slice(body)?;
        if let Some(track) = self.sources.get_mut(&body.source) {
            track.told.insert(T::COLLECTION);
            if T::COLLECTION != Collection::Sources {
                track.heard = track.heard.max(Some(body.seen));
            }
        }
        let stored = Stored {
            entity: Arc::new(body.entity),
            source: body.source,
            tenant: body.tenant,
            version: body.version,
            seen: body.seen,
            json: OnceLock::new(),
        };
        T::table_mut(&mut self.view).insert(id.clone(), Arc::new(stored));
        Ok(())
    }

    pub(super) fn read_note(&mut self, key: &Text, value: &[u8]) -> Result<(), serde_json::Error> {
        let mut parts = key.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("call"), Some(_), _) => {
                let id = EntityId::from_text(&key["call/".len()..]);
                self.restored
                    .calls
                    .insert(id, serde_json::from_slice(value)?);
            }
            (Some("alias"), Some(collection), Some(alias)) => {
                let canonical: EntityId = serde_json::from_slice(value)?;
                if let Some(collection) = Collection::parse(collection) {
                    let alias = EntityId::from_text(alias);
                    self.names.learn_alias(collection, alias, &canonical);
                }
            }
            (Some("source"), Some(source), _) => {
                let note: RememberedSource = serde_json::from_slice(value)?;
                let track = SourceId::new(source)
                    .ok()
                    .and_then(|source| self.sources.get_mut(&source));
                if let Some(track) = track {
                    track.connected_before |= note.connected;
                    track.lost = note.lost;
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn apply_to<T: Kept>(
        &mut self,
        at: &Applied<'_>,
        entity: Option<&Arc<T>>,
        closes: bool,
    ) {
        self.apply_version(at, entity, closes, at.event.subjectversion);
    }

    pub(super) fn apply_version<T: Kept>(
        &mut self,
        at: &Applied<'_>,
        entity: Option<&Arc<T>>,
        closes: bool,
        version: u64,
    ) {
        let Some(entity) = entity else { return };
        let known = T::table(&self.view).get(&at.id);
        if known.is_some_and(|known| known.version > version) {
            return;
        }
        if closes {
            self.remove::<T>(&at.id);
            self.note_closed(at, T::COLLECTION, version);
            return;
        }
        let tenant = known.and_then(|known| known.tenant.clone());
        let stored = Stored {
            entity: Arc::clone(entity),
            source: at.source.clone(),
            tenant: tenant.or_else(|| at.event.tenant.clone()),
            version,
            seen: at.event.recordedtime,
            json: OnceLock::new(),
        };
        T::table_mut(&mut self.view).insert(at.id.clone(), Arc::new(stored));
        self.dirty.insert((T::COLLECTION, at.id.clone()));
    }

    /// Callers and agents carry their queue with its counters, at the version it had.
    pub(super) fn apply_queue(&mut self, at: &Applied<'_>) {
        if let Some(queue) = &at.event.data.queue {
            let seen = self
                .view
                .queues
                .get(&queue.id)
                .map_or(at.event.recordedtime, |known| known.seen);
            let of = Applied {
                id: queue.id.clone(),
                source: at.source.clone(),
                event: at.event,
            };
            self.apply_version(&of, Some(queue), false, queue.version);
            if let Some(stored) = self.view.queues.get(&queue.id) {
                let mut stored = Stored::clone(stored);
                stored.seen = seen;
                self.view.queues.insert(queue.id.clone(), Arc::new(stored));
            }
        }
    }

    pub(super) fn apply_call(&mut self, at: &Applied<'_>) {
        let Some(call) = &at.event.data.call else {
            return;
        };
        if call.is_open() {
            self.apply_to(at, Some(call), false);
            return;
        }
        self.remove::<Call>(&at.id);
        self.restored.calls.remove(&at.id);
        if self.is_recent(at.event.recordedtime) {
            let ended = (Arc::clone(call), at.event.recordedtime);
            self.restored.ended.insert(at.id.clone(), ended);
        }
    }

    pub(super) fn apply_source(&mut self, at: &Applied<'_>) {
        if at.event.data.origin.rule.as_deref() == Some(SOURCE_REMOVED) {
            self.remove::<Source>(&at.id);
            self.note_closed(at, Collection::Sources, at.event.subjectversion);
            return;
        }
        let known = self.view.sources.get(&at.id);
        let entity = at.event.data.source.clone();
        let Some(entity) = entity.or_else(|| known.map(|known| Arc::clone(&known.entity))) else {
            return;
        };
        let seen = match &at.event.data.gap {
            Some(gap) => gap.to,
            None => known.map_or_else(Timestamp::default, |known| known.seen),
        };
        let stored = Stored {
            entity,
            source: at.source.clone(),
            tenant: None,
            version: at.event.subjectversion,
            seen,
            json: OnceLock::new(),
        };
        self.view.sources.insert(at.id.clone(), Arc::new(stored));
        self.dirty.insert((Collection::Sources, at.id.clone()));
        if at.event.kind == EventType::SourceConnected
            && let Some(track) = self.sources.get_mut(&at.source)
        {
            track.connected_before = true;
        }
    }

    pub(super) fn note_closed(&mut self, at: &Applied<'_>, collection: Collection, version: u64) {
        if self.is_recent(at.event.recordedtime) {
            let mono = self.mono_at(at.event.recordedtime);
            self.closed.note(mono, collection, &at.id, version);
        }
    }

    pub(super) fn is_recent(&self, recorded: Timestamp) -> bool {
        self.restored
            .now
            .is_some_and(|now| recorded.after(REMEMBERED) > now.wall)
    }

    /// A time of the wall clock on the monotonic one, as near as can be told.
    pub(super) fn mono_at(&self, wall: Timestamp) -> Duration {
        let Some(now) = self.restored.now else {
            return Duration::ZERO;
        };
        let ago = Duration::from_millis(now.wall.millis_since(wall));
        let ahead = Duration::from_millis(wall.millis_since(now.wall));
        (now.mono + ahead).saturating_sub(ago)
    }
}
