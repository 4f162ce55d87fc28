//! A session: what the map remembers of one call and its legs.

use std::{collections::VecDeque, time::Duration};

use model::{Direction, End, LegState, Text, Timestamp, observation::CallPatch};

/// Legs remembered of a session; beyond it the oldest ended one is forgotten.
const MAX_LEGS: usize = 128;
/// Handovers of a session that are told once.
const MAX_HANDOVERS: usize = 16;
/// Messages of a session that are recognised when they are repeated.
const MAX_SEEN: usize = 64;

/// What is remembered of a call.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) key: Text,
    pub(super) tenant: Option<Text>,
    /// Its own first message has been seen on this connection.
    pub(super) opened: bool,
    /// What has been told of the call.
    pub(super) patch: CallPatch,
    /// User part of who called.
    pub(super) called_by: Option<Text>,
    /// User part of who is on the caller's side now.
    pub(super) caller: Option<Text>,
    pub(super) caller_state: Option<LegState>,
    /// User part of the callee as dialled.
    pub(super) callee: Option<Text>,
    /// User part of where the PBX said last that the call was sent.
    pub(super) latest: Option<Text>,
    /// The number and name that the PBX gave last for where the call goes.
    pub(super) sent_to: Option<(Text, Text)>,
    /// From whom to whom it was handed on.
    handovers: Vec<(Text, Text)>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) legs: Vec<Track>,
    /// A person on the called side has answered.
    pub(super) answered: bool,
    pub(super) ended: bool,
    /// Nothing has been heard of it on this connection: it may have ended unheard.
    pub(super) stale: bool,
    pub(super) grace: Option<Duration>,
    pub(super) forget: Duration,
    /// Goes on from before this connection.
    pub(super) gapped: bool,
    /// Extensions that may or may not have rung for this call: what they do next says nothing about it.
    pub(super) doubtful: Vec<Text>,
    pub(super) seen: VecDeque<u64>,
    pub(super) indexed: Vec<Text>,
}

/// What is remembered of a leg.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Track {
    pub(super) key: Text,
    /// `device` or, without one, the number; several legs to the same are told apart by `ordinal`.
    base: Text,
    ordinal: u32,
    pub(super) user: Text,
    pub(super) device: Option<Text>,
    /// A queue or other service.
    pub(super) service: Option<Service>,
    pub(super) state: LegState,
    pub(super) started_at: Option<Timestamp>,
    pub(super) rang: bool,
    pub(super) answered: bool,
    /// The call was sent elsewhere after this leg had answered it.
    pub(super) handed_on: bool,
    /// When and how it ended.
    pub(super) end: Option<(Option<Timestamp>, End)>,
    /// Told by the PBX, as opposed to concluded from the state of an extension.
    pub(super) native: bool,
    /// Known from before this connection: what became of it meanwhile may be unheard.
    pub(super) stale: bool,
}

/// The kinds of service that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Queue,
    Other,
}

/// A number or device that a message speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Aim {
    pub(super) user: Text,
    pub(super) device: Option<Text>,
}

impl Session {
    pub(super) fn new(key: &str, tenant: Option<Text>) -> Box<Self> {
        Box::new(Self {
            key: key.into(),
            tenant,
            opened: false,
            patch: CallPatch::default(),
            called_by: None,
            caller: None,
            caller_state: None,
            callee: None,
            latest: None,
            sent_to: None,
            handovers: Vec::new(),
            started_at: None,
            legs: Vec::new(),
            answered: false,
            ended: false,
            stale: false,
            grace: None,
            forget: Duration::ZERO,
            gapped: false,
            doubtful: Vec::new(),
            seen: VecDeque::new(),
            indexed: Vec::new(),
        })
    }

    /// The key of the leg that the call comes from.
    pub(super) fn caller_leg(&self) -> Text {
        format!("{}/caller", self.key).into()
    }

    /// Whether the caller asked not to be shown.
    pub(super) fn is_private(&self) -> bool {
        self.patch
            .caller
            .as_ref()
            .is_some_and(|party| party.private)
    }

    pub(super) fn direction(&self) -> Direction {
        self.patch.direction.unwrap_or(Direction::Unknown)
    }

