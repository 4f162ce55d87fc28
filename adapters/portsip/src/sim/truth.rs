//! How calls really end, in the model's words.

use adapter::truth::TrueEnd;
use model::{Cause, EndedBy, Outcome};
use serde::Serialize;

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

impl Ending {
    /// The end in the model's words.
    #[must_use]
    pub fn truth(self) -> TrueEnd {
        use {Cause as C, EndedBy as By, Outcome as O};
        let (cause, outcome, ended_by) = match self {
            Self::CallerHungUp => (C::Normal, O::Answered, By::Caller),
            Self::CalleeHungUp => (C::Normal, O::Answered, By::Callee),
            Self::Cancelled => (C::Cancelled, O::Missed, By::Caller),
            Self::NoAnswer => (C::NoAnswer, O::Missed, By::System),
            Self::Busy => (C::Busy, O::Busy, By::Callee),
            Self::Unreachable => (C::Unreachable, O::Failed, By::System),
            Self::Dnd => (C::Dnd, O::Missed, By::System),
            Self::NoSuchNumber => (C::InvalidNumber, O::Failed, By::System),
            Self::Voicemail => (C::Normal, O::Voicemail, By::Caller),
            Self::Abandoned => (C::QueueAbandoned, O::Abandoned, By::Caller),
            Self::Merged => (C::Transferred, O::Transferred, By::System),
            Self::Lost => (C::SystemRestart, O::Unknown, By::System),
        };
        let or = match self {
            // PortSIP says 480 for both.
            Self::Dnd => vec![C::Unreachable],
            // Up to v16.1 `call_ended` says no more of it than of any other.
            Self::Merged => vec![C::Normal],
            Self::Lost => vec![C::SourceLost],
            _ => Vec::new(),
        };
        TrueEnd {
            cause,
            or,
            outcome,
            ended_by,
        }
    }
}
