//! Frames: bytes in, native messages out. Tolerant, bounded, pure.
//!
//! Decoding does not depend on the dialect: every spelling of every version is read everywhere.

mod event;
pub mod request;
mod topic;

use std::borrow::Cow;

use adapter::{
    json::Json,
    record::{Unclaimed, read},
};
use thiserror::Error;

pub use adapter::record::Scalar;
pub use event::*;
pub use topic::{Dialect, Scope, Topic};

/// A message of the PBX.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// The answer to a command.
    Reply(Reply<'a>),
    /// Something happened.
    Event(Box<Event<'a>>),
}

/// The answer to a command. Answers come in the order of the commands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply<'a> {
    /// The command, from v16.2 on.
    pub command: Scalar<'a>,
    /// Probably the number of the command on this connection, from v16.2 on.
    pub id: Scalar<'a>,
    /// 0 is success.
    pub status: i64,
    /// What went wrong, for people.
    pub error: Scalar<'a>,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// Its name, as it came.
    pub name: Cow<'a, str>,
    /// The tenant.
    pub tenant_id: Scalar<'a>,
    /// The tenant's name (v12, and in `call_cdr`).
    pub tenant_name: Scalar<'a>,
    /// When it happened, seconds since 1970.
    pub time: Scalar<'a>,
    /// The rest.
    pub body: Body<'a>,
    /// Keys, with the path to them, that the documentation does not list for this event.
    pub unclaimed: Vec<String>,
}

/// Why a frame cannot be read.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Not JSON, or nested or filled beyond the bounds.
    #[error("frame is not JSON that can be read")]
    Json(#[source] serde_json::Error),
    /// JSON, but neither an event nor a reply.
    #[error("frame is neither an event nor a reply")]
    NoMessage,
}

impl DecodeError {
    /// The kind of what could not be read, for `source.unrecognized`.
    #[must_use]
    pub fn shape(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::NoMessage => "frame",
        }
    }
}

/// Reads a frame.
///
/// # Errors
/// When it is no JSON within the bounds, or no message.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let Json::Object(pairs) = Json::parse(bytes).map_err(DecodeError::Json)? else {
        return Err(DecodeError::NoMessage);
    };
    let last = |wanted: &str| pairs.iter().rev().find(|(key, _)| key == wanted);
    match last("event_type") {
        Some((_, Json::Text(name))) => {
            let name = name.clone();
            Ok(Frame::Event(Box::new(event(name, pairs))))
        }
        Some(_) => Err(DecodeError::NoMessage),
        None => reply(pairs).map(Frame::Reply),
    }
}

fn reply<'a>(pairs: Vec<(Cow<'a, str>, Json<'a>)>) -> Result<Reply<'a>, DecodeError> {
    let mut reply = Reply::default();
    let mut status = None;
    for (key, value) in pairs {
        match &*key {
            "command" => reply.command = value.into_text(),
            "id" => reply.id = value.into_text(),
            "error" => reply.error = value.into_text(),
            "status" => status = value.into_text().and_then(|text| text.trim().parse().ok()),
            _ => {}
        }
    }
    reply.status = status.ok_or(DecodeError::NoMessage)?;
    Ok(reply)
}

fn event<'a>(name: Cow<'a, str>, pairs: Vec<(Cow<'a, str>, Json<'a>)>) -> Event<'a> {
    let mut event = Event {
        name,
        tenant_id: None,
        tenant_name: None,
        time: None,
        body: Body::Unknown,
        unclaimed: Vec::new(),
    };
    let mut rest = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let slot = match &*key {
            "event_type" => continue,
            "tenant_id" => &mut event.tenant_id,
            "tenant_name" => &mut event.tenant_name,
            "time" | "timestamp" => &mut event.time,
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
    let mut unclaimed = Unclaimed::default();
    event.body = body(&event.name, rest, &mut unclaimed);
    event.unclaimed = unclaimed.names;
    event
}

