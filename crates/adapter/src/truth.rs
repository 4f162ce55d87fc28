//! What really happened, as a simulated PBX tells it, and how a simulated PBX is played in virtual time.
//!
//! A simulator fills [`TrueCall`] from its own knowledge, never from what it put on the wire: a gateway's account of the
//! same calls is held against it. Numbers are bare, as people dial them (`102`, `07700900123`).

mod notes;

use std::time::Duration;

use bytes::Bytes;
use model::{Cause, Collection, Direction, EndedBy, Outcome, Timestamp, event::TransferKind};
use serde::{Deserialize, Serialize};

/// One call as it really went. Lists are in the order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrueCall {
    /// The native key: the canonical id of the call is `<source>:<key>`.
    pub key: String,
    /// The native key of the call that it is told as where the PBX is not heard and something else tells of it: a trunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<String>,
    /// The story it followed, for people.
    pub story: String,
    /// As seen from the PBX.
    pub direction: Direction,
    /// Who called.
    pub caller: String,
    /// What was dialled.
    pub callee: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Waits in queues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// Phones of the called side that rang.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rang: Vec<Ring>,
    /// People of the called side who talked. Services are nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub talked: Vec<Talk>,
    /// Times on hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// Times that it was handed on from one person to another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<Handover>,
    /// The key of the interaction's first call; its own, when no transfer links it to another.
    pub interaction: String,
    /// When it ended; none while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<TrueEnd>,
}

/// A phone that rang.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Its number.
    pub number: String,
    /// Since when.
    pub at: Timestamp,
}

/// Somebody who talked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    /// Their number.
    pub number: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; none while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// A wait in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// The queue's number.
    pub queue: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; none while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// A time on hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Who put the call on hold.
    pub by: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; none when it ended on hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// A transfer from one person to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// How.
    pub kind: TransferKind,
    /// Who left.
    pub from: String,
    /// Who came.
    pub to: String,
    /// When.
    pub at: Timestamp,
    /// The key of the other call, when two were joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<String>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrueEnd {
    /// Why.
    pub cause: Cause,
    /// Causes that are true as well, where this PBX has one word for several: somebody who wants no calls is told as
    /// somebody who cannot be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<Cause>,
    /// What came of it, by the rules of the model for this cause.
    pub outcome: Outcome,
    /// Who ended it.
    pub ended_by: EndedBy,
}

/// A simulated PBX with one client, played in virtual time: what the socket would carry, without the socket.
///
/// Times are since the stage was set. Frames are those that the adapter's link would hand to its translator.
pub trait Stage: Send {
    /// The dialect that a link to it reports.
    fn dialect(&self) -> Option<&'static str>;

    /// What a link to it says that it sets right.
    fn reconciles(&self) -> Vec<Collection>;

    /// When it goes on by itself.
    fn poll_timeout(&self) -> Option<Duration>;

    /// Lets time pass. A connected client gets `frames`.
    fn advance(&mut self, now: Duration, frames: &mut Vec<Bytes>);

    /// A client connects, logs in and subscribes as the adapter's link does, and gets `frames` for it.
    fn connect(&mut self, frames: &mut Vec<Bytes>);

    /// The client is gone. What is said from here on, nobody hears.
    fn disconnect(&mut self);

    /// The client sends a request of its translator, and gets `frames` for it.
    fn request(&mut self, request: &Bytes, frames: &mut Vec<Bytes>);

    /// Power off and on: calls are gone without a word, and so is the client.
    fn restart(&mut self);

    /// From here on no call begins by itself.
    fn last_orders(&mut self);

    /// Takes the calls that have ended since this was last asked.
    fn take_ended(&mut self) -> Vec<TrueCall>;

    /// How many calls last.
    fn open_calls(&self) -> usize;
}
