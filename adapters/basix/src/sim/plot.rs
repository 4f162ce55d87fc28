//! The stories that calls follow, as lists of steps.

use std::{collections::VecDeque, ops::Range};

use serde::{Deserialize, Serialize};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plot {
    /// From outside to a user with two phones, answered on one.
    Answered,
    /// From outside; the caller gives up while it rings.
    Missed,
    /// From outside; rings out.
    NoAnswer,
    /// From outside; busy.
    Busy,
    /// From outside; declined.
    Rejected,
    /// From outside, to a user without a phone.
    Unreachable,
    /// From outside; rings out, then a message is left.
    Voicemail,
    /// From outside over a menu to a queue, where a member answers.
    Queue,
    /// From outside to a queue; the caller gives up.
    Abandoned,
    /// From outside to a queue; waits too long and is sent to voicemail.
    Overflow,
    /// From outside to a group whose members ring one after another.
    Hunt,
    /// From outside through menu, operation and program to a user.
    Menu,
    /// Between users, answered.
    Internal,
    /// Between users; rings out.
    InternalMissed,
    /// To outside, answered.
    Outbound,
    /// To outside; busy.
    OutboundBusy,
    /// Begun by a program: first the user's phone, then outside.
    ClickToCall,
    /// Into a conference room.
    Conference,
    /// A user listens to the messages in his box.
    CheckVoicemail,
    /// Answered, parked, and taken out by another user.
    ParkRetrieve,
    /// Picked up from another phone while it rings.
    Pickup,
    /// A web phone rings and answers.
    WebPhone,
    /// Answered, then sent on to another user without asking.
    BlindTransfer,
    /// Answered, then sent on after asking.
    AttendedTransfer,
    /// Answered in a queue, then sent on without asking.
    QueueTransfer,
    /// Answered, and somebody listens.
    Monitored,
}

/// What a call does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Nothing for a while: seconds.
    Wait(Range<f64>),
    /// The first leg.
    Start,
    /// The PBX knows whom it is for.
    Aim,
    /// The phones of the aim ring.
    Ring,
    /// Whoever may take the group's calls rings, or it is tried again later, this many times.
    Distribute(u32),
    /// One of the ringing phones answers.
    Answer,
    /// The ringing phones stop: nobody answered.
    RingOut,
    /// The ringing phone says no, for this cause.
    Refuse(&'static str),
    /// The PBX turns the caller away, for this cause.
    Fail(&'static str),
    /// With a service.
    Enter(Service),
    /// Into the line of the group.
    Enqueue,
    /// The caller gives up.
    GiveUp,
    /// Either side hangs up after talking, or the caller after listening.
    HangUp,
    /// Into a park slot.
    Park,
    /// Somebody takes it out.
    Retrieve,
    /// Somebody else's phone picks it up.
    PickUp,
    /// The user's own other phone, which has shown that it rings, picks it up.
    PickUpSelf,
    /// The called user sends it on.
    Refer,
    /// The called user asks somebody.
    Consult,
    /// … who takes it over.
    Complete,
    /// A supervisor begins or ends to listen.
    Listen(bool),
}

/// Services that a caller may be with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Voicemail,
    CheckingVoicemail,
    Ivr,
    SystemOperation,
    XmlIvr,
    Conference,
}

/// Where a call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Outside,
    User,
    /// The PBX calls the user first.
    Program,
}

impl Plot {
    /// Every plot with how often it comes up by itself.
    pub(super) const MIX: [(Self, u32); 26] = [
        (Self::Answered, 16),
        (Self::Missed, 6),
        (Self::NoAnswer, 3),
        (Self::Busy, 3),
        (Self::Rejected, 2),
        (Self::Unreachable, 2),
        (Self::Voicemail, 5),
        (Self::Queue, 22),
        (Self::Abandoned, 5),
        (Self::Overflow, 2),
        (Self::Hunt, 4),
        (Self::Menu, 3),
        (Self::Internal, 10),
        (Self::InternalMissed, 3),
        (Self::Outbound, 10),
        (Self::OutboundBusy, 2),
        (Self::ClickToCall, 5),
        (Self::Conference, 2),
        (Self::CheckVoicemail, 2),
        (Self::ParkRetrieve, 4),
        (Self::Pickup, 3),
        (Self::WebPhone, 4),
        (Self::BlindTransfer, 4),
        (Self::AttendedTransfer, 4),
        (Self::QueueTransfer, 3),
        (Self::Monitored, 2),
    ];

    pub(super) fn from(self) -> From {
        match self {
            Self::Internal
            | Self::InternalMissed
            | Self::Outbound
            | Self::OutboundBusy
            | Self::Conference
            | Self::CheckVoicemail => From::User,
            Self::ClickToCall => From::Program,
            _ => From::Outside,
        }
    }

    /// It is for somebody outside.
    pub(super) fn is_outbound(self) -> bool {
        matches!(
            self,
            Self::Outbound | Self::OutboundBusy | Self::ClickToCall
        )
    }

