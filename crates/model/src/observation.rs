//! Observations: what an adapter's map says about a native message, in canonical words.
//!
//! An observation is a fact, not an event. The hub folds facts into entities and publishes what changed; a fact that
//! tells nothing new changes nothing. Keys are the PBX's own, without the source's name.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    AgentState, Basis, BusyKind, CallerState, Collection, DeviceKind, Direction, End,
    ExtensionCallState, LegRole, LegState, Native, Number, Party, Payload, Precision, Presence,
    QueueKind, RecordingState, Route, Text, Timestamp, TrunkRef, TrunkState, VoicemailCounters,
    event::{Breach, TransferKind},
    source::{Action, Alert, DirectoryObject, Message, Variable},
};

/// All that one native message tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The native event name.
    pub event: Text,
    /// How exact the PBX's times are.
    pub precision: Option<Precision>,
    /// The native body, for `origin.payload`.
    pub payload: Option<Payload>,
    /// The native body in Base64, when it is neither text nor JSON.
    pub payload_base64: Option<Text>,
    /// The message speaks of several tenants, so nobody limited to some of them may see its body.
    pub mixed_tenants: bool,
    /// The facts, in the order in which they hold.
    pub observations: Vec<Observation>,
}

/// One fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When it happened, by the PBX's clock; none when the PBX does not say.
    pub time: Option<Timestamp>,
    /// The PBX's id of the tenant, where there are tenants.
    pub tenant: Option<Text>,
    /// Told by the PBX, or concluded by the map.
    pub basis: Basis,
    /// The mapping rule, for `origin.rule`: `cdr_target_answer`, `extension_call.ringing.fits_one`.
    pub rule: &'static str,
    /// The fact.
    pub fact: Fact,
}

/// How a native message names an extension, queue or trunk: by id, by number (or name), or both.
///
/// The hub finds the entity by id, else by number within the tenant. An entity first met by number keeps that key, and
/// an id learnt later is an alias of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ref {
    /// The PBX's id.
    pub id: Option<Text>,
    /// The number or name.
    pub number: Option<Text>,
}

