//! Queues, their callers and agents; conferences and their participants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{EntityId, ExtensionRef, Native, Party, QueueRef, Text, Timestamp, words::words};

/// A queue or group that distributes calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Stable over restarts.
    pub id: EntityId,
    /// The number to dial it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Text>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// How it distributes.
    pub kind: QueueKind,
    /// Callers waiting now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u32>,
    /// Since when the caller waits who has waited longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_waiting_since: Option<Timestamp>,
    /// Agents that could take a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents_ready: Option<u32>,
    /// Agents in a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents_busy: Option<u32>,
    /// All agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents_total: Option<u32>,
    /// +1 for each event of this queue.
    pub version: u64,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// A caller waiting in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Caller {
    /// The call, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<EntityId>,
    /// The queue.
    pub queue: QueueRef,
    /// Who waits.
    pub party: Party,
    /// The place in the queue, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// How the caller waits.
    pub state: CallerState,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<Timestamp>,
    /// +1 for each event of this caller.
    pub version: u64,
}

/// An extension as a member of a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// `<source>:<extension>@<queue>`.
    pub id: EntityId,
    /// The extension.
    pub extension: ExtensionRef,
    /// The queue.
    pub queue: QueueRef,
    /// What the agent does.
    pub state: AgentState,
    /// Why not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// Busy with a call of this queue, or another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_kind: Option<BusyKind>,
    /// The call the agent is busy with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<EntityId>,
    /// Since when in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What the PBX keeps about the agent in this queue, by its own names in `snake_case`: counters, priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Map<String, Value>>,
    /// +1 for each event of this agent.
    pub version: u64,
}

/// A conference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conference {
    /// Stable over restarts.
    pub id: EntityId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Its room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Text>,
    /// How many take part.
    pub participants: u32,
    /// +1 for each event of this conference.
    pub version: u64,
}

/// One party in a conference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Participant {
    /// The call, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<EntityId>,
    /// Who.
    pub party: Party,
    /// Muted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<bool>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
}

words! {
    /// How a queue distributes.
    QueueKind {
        /// Callers wait for agents.
        Queue = "queue",
        /// All members ring.
        RingGroup = "ring_group",
        /// Members ring one after another.
        HuntGroup = "hunt_group",
    }
}

words! {
    /// How a caller waits.
    CallerState {
        /// On the line.
        Waiting = "waiting",
        /// Hung up, to be called back.
        Callback = "callback",
        /// On the line, with precedence.
        Vip = "vip",
    }
}

words! {
    /// What an agent does.
    AgentState {
        /// Not working for the queue.
        LoggedOut = "logged_out",
        /// Logged in, takes no calls.
        NotReady = "not_ready",
        /// Takes calls.
        Ready = "ready",
        /// A call is being offered.
        Reserved = "reserved",
        /// In a call.
        Busy = "busy",
        /// Finishing the last call.
        AfterCallWork = "after_call_work",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// What a busy agent is busy with.
    BusyKind {
        /// A call of this queue.
        Queue = "queue",
        /// Another call.
        Other = "other",
    }
}
