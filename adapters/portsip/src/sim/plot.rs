//! The stories that calls follow, as lists of steps.

use std::{collections::VecDeque, ops::Range};

use model::Direction;
use serde::{Deserialize, Serialize};

use super::truth::Ending;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plot {
    /// From outside, answered.
    Answered,
    /// From outside; the caller gives up while it rings.
    Missed,
    /// From outside; rings out.
    NoAnswer,
    /// From outside; busy.
    Busy,
    /// From outside, to a phone that is not registered.
    Unreachable,
    /// From outside, to somebody who wants no calls.
    Dnd,
    /// From outside; rings out, then a message is left.
    Voicemail,
    /// From outside over the IVR to a queue, where an agent answers.
    Queue,
    /// From outside to a queue; the caller gives up.
    Abandoned,
    /// From outside to a queue; waits too long and is sent to voicemail.
    Overflow,
    /// Between extensions, answered.
    Internal,
    /// Between extensions; rings out.
    InternalMissed,
    /// To outside, answered.
    Outbound,
    /// To outside; busy.
    OutboundBusy,
    /// Between extensions, to a number that nobody has.
    WrongNumber,
    /// Answered, then sent on to another extension without asking.
    BlindTransfer,
    /// Answered, then sent on after asking.
    AttendedTransfer,
    /// Answered, put on hold, and taken back.
    Held,
    /// Rings one phone and is picked up from another.
    Pickup,
    /// Over the IVR to a queue, where an agent answers and sends it on to somebody else without asking.
    QueueTransfer,
}

/// What a call does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Nothing for a while: seconds.
    Wait(Range<f64>),
    /// The call begins.
    Start,
    /// A service answers: IVR or voicemail.
    Reach(&'static str),
    /// The call enters its queue.
    Enqueue,
    /// The queue offers the call to its agents, or looks again later, this many times.
    Distribute(u32),
    /// The phones of the callee ring.
    Ring,
    /// One of the ringing phones answers.
    Answer,
    /// The ringing phones stop: nobody answered.
    RingOut,
    /// The callee cannot be rung: a SIP status.
    Fail(u16),
    /// The caller leaves the queue for voicemail.
    Overflow,
    /// The talking callee puts the call on hold, or takes it back.
    Hold(bool),
    /// Somebody else takes the call from their own phone.
    PickUp,
    /// The talking callee sends the call on to another extension.
    Refer,
    /// The talking callee calls another extension to ask.
    Consult,
    /// The consulted extension takes the call over.
    Complete,
    /// The end.
    End(Ending),
    /// The end after a conversation: either side hangs up.
    HangUp,
}

impl Plot {
    /// Every plot with how often it comes up by itself.
    pub(super) const MIX: [(Self, u32); 20] = [
        (Self::Answered, 18),
        (Self::Missed, 6),
        (Self::NoAnswer, 4),
        (Self::Busy, 3),
        (Self::Unreachable, 2),
        (Self::Dnd, 2),
        (Self::Voicemail, 5),
        (Self::Queue, 24),
        (Self::Abandoned, 5),
        (Self::Overflow, 2),
        (Self::Internal, 10),
        (Self::InternalMissed, 3),
        (Self::Outbound, 12),
        (Self::OutboundBusy, 2),
        (Self::WrongNumber, 1),
        (Self::BlindTransfer, 5),
        (Self::AttendedTransfer, 4),
        (Self::Held, 3),
        (Self::Pickup, 2),
        (Self::QueueTransfer, 4),
    ];

