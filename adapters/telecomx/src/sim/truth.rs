//! How calls really end, in the model's words.

use adapter::truth::TrueEnd;
use model::{Cause, EndedBy, Outcome};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Left a message.
    Voicemail,
    /// Gave up waiting in a queue.
    Abandoned,
    /// Waited too long in a queue, and was sent away.
    Overflow,
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
            Self::Voicemail => (C::Normal, O::Voicemail, By::Caller),
            Self::Abandoned => (C::QueueAbandoned, O::Abandoned, By::Caller),
            Self::Overflow => (C::QueueOverflow, O::Missed, By::System),
            Self::Merged => (C::Transferred, O::Transferred, By::System),
            Self::Lost => (C::SystemRestart, O::Unknown, By::System),
        };
        let or = match self {
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

    /// `reason` and `endedBy` of the trunk.
    pub(super) fn of_trunk(self) -> (&'static str, &'static str) {
        match self {
            Self::CallerHungUp | Self::Voicemail | Self::Abandoned => ("BYE", "A"),
            Self::CalleeHungUp => ("BYE", "B"),
            Self::Cancelled => ("CANCEL", "A"),
            Self::NoAnswer | Self::Unreachable => ("480", "S"),
            Self::Busy => ("486", "B"),
            Self::Overflow | Self::Merged | Self::Lost => ("BYE", "S"),
        }
    }
}
