//! The connection to a PBX, as an entity of its own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Native, SourceId, Text, Timestamp, words::words};

/// A configured source and how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Its configured name.
    pub id: SourceId,
    /// The adapter that speaks to it.
    pub adapter: Text,
    /// The dialect, configured or detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Text>,
    /// The state of the connection.
    pub state: SourceState,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong, when something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When the PBX last told something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_at: Option<Timestamp>,
    /// The PBX's clock minus ours, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_ms: Option<i64>,
    /// Counters since the start of the gateway.
    #[serde(default)]
    pub counters: SourceCounters,
    /// How what was told of calls compares with the PBX's own records of them; absent as long as there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// What the adapter does not know: shapes, and how often each was heard since the start of the gateway. Those beyond
    /// the first 64 are counted under `…`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unrecognized: BTreeMap<Text, u64>,
}

/// The account of calls held against the PBX's own records, since the start of the gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Quality {
    /// Calls of which something had been published when their record came.
    pub compared: u64,
    /// Those of which the record said nothing else than what had been published.
    pub agreed: u64,
    /// `agreed` of `compared`, from 0 to 1.
    pub agreement: f64,
    /// How often the record said otherwise, by field of the call.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub differed: BTreeMap<Text, u64>,
}

/// Counters since the start of the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SourceCounters {
    /// Frames received.
    pub frames: u64,
    /// Events published.
    pub events: u64,
    /// Frames, events or keys the adapter does not know.
    pub unrecognized: u64,
    /// Frames that told nothing new.
    pub no_ops: u64,
    /// Connections made after the first.
    pub reconnects: u64,
}

impl Quality {
    /// Takes note of a record and the fields in which it says otherwise.
    pub fn note<'f>(&mut self, differing: impl IntoIterator<Item = &'f str>) {
        let mut agrees = true;
        for field in differing {
            agrees = false;
            *self.differed.entry(field.into()).or_default() += 1;
        }
        self.compared += 1;
        self.agreed += u64::from(agrees);
        self.agreement = self.agreed as f64 / self.compared as f64;
    }
}

/// A window in which the PBX may have told something that was not heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Last sign of the PBX before it.
    pub from: Timestamp,
    /// When the connection stood again.
    pub to: Timestamp,
    /// Why.
    pub reason: Text,
    /// What a snapshot sets right: collections.
    pub reconciled: Vec<Text>,
    /// What stays unknown: collections or event types.
    pub unknown: Vec<Text>,
    /// How many events were lost, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A configuration object without an entity of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DirectoryObject {
    /// What it is, in the PBX's words.
    pub kind: Text,
    /// The PBX's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text>,
    /// What happened to it.
    pub action: Action,
    /// Its attributes.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// A variable or switch of the PBX.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Variable {
    /// Whose: `call`, `user`, `system`.
    pub scope: Text,
    /// Its name.
    pub name: Text,
    /// Its value.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Text>,
}

/// Something an operator should look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// What kind.
    pub kind: Text,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// More about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
}

/// A message, request or reply that one client of the PBX sent to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// What kind.
    pub kind: Text,
    /// Links a reply to its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text>,
    /// From whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Text>,
    /// The body.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

/// A command to a PBX.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// Its id.
    pub id: Text,
    /// The source it goes to.
    pub source: SourceId,
    /// What to do.
    #[serde(rename = "type")]
    pub kind: Text,
    /// What to do it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Text>,
    /// How far it is.
    pub state: CommandState,
    /// Why it failed, or why nobody knows: a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its outcome was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// +1 for each event of this command.
    pub version: u64,
    /// What the PBX said of it: ids of what came of it.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// A webhook, as far as its events tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// Its id.
    pub id: Text,
    /// The host of its URL.
    pub url_host: Text,
    /// How it is doing.
    pub state: WebhookState,
    /// Since when.
    pub since: Timestamp,
}

words! {
    /// The state of the connection to a PBX.
    SourceState {
        /// An attempt is under way.
        Connecting = "connecting",
        /// Logged in and subscribed; the snapshot is not complete.
        Connected = "connected",
        /// Live, and the snapshot is complete.
        Synced = "synced",
        /// Live, but something is refused or missing.
        Degraded = "degraded",
        /// No connection.
        Disconnected = "disconnected",
        /// The PBX refuses the credentials.
        AuthFailed = "auth_failed",
        /// The PBX refuses further connections.
        LimitReached = "limit_reached",
        /// Another client took our place.
        Replaced = "replaced",
    }
}

words! {
    /// What happened to a configuration object.
    Action {
        /// It is new.
        Created = "created",
        /// It changed.
        Updated = "updated",
        /// It is gone.
        Deleted = "deleted",
        /// Something else.
        Other = "other",
    }
}

words! {
    /// How far a command is.
    CommandState {
        /// Sent, or about to be.
        Accepted = "accepted",
        /// Done.
        Succeeded = "succeeded",
        /// Not done.
        Failed = "failed",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

words! {
    /// How a webhook is doing.
    WebhookState {
        /// Delivering.
        Enabled = "enabled",
        /// Retrying.
        Failing = "failing",
        /// Given up.
        Disabled = "disabled",
        /// Its creator's token is withdrawn.
        Paused = "paused",
    }
}
