//! Events: the catalogue of v1, and the CloudEvents 1.0 envelope in which every event travels.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Agent, Call, Caller, Cdr, Collection, Conference, Cursor, Device, EntityId, Extension, Gap,
    Leg, Participant, Payload, Queue, Recording, Source, Text, Timestamp, Trunk, User, Voicemail,
    record::RecordingState,
    source::{Alert, Command, DirectoryObject, Message, Variable, Webhook},
    words::words,
};

words! {
    /// Every event type of v1. Never renamed.
    EventType {
        /// First sign of the call; always its first event.
        CallStarted = "call.started",
        /// Reached or moved to a service or new destination.
        CallRouted = "call.routed",
        /// A person or endpoint alerts for the first time.
        CallRinging = "call.ringing",
        /// The first person or endpoint on the called side answered; once.
        CallAnswered = "call.answered",
        /// On hold.
        CallHeld = "call.held",
        /// Off hold.
        CallResumed = "call.resumed",
        /// In a park slot.
        CallParked = "call.parked",
        /// Out of the park slot.
        CallUnparked = "call.unparked",
        /// Parties changed by transfer.
        CallTransferred = "call.transferred",
        /// Attributes only.
        CallUpdated = "call.updated",
        /// Ended without a person answering; right before `call.ended`.
        CallMissed = "call.missed",
        /// Exactly one for every call that ends.
        CallEnded = "call.ended",
        /// A later, better source says otherwise.
        CallAmended = "call.amended",
        /// First sign of the leg.
        LegStarted = "leg.started",
        /// The leg alerts.
        LegRinging = "leg.ringing",
        /// The leg was answered.
        LegAnswered = "leg.answered",
        /// The leg is on hold.
        LegHeld = "leg.held",
        /// The leg is off hold.
        LegResumed = "leg.resumed",
        /// Attributes only.
        LegUpdated = "leg.updated",
        /// Every open leg ends before its call does.
        LegEnded = "leg.ended",
        /// Idle, ringing or busy.
        ExtensionCallStateChanged = "extension.call_state_changed",
        /// Online or not.
        ExtensionRegistrationChanged = "extension.registration_changed",
        /// What its owner says about himself.
        ExtensionPresenceChanged = "extension.presence_changed",
        /// Do not disturb.
        ExtensionDndChanged = "extension.dnd_changed",
        /// Presence where the PBX keeps it per person.
        UserPresenceChanged = "user.presence_changed",
        /// Management.
        ExtensionCreated = "extension.created",
        /// Management, or first met in a snapshot.
        ExtensionUpdated = "extension.updated",
        /// Management.
        ExtensionDeleted = "extension.deleted",
        /// Management.
        QueueCreated = "queue.created",
        /// Management, or first met in a snapshot, or its counters.
        QueueUpdated = "queue.updated",
        /// Management.
        QueueDeleted = "queue.deleted",
        /// Management.
        UserCreated = "user.created",
        /// Management, or first met in a snapshot.
        UserUpdated = "user.updated",
        /// Management.
        UserDeleted = "user.deleted",
        /// A registration.
        DeviceRegistered = "device.registered",
        /// A registration ended.
        DeviceUnregistered = "device.unregistered",
        /// A registration was refused.
        DeviceRegistrationFailed = "device.registration_failed",
        /// What the agent does.
        AgentStateChanged = "agent.state_changed",
        /// Became a member of the queue.
        AgentJoined = "agent.joined",
        /// No longer a member of the queue.
        AgentLeft = "agent.left",
        /// Attributes only, or first met in a snapshot.
        AgentUpdated = "agent.updated",
        /// A caller waits.
        QueueCallerJoined = "queue.caller_joined",
        /// A caller waits no more; `reason` says why.
        QueueCallerLeft = "queue.caller_left",
        /// Another place in the queue.
        QueueCallerMoved = "queue.caller_moved",
        /// A caller waited too long.
        QueueSlaBreached = "queue.sla_breached",
        /// The trunk works.
        TrunkConnected = "trunk.connected",
        /// The trunk is lost.
        TrunkDisconnected = "trunk.disconnected",
        /// Somebody came.
        ConferenceParticipantJoined = "conference.participant_joined",
        /// Muted and the like.
        ConferenceParticipantUpdated = "conference.participant_updated",
        /// Somebody left.
        ConferenceParticipantLeft = "conference.participant_left",
        /// Recording goes on.
        RecordingStarted = "recording.started",
        /// Recording is complete.
        RecordingEnded = "recording.ended",
        /// Attributes only.
        RecordingUpdated = "recording.updated",
        /// Recording is gone.
        RecordingDeleted = "recording.deleted",
        /// A message was left.
        VoicemailReceived = "voicemail.received",
        /// A message was heard.
        VoicemailRead = "voicemail.read",
        /// A message is gone.
        VoicemailDeleted = "voicemail.deleted",
        /// The PBX's own record, normalised, with its legs.
        CdrCreated = "cdr.created",
        /// Any other configuration object.
        DirectoryChanged = "directory.changed",
        /// A variable or switch.
        VariableChanged = "variable.changed",
        /// Something an operator should look at.
        AlertRaised = "alert.raised",
        /// It is over.
        AlertCleared = "alert.cleared",
        /// A message of another client of the PBX.
        MessageReceived = "message.received",
        /// A request of another client of the PBX.
        RequestReceived = "request.received",
        /// A reply of another client of the PBX.
        ReplyReceived = "reply.received",
        /// An attempt is under way.
        SourceConnecting = "source.connecting",
        /// Logged in and subscribed.
        SourceConnected = "source.connected",
        /// The snapshot is complete.
        SourceSynced = "source.synced",
        /// No connection.
        SourceDisconnected = "source.disconnected",
        /// The PBX refuses the credentials.
        SourceAuthFailed = "source.auth_failed",
        /// The PBX refuses further connections.
        SourceLimitReached = "source.limit_reached",
        /// Another client took our place.
        SourceReplaced = "source.replaced",
        /// Something is refused or missing.
        SourceDegraded = "source.degraded",
        /// A window in which the PBX may have told something that was not heard.
        SourceGap = "source.gap",
        /// A native message that the adapter does not know, with its raw body.
        SourceUnrecognized = "source.unrecognized",
        /// The PBX's clock differs by more than 5 s.
        SourceClockSkew = "source.clock_skew",
        /// The command goes to the PBX.
        CommandAccepted = "command.accepted",
        /// The PBX did it.
        CommandSucceeded = "command.succeeded",
        /// The PBX did not, or nobody knows.
        CommandFailed = "command.failed",
        /// Deliveries fail.
        WebhookFailing = "webhook.failing",
        /// Given up.
        WebhookDisabled = "webhook.disabled",
        /// Deliveries succeed again.
        WebhookRecovered = "webhook.recovered",
        /// Retention took what was not delivered.
        WebhookLost = "webhook.lost",
        /// A test delivery.
        WebhookTest = "webhook.test",
    }
}

