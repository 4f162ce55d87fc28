//! A draft: an event without its place in the log, as the state yields it.

use model::{
    Collection, Data, Epoch, Event, EventType, Position, SourceId, Text, Timestamp,
    event::{ContentType, SpecVersion},
};
use smallvec::SmallVec;

use crate::block::Key;

/// An event that has no position yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The type.
    pub kind: EventType,
    /// The source; none for events of the gateway itself.
    pub source: Option<SourceId>,
    /// `<collection>/<entity id>`.
    pub subject: Text,
    /// When it happened.
    pub time: Timestamp,
    /// When it was received.
    pub recorded: Timestamp,
    /// The tenant, canonical.
    pub tenant: Option<Text>,
    /// The entity whose order matters.
    pub partitionkey: Text,
    /// The interaction.
    pub correlationid: Option<Text>,
    /// The version of the subject.
    pub version: u64,
    /// Worthless from then on.
    pub expires: Option<Timestamp>,
    /// Entities and facts.
    pub data: Data,
    /// For the filter `extensions`: numbers, canonical ids and native ids of the extensions ever involved.
    pub extensions: SmallVec<[Key; 4]>,
    /// For the filter `queues`: the same of queues.
    pub queues: SmallVec<[Key; 2]>,
    /// A party asked not to be shown.
    pub private: bool,
    /// The payload speaks of several tenants.
    pub mixed: bool,
    /// Set on the last event of a subject: it is closed from here on.
    pub closes: Option<Closing>,
}

/// A subject that is over: what the archive keeps of it beside its last event.
#[derive(Clone, Debug, PartialEq)]
pub struct Closing {
    /// The kind of entity.
    pub collection: Collection,
    /// Other keys under which the PBX may speak of it.
    pub aliases: Vec<Text>,
}

impl Draft {
    /// An event of the gateway itself.
    #[must_use]
    pub fn of_gateway(
        kind: EventType,
        subject: Text,
        version: u64,
        now: Timestamp,
        data: Data,
    ) -> Self {
        let id = subject.split_once('/').map_or(&*subject, |(_, id)| id);
        Self {
            kind,
            source: None,
            time: now,
            recorded: now,
            tenant: None,
            partitionkey: id.into(),
            subject,
            correlationid: None,
            version,
            expires: None,
            data,
            extensions: SmallVec::new(),
            queues: SmallVec::new(),
            private: false,
            mixed: false,
            closes: None,
        }
    }

    /// The event at a position.
    #[must_use]
    pub fn event(&self, epoch: Epoch, position: Position) -> Event {
        Event {
            specversion: SpecVersion::V1,
            id: epoch.at(position),
            source: self.source.as_ref().map_or_else(
                || "/gateway".into(),
                |source| format!("/sources/{source}").into(),
            ),
            kind: self.kind,
            subject: Text::clone(&self.subject),
            time: self.time,
            recordedtime: self.recorded,
            datacontenttype: ContentType::Json,
            dataschema: format!("urn:switchhook:schema:v1:{}", self.kind.schema()).into(),
            tenant: self.tenant.clone(),
            partitionkey: Text::clone(&self.partitionkey),
            correlationid: self.correlationid.clone(),
            subjectversion: self.version,
            expirytime: self.expires,
            traceparent: None,
            data: self.data.clone(),
        }
    }
}