/// The facts.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A call and what is known of it. With `opens` it starts an unknown call at once; without, it waits as an orphan first.
    Call {
        /// The call.
        call: Text,
        /// This is the call's own first message.
        opens: bool,
        /// What is known.
        patch: Box<CallPatch>,
    },
    /// A leg and its state.
    Leg(Box<LegFact>),
    /// A leg goes on in another call: it ends here as `transferred` and starts there, connected, as `<id>~2`.
    LegMoved {
        /// The call that loses it.
        from: Text,
        /// The leg's key.
        leg: Text,
        /// The call that gains it.
        to: Text,
    },
    /// The parties of a call changed by transfer.
    Transferred {
        /// The call that goes on.
        call: Text,
        /// How.
        kind: TransferKind,
        /// Who left.
        from: Option<Party>,
        /// Who came.
        to: Option<Party>,
        /// The consultation call: it takes over the interaction.
        related: Option<Text>,
    },
    /// A call went into a park slot (`Some`) or came out of it.
    Parked {
        /// The call.
        call: Text,
        /// The slot.
        slot: Option<Route>,
    },
    /// A call is over.
    CallEnded {
        /// The call.
        call: Text,
        /// How, as far as this message tells.
        end: Option<End>,
        /// How long to wait for a message that tells more.
        settle: Duration,
    },
    /// The PBX's record of a call.
    Cdr(Box<CdrFact>),
    /// An extension.
    Extension {
        /// Which.
        at: Ref,
        /// Set when this is a message about its configuration.
        action: Option<Action>,
        /// What is known.
        patch: Box<ExtensionPatch>,
    },
    /// A user.
    User {
        /// The PBX's id.
        key: Text,
        /// Set when this is a message about its configuration.
        action: Option<Action>,
        /// What is known.
        patch: Box<UserPatch>,
    },
    /// A device.
    Device {
        /// The contact URI or phone id.
        key: Text,
        /// What happened to its registration.
        registration: Registration,
        /// What is known.
        patch: Box<DevicePatch>,
    },
    /// An agent: an extension in a queue. Unknown ones have joined.
    Agent {
        /// The extension.
        extension: Ref,
        /// The queue.
        queue: Ref,
        /// What is known.
        patch: Box<AgentPatch>,
    },
    /// An extension is no longer an agent of a queue.
    AgentLeft {
        /// The extension.
        extension: Ref,
        /// The queue.
        queue: Ref,
    },
    /// A queue.
    Queue {
        /// Which.
        at: Ref,
        /// Set when this is a message about its configuration.
        action: Option<Action>,
        /// What is known.
        patch: Box<QueuePatch>,
    },
    /// A caller waits in a queue.
    Caller(Box<CallerFact>),
    /// A caller waits no more. `reason` is one of the words of `queue.caller_left`.
    CallerLeft {
        /// The queue.
        queue: Ref,
        /// The call's key, or else the caller's.
        key: Text,
        /// Why.
        reason: Text,
    },
    /// A caller waited longer than promised.
    SlaBreached {
        /// The queue.
        queue: Ref,
        /// The caller, by number.
        caller: Party,
        /// Figures.
        breach: Breach,
    },
    /// A trunk.
    Trunk {
        /// Which.
        at: Ref,
        /// Whether it works.
        state: TrunkState,
        /// The far end.
        address: Option<Text>,
        /// The PBX's own ids.
        native: Native,
    },
    /// Somebody in a conference.
    Participant {
        /// The conference.
        conference: Ref,
        /// Its room.
        room: Option<Text>,
        /// The participant's key.
        key: Text,
        /// False when they left.
        present: bool,
        /// The call.
        call: Option<Text>,
        /// Who.
        party: Party,
        /// Muted.
        muted: Option<bool>,
    },
    /// A recording.
    Recording {
        /// The first id the PBX gives it.
        key: Text,
        /// A later id.
        alias: Option<Text>,
        /// Its state.
        state: RecordingState,
        /// The call.
        call: Option<Text>,
        /// Milliseconds.
        duration_ms: Option<u64>,
        /// Where it can be fetched.
        uri: Option<Text>,
        /// The PBX's own ids.
        native: Native,
    },
    /// A voicemail message.
    Voicemail {
        /// Its key.
        key: Text,
        /// The box.
        mailbox: Text,
        /// False when it is gone.
        present: bool,
        /// Heard.
        read: Option<bool>,
        /// Who left it.
        caller: Option<Party>,
        /// Milliseconds.
        duration_ms: Option<u64>,
        /// Counters of the box.
        counters: Option<VoicemailCounters>,
    },
    /// A configuration object without an entity of its own.
    Directory(Box<DirectoryObject>),
    /// A variable or switch.
    Variable(Box<Variable>),
    /// Something an operator should look at, or (`false`) need not any more.
    Alert(Box<Alert>, bool),
    /// A message of another client of the PBX.
    Message(Box<Message>),
    /// A request of another client of the PBX.
    Request(Box<Message>),
    /// A reply of another client of the PBX.
    Reply(Box<Message>),
    /// What became of a command.
    Command {
        /// The command's id, as it was ordered.
        id: Text,
        /// What became of it.
        outcome: CommandOutcome,
    },
    /// The facts up to the matching end are a list of what exists.
    SnapshotBegin(Scope),
    /// The list is over. What it did not name has vanished, when the scope is complete.
    SnapshotEnd(Scope),
    /// The life of the connection.
    Source(SourceFact),
    /// A message, event or set of keys that the adapter does not know. `shape` groups its kind.
    Unrecognized {
        /// `event:foo`, `key:call_start.bar`, `json`.
        shape: Text,
    },
}

