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
    /// From outside; rings out, then a message is left.
    Voicemail,
    /// From outside to a queue, where a member answers.
    Queue,
    /// From outside to a queue; the caller gives up.
    Abandoned,
    /// From outside to a queue; waits too long and is sent away.
    Overflow,
    /// Between extensions, answered.
    Internal,
    /// Between extensions; rings out.
    InternalMissed,
    /// To outside, answered.
    Outbound,
    /// To outside; busy.
    OutboundBusy,
    /// To outside, begun by a click: the own phone rings first.
    ClickToCall,
    /// From outside to an extension that sends its calls to a mobile.
    Forwarded,
    /// From outside into a conference.
    Conference,
    /// Answered, then sent on to another extension without asking.
    BlindTransfer,
    /// Answered, then sent on after asking.
    AttendedTransfer,
    /// Answered, put on hold, and taken back.
    Held,
    /// Rings one phone and is picked up from another.
    Pickup,
    /// To a queue, where a member answers and sends it on without asking.
    QueueTransfer,
}

/// What a call does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Nothing for a while: seconds.
    Wait(Range<f64>),
    /// The call begins.
    Start,
    /// The PBX rings whoever clicked.
    RingOwn,
    /// Whoever clicked picks up.
    PickUpOwn,
    /// The PBX answers the caller itself: to play music, or to take a message.
    Music,
    /// The call enters its queue.
    Enqueue,
    /// The queue offers the call to its members, or looks again later, this many times.
    Distribute(u32),
    /// The phone of the callee rings.
    Ring,
    /// One of the ringing phones answers.
    Answer,
    /// The ringing phones stop: nobody answered.
    RingOut,
    /// The callee cannot be rung.
    Fail,
    /// The caller has waited too long in the queue.
    TimeOut,
    /// The caller leaves a message.
    LeaveMessage,
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
    /// The caller enters a conference.
    EnterConference,
    /// The caller mutes himself there.
    Mute,
    /// The conversation is recorded, or no longer.
    Record(bool),
    /// The end.
    End(Ending),
    /// The end after a conversation: either side hangs up.
    HangUp,
}

impl Plot {
    /// Every plot with how often it comes up by itself.
    pub(super) const MIX: [(Self, u32); 21] = [
        (Self::Answered, 20),
        (Self::Missed, 6),
        (Self::NoAnswer, 4),
        (Self::Busy, 3),
        (Self::Unreachable, 2),
        (Self::Voicemail, 4),
        (Self::Queue, 24),
        (Self::Abandoned, 5),
        (Self::Overflow, 2),
        (Self::Internal, 10),
        (Self::InternalMissed, 3),
        (Self::Outbound, 12),
        (Self::OutboundBusy, 2),
        (Self::ClickToCall, 3),
        (Self::Forwarded, 2),
        (Self::Conference, 0),
        (Self::BlindTransfer, 4),
        (Self::AttendedTransfer, 4),
        (Self::Held, 4),
        (Self::Pickup, 2),
        (Self::QueueTransfer, 3),
    ];

    /// The direction in the model's words.
    pub(super) fn direction(self) -> Direction {
        match self {
            Self::Internal | Self::InternalMissed => Direction::Internal,
            Self::Outbound | Self::OutboundBusy | Self::ClickToCall => Direction::Outbound,
            _ => Direction::Inbound,
        }
    }

    pub(super) fn is_queued(self) -> bool {
        matches!(
            self,
            Self::Queue | Self::Abandoned | Self::Overflow | Self::QueueTransfer
        )
    }

    /// Its name, as in scenario files.
    pub(super) fn word(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    pub(super) fn steps(self) -> VecDeque<Step> {
        use Step::{
            Answer, Complete, Consult, Distribute, End, Enqueue, EnterConference, Fail, HangUp,
            Hold, LeaveMessage, Music, Mute, PickUp, PickUpOwn, Record, Refer, Ring, RingOut,
            RingOwn, Start, TimeOut, Wait,
        };
        let talk = || Wait(6.0..45.0);
        let ringing = || Wait(1.5..9.0);
        let queue = || {
            vec![
                Start,
                Music,
                Wait(0.2..1.0),
                Enqueue,
                Wait(0.5..2.0),
                Distribute(20),
                ringing(),
                Answer,
            ]
        };
        let answered = || vec![Start, Ring, ringing(), Answer];
        let mut steps = match self {
            Self::Queue | Self::QueueTransfer => queue(),
            _ => answered(),
        };
        let rest = match self {
            Self::Answered => vec![Record(true), talk(), Record(false), HangUp],
            Self::Internal | Self::Outbound | Self::Queue => vec![talk(), HangUp],
            Self::Forwarded => vec![talk(), HangUp],
            Self::Held => vec![
                talk(),
                Hold(true),
                Wait(3.0..20.0),
                Hold(false),
                talk(),
                HangUp,
            ],
            Self::BlindTransfer | Self::QueueTransfer => {
                vec![talk(), Refer, Ring, ringing(), Answer, talk(), HangUp]
            }
            Self::AttendedTransfer => vec![
                talk(),
                Hold(true),
                Consult,
                Wait(12.0..20.0),
                Complete,
                talk(),
                HangUp,
            ],
            _ => {
                steps = match self {
                    Self::Missed => vec![Start, Ring, Wait(4.0..15.0), End(Ending::Cancelled)],
                    Self::Voicemail => vec![
                        Start,
                        Ring,
                        Wait(15.0..20.0),
                        RingOut,
                        Music,
                        Wait(4.0..20.0),
                        LeaveMessage,
                        End(Ending::Voicemail),
                    ],
                    Self::Busy | Self::OutboundBusy => {
                        vec![Start, Wait(0.1..1.5), Fail, End(Ending::Busy)]
                    }
                    Self::Unreachable => {
                        vec![Start, Wait(0.1..0.5), Fail, End(Ending::Unreachable)]
                    }
                    Self::Abandoned => vec![
                        Start,
                        Music,
                        Wait(0.2..1.0),
                        Enqueue,
                        Wait(8.0..30.0),
                        End(Ending::Abandoned),
                    ],
                    Self::Overflow => vec![
                        Start,
                        Music,
                        Wait(0.2..1.0),
                        Enqueue,
                        Wait(25.0..30.0),
                        TimeOut,
                        End(Ending::Overflow),
                    ],
                    Self::ClickToCall => vec![
                        RingOwn,
                        Wait(1.0..4.0),
                        PickUpOwn,
                        Ring,
                        ringing(),
                        Answer,
                        talk(),
                        HangUp,
                    ],
                    Self::Conference => vec![
                        Start,
                        Music,
                        EnterConference,
                        Wait(5.0..20.0),
                        Mute,
                        Wait(5.0..20.0),
                        End(Ending::CallerHungUp),
                    ],
                    Self::Pickup => vec![Start, Ring, ringing(), PickUp, talk(), HangUp],
                    _ => vec![
                        Start,
                        Ring,
                        Wait(20.0..25.0),
                        RingOut,
                        End(Ending::NoAnswer),
                    ],
                };
                Vec::new()
            }
        };
        steps.extend(rest);
        steps.into()
    }
}
