//! The messages, by what they are. Every field is optional, every scalar text: a PBX that writes a number as text or
//! leaves a field out is read all the same.

use std::borrow::Cow;

use adapter::{json::Json, record, record::Scalar};

/// An event as Telecom X sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// The name of the Socket.IO event: `PBX`, `CALL`, `CONFIG`.
    pub channel: Cow<'a, str>,
    /// The event in it: `CALL_START`. The channel's name where there is none.
    pub name: Cow<'a, str>,
    /// Whose it is.
    pub customer: Scalar<'a>,
    /// Who caused it (CONFIG), or whom it is about.
    pub employee: Scalar<'a>,
    /// `_id` or `id`: what it is the id of depends on the event.
    pub id: Scalar<'a>,
    /// The host that published it.
    pub server: Scalar<'a>,
    /// Unique for each event of a PBX.
    pub event_id: Scalar<'a>,
    /// The rest.
    pub body: Body<'a>,
    /// Keys, with the path to them, that the documentation does not list for this event.
    pub unclaimed: Vec<String>,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// A leg of a call does something.
    Call(CallStep, Box<CallLeg<'a>>),
    /// A person says something about his availability.
    Presence(Vec<Presence<'a>>),
    /// Somebody in a conference.
    Conference(ConferenceStep, ConferenceMember<'a>),
    /// A variable of a call, a person or the customer.
    Variable(VariableKind, Variable<'a>),
    /// A recording.
    Recording(RecordingStep, Recording<'a>),
    /// A caller in a queue.
    Queue(QueueStep, QueueCaller<'a>),
    /// An extension or number in a queue.
    Member(MemberStep, Vec<Member<'a>>),
    /// A queue was changed. `named` is false when only the ambiguous `type` says so: it may have been deleted.
    QueueUpdated {
        /// The event itself says what it is.
        named: bool,
    },
    /// A queue is gone.
    QueueDeleted,
    /// A message in a voicemail box.
    Voicemail(VoicemailStep, Voicemail<'a>),
    /// A prompt is being recorded by telephone.
    AudioRecord(AudioRecord<'a>),
    /// A phone was locked to a host, or freed.
    PhoneHost(PhoneHost<'a>),
    /// A caller waits for one extension.
    PersonalQueue(PersonalQueue<'a>),
    /// A call on a trunk does something.
    TrunkCall(TrunkStep, TrunkCall<'a>),
    /// Something is wrong with a call on a trunk.
    TrunkAlarm(TrunkAlarm, TrunkCall<'a>),
    /// A phone or trunk registers, or is refused.
    Register(RegisterStep, Register<'a>),
    /// The database behind it.
    Redis(RedisStep, Redis<'a>),
    /// A realtime client comes or goes. Its fields are not documented.
    Realtime(Json<'a>),
    /// Configuration changed; `data` as it came.
    Config(Json<'a>),
    /// A request or reply of another client.
    Client(ClientStep, ClientMessage<'a>),
    /// Tells nothing: `TRUNK` bookkeeping, `QUEUE_MASTER`, and the answers of the handshake.
    Nothing,
    /// Not known.
    Unknown,
}

/// What a leg does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum CallStep {
    Start,
    Ring,
    Answer,
    Update,
    Hold,
    Unhold,
    End,
}

/// What somebody in a conference does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum ConferenceStep {
    Entered,
    Changed,
    Left,
}

/// Whose variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum VariableKind {
    Call,
    Variable,
    Switch,
}

/// What a recording does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum RecordingStep {
    Start,
    End,
    Update,
    Deleted,
}

/// What a caller in a queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum QueueStep {
    Entered,
    Left,
}

/// What a member of a queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum MemberStep {
    Join,
    Left,
    Update,
}

/// What a message in a box does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum VoicemailStep {
    New,
    Old,
    Deleted,
}

/// What a call on a trunk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum TrunkStep {
    Start,
    Answer,
    PreEnd,
    End,
}

/// What is wrong with a call on a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum TrunkAlarm {
    MaxChannels,
    PeerError,
    Fraud,
}

/// What happens to a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum RegisterStep {
    Register,
    Unregister,
    Error,
}

/// What happens to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum RedisStep {
    MasterSwitch,
    ServerDown,
    ServerUp,
}

/// What another client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the event of that name")]
pub enum ClientStep {
    Request,
    Reply,
}

record! {
    /// `CALL_*` of a PBX.
    CallLeg {
        session_id: Scalar<'a> = "sessionId",
        caller: Scalar<'a> = "caller",
        caller_name: Scalar<'a> = "callerName",
        caller_privacy: Scalar<'a> = "callerPrivacy",
        callee: Scalar<'a> = "callee",
        callee_name: Scalar<'a> = "calleeName",
        channel: Scalar<'a> = "channel" | "channelId",
        call_id: Scalar<'a> = "callId" | "callid",
        direction: Scalar<'a> = "direction",
        leg: Scalar<'a> = "leg",
        originator: Scalar<'a> = "originator",
        device: Scalar<'a> = "device",
        extension: Scalar<'a> = "extension",
        extension_state: Scalar<'a> = "extensionState",
        queue_id: Scalar<'a> = "queueId",
        queue_name: Scalar<'a> = "queueName",
        hide_other_party: Scalar<'a> = "hideOtherParty",
    }
}

record! {
    /// `data` of `EMPLOYEE_PRESENCE_CHANGED`.
    Presence {
        state: Scalar<'a> = "state",
        location: Scalar<'a> = "location",
        message: Scalar<'a> = "message",
        expire: Scalar<'a> = "expire",
    }
}

record! {
    /// `CONFERENCE_*`; the id is the conference.
    ConferenceMember {
        conference_name: Scalar<'a> = "conferenceName",
        number: Scalar<'a> = "number",
        name: Scalar<'a> = "name",
        muted: Scalar<'a> = "muted",
        room: Scalar<'a> = "room",
        call_id: Scalar<'a> = "callId" | "callid",
        channel: Scalar<'a> = "channelId" | "channel",
        entered: Scalar<'a> = "entered",
        duration: Scalar<'a> = "duration",
    }
}

record! {
    /// `CALL_VARIABLE`, `VARIABLE`, `SWITCH`.
    Variable {
        name: Scalar<'a> = "name",
        value: Json<'a> = "value",
        deleted: Scalar<'a> = "deleted",
        call_id: Scalar<'a> = "callId" | "callid",
        channel: Scalar<'a> = "channel" | "channelId",
        extension: Scalar<'a> = "extension",
        scope: Scalar<'a> = "variableType" | "switchType",
    }
}

record! {
    /// `RECORDING_*`; the id is a temporary or the stored one.
    Recording {
        channel: Scalar<'a> = "channel" | "channelId",
        channels: Json<'a> = "channels",
        caller: Scalar<'a> = "caller",
        callee: Scalar<'a> = "callee",
        source: Scalar<'a> = "source",
        recording_id: Scalar<'a> = "recordingId",
        duration: Scalar<'a> = "duration",
    }
}

record! {
    /// `QUEUE_ENTERED`, `QUEUE_LEFT`; the id is the call in the queue, `<channel>-<host>`.
    QueueCaller {
        queue: Scalar<'a> = "queue",
        state: Scalar<'a> = "state",
        number: Scalar<'a> = "number",
        name: Scalar<'a> = "name",
        position: Scalar<'a> = "position",
        entered: Scalar<'a> = "entered",
        session_id: Scalar<'a> = "sessionId",
        answered: Scalar<'a> = "answered",
        answered_by_extension: Scalar<'a> = "answeredByExtension",
        answered_by_number: Scalar<'a> = "answeredByNumber",
    }
}

record! {
    /// `data` of `QUEUE_MEMBER_*`, and a member in a REST answer.
    Member {
        id: Scalar<'a> = "_id" | "id",
        extension: Scalar<'a> = "extension",
        number: Scalar<'a> = "number",
        name: Scalar<'a> = "name",
        priority: Scalar<'a> = "priority",
        calls: Scalar<'a> = "calls",
        last_call_ended: Scalar<'a> = "lastCallEnded",
        permanent: Scalar<'a> = "permanent",
        seconds: Scalar<'a> = "seconds",
    }
}

record! {
    /// `VOICEMAIL_*`; the id is the employee.
    Voicemail {
        voicemail_id: Scalar<'a> = "voicemailId",
        caller_number: Scalar<'a> = "callerNumber",
        caller_name: Scalar<'a> = "callerName",
        length: Scalar<'a> = "length",
        new_messages: Scalar<'a> = "newMessages",
        old_messages: Scalar<'a> = "oldMessages",
    }
}

record! {
    /// `AUDIO_RECORD`; the id is a session.
    AudioRecord {
        state: Scalar<'a> = "state",
        extension: Scalar<'a> = "extension",
        audio: Scalar<'a> = "audio",
    }
}

record! {
    /// `SIP_PHONE_HOST`; the id is the phone.
    PhoneHost {
        count: Scalar<'a> = "count",
    }
}

record! {
    /// `PERSONAL_QUEUE_*`; the id is the extension waited for.
    PersonalQueue {
        channel: Scalar<'a> = "channel" | "channelId",
        caller: Scalar<'a> = "caller",
        caller_name: Scalar<'a> = "callerName",
        caller_privacy: Scalar<'a> = "callerPrivacy",
        calls: Scalar<'a> = "calls",
    }
}

record! {
    /// Events of `CALL`.
    TrunkCall {
        call_id: Scalar<'a> = "callid" | "callId",
        direction: Scalar<'a> = "direction",
        from: Scalar<'a> = "from",
        to: Scalar<'a> = "to",
        voice_account: Scalar<'a> = "voiceaccount",
        source_customer: Scalar<'a> = "sourceCustomerId",
        destination_customer: Scalar<'a> = "destinationCustomerId",
        reason: Scalar<'a> = "reason",
        ended_by: Scalar<'a> = "endedBy",
        limit: Scalar<'a> = "limit",
        peer_ip: Scalar<'a> = "peerip" | "peerIp",
    }
}

record! {
    /// Events of `REGISTER`.
    Register {
        ip: Scalar<'a> = "ip",
        port: Scalar<'a> = "port",
        expires: Scalar<'a> = "expires",
        username: Scalar<'a> = "username",
        sip_account: Scalar<'a> = "sipAccount",
        sip_phone: Scalar<'a> = "sipphone" | "sipPhone",
        country: Scalar<'a> = "country",
        source: Scalar<'a> = "source",
        pbx_server: Scalar<'a> = "pbxServer",
        trunk_server: Scalar<'a> = "trunkServer",
        error: Scalar<'a> = "error",
    }
}

record! {
    /// Events of `REDIS`.
    Redis {
        from: Scalar<'a> = "from",
        to: Scalar<'a> = "to",
        server_type: Scalar<'a> = "serverType",
        host: Scalar<'a> = "host",
    }
}

record! {
    /// One end of a request or reply.
    Peer {
        employee: Scalar<'a> = "employee",
        instance_id: Scalar<'a> = "instanceId",
    }
}

record! {
    /// `REQUEST`, `REPLY`.
    ClientMessage {
        to: Vec<Peer<'a>> = "to",
        from: Vec<Peer<'a>> = "from",
        request: Scalar<'a> = "request",
        request_id: Scalar<'a> = "requestId",
        data: Json<'a> = "data",
        reply_to: Vec<Peer<'a>> = "replyTo",
    }
}
