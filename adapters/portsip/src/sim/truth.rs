//! What really happened: the simulator's own account of its calls, to hold a gateway's against.

use serde::Serialize;

use super::plot::Plot;

/// One call as it really went. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The PBX's session id.
    pub session_id: String,
    /// The story it followed.
    pub plot: Plot,
    /// Who called.
    pub caller: String,
    /// What was dialled.
    pub callee: String,
    /// `inbound`, `outbound` or `internal`.
    pub direction: &'static str,
    /// When it began.
    pub started_at: i64,
    /// The queue it waited in.
    pub queue: Option<String>,
    /// Every phone that rang, in order.
    pub rang: Vec<Rang>,
    /// Everyone who talked, in order.
    pub talked: Vec<Talked>,
    /// When it ended; none while it lasts.
    pub ended_at: Option<i64>,
    /// How it ended.
    pub ending: Option<Ending>,
}

/// A phone that rang.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rang {
    /// Its number.
    pub number: String,
    /// Since when.
    pub at: i64,
}

/// Somebody who talked on the called side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Talked {
    /// Their number.
    pub number: String,
    /// From when.
    pub from: i64,
    /// Until when; none while it lasts.
    pub to: Option<i64>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Hung up by the caller after talking.
    CallerHungUp,
    /// Hung up by the called side after talking.
    CalleeHungUp,
    /// The caller gave up while a phone rang.
    Cancelled,
    /// Nobody answered in time.
    NoAnswer,
    /// Busy.
    Busy,
    /// Not registered.
    Unreachable,
    /// Does not want to be disturbed.
    Dnd,
    /// No such number.
    NoSuchNumber,
    /// Left a message.
    Voicemail,
    /// Gave up waiting in a queue.
    Abandoned,
    /// A consultation call that became part of the call it was made for.
    Merged,
    /// The PBX restarted under it.
    Lost,
}
