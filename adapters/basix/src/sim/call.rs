//! Legs and calls inside the simulated PBX.

use std::collections::VecDeque;

use adapter::truth::TrueCall;

use super::plot::{Plot, Step};

/// A leg. Times are Unix microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    pub(super) uuid: String,
    /// Offered by the PBX.
    pub(super) outbound: bool,
    pub(super) external: bool,
    pub(super) calling_name: Option<String>,
    pub(super) calling_number: String,
    pub(super) called_number: String,
    pub(super) offered: i64,
    pub(super) answered: Option<i64>,
    pub(super) hung_up: Option<i64>,
    /// The leg it talks with, or was made for.
    pub(super) other: Option<u64>,
    /// Index of the user.
    pub(super) user: Option<usize>,
    /// Index of the group that owns it.
    pub(super) group: Option<usize>,
    pub(super) state: Option<(i64, Doing)>,
    pub(super) target: Option<Target>,
    pub(super) origination: Option<String>,
    pub(super) end_user: Option<String>,
    pub(super) tags: Option<&'static str>,
    pub(super) last_bridged: Option<usize>,
    pub(super) event: &'static str,
    pub(super) data: Option<String>,
    /// It waits in a line or slot.
    pub(super) waits: bool,
}

/// What a leg does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Doing {
    CallingUser(usize),
    CallingGroup(usize),
    CallingOut(String),
    Ringing,
    Bridged,
    Voicemail(usize),
    CheckingVoicemail(usize),
    Ivr,
    SystemOperation,
    XmlIvr,
    Conference,
    Park { slot: u32, by: usize },
    Eavesdrop(String),
}

/// Whom an inbound leg is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    User(usize, String),
    Group(usize, String),
}

/// A call and how far it is. Legs by their keys in the world.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) plot: Plot,
    pub(super) steps: VecDeque<Step>,
    /// The leg it began with.
    pub(super) first: u64,
    pub(super) ringing: Vec<u64>,
    /// The leg that the first one talks with.
    pub(super) with: Option<u64>,
    /// Index of the user it is for.
    pub(super) user: Option<usize>,
    /// Index of the group it is for.
    pub(super) group: Option<usize>,
    /// The number outside it is for.
    pub(super) outside: Option<String>,
    /// The call that was made to ask: its two legs, and what is true of it.
    pub(super) consult: Option<Consult>,
    pub(super) listener: Option<u64>,
    pub(super) rang_before: Vec<usize>,
    pub(super) truth: TrueCall,
}

#[derive(Clone, Debug)]
pub(super) struct Consult {
    pub(super) asks: u64,
    pub(super) asked: u64,
    pub(super) truth: TrueCall,
}
