//! How the simulated PBX puts what happens into messages, per dialect.

mod calls;
mod cdr;
mod extensions;
mod queues;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{call::Call, people::Extension, profile::Profile};
use crate::wire::Dialect;

/// The topics that events are told under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Topic {
    Extension,
    Cdr,
    Queue,
    QueueManagement,
    ExtensionManagement,
    Trunk,
}

/// A message and who may hear it.
#[derive(Clone, Debug)]
pub(super) struct Emission {
    pub(super) topic: Topic,
    /// Numbers of the extensions or queues it is about; none for topics without a scope.
    pub(super) about: Vec<String>,
    pub(super) body: Body,
}

/// A JSON object with sorted keys.
pub(super) type Body = BTreeMap<&'static str, Value>;

/// Something that happens to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetEvent {
    Add,
    Ringing,
    Answer,
    NoAnswer,
    Fail,
    End,
}

impl Topic {
    pub(super) const ALL: [Self; 6] = [
        Self::Extension,
        Self::Cdr,
        Self::Queue,
        Self::QueueManagement,
        Self::ExtensionManagement,
        Self::Trunk,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Extension => "extension_events",
            Self::Cdr => "cdr_events",
            Self::Queue => "queue_events",
            Self::QueueManagement => "queue_management_events",
            Self::ExtensionManagement => "extension_management_events",
            Self::Trunk => "trunk_events",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl Emission {
    pub(super) fn event(&self) -> &str {
        self.body
            .get("event_type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// Words for one moment.
pub(super) struct Voice<'a> {
    pub(super) profile: &'a Profile,
    pub(super) extensions: &'a [Extension],
    /// Unix milliseconds.
    pub(super) at: i64,
}

impl Voice<'_> {
    /// True where calls are told one by one on `extension_events`.
    pub(super) fn per_call(&self) -> bool {
        self.profile.dialect < Dialect::V16_2
    }

    pub(super) fn sip(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.profile.domain)
    }

    pub(super) fn id(&self, id: u64) -> Value {
        if self.profile.numeric_ids {
            json!(id)
        } else {
            json!(id.to_string())
        }
    }

    pub(super) fn time(&self, millis: i64) -> Value {
        json!((millis / 1000).to_string())
    }

    pub(super) fn direction(&self, call: &Call) -> &'static str {
        match (call.plot.direction(), self.profile.long_directions) {
            ("internal", false) => "ext",
            ("outbound", false) => "out",
            (_, false) => "in",
            (long, true) => long,
        }
    }

    pub(super) fn body(&self, event: &'static str) -> Body {
        let mut body = Body::new();
        body.insert("event_type", json!(event));
        body.insert("tenant_id", self.id(self.profile.tenant_id));
        body.insert("time", self.time(self.at));
        if self.profile.tenant_names {
            body.insert("tenant_name", json!(self.profile.tenant_name));
        }
        body
    }

    pub(super) fn on(&self, topic: Topic, body: Body) -> Emission {
        Emission {
            topic,
            about: Vec::new(),
            body,
        }
    }
}