    pub(super) fn direction(self) -> &'static str {
        match self {
            Self::Internal | Self::InternalMissed | Self::WrongNumber => "internal",
            Self::Outbound | Self::OutboundBusy => "outbound",
            _ => "inbound",
        }
    }

    pub(super) fn is_queued(self) -> bool {
        matches!(
            self,
            Self::Queue | Self::Abandoned | Self::Overflow | Self::QueueTransfer
        )
    }

    /// The direction in the model's words.
    pub(super) fn truly(self) -> Direction {
        match self.direction() {
            "internal" => Direction::Internal,
            "outbound" => Direction::Outbound,
            _ => Direction::Inbound,
        }
    }

    /// Its name, as in scenario files.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Missed => "missed",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Dnd => "dnd",
            Self::Voicemail => "voicemail",
            Self::Queue => "queue",
            Self::Abandoned => "abandoned",
            Self::Overflow => "overflow",
            Self::Internal => "internal",
            Self::InternalMissed => "internal_missed",
            Self::Outbound => "outbound",
            Self::OutboundBusy => "outbound_busy",
            Self::WrongNumber => "wrong_number",
            Self::BlindTransfer => "blind_transfer",
            Self::AttendedTransfer => "attended_transfer",
            Self::Held => "held",
            Self::Pickup => "pickup",
            Self::QueueTransfer => "queue_transfer",
        }
    }

    pub(super) fn steps(self) -> VecDeque<Step> {
        use Step::{
            Answer, Complete, Consult, Distribute, End, Enqueue, Fail, HangUp, Hold, Overflow,
            PickUp, Reach, Refer, Ring, RingOut, Start, Wait,
        };
        const IVR: &str = super::Profile::IVR;
        const VOICEMAIL: &str = super::Profile::VOICEMAIL;
        let talk = || Wait(6.0..45.0);
        let ringing = || Wait(1.5..9.0);
        let steps = match self {
            Self::Answered | Self::Internal | Self::Outbound => {
                vec![Start, Ring, ringing(), Answer, talk(), HangUp]
            }
            Self::Missed => vec![Start, Ring, Wait(4.0..15.0), End(Ending::Cancelled)],
            Self::NoAnswer | Self::InternalMissed => {
                vec![
                    Start,
                    Ring,
                    Wait(20.0..25.0),
                    RingOut,
                    End(Ending::NoAnswer),
                ]
            }
            Self::Busy | Self::OutboundBusy => {
                vec![Start, Wait(0.1..1.5), Fail(486), End(Ending::Busy)]
            }
            Self::Unreachable => vec![Start, Wait(0.1..0.5), Fail(480), End(Ending::Unreachable)],
            Self::Dnd => vec![Start, Wait(0.1..0.5), Fail(480), End(Ending::Dnd)],
            Self::Voicemail => vec![
                Start,
                Ring,
                Wait(15.0..20.0),
                RingOut,
                Reach(VOICEMAIL),
                Wait(4.0..20.0),
                End(Ending::Voicemail),
            ],
            Self::Queue => vec![
                Start,
                Reach(IVR),
                Wait(3.0..8.0),
                Enqueue,
                Wait(0.5..2.0),
                Distribute(20),
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
            Self::Abandoned => vec![
                Start,
                Reach(IVR),
                Wait(3.0..8.0),
                Enqueue,
                Wait(8.0..30.0),
                End(Ending::Abandoned),
            ],
            Self::Overflow => vec![
                Start,
                Enqueue,
                Wait(25.0..30.0),
                Overflow,
                Reach(VOICEMAIL),
                Wait(4.0..15.0),
                End(Ending::Voicemail),
            ],
            Self::WrongNumber => vec![Start, Wait(0.1..0.3), Fail(404), End(Ending::NoSuchNumber)],
            Self::BlindTransfer => vec![
                Start,
                Ring,
                ringing(),
                Answer,
                talk(),
                Refer,
                Ring,
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
            Self::AttendedTransfer => vec![
                Start,
                Ring,
                ringing(),
                Answer,
                talk(),
                Hold(true),
                Consult,
                Wait(12.0..20.0),
                Complete,
                talk(),
                HangUp,
            ],
            Self::Held => vec![
                Start,
                Ring,
                ringing(),
                Answer,
                talk(),
                Hold(true),
                Wait(3.0..20.0),
                Hold(false),
                talk(),
                HangUp,
            ],
            Self::Pickup => vec![Start, Ring, ringing(), PickUp, talk(), HangUp],
            Self::QueueTransfer => vec![
                Start,
                Reach(IVR),
                Wait(3.0..8.0),
                Enqueue,
                Wait(0.5..2.0),
                Distribute(20),
                ringing(),
                Answer,
                talk(),
                Refer,
                Ring,
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
        };
        steps.into()
    }
}
