//! How calls end, and what SIP and Q.850 codes mean.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Text, words::words};

words! {
    /// Why a call or leg ended.
    Cause {
        /// Hung up after a conversation.
        Normal = "normal",
        /// The caller gave up before anybody answered.
        Cancelled = "cancelled",
        /// It rang and nobody answered.
        NoAnswer = "no_answer",
        /// The called side was busy.
        Busy = "busy",
        /// The called side declined.
        Rejected = "rejected",
        /// Another member of the group answered.
        AnsweredElsewhere = "answered_elsewhere",
        /// Somebody picked the call up from another phone.
        PickedUp = "picked_up",
        /// The leg left by transfer.
        Transferred = "transferred",
        /// The called side sent the call elsewhere.
        Redirected = "redirected",
        /// The dialled number is no number.
        InvalidNumber = "invalid_number",
        /// The dialled number has changed.
        NumberChanged = "number_changed",
        /// No way to the destination.
        NoRoute = "no_route",
        /// The destination cannot be reached now (not registered, no response).
        Unreachable = "unreachable",
        /// Do not disturb.
        Dnd = "dnd",
        /// Not permitted.
        Barred = "barred",
        /// The called side does not want this caller.
        Unwanted = "unwanted",
        /// No resources.
        Congestion = "congestion",
        /// The network failed.
        NetworkError = "network_error",
        /// Codecs or protocols do not fit.
        Incompatible = "incompatible",
        /// Media failed.
        MediaError = "media_error",
        /// The longest allowed duration was reached.
        MaxDuration = "max_duration",
        /// The queue sent the call away.
        QueueOverflow = "queue_overflow",
        /// The caller gave up waiting in the queue.
        QueueAbandoned = "queue_abandoned",
        /// The caller left the queue for a call back.
        QueueCallback = "queue_callback",
        /// A block list.
        Blocked = "blocked",
        /// Fraud prevention.
        Fraud = "fraud",
        /// An administrator or a command.
        Admin = "admin",
        /// The PBX restarted.
        SystemRestart = "system_restart",
        /// The gateway lost sight of the call.
        SourceLost = "source_lost",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    closed
    /// What came of a call. This list is closed.
    Outcome {
        /// A person answered.
        Answered = "answered",
        /// It rang (or would have) and no person answered.
        Missed = "missed",
        /// The caller gave up waiting in a queue.
        Abandoned = "abandoned",
        /// The caller reached a voicemail box.
        Voicemail = "voicemail",
        /// The called side was busy.
        Busy = "busy",
        /// The called side declined.
        Rejected = "rejected",
        /// It could not be set up.
        Failed = "failed",
        /// It became part of another call.
        Transferred = "transferred",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    closed
    /// Who ended a call or leg. This list is closed.
    EndedBy {
        /// The caller.
        Caller = "caller",
        /// The called side.
        Callee = "callee",
        /// The PBX.
        System = "system",
        /// The network between.
        Network = "network",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// Whether the PBX said so, or the gateway concluded it.
    Basis {
        /// The PBX said so.
        Native = "native",
        /// Concluded by the gateway.
        Inferred = "inferred",
    }
}

/// How a call or leg ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Why.
    pub cause: Cause,
    /// What came of it.
    pub outcome: Outcome,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The SIP status, where one was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<u16>,
    /// The Q.850 cause value, where one was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q850: Option<u8>,
    /// The PBX's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Text>,
    /// Told or concluded.
    pub basis: Basis,
}

impl End {
    /// An end with no codes.
    #[must_use]
    pub fn new(cause: Cause, outcome: Outcome, ended_by: EndedBy, basis: Basis) -> Self {
        Self {
            cause,
            outcome,
            ended_by,
            sip: None,
            q850: None,
            native: None,
            basis,
        }
    }
}

/// One row of the table that SIP statuses, Q.850 values and causes share (RFC 3398, RFC 4497, ITU-T Q.850).
struct Row {
    sip: &'static [u16],
    q850: &'static [u8],
    cause: Cause,
}

const TABLE: &[Row] = &[
    Row {
        sip: &[200],
        q850: &[16, 31],
        cause: Cause::Normal,
    },
    Row {
        sip: &[404, 604],
        q850: &[1],
        cause: Cause::InvalidNumber,
    },
    Row {
        sip: &[484],
        q850: &[28],
        cause: Cause::InvalidNumber,
    },
    Row {
        sip: &[416],
        q850: &[],
        cause: Cause::InvalidNumber,
    },
    Row {
        sip: &[410],
        q850: &[22],
        cause: Cause::NumberChanged,
    },
    Row {
        sip: &[486, 600],
        q850: &[17],
        cause: Cause::Busy,
    },
    Row {
        sip: &[408],
        q850: &[18, 19],
        cause: Cause::NoAnswer,
    },
    Row {
        sip: &[603],
        q850: &[21],
        cause: Cause::Rejected,
    },
    Row {
        sip: &[607, 608],
        q850: &[24],
        cause: Cause::Unwanted,
    },
    Row {
        sip: &[401, 402, 403, 407],
        q850: &[52, 53, 54, 55, 57],
        cause: Cause::Barred,
    },
    Row {
        sip: &[480],
        q850: &[20, 27],
        cause: Cause::Unreachable,
    },
    Row {
        sip: &[300, 301, 302, 305, 380],
        q850: &[23],
        cause: Cause::Redirected,
    },
    Row {
        sip: &[482, 483, 485],
        q850: &[2, 3, 25],
        cause: Cause::NoRoute,
    },
    Row {
        sip: &[503],
        q850: &[34, 42, 44, 47],
        cause: Cause::Congestion,
    },
    Row {
        sip: &[500, 502, 504, 513],
        q850: &[38, 41, 102],
        cause: Cause::NetworkError,
    },
    Row {
        sip: &[406, 415, 420, 421, 488, 501, 505, 580, 606],
        q850: &[58, 63, 65, 69, 70, 79, 88],
        cause: Cause::Incompatible,
    },
    Row {
        sip: &[487],
        q850: &[],
        cause: Cause::Cancelled,
    },
    Row {
        sip: &[433],
        q850: &[],
        cause: Cause::Blocked,
    },
];

impl Cause {
    /// The cause of a SIP final status. 480 depends on whether the leg had been ringing; 487 is a cancelled leg.
    #[must_use]
    pub fn from_sip(status: u16, rang: bool) -> Self {
        if status == 480 && rang {
            return Self::NoAnswer;
        }
        TABLE
            .iter()
            .find(|row| row.sip.contains(&status))
            .map_or(Self::Unknown, |row| row.cause)
    }

    /// The cause of a Q.850 value.
    #[must_use]
    pub fn from_q850(value: u8) -> Self {
        TABLE
            .iter()
            .find(|row| row.q850.contains(&value))
            .map_or(Self::Unknown, |row| row.cause)
    }

    /// The usual SIP status for this cause, where there is one.
    #[must_use]
    pub fn sip(self) -> Option<u16> {
        TABLE
            .iter()
            .find(|row| row.cause == self)
            .and_then(|row| row.sip.first().copied())
    }

    /// The usual Q.850 value for this cause, where there is one.
    #[must_use]
    pub fn q850(self) -> Option<u8> {
        TABLE
            .iter()
            .find(|row| row.cause == self)
            .and_then(|row| row.q850.first().copied())
    }

    /// What comes of a call that ends so before a person answered it.
    #[must_use]
    pub fn unanswered_outcome(self) -> Outcome {
        match self {
            Self::Normal
            | Self::Cancelled
            | Self::NoAnswer
            | Self::AnsweredElsewhere
            | Self::QueueOverflow
            | Self::QueueCallback
            | Self::Dnd => Outcome::Missed,
            Self::QueueAbandoned => Outcome::Abandoned,
            Self::Busy => Outcome::Busy,
            Self::Rejected | Self::Unwanted | Self::Blocked | Self::Fraud | Self::Barred => {
                Outcome::Rejected
            }
            Self::Transferred | Self::PickedUp | Self::Redirected => Outcome::Transferred,
            Self::SourceLost | Self::Unknown | Self::SystemRestart => Outcome::Unknown,
            Self::InvalidNumber
            | Self::NumberChanged
            | Self::NoRoute
            | Self::Unreachable
            | Self::Congestion
            | Self::NetworkError
            | Self::Incompatible
            | Self::MediaError
            | Self::MaxDuration
            | Self::Admin => Outcome::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_one_row() {
        let mut sip: Vec<u16> = TABLE.iter().flat_map(|row| row.sip).copied().collect();
        let mut q850: Vec<u8> = TABLE.iter().flat_map(|row| row.q850).copied().collect();
        let (all_sip, all_q850) = (sip.len(), q850.len());
        sip.sort_unstable();
        sip.dedup();
        q850.sort_unstable();
        q850.dedup();
        assert_eq!((sip.len(), q850.len()), (all_sip, all_q850));
    }

    #[test]
    fn status_480_is_read_with_the_state_of_the_leg() {
        assert_eq!(Cause::from_sip(480, false), Cause::Unreachable);
        assert_eq!(Cause::from_sip(480, true), Cause::NoAnswer);
        assert_eq!(
            Cause::from_sip(480, false).unanswered_outcome(),
            Outcome::Failed
        );
        assert_eq!(
            Cause::from_sip(480, true).unanswered_outcome(),
            Outcome::Missed
        );
        assert_eq!(Cause::from_sip(486, true), Cause::Busy);
        assert_eq!(Cause::from_sip(699, true), Cause::Unknown);
    }
}
