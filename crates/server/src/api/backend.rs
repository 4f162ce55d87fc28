//! What the HTTP surface asks of the hub and the sources, and nothing more.

use std::{ops::ControlFlow, sync::Arc};

use adapter::Capabilities;
use bytes::Bytes;
use hub::{
    block::Block,
    fanout::{History, HistoryError, HistoryPage},
    filter::Filter,
    stream::ResetReason,
};
use model::{
    Agent, Call, Caller, Collection, Conference, Cursor, Device, EntityId, Extension, Participant,
    Position, Queue, Source, SourceId, Text, Timestamp, Trunk, User,
};
use serde::Serialize;

/// The hub as the HTTP surface sees it. What may touch the disk is called on blocking threads.
pub trait Backend: History + 'static {
    /// The state, as of some position that is not older than any event that was published.
    fn view(&self) -> Arc<dyn View>;

    /// The positions between which the log can be read: the one before its first event, and that of its last.
    fn bounds(&self) -> Bounds;

    /// Whether reading can go on after a cursor.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn resume(&self, cursor: Cursor) -> Result<Resume, HistoryError>;

    /// The position before the first event received at a time or later.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn before_time(&self, time: Timestamp) -> Result<Position, HistoryError>;

    /// Blocks before a position, newest first, as far as they may hold what the filter lets pass. `scanned_to` is the
    /// position of the oldest event that was looked at.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn page_back(
        &self,
        before: Position,
        filter: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError>;

    /// The block that holds a position, while the log retains it.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn block(&self, position: Position) -> Result<Option<Arc<Block>>, HistoryError>;

    /// The last event of a call that has ended, while the log retains it.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn ended_call(&self, id: &EntityId) -> Result<Option<Position>, HistoryError>;

    /// Calls that ended at a time or later, the latest first, whose last event is before a position; at most `limit`.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn ended_calls(
        &self,
        since: Timestamp,
        before: Option<Position>,
        limit: usize,
    ) -> Result<EndedCalls, HistoryError>;

    /// What is configured, in order of id.
    fn sources(&self) -> Vec<ConfiguredSource>;

    /// Connects a source anew, at once. False when there is no such source.
    fn reconnect(&self, source: &SourceId) -> bool;

    /// Whether events can be kept and state is complete.
    fn health(&self) -> Health;
}

/// A moment's state. Cheap to take, immutable.
pub trait View: Send + Sync {
    /// The position of the last event that is part of it.
    fn position(&self) -> Position;

    /// Calls `each` with the entities of a collection in order of id, from the first after `after`, until it breaks.
    /// Callers and participants are in order of parent and id, and `parent` limits them to one.
    fn scan(
        &self,
        collection: Collection,
        parent: Option<&EntityId>,
        after: Option<&str>,
        each: &mut dyn FnMut(&Item) -> ControlFlow<()>,
    );

    /// One entity.
    fn find(&self, collection: Collection, parent: Option<&EntityId>, id: &str) -> Option<Item>;
}

/// An entity in a view.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its id within the collection; what a scan goes on after.
    pub id: Text,
    /// The queue of a caller, the conference of a participant.
    pub parent: Option<EntityId>,
    /// The source.
    pub source: Text,
    /// The tenant.
    pub tenant: Option<Text>,
    /// Whether it can be relied on.
    pub freshness: Freshness,
    /// The entity.
    pub entity: Entity,
    /// The entity as a JSON object.
    pub json: Bytes,
}

/// Every kind of entity that a view holds.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant is the entity of the same name")]
pub enum Entity {
    Call(Arc<Call>),
    Extension(Arc<Extension>),
    User(Arc<User>),
    Device(Arc<Device>),
    Agent(Arc<Agent>),
    Queue(Arc<Queue>),
    Caller(Arc<Caller>),
    Trunk(Arc<Trunk>),
    Conference(Arc<Conference>),
    Participant(Arc<Participant>),
    Source(Arc<Source>),
}

/// How far an entity can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// The source is connected and would have told.
    Live,
    /// The source is not connected.
    Stale,
    /// Not confirmed since the source was not connected.
    Unconfirmed,
}

/// Between which positions the log can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Before the first event there is.
    pub oldest: Position,
    /// The last event there is.
    pub newest: Position,
}

/// Whether reading can go on after a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It can.
    At(Position),
    /// It cannot.
    Reset(ResetReason),
}

/// Calls that are over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedCalls {
    /// The position of the last event of each, which carries it whole, in falling order.
    pub last: Vec<Position>,
    /// The `before` with which to go on; none when there is nothing beyond.
    pub next: Option<Position>,
}

/// A source as configured.
#[derive(Clone, Debug)]
pub struct ConfiguredSource {
    /// Its name.
    pub id: SourceId,
    /// The gateway is not ready without it.
    pub required: bool,
    /// What it can tell.
    pub capabilities: Capabilities,
}

/// Whether the gateway itself is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The log takes what is appended.
    pub log_writable: bool,
    /// The state is rebuilt after the start.
    pub state_rebuilt: bool,
}

impl Entity {
    /// The collection it belongs to.
    #[must_use]
    pub const fn collection(&self) -> Collection {
        match self {
            Self::Call(_) => Collection::Calls,
            Self::Extension(_) => Collection::Extensions,
            Self::User(_) => Collection::Users,
            Self::Device(_) => Collection::Devices,
            Self::Agent(_) => Collection::Agents,
            Self::Queue(_) => Collection::Queues,
            Self::Caller(_) => Collection::Callers,
            Self::Trunk(_) => Collection::Trunks,
            Self::Conference(_) => Collection::Conferences,
            Self::Participant(_) => Collection::Participants,
            Self::Source(_) => Collection::Sources,
        }
    }
}