/// What a snapshot lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Which entities.
    pub collection: Collection,
    /// Only those of this tenant.
    pub tenant: Option<Text>,
    /// Only those below this queue or conference.
    pub within: Option<Ref>,
    /// The PBX lists all of them: what is missing is gone. Otherwise it is only unconfirmed.
    pub complete: bool,
}

/// The life of the connection to a PBX.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceFact {
    /// An attempt begins.
    Connecting,
    /// Logged in and subscribed.
    Connected {
        /// The dialect, where it is known.
        dialect: Option<Text>,
        /// Collections that a snapshot will set right.
        reconciles: Vec<Collection>,
    },
    /// All snapshots that were due have arrived.
    Synced,
    /// Connected, but something is refused or missing.
    Degraded {
        /// What.
        reason: Text,
    },
    /// No connection.
    Disconnected {
        /// Why.
        reason: Text,
    },
    /// The PBX refuses the credentials.
    AuthFailed {
        /// In the PBX's words.
        reason: Text,
    },
    /// The PBX refuses further connections.
    LimitReached {
        /// In the PBX's words.
        reason: Text,
    },
    /// Another client took our place.
    Replaced {
        /// In the PBX's words.
        reason: Text,
    },
}

/// What became of a command. The first word stands.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandOutcome {
    /// The PBX did it.
    Succeeded {
        /// What the PBX said of it: ids of what came of it.
        native: Native,
    },
    /// The PBX did not do it, or it was never sent.
    Failed {
        /// A word: `refused`, `not_connected`.
        reason: Text,
        /// A sentence for people, perhaps in the PBX's words.
        detail: Option<Text>,
    },
    /// Nobody can know any more.
    Unknown {
        /// A word: `timeout`, `connection_lost`.
        reason: Text,
    },
}

/// What happened to a device's registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is registered.
    Registered,
    /// It no longer is.
    Unregistered,
    /// It was refused.
    Failed,
}

/// What a message tells of a call. Absent fields are not told.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `Call`")]
pub struct CallPatch {
    pub direction: Option<Direction>,
    pub caller: Option<Party>,
    pub callee: Option<Party>,
    pub did: Option<Number>,
    pub trunk: Option<TrunkRef>,
    pub route: Option<Route>,
    pub native: Native,
}

/// A leg and its state. The observation's time is the time of the state.
#[derive(Clone, Debug, PartialEq)]
pub struct LegFact {
    /// The call.
    pub call: Text,
    /// The leg's key.
    pub leg: Text,
    /// The state it is in now; none for attributes only.
    pub state: Option<LegState>,
    /// Who is there.
    pub patch: LegPatch,
    /// How it ended, with state `ended`.
    pub end: Option<End>,
}

/// What a message tells of a leg. Absent fields are not told.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `Leg`")]
pub struct LegPatch {
    pub role: Option<LegRole>,
    pub party: Option<Party>,
    pub device: Option<Text>,
    pub queue: Option<Ref>,
    /// For a leg of role `service`: what it is. Its pick-up routes the call there.
    pub route: Option<Route>,
    pub native: Native,
}

/// The PBX's record of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct CdrFact {
    /// The record's own key.
    pub key: Text,
    /// The call it records.
    pub call: Text,
    /// The call is over, and this settles its times, answerer and cause.
    pub settles: bool,
    /// What is recorded.
    pub patch: CallPatch,
    /// The start.
    pub started_at: Option<Timestamp>,
    /// The end.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: Option<End>,
    /// The legs, by the keys that live messages would have had.
    pub legs: Vec<CdrLeg>,
    /// The PBX's own fields.
    pub native: Native,
}

/// One leg of a record.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `Leg`")]
pub struct CdrLeg {
    pub leg: Text,
    pub patch: LegPatch,
    pub started_at: Option<Timestamp>,
    pub ringing_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub end: Option<End>,
}