    /// The numbers the call is about: caller, callee, and the last target.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &Text> {
        let named = [&self.caller, &self.callee, &self.latest];
        let last = self.legs.last().map(|leg| &leg.user);
        named.into_iter().flatten().chain(last)
    }

    /// True while nobody has answered: a service that has the call may ring others for it without a word.
    pub(super) fn may_roam(&self) -> bool {
        !self.ended && !self.answered && !self.stale
    }

    /// The service that has picked up.
    pub(super) fn service(&self) -> Option<Service> {
        let open = self.legs.iter().rev().filter(|leg| leg.is_open());
        open.filter_map(|leg| leg.service).next()
    }

    /// Whether the state of an extension says nothing about this call: it may have rung for it unheard, or for another.
    pub(super) fn doubts(&self, number: &Text) -> bool {
        self.gapped || self.doubtful.contains(number)
    }

    /// An extension rang, and it cannot be told whether for this call.
    pub(super) fn doubt(&mut self, number: &Text) {
        if self.doubtful.len() < MAX_LEGS && !self.doubtful.contains(number) {
            self.doubtful.push(number.clone());
        }
    }

    /// Nothing that was told is told again.
    pub(super) fn forget_repeats(&mut self) {
        self.seen.clear();
        self.handovers.clear();
        self.sent_to = None;
    }

    /// True the first time for each mark.
    pub(super) fn first_time(&mut self, mark: u64) -> bool {
        if self.seen.contains(&mark) {
            return false;
        }
        if self.seen.len() >= MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(mark);
        true
    }

    /// The open leg that a message speaks of: the one to that device, else the only one to that number of which no
    /// device is known. When the message knows no device either, the only one to that number, or to have answered there.
    pub(super) fn find(&self, aim: &Aim) -> Option<usize> {
        let only = |fits: &dyn Fn(&Track) -> bool| {
            let legs = self.legs.iter().enumerate();
            let mut legs = legs.filter(|(_, leg)| leg.is_open() && fits(leg));
            match (legs.next(), legs.next()) {
                (Some((at, _)), None) => Some(at),
                _ => None,
            }
        };
        let there = |leg: &Track| leg.user == aim.user;
        let bare = |leg: &Track| there(leg) && leg.device.is_none();
        match &aim.device {
            Some(device) => {
                only(&|leg| leg.device.as_ref() == Some(device)).or_else(|| only(&bare))
            }
            None => only(&there)
                .or_else(|| only(&bare))
                .or_else(|| only(&|leg| there(leg) && leg.answered)),
        }
    }

    /// True the first time that a call goes from one to the other.
    pub(super) fn is_first_handover(&mut self, from: &Text, to: &Text) -> bool {
        let told = |(a, b): &(Text, Text)| a == from && b == to;
        if self.handovers.iter().any(told) {
            return false;
        }
        if self.handovers.len() >= MAX_HANDOVERS {
            self.handovers.remove(0);
        }
        self.handovers.push((from.clone(), to.clone()));
        true
    }

    /// The leg at which somebody talked or talks; the last one.
    pub(super) fn talked(&self, number: &Text) -> Option<usize> {
        let at = |leg: &Track| leg.answered && leg.service.is_none() && leg.user == *number;
        self.legs.iter().rposition(at)
    }

    /// The leg of whoever talked last, other than at a number: of those who still talk, when there are any. Not one
    /// that has handed the call on already.
    pub(super) fn talked_last(&self, but: &Text) -> Option<usize> {
        let talked = |leg: &Track| {
            leg.answered && leg.service.is_none() && !leg.handed_on && leg.user != *but
        };
        let talks = |leg: &Track| leg.is_open() && talked(leg);
        let last = self.legs.iter().rposition(talks);
        last.or_else(|| self.legs.iter().rposition(talked))
    }

    /// Whoever answered last.
    pub(super) fn answered_by(&self) -> Option<Text> {
        let person = |leg: &&Track| leg.answered && leg.service.is_none();
        self.legs
            .iter()
            .rev()
            .find(person)
            .map(|leg| leg.user.clone())
    }

    /// Takes a leg of another call over: it goes on here under its next name, connected.
    pub(super) fn take_over(&mut self, leg: &Track, at: Option<Timestamp>) {
        if self.legs.len() >= MAX_LEGS {
            let oldest = self.legs.iter().position(|leg| !leg.is_open());
            self.legs.remove(oldest.unwrap_or(0));
        }
        self.legs.push(Track {
            key: format!("{}~2", leg.key).into(),
            state: LegState::Connected,
            started_at: at,
            handed_on: false,
            end: None,
            ..leg.clone()
        });
        self.answered = true;
    }

    /// True when a leg there has ended already.
    pub(super) fn has_ended(&self, aim: &Aim) -> bool {
        self.legs.iter().any(|leg| {
            !leg.is_open()
                && leg.user == aim.user
                && (aim.device.is_none() || leg.device.is_none() || leg.device == aim.device)
        })
    }

    /// The only leg at that network address, when there is only one: some versions tell the answer of a browser under
    /// another user part. With `waiting` among those that have not answered.
    pub(super) fn find_by_host(&self, aim: &Aim, waiting: bool) -> Option<usize> {
        let wanted = host(aim.device.as_ref())?;
        let mut fits = self.legs.iter().enumerate().filter(|(_, leg)| {
            leg.is_open()
                && !(waiting && leg.answered)
                && leg.service.is_none()
                && host(leg.device.as_ref()) == Some(wanted)
        });
        match (fits.next(), fits.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }

    /// Adds a leg and gives it a key: the device or number, and from the second on `#` and a count.
    pub(super) fn add(&mut self, aim: &Aim, service: Option<Service>, native: bool) -> usize {
        let base = aim.device.as_ref().unwrap_or(&aim.user);
        let before = self.legs.iter().filter(|leg| leg.base == *base);
        let ordinal = before.map(|leg| leg.ordinal).max().map_or(1, |n| n + 1);
        let key = match ordinal {
            1 => format!("{}/{base}", self.key),
            n => format!("{}/{base}#{n}", self.key),
        };
        if self.legs.len() >= MAX_LEGS {
            let oldest = self.legs.iter().position(|leg| !leg.is_open());
            self.legs.remove(oldest.unwrap_or(0));
        }
        self.legs.push(Track {
            key: key.into(),
            base: base.clone(),
            ordinal,
            user: aim.user.clone(),
            device: aim.device.clone(),
            service,
            state: LegState::Initiated,
            started_at: None,
            rang: false,
            answered: false,
            handed_on: false,
            end: None,
            native,
            stale: false,
        });
        self.legs.len() - 1
    }

    /// Adds a leg that is known from before.
    pub(super) fn restore(&mut self, track: Track) {
        self.legs.push(track);
    }

    /// True when legs were there and none is left. An extension that is idle again proves nothing: it may be one of
    /// many that a queue tries, or have sent the call on, and the PBX that tells no targets tells neither.
    pub(super) fn is_deserted(&self) -> bool {
        !self.legs.iter().any(Track::is_open) && self.legs.iter().any(|leg| leg.native)
    }

    /// When and how the leg ended that ended last.
    pub(super) fn last_end(&self) -> Option<&(Option<Timestamp>, End)> {
        let ends = self.legs.iter().filter_map(|leg| leg.end.as_ref());
        ends.max_by_key(|(time, _)| *time)
    }
}

