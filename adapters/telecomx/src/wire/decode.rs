//! Reading a frame: which event it is, where its fields stand, and what the link says beside.

use std::borrow::Cow;

use adapter::{
    json::Json,
    record::{Record, Scalar, Unclaimed, read},
};
use thiserror::Error;

use super::{event::*, names, note::Note};

/// What the link hands on.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// An event of Telecom X.
    Event(Box<Event<'a>>),
    /// What the link has to say itself.
    Note(Note<'a>),
}

/// Why a frame cannot be read.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Not JSON, or nested or filled beyond the bounds.
    #[error("frame is not JSON that can be read")]
    Json(#[source] serde_json::Error),
    /// JSON, but no event.
    #[error("frame is no event")]
    NoEvent,
}

impl DecodeError {
    /// The kind of what could not be read, for `source.unrecognized`.
    #[must_use]
    pub fn shape(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::NoEvent => "frame",
        }
    }
}

type Pairs<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Reads a frame.
///
/// # Errors
/// When it is no JSON within the bounds, or no event.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let Json::Array(items) = Json::parse(bytes).map_err(DecodeError::Json)? else {
        return Err(DecodeError::NoEvent);
    };
    let mut items = items.into_iter();
    let Some(Json::Text(channel)) = items.next() else {
        return Err(DecodeError::NoEvent);
    };
    // More than one argument is allowed; the first object counts.
    let pairs = items
        .find_map(|item| match item {
            Json::Object(pairs) => Some(pairs),
            _ => None,
        })
        .unwrap_or_default();
    Ok(match channel.strip_prefix('#') {
        Some(kind) => Frame::Note(Note::read(kind, pairs)),
        None => Frame::Event(Box::new(event(channel, pairs))),
    })
}

/// The fields that every event may have.
#[derive(Default)]
struct Envelope<'a> {
    event: Scalar<'a>,
    kind: Scalar<'a>,
    event_type: Scalar<'a>,
    data: Option<Json<'a>>,
}

fn event<'a>(channel: Cow<'a, str>, pairs: Pairs<'a>) -> Event<'a> {
    let mut event = Event {
        name: channel.clone(),
        channel,
        customer: None,
        employee: None,
        id: None,
        server: None,
        event_id: None,
        body: Body::Unknown,
        unclaimed: Vec::new(),
    };
    if matches!(
        &*event.channel,
        "authenticated" | "subscribed" | "unsubscribed"
    ) {
        event.body = Body::Nothing;
        return event;
    }
    let mut envelope = Envelope::default();
    let mut rest = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let slot = match &*key {
            "event" => &mut envelope.event,
            "type" => &mut envelope.kind,
            "eventType" => &mut envelope.event_type,
            "customer" => &mut event.customer,
            "employee" => &mut event.employee,
            "_id" | "id" => &mut event.id,
            "pbxServer" => &mut event.server,
            "eventId" => &mut event.event_id,
            "data" => {
                envelope.data = Some(value);
                continue;
            }
            _ => {
                rest.push((key, value));
                continue;
            }
        };
        match value {
            Json::Array(_) | Json::Object(_) => rest.push((key, value)),
            scalar => *slot = scalar.into_text(),
        }
    }
    if let Some(client) = client_step(&event.channel) {
        return client_message(event, client, envelope, rest);
    }
    if let Some(name) = envelope.name() {
        event.name = name;
    }
    let mut unclaimed = Unclaimed::default();
    if envelope.event.is_some() && envelope.differs(&event.name) {
        unclaimed.note("type");
    }
    let named = envelope.event.is_some();
    event.body = body(
        &event.channel,
        &event.name,
        named,
        envelope.data.unwrap_or_default(),
        rest,
        &mut unclaimed,
    );
    event.unclaimed = unclaimed.names;
    event
}

impl<'a> Envelope<'a> {
    /// `event` says it; else `type`, when that is the name of a PBX event; else `eventType`.
    fn name(&self) -> Option<Cow<'a, str>> {
        let known = |kind: &&Cow<'a, str>| pbx(kind).is_some();
        self.event
            .as_ref()
            .or(self.kind.as_ref().filter(known))
            .or(self.event_type.as_ref())
            .cloned()
    }

    /// `type` names another event than `event` does. That `QUEUE_DELETED` calls itself `QUEUE_UPDATED` is known.
    fn differs(&self, name: &str) -> bool {
        self.kind
            .as_ref()
            .is_some_and(|kind| &**kind != name && name != "QUEUE_DELETED" && pbx(kind).is_some())
    }
}

/// The channel that an event belongs to, whichever subscription it came by.
fn family(channel: &str) -> &str {
    match channel.strip_prefix("ADMIN:").unwrap_or(channel) {
        "CONFIG-NOT-IPTV" => "CONFIG",
        family => family,
    }
}

