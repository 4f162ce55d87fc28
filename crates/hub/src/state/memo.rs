//! What survives a restart: entities for the checkpoint, the private memo, and the state made of both.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use model::{
    Agent, Call, Caller, Collection, Conference, Device, EntityId, Event, EventType, Extension,
    MemoChange, Now, OriginKind, Participant, Queue, Recording, Source, SourceId, Text, Timestamp,
    Trunk, User,
};
use serde::{Deserialize, Serialize};

use super::{
    Archive, SourceSettings, State, Stored,
    call::{Ending, Remembered, RememberedEnd, Slot},
    keep::{Kept, REMEMBERED},
    mark::{Mark, Turn},
    source::entity_id,
    timers::Due,
};
use crate::draft::Draft;

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

/// An entity with what is kept beside it.
#[derive(Serialize, Deserialize)]
struct Body<T> {
    source: SourceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Text>,
    version: u64,
    seen: Timestamp,
    entity: T,
}

/// What is remembered of a source.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct RememberedSource {
    connected: bool,
    lost: Option<Text>,
}

/// What was read back and waits for the events that follow it.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) now: Option<Now>,
    calls: BTreeMap<EntityId, Remembered>,
    /// Calls that ended a moment ago.
    ended: BTreeMap<EntityId, (Arc<Call>, Timestamp)>,
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
        let closes = matches!(
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
            Collection::Conferences | Collection::Commands | Collection::Webhooks => {}
        }
    }

    /// Goes on after a restart: deadlines run again, and what was connected no longer is.
    pub fn restarted(&mut self, now: Now, archive: &mut dyn Archive, out: &mut Vec<Draft>) {
        self.rebuild(now);
        let first = self.sources.keys().next().cloned();
        let Some(first) = first else { return };
        let mark = Mark::own(&first, now, OriginKind::Gateway, "restart");
        let mut turn = Turn {
            now,
            mark,
            archive,
            out,
        };
        self.disconnect_all(&mut turn);
    }

    /// Entities that changed since they were last taken, at most `max`.
    pub fn take_dirty(&mut self, max: usize) -> Vec<Row> {
        let mut rows = Vec::new();
        while rows.len() < max {
            let Some((collection, id)) = self.dirty.pop_first() else {
                break;
            };
            rows.push(self.row(collection, id));
        }
        rows
    }

    /// Which entities changed since this was last asked.
    pub fn take_changed(&mut self) -> BTreeSet<(Collection, EntityId)> {
        std::mem::take(&mut self.dirty)
    }

    /// True when [`Self::take_dirty`] would yield something.
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
            Collection::Voicemails
            | Collection::Cdrs
            | Collection::Commands
            | Collection::Webhooks => None,
        };
        let (version, body) = found.map_or((0, None), |(version, body)| (version, Some(body)));
        Row {
            collection,
            id,
            version,
            body,
        }
    }

    fn read_entity(
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
            Collection::Voicemails
            | Collection::Cdrs
            | Collection::Commands
            | Collection::Webhooks => Ok(()),
        }
    }

    fn read<T: Kept>(&mut self, id: &EntityId, body: &[u8]) -> Result<(), serde_json::Error> {
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

    fn read_note(&mut self, key: &Text, value: &[u8]) -> Result<(), serde_json::Error> {
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

    fn apply_to<T: Kept>(&mut self, at: &Applied<'_>, entity: Option<&Arc<T>>, closes: bool) {
        self.apply_version(at, entity, closes, at.event.subjectversion);
    }

    fn apply_version<T: Kept>(
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
    fn apply_queue(&mut self, at: &Applied<'_>) {
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

    fn apply_call(&mut self, at: &Applied<'_>) {
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

    fn apply_source(&mut self, at: &Applied<'_>) {
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

    fn note_closed(&mut self, at: &Applied<'_>, collection: Collection, version: u64) {
        if self.is_recent(at.event.recordedtime) {
            let mono = self.mono_at(at.event.recordedtime);
            self.closed.note(mono, collection, &at.id, version);
        }
    }

    fn is_recent(&self, recorded: Timestamp) -> bool {
        self.restored
            .now
            .is_some_and(|now| recorded.after(REMEMBERED) > now.wall)
    }

    /// A time of the wall clock on the monotonic one, as near as can be told.
    fn mono_at(&self, wall: Timestamp) -> Duration {
        let Some(now) = self.restored.now else {
            return Duration::ZERO;
        };
        let ago = Duration::from_millis(now.wall.millis_since(wall));
        let ahead = Duration::from_millis(wall.millis_since(now.wall));
        (now.mono + ahead).saturating_sub(ago)
    }

    /// Makes everything that follows from entities and memo.
    fn rebuild(&mut self, now: Now) {
        self.restored.now = Some(now);
        self.learn_names();
        self.recount();
        let mut remembered = std::mem::take(&mut self.restored.calls);
        let open: Vec<Arc<Stored<Call>>> = self.view.calls.values().cloned().collect();
        for stored in open {
            let id = stored.entity.id.clone();
            let note = remembered.remove(&id);
            self.count_open(&stored.source, 1);
            self.rebuild_call(now, &stored, note);
        }
        for (id, (call, recorded)) in std::mem::take(&mut self.restored.ended) {
            let mut slot = Box::new(Slot::new((*call).clone(), recorded));
            self.involve_call(&mut slot);
            let mono = self.mono_at(recorded);
            self.remember_ended(mono, &slot);
            self.calls.insert(id, slot);
        }
        for (id, caller) in &self.view.callers {
            let slot = caller.entity.call.as_ref();
            if let Some(slot) = slot.and_then(|call| self.calls.get_mut(call)) {
                slot.waiting.push(id.clone());
            }
        }
    }

    fn rebuild_call(&mut self, now: Now, stored: &Stored<Call>, note: Option<Remembered>) {
        let mut slot = Box::new(Slot::new((*stored.entity).clone(), stored.seen));
        self.involve_call(&mut slot);
        let max_age = self.settings(&stored.source).max_call_age;
        slot.age = Some(self.mono_at(stored.seen.after(max_age)));
        if let Some(note) = note {
            let kind = OriginKind::Native;
            slot.ending = note.ending.clone().map(|ending| Ending {
                end: ending.end,
                time: ending.time,
                deadline: self.mono_at(ending.deadline),
                mark: Mark::own(&stored.source, now, kind, ""),
            });
            slot.grace = note.grace.map(|grace| self.mono_at(grace));
            slot.holds = note.holds.clone().unwrap_or_default();
            slot.routes.clone_from(&note.routes);
            slot.omitted.clone_from(&note.omitted);
            for key in &note.extensions {
                slot.involved.extension(*key);
            }
            for key in &note.queues {
                slot.involved.queue(*key);
            }
            slot.remembered = Some(note);
        }
        slot.armed = slot.deadline();
        if let Some(at) = slot.armed {
            self.timers.arm(at, Due::Call(slot.call.id.clone()));
        }
        self.calls.insert(slot.call.id.clone(), slot);
    }

    fn learn_names(&mut self) {
        for (id, stored) in &self.view.extensions {
            let (source, tenant) = (&stored.source, stored.tenant.as_ref());
            let number = &stored.entity.number;
            self.names
                .learn_number(Collection::Extensions, source, tenant, number, id);
        }
        for (id, stored) in &self.view.queues {
            if let Some(number) = &stored.entity.number {
                let (source, tenant) = (&stored.source, stored.tenant.as_ref());
                self.names
                    .learn_number(Collection::Queues, source, tenant, number, id);
            }
        }
        for (id, stored) in &self.view.trunks {
            if let Some(name) = &stored.entity.name {
                let (source, tenant) = (&stored.source, stored.tenant.as_ref());
                self.names
                    .learn_number(Collection::Trunks, source, tenant, name, id);
            }
        }
        for (id, stored) in &self.view.conferences {
            if let Some(name) = &stored.entity.name {
                let (source, tenant) = (&stored.source, stored.tenant.as_ref());
                self.names
                    .learn_number(Collection::Conferences, source, tenant, name, id);
            }
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

    pub(super) fn forget_source(&mut self, source: &SourceId) {
        let id = entity_id(source);
        self.remove::<Source>(&id);
        self.memo.insert(format!("source/{source}").into(), None);
    }
}

/// An event that is applied, and to what.
struct Applied<'a> {
    id: EntityId,
    source: SourceId,
    event: &'a Event,
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