impl Track {
    pub(super) fn is_open(&self) -> bool {
        self.state != LegState::Ended
    }

    /// A leg known from before, by its key.
    pub(super) fn known(session: &str, key: &Text, user: Text, device: Option<Text>) -> Self {
        let tail = key
            .strip_prefix(session)
            .and_then(|tail| tail.strip_prefix('/'))
            .unwrap_or(key);
        let (base, ordinal) = match tail.rsplit_once('#') {
            Some((base, n)) => (base, n.parse().unwrap_or(1)),
            None => (tail, 1),
        };
        Self {
            key: key.clone(),
            base: base.into(),
            ordinal,
            user,
            device,
            service: None,
            state: LegState::Initiated,
            started_at: None,
            rang: false,
            answered: false,
            handed_on: false,
            end: None,
            native: false,
            stale: true,
        }
    }
}

/// The network address of a device.
pub(super) fn host(device: Option<&Text>) -> Option<&str> {
    device?.split_once('@').map(|(_, host)| host)
}

impl Aim {
    pub(super) fn new(told: &str) -> Self {
        let address = super::read::Address::read(told);
        Self {
            user: address.user.into(),
            device: address.device(),
        }
    }

    /// Only the number: the host of an address of record is no device.
    pub(super) fn number(told: &str) -> Self {
        Self {
            user: super::read::Address::read(told).user.into(),
            device: None,
        }
    }
}
