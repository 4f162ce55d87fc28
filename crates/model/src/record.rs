//! What remains of calls: recordings, voicemail, call detail records.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Direction, Durations, End, EntityId, Leg, Native, Number, Party, SourceId, Text, Timestamp,
    TrunkRef, words::words,
};

/// A recording of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recording {
    /// The first id the PBX gave; a later one is `native.recording_id`.
    pub id: EntityId,
    /// The call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<EntityId>,
    /// The leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<EntityId>,
    /// Its state.
    pub state: RecordingState,
    /// The start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Where it can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Text>,
    /// +1 for each event of this recording.
    pub version: u64,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// A voicemail message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Voicemail {
    /// Stable over restarts.
    pub id: EntityId,
    /// The box: an extension or number.
    #[serde(rename = "box")]
    pub mailbox: Text,
    /// Who left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Party>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<bool>,
    /// Where it can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Text>,
    /// How many messages the box holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<VoicemailCounters>,
    /// +1 for each event of this message.
    pub version: u64,
}

/// How many messages a box holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoicemailCounters {
    /// Not heard.
    pub new: u32,
    /// Heard.
    pub old: u32,
}

/// The PBX's own record of a call, normalised. What it does not tell is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cdr {
    /// Stable over restarts.
    pub id: EntityId,
    /// The PBX.
    pub source: SourceId,
    /// The call it records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<EntityId>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Text>,
    /// As seen from the PBX.
    pub direction: Direction,
    /// Who called.
    pub caller: Party,
    /// Who was dialled.
    pub callee: Party,
    /// The public number that was dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did: Option<Number>,
    /// The trunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<TrunkRef>,
    /// The legs as recorded.
    #[serde(default)]
    pub legs: Vec<Leg>,
    /// The first person or endpoint that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<Party>,
    /// The start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// First ringing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<Timestamp>,
    /// The answer by a person or endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Sums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durations: Option<Durations>,
    /// +1 for each event of this record.
    pub version: u64,
    /// The PBX's own ids and fields.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

words! {
    /// The state of a recording.
    RecordingState {
        /// Going on.
        Recording = "recording",
        /// Complete.
        Ended = "ended",
        /// Gone.
        Deleted = "deleted",
    }
}