words! {
    /// How far an event type can be relied on.
    Class {
        /// Guaranteed by invariant, whatever the source.
        Guaranteed = "guaranteed",
        /// Needs the source to tell.
        Capability = "capability",
        /// Derived by the gateway.
        Derived = "derived",
    }
}

impl EventType {
    /// How far this type can be relied on.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::CallStarted
            | Self::CallEnded
            | Self::LegStarted
            | Self::LegEnded
            | Self::SourceConnecting
            | Self::SourceConnected
            | Self::SourceSynced
            | Self::SourceDisconnected
            | Self::SourceAuthFailed
            | Self::SourceLimitReached
            | Self::SourceReplaced
            | Self::SourceDegraded
            | Self::SourceGap
            | Self::SourceUnrecognized
            | Self::CommandAccepted
            | Self::CommandSucceeded
            | Self::CommandFailed
            | Self::WebhookFailing
            | Self::WebhookDisabled
            | Self::WebhookRecovered
            | Self::WebhookLost
            | Self::WebhookTest => Class::Guaranteed,
            Self::CallTransferred
            | Self::CallMissed
            | Self::CallAmended
            | Self::SourceClockSkew => Class::Derived,
            _ => Class::Capability,
        }
    }

    /// The collection that the subject of such an event belongs to.
    #[must_use]
    pub const fn collection(self) -> Collection {
        match self {
            Self::CallStarted
            | Self::CallRouted
            | Self::CallRinging
            | Self::CallAnswered
            | Self::CallHeld
            | Self::CallResumed
            | Self::CallParked
            | Self::CallUnparked
            | Self::CallTransferred
            | Self::CallUpdated
            | Self::CallMissed
            | Self::CallEnded
            | Self::CallAmended
            | Self::LegStarted
            | Self::LegRinging
            | Self::LegAnswered
            | Self::LegHeld
            | Self::LegResumed
            | Self::LegUpdated
            | Self::LegEnded => Collection::Calls,
            Self::ExtensionCallStateChanged
            | Self::ExtensionRegistrationChanged
            | Self::ExtensionPresenceChanged
            | Self::ExtensionDndChanged
            | Self::ExtensionCreated
            | Self::ExtensionUpdated
            | Self::ExtensionDeleted => Collection::Extensions,
            Self::UserPresenceChanged
            | Self::UserCreated
            | Self::UserUpdated
            | Self::UserDeleted => Collection::Users,
            Self::QueueCreated
            | Self::QueueUpdated
            | Self::QueueDeleted
            | Self::QueueSlaBreached => Collection::Queues,
            Self::DeviceRegistered | Self::DeviceUnregistered | Self::DeviceRegistrationFailed => {
                Collection::Devices
            }
            Self::AgentStateChanged | Self::AgentJoined | Self::AgentLeft | Self::AgentUpdated => {
                Collection::Agents
            }
            Self::QueueCallerJoined | Self::QueueCallerLeft | Self::QueueCallerMoved => {
                Collection::Callers
            }
            Self::TrunkConnected | Self::TrunkDisconnected => Collection::Trunks,
            Self::ConferenceParticipantJoined
            | Self::ConferenceParticipantUpdated
            | Self::ConferenceParticipantLeft => Collection::Participants,
            Self::RecordingStarted
            | Self::RecordingEnded
            | Self::RecordingUpdated
            | Self::RecordingDeleted => Collection::Recordings,
            Self::VoicemailReceived | Self::VoicemailRead | Self::VoicemailDeleted => {
                Collection::Voicemails
            }
            Self::CdrCreated => Collection::Cdrs,
            Self::DirectoryChanged
            | Self::VariableChanged
            | Self::AlertRaised
            | Self::AlertCleared
            | Self::MessageReceived
            | Self::RequestReceived
            | Self::ReplyReceived
            | Self::SourceConnecting
            | Self::SourceConnected
            | Self::SourceSynced
            | Self::SourceDisconnected
            | Self::SourceAuthFailed
            | Self::SourceLimitReached
            | Self::SourceReplaced
            | Self::SourceDegraded
            | Self::SourceGap
            | Self::SourceUnrecognized
            | Self::SourceClockSkew => Collection::Sources,
            Self::CommandAccepted | Self::CommandSucceeded | Self::CommandFailed => {
                Collection::Commands
            }
            Self::WebhookFailing
            | Self::WebhookDisabled
            | Self::WebhookRecovered
            | Self::WebhookLost
            | Self::WebhookTest => Collection::Webhooks,
        }
    }
    /// The schema of `data`: `urn:switchhook:schema:v1:<this>`.
    #[must_use]
    pub fn schema(self) -> &'static str {
        match self {
            Self::QueueCallerJoined | Self::QueueCallerLeft | Self::QueueCallerMoved => "caller",
            Self::ConferenceParticipantJoined
            | Self::ConferenceParticipantUpdated
            | Self::ConferenceParticipantLeft => "participant",
            _ => self
                .as_str()
                .split_once('.')
                .map_or("", |(entity, _)| entity),
        }
    }

    /// The place in [`Self::ALL`]: dense, for bit sets.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// True for the events that tell how complete a stream is: they pass every list of a filter but `types` and `sources`.
    #[must_use]
    pub const fn tells_completeness(self) -> bool {
        matches!(
            self,
            Self::SourceConnected | Self::SourceDisconnected | Self::SourceGap | Self::SourceSynced
        )
    }

    /// True for `*.ringing`: worthless once it is over, so the event carries `expirytime`.
    #[must_use]
    pub const fn is_perishable(self) -> bool {
        matches!(self, Self::CallRinging | Self::LegRinging)
    }
}