fn body<'a>(
    channel: &str,
    name: &str,
    named: bool,
    data: Json<'a>,
    mut rest: Pairs<'a>,
    unclaimed: &mut Unclaimed,
) -> Body<'a> {
    let family = match family(channel) {
        // By the name of the firehose alone, what is in it has to say what it is.
        "ADMIN" if pbx(name).is_some() => "PBX",
        "ADMIN" if names::split(name).is_some() => "CONFIG",
        "ADMIN" if trunk(name).is_some() => "CALL",
        "ADMIN" if register(name).is_some() => "REGISTER",
        family => family,
    };
    match family {
        "PBX" | "CONFIG" if pbx(name).is_some() => {
            pbx_body(pbx(name), named, data, rest, unclaimed)
        }
        "CONFIG" if names::split(name).is_some() => {
            leftover(&rest, unclaimed);
            Body::Config(data)
        }
        "CALL" => match trunk(name) {
            Some(Ok(step)) => Body::TrunkCall(step, flat(data, rest, unclaimed)),
            Some(Err(alarm)) => Body::TrunkAlarm(alarm, flat(data, rest, unclaimed)),
            None => Body::Unknown,
        },
        "REGISTER" => match register(name) {
            Some(step) => Body::Register(step, flat(data, rest, unclaimed)),
            None => Body::Unknown,
        },
        "REDIS" => {
            let step = match name {
                "MASTER_SWITCH" => RedisStep::MasterSwitch,
                "SERVER_DOWN" => RedisStep::ServerDown,
                "SERVER_UP" => RedisStep::ServerUp,
                _ => return Body::Unknown,
            };
            Body::Redis(step, flat(data, rest, unclaimed))
        }
        "TRUNK" if matches!(name, "SESSION_CREATE" | "SESSION_DELETE") => Body::Nothing,
        "REALTIME" => {
            if data != Json::Null {
                rest.push(("data".into(), data));
            }
            Body::Realtime(Json::Object(rest))
        }
        _ => Body::Unknown,
    }
}

/// The events of a PBX.
#[derive(Clone, Copy)]
enum Pbx {
    Call(CallStep),
    Presence,
    Conference(ConferenceStep),
    Variable(VariableKind),
    Recording(RecordingStep),
    Queue(QueueStep),
    Member(MemberStep),
    QueueUpdated,
    QueueDeleted,
    QueueMaster,
    Voicemail(VoicemailStep),
    AudioRecord,
    PhoneHost,
    PersonalQueue,
}

fn pbx(name: &str) -> Option<Pbx> {
    Some(match name {
        "CALL_START" => Pbx::Call(CallStep::Start),
        "CALL_RING" => Pbx::Call(CallStep::Ring),
        "CALL_ANSWER" => Pbx::Call(CallStep::Answer),
        "CALL_UPDATE" => Pbx::Call(CallStep::Update),
        "CALL_HOLD" => Pbx::Call(CallStep::Hold),
        "CALL_UNHOLD" => Pbx::Call(CallStep::Unhold),
        "CALL_END" => Pbx::Call(CallStep::End),
        "EMPLOYEE_PRESENCE_CHANGED" => Pbx::Presence,
        "CONFERENCE_ENTERED" => Pbx::Conference(ConferenceStep::Entered),
        "CONFERENCE_CHANGED" => Pbx::Conference(ConferenceStep::Changed),
        "CONFERENCE_LEFT" => Pbx::Conference(ConferenceStep::Left),
        "CALL_VARIABLE" => Pbx::Variable(VariableKind::Call),
        "VARIABLE" => Pbx::Variable(VariableKind::Variable),
        "SWITCH" => Pbx::Variable(VariableKind::Switch),
        "RECORDING_START" => Pbx::Recording(RecordingStep::Start),
        "RECORDING_END" => Pbx::Recording(RecordingStep::End),
        "RECORDING_UPDATE" => Pbx::Recording(RecordingStep::Update),
        "RECORDING_DELETED" => Pbx::Recording(RecordingStep::Deleted),
        "QUEUE_ENTERED" => Pbx::Queue(QueueStep::Entered),
        "QUEUE_LEFT" => Pbx::Queue(QueueStep::Left),
        "QUEUE_MEMBER_JOIN" => Pbx::Member(MemberStep::Join),
        "QUEUE_MEMBER_LEFT" => Pbx::Member(MemberStep::Left),
        "QUEUE_MEMBER_UPDATE" => Pbx::Member(MemberStep::Update),
        "QUEUE_UPDATED" => Pbx::QueueUpdated,
        "QUEUE_DELETED" => Pbx::QueueDeleted,
        "QUEUE_MASTER" => Pbx::QueueMaster,
        "VOICEMAIL_NEW" => Pbx::Voicemail(VoicemailStep::New),
        "VOICEMAIL_OLD" => Pbx::Voicemail(VoicemailStep::Old),
        "VOICEMAIL_DELETED" => Pbx::Voicemail(VoicemailStep::Deleted),
        "AUDIO_RECORD" => Pbx::AudioRecord,
        "SIP_PHONE_HOST" => Pbx::PhoneHost,
        "PERSONAL_QUEUE_JOIN" | "PERSONAL_QUEUE_LEAVE" | "PERSONAL_QUEUE_CLEANUP" => {
            Pbx::PersonalQueue
        }
        _ => return None,
    })
}

