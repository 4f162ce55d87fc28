//! Calls and their legs.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{End, EntityId, Native, Number, Party, SourceId, Text, Timestamp, words::words};

/// One session inside one PBX. `caller` and `callee` are as dialled and never change by transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// Stable over restarts.
    pub id: EntityId,
    /// The PBX.
    pub source: SourceId,
    /// The tenant, by its configured name or native id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Text>,
    /// The id of the interaction's first call: survives transfers.
    pub interaction_id: EntityId,
    /// As seen from the PBX.
    pub direction: Direction,
    /// A pure function of the legs.
    pub state: CallState,
    /// Who called.
    pub caller: Party,
    /// Who was dialled.
    pub callee: Party,
    /// The party outside the PBX: the caller if inbound, the callee if outbound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<Party>,
    /// The public number that was dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did: Option<Number>,
    /// The trunk to the outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<TrunkRef>,
    /// The queue that the call is in, or last was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueRef>,
    /// Where the call is when it is not with a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Open legs, answered legs, and at most 32 others, in order of appearance.
    #[serde(default)]
    pub legs: Vec<Arc<Leg>>,
    /// How many ended, unanswered legs are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub legs_omitted: u32,
    /// The first person or endpoint that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<Party>,
    /// Who has talked, in order.
    #[serde(default)]
    pub handled_by: Vec<Handled>,
    /// Calls that a transfer or pickup links to this one.
    #[serde(default)]
    pub related_calls: Vec<EntityId>,
    /// First sign of the call.
    pub started_at: Timestamp,
    /// First time in a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<Timestamp>,
    /// First time a person or endpoint alerted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<Timestamp>,
    /// First time a person or endpoint answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Sums, once the call has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durations: Option<Durations>,
    /// +1 for each event of this call.
    pub version: u64,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// One endpoint's part in a call (a CSTA connection).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Leg {
    /// Stable over restarts. A leg never changes its call.
    pub id: EntityId,
    /// Which side.
    pub role: LegRole,
    /// The CSTA connection state.
    pub state: LegState,
    /// Who is at this endpoint.
    pub party: Party,
    /// The device's entity id or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Text>,
    /// The queue that made this leg, or that this leg is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueRef>,
    /// First sign of the leg.
    pub started_at: Timestamp,
    /// When it first alerted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// The leg of another call that goes on for this one, or that this one goes on for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_leg: Option<EntityId>,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// A queue, as named in calls and legs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueRef {
    /// The entity.
    pub id: EntityId,
    /// The number to dial it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Text>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
}

/// A trunk, as named in calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrunkRef {
    /// The PBX's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
}

/// Where a call is when it is not with a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// The kind of destination.
    pub kind: RouteKind,
    /// The PBX's id or the entity's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Text>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
}

/// A person or endpoint that has talked in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Handled {
    /// Who.
    pub party: Party,
    /// From when.
    pub from: Timestamp,
    /// Until when; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// How long a call spent in what, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Durations {
    /// From the start (or the queue) to the answer or the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// From first ringing to the answer or the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_ms: Option<u64>,
    /// From the answer to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_ms: Option<u64>,
    /// On hold, where the PBX tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// From the start to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
}

words! {
    /// The direction of a call as seen from the PBX.
    Direction {
        /// From outside to inside.
        Inbound = "inbound",
        /// From inside to outside.
        Outbound = "outbound",
        /// Between extensions.
        Internal = "internal",
        /// From outside to outside.
        Transit = "transit",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// The state of a call.
    CallState {
        /// On its way; nothing alerts yet.
        Setup = "setup",
        /// With an IVR, announcement, voicemail or conference.
        Service = "service",
        /// Waiting in a queue.
        Queued = "queued",
        /// A person or endpoint alerts.
        Ringing = "ringing",
        /// People on both sides.
        Active = "active",
        /// On hold.
        Held = "held",
        /// In a park slot.
        Parked = "parked",
        /// Over.
        Ended = "ended",
    }
}

words! {
    /// The part a leg plays.
    LegRole {
        /// The calling side.
        Caller = "caller",
        /// The called side.
        Callee = "callee",
        /// Listens in.
        Monitor = "monitor",
        /// An IVR, queue, announcement, voicemail, park slot or conference.
        Service = "service",
    }
}

words! {
    /// The state of a leg (CSTA connection state).
    LegState {
        /// CSTA initiated.
        Initiated = "initiated",
        /// CSTA queued.
        Queued = "queued",
        /// CSTA alerting.
        Ringing = "ringing",
        /// CSTA connected.
        Connected = "connected",
        /// CSTA hold.
        Held = "held",
        /// CSTA null or fail. Absorbs everything.
        Ended = "ended",
    }
}

words! {
    /// The kind of a destination.
    RouteKind {
        /// A person.
        User = "user",
        /// A ring group.
        Group = "group",
        /// A queue.
        Queue = "queue",
        /// An interactive voice response.
        Ivr = "ivr",
        /// A voicemail box.
        Voicemail = "voicemail",
        /// A conference.
        Conference = "conference",
        /// A park slot.
        Park = "park",
        /// Outside the PBX.
        External = "external",
        /// Another service of the PBX.
        System = "system",
    }
}

impl Call {
    /// Ended legs without an answer that a call carries at most; the oldest beyond it are counted in `legs_omitted`.
    pub const OTHER_LEGS: usize = 32;

    /// The leg with this id.
    #[must_use]
    pub fn leg(&self, id: &EntityId) -> Option<&Arc<Leg>> {
        self.legs.iter().find(|leg| leg.id == *id)
    }

    /// A call of which nothing is known but that it began. It has no version yet.
    #[must_use]
    pub fn begun(id: EntityId, source: SourceId, started_at: Timestamp) -> Self {
        Self {
            interaction_id: id.clone(),
            id,
            source,
            tenant: None,
            direction: Direction::Unknown,
            state: CallState::Setup,
            caller: Party::default(),
            callee: Party::default(),
            external: None,
            did: None,
            trunk: None,
            queue: None,
            route: None,
            legs: Vec::new(),
            legs_omitted: 0,
            answered_by: None,
            handled_by: Vec::new(),
            related_calls: Vec::new(),
            started_at,
            queued_at: None,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            end: None,
            durations: None,
            version: 0,
            native: Native::new(),
        }
    }

    /// Legs that have not ended.
    pub fn open_legs(&self) -> impl Iterator<Item = &Arc<Leg>> {
        self.legs.iter().filter(|leg| leg.is_open())
    }

    /// True until the call has ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }
}

impl Leg {
    /// True until the leg has ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != LegState::Ended
    }

    /// True for an endpoint where somebody can talk, as opposed to a service or a monitor.
    #[must_use]
    pub fn is_person(&self) -> bool {
        matches!(self.role, LegRole::Caller | LegRole::Callee)
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