/// One event, as it is published on every transport.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// `1.0`.
    pub specversion: SpecVersion,
    /// Also the position to resume from.
    pub id: Cursor,
    /// `/sources/<source id>`, or `/gateway`.
    pub source: Text,
    /// From the catalogue.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// `<collection>/<entity id>`.
    pub subject: Text,
    /// When it happened, by the PBX's clock; where the PBX gives none, `recordedtime`.
    pub time: Timestamp,
    /// When the gateway received it.
    pub recordedtime: Timestamp,
    /// `application/json`.
    pub datacontenttype: ContentType,
    /// `urn:switchhook:schema:v1:<entity>`.
    pub dataschema: Text,
    /// The tenant, by configured name, else native id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Text>,
    /// The entity whose order matters.
    pub partitionkey: Text,
    /// The interaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlationid: Option<Text>,
    /// From 1, +1 for each event of the subject.
    pub subjectversion: u64,
    /// On `*.ringing`: when it is worthless. Equal to `recordedtime` when the step was reconstructed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expirytime: Option<Timestamp>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Text>,
    /// Entities and facts.
    pub data: Data,
}

/// What an event carries: whole entities after the change, then facts, then `change`, then `origin`.
// Facts are boxed: they are rare, and every event on its way through the gateway is moved as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "each field is the entity or fact of the same name"
)]
pub struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Arc<Call>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<Arc<Leg>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Arc<Extension>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<Agent>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Arc<Queue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<Arc<Caller>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Arc<Device>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<User>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Arc<Trunk>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conference: Option<Arc<Conference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<Arc<Participant>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<Arc<Recording>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<Arc<Voicemail>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdr: Option<Arc<Cdr>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<Source>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Arc<Command>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Arc<Webhook>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Box<Transfer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Box<Missed>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Box<Gap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<DirectoryObject>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<Box<Variable>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Box<Alert>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Box<Message>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<Message>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Box<Message>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breach: Option<Box<Breach>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    pub origin: Origin,
}

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Change {
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Text>,
    /// The state after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Text>,
    /// The names of other fields that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Text>,
    /// `jump` when the PBX skipped states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
}