fn pbx_body<'a>(
    event: Option<Pbx>,
    named: bool,
    data: Json<'a>,
    rest: Pairs<'a>,
    unclaimed: &mut Unclaimed,
) -> Body<'a> {
    let Some(event) = event else {
        return Body::Unknown;
    };
    match event {
        Pbx::Call(step) => Body::Call(step, Box::new(flat(data, rest, unclaimed))),
        Pbx::Presence => Body::Presence(nested(data, rest, unclaimed)),
        Pbx::Conference(step) => Body::Conference(step, flat(data, rest, unclaimed)),
        Pbx::Variable(kind) => Body::Variable(kind, flat(data, rest, unclaimed)),
        Pbx::Recording(step) => Body::Recording(step, flat(data, rest, unclaimed)),
        Pbx::Queue(step) => Body::Queue(step, flat(data, rest, unclaimed)),
        Pbx::Member(step) => Body::Member(step, nested(data, rest, unclaimed)),
        Pbx::QueueUpdated => {
            leftover(&rest, unclaimed);
            Body::QueueUpdated { named }
        }
        Pbx::QueueDeleted => {
            leftover(&rest, unclaimed);
            Body::QueueDeleted
        }
        Pbx::QueueMaster => Body::Nothing,
        Pbx::Voicemail(step) => Body::Voicemail(step, flat(data, rest, unclaimed)),
        Pbx::AudioRecord => Body::AudioRecord(flat(data, rest, unclaimed)),
        Pbx::PhoneHost => Body::PhoneHost(flat(data, rest, unclaimed)),
        Pbx::PersonalQueue => Body::PersonalQueue(flat(data, rest, unclaimed)),
    }
}

/// Calls on trunks, and what is wrong with them.
fn trunk(name: &str) -> Option<Result<TrunkStep, TrunkAlarm>> {
    Some(match name {
        "START" => Ok(TrunkStep::Start),
        "ANSWER" => Ok(TrunkStep::Answer),
        "PREEND" => Ok(TrunkStep::PreEnd),
        "END" => Ok(TrunkStep::End),
        "MAXCHANNELS" => Err(TrunkAlarm::MaxChannels),
        "PEER_ERROR" => Err(TrunkAlarm::PeerError),
        "FRAUD" => Err(TrunkAlarm::Fraud),
        _ => return None,
    })
}

fn register(name: &str) -> Option<RegisterStep> {
    Some(match name {
        "REGISTER" => RegisterStep::Register,
        "UNREGISTER" => RegisterStep::Unregister,
        "ERROR" => RegisterStep::Error,
        _ => return None,
    })
}

fn client_step(channel: &str) -> Option<ClientStep> {
    match channel {
        "REQUEST" => Some(ClientStep::Request),
        "REPLY" => Some(ClientStep::Reply),
        _ => None,
    }
}

/// Requests have no envelope: their fields are what was taken for one.
fn client_message<'a>(
    mut event: Event<'a>,
    step: ClientStep,
    envelope: Envelope<'a>,
    rest: Pairs<'a>,
) -> Event<'a> {
    let mut unclaimed = Unclaimed::default();
    let mut message: ClientMessage<'a> = read(rest, &mut unclaimed);
    message.data = envelope.data.unwrap_or_default();
    event.body = Body::Client(step, message);
    event.unclaimed = unclaimed.names;
    event
}

/// Fields stand in the event itself, or in its `data`.
fn flat<'a, R: Record<'a>>(data: Json<'a>, rest: Pairs<'a>, unclaimed: &mut Unclaimed) -> R {
    match data {
        Json::Object(mut pairs) => {
            // Of repeated keys the last wins, so that those of the event itself do.
            pairs.retain(|(key, _)| !is_envelope(key));
            pairs.extend(rest);
            read(pairs, unclaimed)
        }
        Json::Null => read(rest, unclaimed),
        _ => {
            unclaimed.note("data");
            read(rest, unclaimed)
        }
    }
}

/// Fields stand in `data`, whose `_id` is not that of the event; without `data`, in the event itself.
fn nested<'a, R: Record<'a>>(data: Json<'a>, rest: Pairs<'a>, unclaimed: &mut Unclaimed) -> Vec<R> {
    use adapter::record::Field;
    if data == Json::Null {
        return vec![read(rest, unclaimed)];
    }
    leftover(&rest, unclaimed);
    let mut items = Vec::new();
    if !items.take("data", data, unclaimed) {
        unclaimed.note("data");
    }
    items
}

/// Keys that stand beside `data` and are not of the envelope.
fn leftover(rest: &Pairs<'_>, unclaimed: &mut Unclaimed) {
    for (key, _) in rest {
        unclaimed.note(key);
    }
}

fn is_envelope(key: &str) -> bool {
    matches!(key, "customer" | "employee" | "_id" | "id" | "eventId")
}