fn body<'a>(
    name: &str,
    rest: Vec<(Cow<'a, str>, Json<'a>)>,
    unclaimed: &mut Unclaimed,
) -> Body<'a> {
    match name {
        "call_start" => Body::CallStart(read(rest, unclaimed)),
        "call_update_info" => Body::CallUpdate(read(rest, unclaimed)),
        "call_established" => Body::CallStep(CallStep::Established, read(rest, unclaimed)),
        "call_reroute" => Body::CallStep(CallStep::Reroute, read(rest, unclaimed)),
        "call_ended" => Body::CallStep(CallStep::Ended, read(rest, unclaimed)),
        "call_noanswer" => Body::CallStep(CallStep::NoAnswer, read(rest, unclaimed)),
        "call_fail" => Body::CallStep(CallStep::Fail, read(rest, unclaimed)),
        "call_hold" => Body::CallHold(true, read(rest, unclaimed)),
        "call_unhold" => Body::CallHold(false, read(rest, unclaimed)),
        "call_cdr" => Body::Cdr(Box::new(read(rest, unclaimed))),
        "extension_register" => Body::Registration(read(rest, unclaimed)),
        "extension_status" => Body::ExtensionStatus(states(read(rest, unclaimed))),
        "extension_call" => Body::ExtensionCall(read(rest, unclaimed)),
        "extension_presence" => Body::ExtensionPresence(read(rest, unclaimed)),
        "extension_agent_status" => Body::ExtensionAgent(read(rest, unclaimed)),
        "extension_hold" => Body::ExtensionHold(true, read(rest, unclaimed)),
        "extension_unhold" => Body::ExtensionHold(false, read(rest, unclaimed)),
        "extension_created" => Body::ExtensionManaged(Change::Created, read(rest, unclaimed)),
        "extension_updated" => Body::ExtensionManaged(Change::Updated, read(rest, unclaimed)),
        "extension_destroyed" | "extension_destroy" => {
            Body::ExtensionManaged(Change::Destroyed, read(rest, unclaimed))
        }
        "queue_created" => Body::QueueManaged(Change::Created, read(rest, unclaimed)),
        "queue_updated" => Body::QueueManaged(Change::Updated, read(rest, unclaimed)),
        "queue_destroy" | "queue_destroyed" | "queue_deleted" => {
            Body::QueueManaged(Change::Destroyed, read(rest, unclaimed))
        }
        "queue_status" => Body::QueueStatus(unnest(read(rest, unclaimed))),
        "queue_caller_status" => Body::QueueCallers(read(rest, unclaimed)),
        "queue_agent_status" => Body::QueueAgents(read(rest, unclaimed)),
        "queue_sla_breached" => Body::QueueSla(read(rest, unclaimed)),
        "queue_member_state" => Body::QueueMember(read(rest, unclaimed)),
        "trunk_connected" => Body::Trunk(true, read(rest, unclaimed)),
        "trunk_disconnected" => Body::Trunk(false, read(rest, unclaimed)),
        other => match target_step(other) {
            Some(step) => Body::TargetStep(step, read(rest, unclaimed)),
            None => Body::Unknown,
        },
    }
}

/// The two families of target events differ in their prefix and in one ending.
fn target_step(name: &str) -> Option<TargetStep> {
    let name = name.strip_prefix("cdr_").unwrap_or(name);
    Some(match name.strip_prefix("target_")? {
        "add" => TargetStep::Add,
        "ringing" => TargetStep::Ringing,
        "answer" | "answered" => TargetStep::Answer,
        "noanswer" => TargetStep::NoAnswer,
        "fail" => TargetStep::Fail,
        "end" | "ended" => TargetStep::End,
        _ => return None,
    })
}

fn states(mut states: ExtensionStates<'_>) -> Vec<ExtensionState<'_>> {
    if states.extension.is_some() || states.extension_id.is_some() {
        states.status.push(ExtensionState {
            extension: states.extension,
            extension_id: states.extension_id,
            call_status: states.call_status,
            on_call: states.on_call,
            online: states.online,
            push_online: states.push_online,
            presence: states.presence,
            presence_note: states.presence_note,
            time: None,
        });
    }
    states.status
}

/// Moves agents out of the waiting list, where the documented sample nests them.
fn unnest(mut status: QueueStatus<'_>) -> QueueStatus<'_> {
    for waiting in &mut status.waiting {
        status.agents.append(&mut waiting.agents);
    }
    status.waiting.retain(|waiting| {
        waiting.session_id.is_some()
            || waiting.caller_number.is_some()
            || waiting.position.is_some()
    });
    status
}
