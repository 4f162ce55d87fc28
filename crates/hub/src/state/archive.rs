//! Subjects that are closed, as whoever keeps them hands them back.

use model::{Call, CallState, Collection, End, EntityId, Event, EventType, SourceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{command::CommandRecord, draft::Draft};

/// A subject that is closed, as the archive has it.
#[derive(Clone, Debug)]
pub struct Archived {
    /// Its id, whatever it was asked for by.
    pub id: EntityId,
    /// Its last version.
    pub version: u64,
    /// What is left of it.
    pub last: Last,
}

/// What is left of a closed subject.
#[derive(Clone, Debug)]
pub enum Last {
    /// Its last event.
    Event(Box<Event>),
    /// What outlives that event, which is gone.
    Remains(Remains),
}

/// What is kept of a subject longer than its last event: enough to tell a repeat from news.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remains {
    /// The type of its last event.
    pub kind: EventType,
    /// Of a call: when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Of a call: when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Of a call: how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Of a call: its interaction, where that is not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<EntityId>,
}

/// Subjects that are closed. Answers at once for what it never heard of.
pub trait Archive {
    /// Finds a subject by its key in its [`Table`](super::Table), or by an alias of it.
    fn find(&mut self, collection: Collection, id: &EntityId) -> Option<Archived>;

    /// The command that somebody's idempotency key was last used for.
    ///
    /// # Errors
    /// When that cannot be read: then it is not known whether the key was used.
    fn command(&mut self, owner: &str, key: &str) -> Result<Option<CommandRecord>, Unreadable> {
        let _ = (owner, key);
        Ok(None)
    }
}

/// The archive cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// An archive of nothing.
impl Archive for () {
    fn find(&mut self, _: Collection, _: &EntityId) -> Option<Archived> {
        None
    }
}

impl Archived {
    /// The type of its last event.
    #[must_use]
    pub fn kind(&self) -> EventType {
        match &self.last {
            Last::Event(event) => event.kind,
            Last::Remains(remains) => remains.kind,
        }
    }

    /// When the call ended, where it is one and that is known.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        match &self.last {
            Last::Event(event) => event.data.call.as_deref()?.ended_at,
            Last::Remains(remains) => remains.ended_at,
        }
    }
}

impl Remains {
    /// What is to be kept of the subject that this event closes.
    #[must_use]
    pub fn of(draft: &Draft) -> Self {
        let call = draft.data.call.as_deref();
        let call = call.filter(|call| !call.is_open());
        Self {
            kind: draft.kind,
            started_at: call.map(|call| call.started_at),
            ended_at: call.and_then(|call| call.ended_at),
            end: call.and_then(|call| call.end.clone()),
            interaction_id: call
                .filter(|call| call.interaction_id != call.id)
                .map(|call| call.interaction_id.clone()),
        }
    }

    /// A call of which this is all that is known. It must not be published as it is.
    pub(super) fn call(self, id: EntityId, source: SourceId, version: u64) -> Call {
        let started_at = self.started_at.unwrap_or_default();
        let begun = Call::begun(id, source, started_at);
        Call {
            interaction_id: self.interaction_id.unwrap_or(begun.interaction_id),
            state: CallState::Ended,
            ended_at: self.ended_at,
            end: self.end,
            version,
            ..begun
        }
    }
}