/// Where an event comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Told by the PBX, or how else the gateway knows.
    pub kind: OriginKind,
    /// The native event name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Text>,
    /// The mapping and its version: `portsip/1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Text>,
    /// How exact the PBX's time is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// The mapping rule that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// The id of the raw frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Text>,
    /// The payload was too large and is cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// The raw body, when it is neither text nor JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<Text>,
    /// The native body. Always the last member of the whole event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transfer {
    /// How.
    pub kind: TransferKind,
    /// Who left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<crate::Party>,
    /// Who came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<crate::Party>,
    /// The consultation call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_call: Option<EntityId>,
}

/// Who did not answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Missed {
    /// The extensions that alerted.
    pub extensions: Vec<crate::ExtensionRef>,
    /// The queue the call was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<crate::QueueRef>,
    /// The caller reached a voicemail box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<bool>,
}

/// A breached service level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Breach {
    /// The longest wait that was promised, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_ms: Option<u64>,
    /// Breaches so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Callers waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
}

words! {
    /// How the gateway knows.
    OriginKind {
        /// The PBX told it.
        Native = "native",
        /// Concluded from what the PBX told.
        Inferred = "inferred",
        /// Read from the first snapshot.
        Snapshot = "snapshot",
        /// Read from a snapshot after a gap.
        Reconciled = "reconciled",
        /// Not confirmed since a gap.
        Unconfirmed = "unconfirmed",
        /// An event of the gateway itself.
        Gateway = "gateway",
    }
}

words! {
    /// How exact a PBX's time is.
    Precision {
        /// Seconds.
        Seconds = "s",
        /// Milliseconds.
        Millis = "ms",
        /// Microseconds.
        Micros = "us",
    }
}

words! {
    /// How a state was reached.
    Transition {
        /// The PBX skipped states.
        Jump = "jump",
    }
}

words! {
    /// How a call was transferred.
    TransferKind {
        /// Without asking.
        Blind = "blind",
        /// After a consultation.
        Attended = "attended",
        /// Taken from another phone.
        Pickup = "pickup",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// The version of CloudEvents.
    SpecVersion {
        /// The only one.
        V1 = "1.0",
    }
}

words! {
    /// The content type of `data`.
    ContentType {
        /// The only one.
        Json = "application/json",
    }
}

/// Until somebody says where an event comes from, it is the gateway's own.
impl Default for OriginKind {
    fn default() -> Self {
        Self::Gateway
    }
}

impl From<RecordingState> for EventType {
    fn from(state: RecordingState) -> Self {
        match state {
            RecordingState::Recording => Self::RecordingStarted,
            RecordingState::Ended => Self::RecordingEnded,
            RecordingState::Deleted => Self::RecordingDeleted,
        }
    }
}
