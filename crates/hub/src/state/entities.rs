//! What is known now: every entity in persistent maps, so that a view of all of it is a cheap clone.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use imbl::OrdMap;
use model::{
    Agent, Call, Caller, Command, Conference, Device, EntityId, Extension, Participant, Queue,
    Recording, Source, SourceId, SourceState, Text, Timestamp, Trunk, User,
};
use serde::Serialize;

/// All entities at one moment. Cloning shares everything.
///
/// Callers are keyed `<queue id>/callers/<key>` and participants `<conference id>/participants/<key>`, which is their
/// subject without the first segment; all others by their own id, sources by `<source id>`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each field is the collection of that name")]
pub struct Entities {
    pub calls: Table<Call>,
    pub extensions: Table<Extension>,
    pub users: Table<User>,
    pub devices: Table<Device>,
    pub agents: Table<Agent>,
    pub queues: Table<Queue>,
    pub callers: Table<Caller>,
    pub trunks: Table<Trunk>,
    pub conferences: Table<Conference>,
    pub participants: Table<Participant>,
    /// Those that are going on.
    pub recordings: Table<Recording>,
    pub sources: Table<Source>,
    /// Those whose outcome is not known yet.
    pub commands: Table<Command>,
}

/// Entities of one kind, by id, in the order of ids.
pub type Table<T> = OrdMap<EntityId, Arc<Stored<T>>>;

/// An entity and what the state knows beside it.
#[derive(Debug)]
pub struct Stored<T> {
    /// The entity as last published.
    pub entity: Arc<T>,
    /// The source that told of it.
    pub source: SourceId,
    /// The tenant, canonical.
    pub tenant: Option<Text>,
    /// The version of its subject.
    pub version: u64,
    /// When the source last told of it.
    pub seen: Timestamp,
    pub(super) json: OnceLock<Bytes>,
}

/// How far an entity can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// The source is connected and has told of it since the last gap.
    Live,
    /// The source is not connected.
    Stale,
    /// The source is connected again but has not told of it since.
    Unconfirmed,
}

impl Entities {
    /// How far an entity can be relied on.
    #[must_use]
    pub fn freshness<T>(&self, stored: &Stored<T>) -> Freshness {
        let id = EntityId::from_text(stored.source.as_str());
        let Some(source) = self.sources.get(&id) else {
            return Freshness::Stale;
        };
        match source.entity.state {
            SourceState::Connected | SourceState::Synced | SourceState::Degraded => {
                // The entry of a source was last "seen" when its latest gap was over.
                if stored.seen < source.seen {
                    Freshness::Unconfirmed
                } else {
                    Freshness::Live
                }
            }
            SourceState::Connecting
            | SourceState::Disconnected
            | SourceState::AuthFailed
            | SourceState::LimitReached
            | SourceState::Replaced => Freshness::Stale,
        }
    }

    /// The callers who wait in a queue.
    pub fn callers_of<'a>(
        &'a self,
        queue: &EntityId,
    ) -> impl Iterator<Item = &'a Arc<Stored<Caller>>> {
        below(&self.callers, &format!("{queue}/callers/")).map(|(_, stored)| stored)
    }

    /// The participants of a conference.
    pub fn participants_of<'a>(
        &'a self,
        conference: &EntityId,
    ) -> impl Iterator<Item = &'a Arc<Stored<Participant>>> {
        below(&self.participants, &format!("{conference}/participants/")).map(|(_, stored)| stored)
    }
}

/// The entries whose id begins with a prefix.
pub(super) fn below<'a, T>(
    table: &'a Table<T>,
    prefix: &str,
) -> impl Iterator<Item = (&'a EntityId, &'a Arc<Stored<T>>)> + use<'a, T> {
    let prefix = prefix.to_owned();
    table
        .range(EntityId::from_text(&prefix)..)
        .take_while(move |(id, _)| id.as_str().starts_with(&prefix))
}

impl<T: Serialize> Stored<T> {
    /// The entity as JSON, without its freshness. Encoded once.
    pub fn json(&self) -> &Bytes {
        self.json
            .get_or_init(|| Bytes::from(super::memo::json(&*self.entity)))
    }
}

impl<T> Clone for Stored<T> {
    fn clone(&self) -> Self {
        Self {
            entity: Arc::clone(&self.entity),
            source: self.source.clone(),
            tenant: self.tenant.clone(),
            version: self.version,
            seen: self.seen,
            json: self.json.clone(),
        }
    }
}
