//! What is remembered of a leg and of a call.

use model::{
    Direction, End, LegRole, LegState, Native, Party, Route, Text, Timestamp, observation::LegPatch,
};

/// A leg: a channel of the PBX.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) uuid: Text,
    /// The call that it is part of.
    pub(super) call: Text,
    /// Its key there: its uuid, and after moves `~2`, `~3` ….
    pub(super) key: Text,
    pub(super) role: LegRole,
    /// Offered by the PBX, not to it.
    pub(super) outbound: bool,
    pub(super) user: Option<Text>,
    pub(super) group: Option<Text>,
    pub(super) offered: Option<Timestamp>,
    pub(super) state: LegState,
    /// What has been told of it.
    pub(super) told: LegPatch,
    /// The leg it talks with now.
    pub(super) peer: Option<Text>,
    /// The leg it talked with last, unless it was parked or with a service since.
    pub(super) talked: Option<Text>,
    /// It has talked with another leg.
    pub(super) conversed: bool,
    /// Whoever it talked with was given somebody else to talk with.
    pub(super) handed_on: bool,
    /// It was dialled to pick up a call, and has not been told to have.
    pub(super) picks_up: bool,
    pub(super) rang: bool,
    pub(super) answered: bool,
    /// The service it is with.
    pub(super) place: Option<Place>,
    /// Whom it was calling last.
    pub(super) towards: Option<Route>,
    /// How it is seen.
    pub(super) sight: Sight,
    pub(super) end: Option<End>,
}

/// How a leg is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// By a channel told on this connection.
    Live,
    /// Only as somebody who waits in a queue or park slot.
    Waiting,
    /// Not on this connection: it may have ended unheard.
    Before,
}

/// A service that a leg is with, told as a leg of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) key: Text,
    pub(super) route: Route,
    /// The conference, for a participant.
    pub(super) conference: Option<Text>,
}

/// A call: legs that had to do with each other.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) key: Text,
    /// The leg that it began with, seen or not.
    pub(super) root: Text,
    /// Every leg, in order of appearance.
    pub(super) legs: Vec<Text>,
    /// Legs that were named and not seen.
    pub(super) phantoms: Vec<Text>,
    pub(super) started: Option<Timestamp>,
    pub(super) direction: Direction,
    pub(super) caller: Party,
    pub(super) callee: Party,
    pub(super) native: Native,
    /// The public number that was dialled has been told.
    pub(super) has_did: bool,
    /// A person on the called side has answered.
    pub(super) answered: bool,
    pub(super) parked: Option<Parked>,
    /// The transfer to where it is going now has been told.
    pub(super) announced: bool,
    /// A leg went on in another call.
    pub(super) lost_a_leg: bool,
    /// It left a message.
    pub(super) voicemail: bool,
    /// It is, or was last, with a service that is what the caller wanted: hanging up there is no giving up.
    pub(super) served: bool,
    /// Its caller gave up: what was going on then decides how it ended.
    pub(super) given_up: Option<End>,
    /// Services told so far, for their keys.
    pub(super) places: u32,
    /// Where its caller waits in line.
    pub(super) waits: Option<Waits>,
}

/// A leg in a park slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    pub(super) leg: Text,
    pub(super) slot: Option<Text>,
    pub(super) parker: Option<Text>,
}

/// A caller in line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    pub(super) leg: Text,
    pub(super) group: Text,
    /// It has left the line, and why will be known by what follows.
    pub(super) left: bool,
}

impl Leg {
    pub(super) fn new(uuid: Text, call: Text, role: LegRole) -> Self {
        Self {
            key: uuid.clone(),
            uuid,
            call,
            role,
            outbound: false,
            user: None,
            group: None,
            offered: None,
            state: LegState::Initiated,
            told: LegPatch::default(),
            peer: None,
            talked: None,
            conversed: false,
            handed_on: false,
            picks_up: false,
            rang: false,
            answered: false,
            place: None,
            towards: None,
            sight: Sight::Live,
            end: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state != LegState::Ended
    }

    /// Who is there, as told.
    pub(super) fn party(&self) -> Party {
        self.told.party.clone().unwrap_or_default()
    }

    /// It is in the call no longer under its old key: the next one.
    pub(super) fn next_key(&self) -> Text {
        let (base, n) = match self.key.rsplit_once('~') {
            Some((base, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
                (base, n.parse().unwrap_or(1))
            }
            _ => (&*self.key, 1_u32),
        };
        format!("{base}~{}", n.saturating_add(1)).into()
    }
}

impl Call {
    pub(super) fn new(key: Text) -> Self {
        Self {
            root: key.clone(),
            key,
            legs: Vec::new(),
            phantoms: Vec::new(),
            started: None,
            direction: Direction::Unknown,
            caller: Party::default(),
            callee: Party::default(),
            native: Native::new(),
            has_did: false,
            answered: false,
            parked: None,
            announced: false,
            lost_a_leg: false,
            voicemail: false,
            served: false,
            given_up: None,
            places: 0,
            waits: None,
        }
    }
}
