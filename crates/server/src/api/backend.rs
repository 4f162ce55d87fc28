//! What the HTTP surface asks of the hub and the sources, and nothing more.

use std::{ops::ControlFlow, sync::Arc};

use adapter::{Capabilities, CommandSpec, Counters, Measure};
use async_trait::async_trait;
use bytes::Bytes;
use hub::{
    block::Block,
    command::{Accepted, CommandRecord, Rejected, Request},
    fanout::{History, HistoryError, HistoryPage},
    filter::Filter,
    meters::Meters,
    stream::ResetReason,
};
use model::{
    Agent, Call, Caller, Collection, Conference, Cursor, Device, EntityId, Extension, FrameId, Gap,
    Participant, Position, Queue, Source, SourceId, Text, Timestamp, Trunk, User,
};
use serde::Serialize;
use serde_json::Value;

/// The hub as the HTTP surface sees it. What may touch the disk is called on blocking threads.
#[async_trait]
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

    /// A native frame as it was received, secrets redacted, while the log keeps it.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn frame(&self, id: &FrameId) -> Result<Option<Bytes>, HistoryError>;

    /// What a frame says, in the words of the source's adapter.
    fn decode(&self, source: &SourceId, frame: &[u8]) -> Option<Value>;

    /// The windows in which a source was not heard, as far as they touch a time, in order of their begin; at most 1,000.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn gaps(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Gap>, HistoryError>;

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

    /// Accepts a command and sends it: it is sent once at the most, and only after it is in the log.
    ///
    /// # Errors
    /// When it is not accepted; then nothing is sent.
    async fn command(&self, order: Order) -> Result<Accepted, CommandError>;

    /// A command that was accepted lately.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn kept_command(&self, id: &str) -> Result<Option<CommandRecord>, HistoryError>;

    /// The command that somebody's idempotency key was last used for.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn keyed_command(&self, owner: &str, key: &str) -> Result<Option<CommandRecord>, HistoryError>;

    /// Whether events can be kept and state is complete.
    fn health(&self) -> Health;

    /// What the link of a source has counted; none when there is no such source.
    fn counters(&self, source: &SourceId) -> Option<Arc<Counters>>;

    /// What the adapter of a source has counted besides.
    fn measures(&self, source: &SourceId) -> Vec<Measure>;

    /// What the hub has counted and timed.
    fn meters(&self) -> Arc<Meters>;
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

/// A command that fits its source.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is to be accepted.
    pub request: Request,
    /// Which of the kinds that the source offers.
    pub kind: &'static str,
    /// The parameters, which fit the kind.
    pub params: Value,
}

/// Why a command is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// It is not accepted.
    Rejected(Rejected),
    /// The gateway stops.
    Stopped,
}

/// A source as configured.
#[derive(Clone, Debug)]
pub struct ConfiguredSource {
    /// Its name.
    pub id: SourceId,
    /// The gateway is not ready without it.
    pub required: bool,
    /// The adapter that speaks to it.
    pub adapter: &'static str,
    /// What it can tell.
    pub capabilities: Capabilities,
    /// What it can be told to do.
    pub commands: Vec<CommandSpec>,
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