/// What a message tells of an extension. Absent fields are not told.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `Extension`")]
pub struct ExtensionPatch {
    pub name: Option<Text>,
    pub uri: Option<Text>,
    pub user: Option<crate::UserRef>,
    pub call_state: Option<ExtensionCallState>,
    pub online: Option<bool>,
    pub push_online: Option<bool>,
    pub presence: Option<Presence>,
    pub dnd: Option<bool>,
    pub agent_state: Option<AgentState>,
    pub enabled: Option<bool>,
    pub native: Native,
}

/// What a message tells of a user. Absent fields are not told.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `User`")]
pub struct UserPatch {
    pub name: Option<Text>,
    pub email: Option<Text>,
    pub extensions: Option<Vec<Ref>>,
    pub presence: Option<Presence>,
    pub enabled: Option<bool>,
    pub native: Native,
}

/// What a message tells of a device. Absent fields are not told.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `Device`")]
pub struct DevicePatch {
    pub kind: Option<DeviceKind>,
    pub extension: Option<Ref>,
    pub address: Option<Text>,
    pub user_agent: Option<Text>,
    pub expires_at: Option<Timestamp>,
    pub native: Native,
}

/// What a message tells of an agent. Absent fields are not told.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `Agent`")]
pub struct AgentPatch {
    pub state: Option<AgentState>,
    pub reason: Option<Text>,
    pub busy_kind: Option<BusyKind>,
    /// `Some(None)`: in no call.
    pub call: Option<Option<Text>>,
    pub since: Option<Timestamp>,
    /// What is told of them; others stay as they were.
    pub stats: Map<String, Value>,
}

/// What a message tells of a queue. Absent fields are not told; counters the hub keeps itself from callers and agents.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of `Queue`")]
pub struct QueuePatch {
    pub name: Option<Text>,
    pub kind: Option<QueueKind>,
    pub native: Native,
}

/// A caller waiting in a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerFact {
    /// The queue.
    pub queue: Ref,
    /// The call's key, or else the caller's.
    pub key: Text,
    /// The call's key, when `key` is one.
    pub call: Option<Text>,
    /// Who.
    pub party: Party,
    /// The place in the queue, from 1.
    pub position: Option<u32>,
    /// How.
    pub state: CallerState,
    /// Since when.
    pub entered_at: Option<Timestamp>,
}

impl Report {
    /// A report with nothing in it yet.
    #[must_use]
    pub fn new(event: &str) -> Self {
        Self {
            event: event.into(),
            precision: None,
            payload: None,
            payload_base64: None,
            mixed_tenants: false,
            observations: Vec::new(),
        }
    }
}

impl Observation {
    /// A fact that the PBX told.
    #[must_use]
    pub fn native(rule: &'static str, fact: Fact) -> Self {
        Self {
            time: None,
            tenant: None,
            basis: Basis::Native,
            rule,
            fact,
        }
    }

    /// A fact that the map concluded.
    #[must_use]
    pub fn inferred(rule: &'static str, fact: Fact) -> Self {
        Self {
            basis: Basis::Inferred,
            ..Self::native(rule, fact)
        }
    }

    /// The same at a time of the PBX's clock.
    #[must_use]
    pub fn at(mut self, time: Option<Timestamp>) -> Self {
        self.time = time;
        self
    }

    /// The same in a tenant.
    #[must_use]
    pub fn of(mut self, tenant: Option<Text>) -> Self {
        self.tenant = tenant;
        self
    }
}

impl Ref {
    /// Named by id.
    #[must_use]
    pub fn id(id: &str) -> Self {
        Self {
            id: Some(id.into()),
            number: None,
        }
    }

    /// Named by number.
    #[must_use]
    pub fn number(number: &str) -> Self {
        Self {
            id: None,
            number: Some(number.into()),
        }
    }

    /// Named by both.
    #[must_use]
    pub fn both(id: &str, number: &str) -> Self {
        Self {
            id: Some(id.into()),
            number: Some(number.into()),
        }
    }

    /// The key that an entity first met under this name gets: its id, else its number.
    #[must_use]
    pub fn key(&self) -> Option<&Text> {
        self.id.as_ref().or(self.number.as_ref())
    }
}
