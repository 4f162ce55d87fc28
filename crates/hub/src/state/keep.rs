//! What all kinds of entities have in common: they are kept, published with the next version, and closed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, OnceLock},
    time::Duration,
};

use model::{
    Agent, Call, Caller, Change, Collection, Command, Conference, Data, Device, EntityId,
    EventType, Extension, Participant, Queue, Recording, Source, Text, Trunk, User,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Entities, State, Stored, Table,
    mark::{About, Involved, Turn, subject},
};
use crate::draft::{Closing, Draft};

/// A kind of entity that the state keeps in a [`Table`].
pub(super) trait Kept: Clone + PartialEq + Serialize + DeserializeOwned {
    const COLLECTION: Collection;

    fn table(entities: &Entities) -> &Table<Self>;

    fn table_mut(entities: &mut Entities) -> &mut Table<Self>;

    /// Writes the version into the entity, where it carries one.
    fn set_version(&mut self, version: u64);

    /// Puts the entity where events carry it.
    fn carry(data: &mut Data, entity: Arc<Self>);

    /// Notes the extensions and queues it involves.
    fn involve(&self, state: &State, involved: &mut Involved);

    /// The call it belongs to, whose order its events keep.
    fn call(&self) -> Option<&EntityId> {
        None
    }
}

/// What an event of an entity says beside the entity.
#[derive(Default)]
pub(super) struct Saying {
    pub(super) change: Change,
    /// What else the event carries.
    pub(super) data: Data,
    /// The entity is gone from the state with this event.
    pub(super) closes: bool,
}

/// Subjects that were closed a moment ago: the archive may not know them yet.
#[derive(Debug, Default)]
pub(super) struct Closed {
    versions: HashMap<(Collection, EntityId), (u64, Duration)>,
    order: VecDeque<(Duration, Collection, EntityId)>,
}

/// How long a closed subject is remembered here.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60);

impl State {
    /// Publishes the next state of an entity and keeps it.
    pub(super) fn publish<'t, T: Kept>(
        &mut self,
        turn: &'t mut Turn<'_>,
        kind: EventType,
        id: &EntityId,
        mut entity: T,
        saying: Saying,
    ) -> &'t mut Draft {
        let stored = T::table(&self.view).get(id);
        let tenant = stored
            .and_then(|stored| stored.tenant.clone())
            .or_else(|| turn.mark.tenant.clone());
        let version = 1 + match stored {
            Some(stored) => stored.version,
            None => self.version_of(turn, T::COLLECTION, id),
        };
        entity.set_version(version);
        let mut involved = Involved::default();
        entity.involve(self, &mut involved);
        let call = entity.call();
        let partition = call.unwrap_or(id).text();
        let correlation = call.map(|call| {
            let known = self.calls.get(call);
            known.map_or_else(|| call.text(), |slot| slot.call.interaction_id.text())
        });
        let entity = Arc::new(entity);
        if saying.closes {
            self.remove::<T>(id);
            self.closed_now(turn, T::COLLECTION, id, version);
        } else {
            self.insert(turn, id, &entity, tenant.clone(), version);
        }
        let mut data = saying.data;
        T::carry(&mut data, entity);
        data.change = (saying.change != Change::default()).then_some(saying.change);
        let about = About {
            kind,
            time: turn.mark.when(),
            subject: subject_of(T::COLLECTION, id),
            partition,
            correlation,
            tenant,
            version,
            involved: &involved,
        };
        let aliases = if saying.closes {
            let aliases = self.names.aliases_of(T::COLLECTION, id);
            aliases.iter().map(EntityId::text).collect()
        } else {
            Vec::new()
        };
        let draft = turn.say(about, data);
        if saying.closes {
            draft.closes = Some(Closing {
                collection: T::COLLECTION,
                aliases,
            });
        }
        draft
    }

    /// Keeps an entity as it was published.
    pub(super) fn insert<T: Kept>(
        &mut self,
        turn: &Turn<'_>,
        id: &EntityId,
        entity: &Arc<T>,
        tenant: Option<Text>,
        version: u64,
    ) {
        let stored = Stored {
            entity: Arc::clone(entity),
            source: turn.mark.source.clone(),
            tenant,
            version,
            seen: turn.mark.recorded,
            json: OnceLock::new(),
        };
        T::table_mut(&mut self.view).insert(id.clone(), Arc::new(stored));
        self.dirty.insert((T::COLLECTION, id.clone()));
    }

    pub(super) fn remove<T: Kept>(&mut self, id: &EntityId) {
        T::table_mut(&mut self.view).remove(id);
        self.dirty.insert((T::COLLECTION, id.clone()));
    }

    /// The source told of an entity, and nothing about it is new.
    pub(super) fn seen<T: Kept>(&mut self, turn: &Turn<'_>, id: &EntityId) {
        self.confirm(turn, id);
        let confirmed = |stored: &Arc<Stored<T>>| {
            stored.seen >= self.gap_end(&turn.mark.source) || stored.seen >= turn.mark.recorded
        };
        let Some(stored) = T::table(&self.view).get(id) else {
            return;
        };
        if !confirmed(stored) {
            let mut stored = Stored::clone(stored);
            stored.seen = turn.mark.recorded;
            T::table_mut(&mut self.view).insert(id.clone(), Arc::new(stored));
            self.dirty.insert((T::COLLECTION, id.clone()));
        }
    }

    pub(super) fn get<T: Kept>(&self, id: &EntityId) -> Option<Arc<T>> {
        T::table(&self.view)
            .get(id)
            .map(|stored| Arc::clone(&stored.entity))
    }

    /// The last version of a subject that is not in the state; 0 when there never was one.
    pub(super) fn version_of(
        &self,
        turn: &mut Turn<'_>,
        collection: Collection,
        id: &EntityId,
    ) -> u64 {
        match self.closed.versions.get(&(collection, id.clone())) {
            Some((version, _)) => *version,
            None => turn
                .archive
                .find(collection, id)
                .map_or(0, |archived| archived.version),
        }
    }

    /// Remembers the version of a subject that is closed.
    pub(super) fn closed_now(
        &mut self,
        turn: &Turn<'_>,
        collection: Collection,
        id: &EntityId,
        version: u64,
    ) {
        self.closed.note(turn.now.mono, collection, id, version);
    }
}

