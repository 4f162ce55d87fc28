//! The events, field by field, in every spelling that any version was seen to use.
//!
//! `event_type`, `tenant_id`, `tenant_name` and the time stand in the envelope, [`super::Event`].

use adapter::{record, record::Scalar};

/// The body of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// `call_start`, in both flavours.
    CallStart(CallInfo<'a>),
    /// `call_update_info`.
    CallUpdate(CallInfo<'a>),
    /// `call_established` and its like (up to v16.1).
    CallStep(CallStep, Target<'a>),
    /// `target_*` and `cdr_target_*`.
    TargetStep(TargetStep, Target<'a>),
    /// `call_hold` (true) and `call_unhold` (up to v16.1).
    CallHold(bool, CallHold<'a>),
    /// `call_cdr`.
    Cdr(Box<Cdr<'a>>),
    /// `extension_register` (up to v16.1).
    Registration(Registration<'a>),
    /// `extension_status` (from v16.2).
    ExtensionStatus(Vec<ExtensionState<'a>>),
    /// `extension_call` (from v16.2).
    ExtensionCall(ExtensionState<'a>),
    /// `extension_presence`.
    ExtensionPresence(ExtensionState<'a>),
    /// `extension_agent_status` (from v16.2).
    ExtensionAgent(ExtensionAgent<'a>),
    /// `extension_hold` (true) and `extension_unhold`: documented for a week before v16.2.
    ExtensionHold(bool, ExtensionHold<'a>),
    /// `extension_created` and its like.
    ExtensionManaged(Change, ExtensionManaged<'a>),
    /// `queue_created` and its like.
    QueueManaged(Change, QueueManaged<'a>),
    /// `queue_status`.
    QueueStatus(QueueStatus<'a>),
    /// `queue_caller_status` (from v16.1).
    QueueCallers(QueueCallers<'a>),
    /// `queue_agent_status` (from v16.1).
    QueueAgents(QueueAgents<'a>),
    /// `queue_sla_breached` (from v16.1).
    QueueSla(QueueSla<'a>),
    /// `queue_member_state` (v12, v16.0).
    QueueMember(QueueMember<'a>),
    /// `trunk_connected` (true) and `trunk_disconnected` (v12).
    Trunk(bool, Trunk<'a>),
    /// An event that no documentation names.
    Unknown,
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the event of that name")]
pub enum CallStep {
    Established,
    Reroute,
    Ended,
    NoAnswer,
    Fail,
}

/// What a call target did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the event of that name")]
pub enum TargetStep {
    Add,
    Ringing,
    Answer,
    NoAnswer,
    Fail,
    End,
}

/// What happened to a configured object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what it says")]
pub enum Change {
    Created,
    Updated,
    Destroyed,
}

record! {
    /// A call as it starts or changes.
    CallInfo {
        session_id: Scalar<'a> = "session_id",
        cdr_id: Scalar<'a> = "cdr_id",
        call_id: Scalar<'a> = "call_id",
        /// Only in the flavour of `extension_events`.
        request_id: Scalar<'a> = "request_id",
        direction: Scalar<'a> = "direction",
        caller: Scalar<'a> = "caller",
        caller_display_name: Scalar<'a> = "caller_display_name",
        callee: Scalar<'a> = "callee",
        callee_display_name: Scalar<'a> = "callee_display_name",
        did: Scalar<'a> = "did" | "did_cid",
        outbound_caller_id: Scalar<'a> = "outbound_caller_id",
        user_data: Scalar<'a> = "user_data",
    }
}

record! {
    /// One endpoint that a call reaches: a device since v22, an extension before.
    Target {
        session_id: Scalar<'a> = "session_id",
        cdr_id: Scalar<'a> = "cdr_id",
        call_id: Scalar<'a> = "call_id",
        direction: Scalar<'a> = "direction",
        /// The device, as SIP URI.
        destination: Scalar<'a> = "destination" | "destiantion",
        /// The extension, as SIP URI; empty when the call is over.
        call_target: Scalar<'a> = "call_target",
        caller: Scalar<'a> = "caller",
        /// Caller line id: named in one release note only.
        cli: Scalar<'a> = "cli",
        callee: Scalar<'a> = "callee",
        did: Scalar<'a> = "did" | "did_cid",
        outbound_caller_id: Scalar<'a> = "outbound_caller_id",
        /// A SIP status.
        fail_code: Scalar<'a> = "fail_code",
    }
}

record! {
    /// Hold and resume.
    CallHold {
        session_id: Scalar<'a> = "session_id",
        call_id: Scalar<'a> = "call_id",
        /// Who holds.
        aor: Scalar<'a> = "aor",
        peer_aor: Scalar<'a> = "peer_aor",
    }
}

record! {
    /// The record of a call.
    Cdr {
        session_id: Scalar<'a> = "session_id",
        cdr_id: Scalar<'a> = "cdr_id",
        call_id: Scalar<'a> = "call_id",
        start_time: Scalar<'a> = "start_time",
        ring_time: Scalar<'a> = "ring_time",
        answered_time: Scalar<'a> = "answered_time",
        ended_time: Scalar<'a> = "ended_time",
        caller: Scalar<'a> = "caller",
        caller_domain: Scalar<'a> = "caller_domain",
        caller_display_name: Scalar<'a> = "caller_display_name",
        callee: Scalar<'a> = "callee",
        callee_domain: Scalar<'a> = "callee_domain",
        callee_display_name: Scalar<'a> = "callee_display_name",
        did: Scalar<'a> = "did" | "did_cid",
        outbound_caller_id: Scalar<'a> = "outbound_caller_id",
        direction: Scalar<'a> = "direction",
        end_reason: Scalar<'a> = "ended_reason" | "end_reason",
        call_status: Scalar<'a> = "call_status",
        status_code: Scalar<'a> = "status_code",
        ring_duration: Scalar<'a> = "ring_duration",
        talk_duration: Scalar<'a> = "talk_duration",
        trunk_name: Scalar<'a> = "trunk_name",
        user_data: Scalar<'a> = "user_data",
        targets: Vec<CdrTarget<'a>> = "call_targets",
    }
}

record! {
    /// One endpoint in the record of a call.
    CdrTarget {
        /// Documented as the id of the target; the tenant's id in every sample, so not read.
        id: Scalar<'a> = "id",
        cdr_id: Scalar<'a> = "cdr_id",
        cost: Scalar<'a> = "cost",
        direction: Scalar<'a> = "direction",
        call_type: Scalar<'a> = "call_type",
        caller: Scalar<'a> = "caller",
        callee: Scalar<'a> = "callee",
        destination: Scalar<'a> = "destination" | "destiantion",
        start_time: Scalar<'a> = "start_time",
        ring_time: Scalar<'a> = "ring_time",
        answered_time: Scalar<'a> = "answered_time",
        ended_time: Scalar<'a> = "ended_time",
        status: Scalar<'a> = "status",
        status_code: Scalar<'a> = "status_code",
        end_reason: Scalar<'a> = "end_reason" | "ended_reason",
        ring_duration: Scalar<'a> = "ring_duration",
        talk_duration: Scalar<'a> = "talk_duration",
        did: Scalar<'a> = "did" | "did_cid",
        outbound_caller_id: Scalar<'a> = "outbound_caller_id",
        trunk_name: Scalar<'a> = "trunk_name",
    }
}

record! {
    /// Registrations of an extension.
    Registration {
        extension: Scalar<'a> = "extension",
        extension_id: Scalar<'a> = "extension_id",
        /// All that stand now.
        contacts: Vec<Contact<'a>> = "registration_contacts",
        /// Those that just ended.
        removed: Vec<Contact<'a>> = "removed_contacts",
    }
}

record! {
    /// A registered contact.
    Contact {
        contact_uri: Scalar<'a> = "contact_uri",
        expires: Scalar<'a> = "expires",
        instance: Scalar<'a> = "instance",
        last_update: Scalar<'a> = "last_update",
        public_address: Scalar<'a> = "public_address",
        received_from: Scalar<'a> = "received_from",
        reg_id: Scalar<'a> = "reg_id",
        user_agent: Scalar<'a> = "user_agent",
    }
}

record! {
    /// An extension's state, whole or in part.
    ExtensionState {
        extension: Scalar<'a> = "extension",
        extension_id: Scalar<'a> = "extension_id",
        call_status: Scalar<'a> = "call_status",
        /// The form before v16.2: a boolean.
        on_call: Scalar<'a> = "on_call",
        online: Scalar<'a> = "online",
        push_online: Scalar<'a> = "push_online",
        presence: Scalar<'a> = "presence",
        /// Beside `presence` a note; without it (v16) the presence itself.
        presence_note: Scalar<'a> = "presence_note" | "note",
        time: Scalar<'a> = "time",
    }
}

record! {
    /// `extension_status`: a list, or (before v16.2) the only entry itself.
    ExtensionStates {
        status: Vec<ExtensionState<'a>> = "status",
        extension: Scalar<'a> = "extension",
        extension_id: Scalar<'a> = "extension_id",
        call_status: Scalar<'a> = "call_status",
        on_call: Scalar<'a> = "on_call",
        online: Scalar<'a> = "online",
        push_online: Scalar<'a> = "push_online",
        presence: Scalar<'a> = "presence",
        presence_note: Scalar<'a> = "presence_note" | "note",
    }
}

record! {
    /// An agent's states in queues.
    ExtensionAgent {
        extension: Scalar<'a> = "extension",
        extension_id: Scalar<'a> = "extension_id",
        states: Vec<QueueMember<'a>> = "agent_status",
    }
}

record! {
    /// Hold and resume without a session.
    ExtensionHold {
        call_id: Scalar<'a> = "call_id",
        extension: Scalar<'a> = "extension",
        extension_id: Scalar<'a> = "extension_id",
        peer_extension: Scalar<'a> = "peer_extension",
        peer_extension_id: Scalar<'a> = "peer_extension_id",
    }
}

record! {
    /// A configured extension.
    ExtensionManaged {
        extension_number: Scalar<'a> = "extension_number",
        extension_id: Scalar<'a> = "extension_id",
        disp_name: Scalar<'a> = "disp_name",
        email: Scalar<'a> = "email",
        username: Scalar<'a> = "username",
        department: Scalar<'a> = "department",
        enabled: Scalar<'a> = "enabled",
    }
}

record! {
    /// A configured queue.
    QueueManaged {
        queue_number: Scalar<'a> = "queue_number",
    }
}

record! {
    /// A queue, whole.
    QueueStatus {
        queue_id: Scalar<'a> = "queue_id",
        queue_number: Scalar<'a> = "queue_number",
        queue_name: Scalar<'a> = "queue_name",
        waiting: Vec<Waiting<'a>> = "waiting_list",
        agents: Vec<Member<'a>> = "agents",
    }
}

record! {
    /// A caller in a queue.
    Waiting {
        position: Scalar<'a> = "position",
        session_id: Scalar<'a> = "session_id",
        caller_number: Scalar<'a> = "caller_number",
        caller_name: Scalar<'a> = "caller_name",
        timestamp: Scalar<'a> = "timestamp",
        kind: Scalar<'a> = "type",
        /// Only in `queue_caller_status`.
        reason: Scalar<'a> = "reason",
        /// The documented sample nests the agents here.
        agents: Vec<Member<'a>> = "agents",
    }
}

record! {
    /// An agent in a queue.
    Member {
        agent_extension_number: Scalar<'a> = "agent_extension_number",
        state: Scalar<'a> = "state" | "status",
        session_id: Scalar<'a> = "session_id",
        caller_number: Scalar<'a> = "caller_number",
        caller_name: Scalar<'a> = "caller_name",
        timestamp: Scalar<'a> = "timestamp",
    }
}

record! {
    /// Callers of a queue that changed.
    QueueCallers {
        queue_id: Scalar<'a> = "queue_id",
        queue_number: Scalar<'a> = "queue_number",
        updated: Vec<Waiting<'a>> = "updated_callers",
    }
}

record! {
    /// Agents of a queue that changed.
    QueueAgents {
        queue_id: Scalar<'a> = "queue_id",
        queue_number: Scalar<'a> = "queue_number",
        updated: Vec<Member<'a>> = "updated_agents",
        removed: Vec<Member<'a>> = "removed_agents",
    }
}

record! {
    /// A caller waited too long.
    QueueSla {
        queue_id: Scalar<'a> = "queue_id",
        queue_number: Scalar<'a> = "queue_number",
        caller: Scalar<'a> = "caller",
        total_callers_breached: Scalar<'a> = "total_callers_breached",
        sla_time_secs: Scalar<'a> = "sla_time_secs",
        waiting_callers: Scalar<'a> = "waiting_callers",
    }
}

record! {
    /// An agent's state in one queue.
    QueueMember {
        extension: Scalar<'a> = "extension" | "agent_extension_number",
        extension_id: Scalar<'a> = "extension_id",
        queue_id: Scalar<'a> = "queue_id",
        queue_number: Scalar<'a> = "queue_number",
        state: Scalar<'a> = "state" | "status",
    }
}

record! {
    /// A trunk.
    Trunk {
        trunk_name: Scalar<'a> = "trunk_name",
        trunk_id: Scalar<'a> = "trunk_id",
    }
}
