//! What a source can tell: per event type natively, by inference, or never.

use std::collections::BTreeMap;

use model::EventType;
use serde::Serialize;

/// How a source supports an event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// The PBX tells it.
    Native,
    /// The gateway concludes it from what the PBX tells.
    Inferred,
    /// It cannot be known.
    Never,
}

/// The support of every event type. What is not listed is never emitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Capabilities(BTreeMap<EventType, Support>);

impl Capabilities {
    /// Adds event types with their support; a later call overrides.
    #[must_use]
    pub fn with(mut self, support: Support, kinds: &[EventType]) -> Self {
        self.0.extend(kinds.iter().map(|kind| (*kind, support)));
        self
    }

    /// The support of one event type.
    #[must_use]
    pub fn of(&self, kind: EventType) -> Support {
        self.0.get(&kind).copied().unwrap_or(Support::Never)
    }
}