    /// The number of the service it is for.
    pub(super) fn service(self) -> Option<&'static str> {
        match self {
            Self::Conference => Some("3001"),
            Self::CheckVoicemail => Some("8000"),
            _ => None,
        }
    }

    /// It is for a group.
    pub(super) fn is_grouped(self) -> bool {
        matches!(
            self,
            Self::Queue | Self::Abandoned | Self::Overflow | Self::Hunt | Self::QueueTransfer
        )
    }

    /// Its name, as in a scenario.
    pub(super) fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    pub(super) fn steps(self) -> VecDeque<Step> {
        use Service::{CheckingVoicemail, Conference, Ivr, SystemOperation, Voicemail, XmlIvr};
        use Step::{
            Aim, Answer, Complete, Consult, Distribute, Enqueue, Enter, Fail, GiveUp, HangUp,
            Listen, Park, PickUp, PickUpSelf, Refer, Refuse, Retrieve, Ring, RingOut, Start, Wait,
        };
        let soon = || Wait(0.05..0.3);
        let talk = || Wait(6.0..45.0);
        let ringing = || Wait(1.5..9.0);
        let mut steps = vec![Start, soon()];
        steps.extend(match self {
            Self::Answered | Self::Internal | Self::Outbound | Self::ClickToCall => {
                vec![Aim, soon(), Ring, ringing(), Answer, talk(), HangUp]
            }
            Self::Missed => vec![Aim, soon(), Ring, Wait(4.0..15.0), GiveUp],
            Self::NoAnswer | Self::InternalMissed => {
                vec![
                    Aim,
                    soon(),
                    Ring,
                    Wait(20.0..25.0),
                    RingOut,
                    Fail("NO_ANSWER"),
                ]
            }
            Self::Busy | Self::OutboundBusy => {
                vec![
                    Aim,
                    soon(),
                    Ring,
                    Wait(0.2..1.5),
                    Refuse("USER_BUSY"),
                    Fail("USER_BUSY"),
                ]
            }
            Self::Rejected => {
                vec![
                    Aim,
                    soon(),
                    Ring,
                    Wait(1.0..4.0),
                    Refuse("CALL_REJECTED"),
                    Fail("CALL_REJECTED"),
                ]
            }
            Self::Unreachable => vec![Aim, soon(), Fail("SUBSCRIBER_ABSENT")],
            Self::Voicemail => vec![
                Aim,
                soon(),
                Ring,
                Wait(15.0..20.0),
                RingOut,
                Enter(Voicemail),
                Wait(4.0..20.0),
                HangUp,
            ],
            Self::Queue => vec![
                Enter(Ivr),
                Wait(3.0..8.0),
                Enqueue,
                Wait(0.5..2.0),
                Distribute(20),
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
            Self::Abandoned => vec![Enter(Ivr), Wait(3.0..8.0), Enqueue, Wait(8.0..30.0), GiveUp],
            Self::Overflow => vec![
                Enqueue,
                Wait(25.0..30.0),
                Enter(Voicemail),
                Wait(4.0..15.0),
                HangUp,
            ],
            Self::Hunt => vec![
                Aim,
                soon(),
                Distribute(20),
                Wait(5.0..8.0),
                RingOut,
                soon(),
                Distribute(20),
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
            Self::Menu => vec![
                Enter(Ivr),
                Wait(2.0..5.0),
                Enter(SystemOperation),
                Wait(0.5..1.0),
                Enter(XmlIvr),
                Wait(1.0..3.0),
                Aim,
                soon(),
                Ring,
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
            Self::Conference => vec![Enter(Conference), talk(), HangUp],
            Self::CheckVoicemail => vec![Enter(CheckingVoicemail), talk(), HangUp],
            Self::ParkRetrieve => vec![
                Aim,
                soon(),
                Ring,
                ringing(),
                Answer,
                talk(),
                Park,
                Wait(3.0..20.0),
                Retrieve,
                talk(),
                HangUp,
            ],
            Self::Pickup => vec![Aim, soon(), Ring, ringing(), PickUp, talk(), HangUp],
            Self::WebPhone => vec![Aim, soon(), Ring, ringing(), PickUpSelf, talk(), HangUp],
            Self::BlindTransfer => vec![
                Aim,
                soon(),
                Ring,
                ringing(),
                Answer,
                talk(),
                Refer,
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
            Self::AttendedTransfer => vec![
                Aim,
                soon(),
                Ring,
                ringing(),
                Answer,
                talk(),
                Consult,
                Wait(5.0..20.0),
                Complete,
                talk(),
                HangUp,
            ],
            Self::QueueTransfer => vec![
                Enqueue,
                Wait(0.5..2.0),
                Distribute(20),
                ringing(),
                Answer,
                talk(),
                Refer,
                ringing(),
                Answer,
                talk(),
                HangUp,
            ],
            Self::Monitored => vec![
                Aim,
                soon(),
                Ring,
                ringing(),
                Answer,
                Wait(2.0..5.0),
                Listen(true),
                talk(),
                Listen(false),
                Wait(1.0..5.0),
                HangUp,
            ],
        });
        steps.into()
    }
}