impl Closed {
    pub(super) fn note(
        &mut self,
        now: Duration,
        collection: Collection,
        id: &EntityId,
        version: u64,
    ) {
        let until = now + REMEMBERED;
        self.versions
            .insert((collection, id.clone()), (version, until));
        self.order.push_back((until, collection, id.clone()));
    }

    /// Forgets what is remembered long enough, and says what that was.
    pub(super) fn forget(&mut self, now: Duration) -> Option<(Collection, EntityId)> {
        while self.order.front().is_some_and(|(until, ..)| *until <= now) {
            let (until, collection, id) = self.order.pop_front()?;
            let key = (collection, id);
            match self.versions.get(&key) {
                // Closed again since.
                Some((_, later)) if *later > until => {}
                _ => {
                    self.versions.remove(&key);
                    return Some(key);
                }
            }
        }
        None
    }
}

/// Callers and participants are named below their queue and conference.
pub(super) fn subject_of(collection: Collection, id: &EntityId) -> Text {
    match collection {
        Collection::Callers => subject("queues", id),
        Collection::Participants => subject("conferences", id),
        other => subject(other.as_str(), id),
    }
}

macro_rules! kept {
    ($($entity:ident: $collection:ident, $table:ident, $field:ident $(, $version:ident)? $(, call = $call:ident)?;
        |$it:pat_param, $state:pat_param, $involved:pat_param| $involve:expr;)+) => {$(
        impl Kept for $entity {
            const COLLECTION: Collection = Collection::$collection;
            fn table(entities: &Entities) -> &Table<Self> {
                &entities.$table
            }
            fn table_mut(entities: &mut Entities) -> &mut Table<Self> {
                &mut entities.$table
            }
            fn set_version(&mut self, _version: u64) {
                $(self.$version = _version;)?
            }
            fn carry(data: &mut Data, entity: Arc<Self>) {
                data.$field = Some(entity);
            }
            fn involve(&self, $state: &State, $involved: &mut Involved) {
                let $it = self;
                $involve
            }
            $(fn call(&self) -> Option<&EntityId> {
                self.$call.as_ref()
            })?
        }
    )+};
}

kept! {
    Call: Calls, calls, call, version; |_, _, _| ();
    Extension: Extensions, extensions, extension, version; |it, state, involved| {
        let named = model::ExtensionRef { id: Some(it.id.clone()), number: Text::clone(&it.number) };
        state.involve_extension(involved, &named);
    };
    User: Users, users, user, version; |it, state, involved| {
        for extension in &it.extensions {
            state.involve_extension(involved, extension);
        }
    };
    Device: Devices, devices, device, version; |it, state, involved| {
        if let Some(extension) = &it.extension {
            state.involve_extension(involved, extension);
        }
    };
    Agent: Agents, agents, agent, version; |it, state, involved| {
        state.involve_extension(involved, &it.extension);
        state.involve_queue(involved, &it.queue);
        state.involve_privacy(involved, it.call.as_ref());
    };
    Queue: Queues, queues, queue, version; |it, state, involved| {
        let named = model::QueueRef { id: it.id.clone(), number: it.number.clone(), name: None };
        state.involve_queue(involved, &named);
    };
    Caller: Callers, callers, caller, version, call = call; |it, state, involved| {
        state.involve_party(involved, &it.party);
        state.involve_queue(involved, &it.queue);
        state.involve_privacy(involved, it.call.as_ref());
    };
    Trunk: Trunks, trunks, trunk, version; |_, _, _| ();
    Conference: Conferences, conferences, conference, version; |_, _, _| ();
    Participant: Participants, participants, participant; |it, state, involved| {
        state.involve_party(involved, &it.party);
    };
    Recording: Recordings, recordings, recording, version, call = call; |it, state, involved| {
        if let Some(slot) = it.call.as_ref().and_then(|call| state.calls.get(call)) {
            involved.join(&slot.involved);
        }
    };
    Source: Sources, sources, source; |_, _, _| ();
    Command: Commands, commands, command, version; |it, state, involved| {
        let target = it.target.as_deref().map(EntityId::from_text);
        if let Some(slot) = target.and_then(|call| state.calls.get(&call)) {
            involved.join(&slot.involved);
        }
    };
}
