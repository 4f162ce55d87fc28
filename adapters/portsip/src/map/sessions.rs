//! Sessions: what the map remembers of each call, so that later messages can be told to belong to it.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use model::{Direction, End, LegState, Now, Text, Timestamp, observation::CallPatch};

/// Sessions that have not ended. Beyond it the oldest is forgotten; the hub's own limit is the same.
const MAX_OPEN: usize = 100_000;
/// How long an ended session is remembered whole, for what comes late.
const LINGER: Duration = Duration::from_secs(60);
/// Ended sessions of which only the id is remembered.
const MAX_CLOSED: usize = 65_536;
/// How long a session may go without a sign.
const MAX_SILENT: Duration = Duration::from_secs(24 * 3600);
/// Legs remembered of a session; beyond it the oldest ended one is forgotten.
const MAX_LEGS: usize = 128;
/// Messages of a session that are recognised when they are repeated.
const MAX_SEEN: usize = 64;

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    live: HashMap<Text, Box<Session>>,
    by_number: HashMap<Text, BTreeSet<Text>>,
    graces: BTreeSet<(Duration, Text)>,
    forgets: BTreeSet<(Duration, Text)>,
    closed: HashSet<Text>,
    closed_order: VecDeque<Text>,
}

/// What is remembered of a call.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) key: Text,
    pub(super) tenant: Option<Text>,
    /// Its own first message has been seen.
    pub(super) opened: bool,
    /// What has been told of the call.
    pub(super) patch: CallPatch,
    /// User part of the caller.
    pub(super) caller: Option<Text>,
    pub(super) caller_state: Option<LegState>,
    /// User part of the callee as dialled.
    pub(super) callee: Option<Text>,
    /// User part of where the PBX said last that the call was sent.
    pub(super) latest: Option<Text>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) legs: Vec<Track>,
    /// A person on the called side has answered.
    pub(super) answered: bool,
    /// The PBX has told a target of this call.
    pub(super) told_targets: bool,
    /// How the leg ended that ended last.
    pub(super) last_end: Option<(Option<Timestamp>, End)>,
    pub(super) ended: bool,
    grace: Option<Duration>,
    forget: Duration,
    seen: VecDeque<u64>,
    indexed: Vec<Text>,
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
    /// Told by the PBX, as opposed to concluded from the state of an extension.
    pub(super) native: bool,
}

/// The kinds of service that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Queue,
    Other,
}

/// A number or device that a message speaks of.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub(super) user: Text,
    pub(super) device: Option<Text>,
}

impl Sessions {
    /// Takes a session out to work on it; [`Self::put`] brings it back.
    pub(super) fn take(&mut self, key: &str) -> Option<Box<Session>> {
        self.live.remove(key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Session> {
        self.live.get(key).map(|session| &**session)
    }

    /// True when the session ended a while ago.
    pub(super) fn is_closed(&self, key: &str) -> bool {
        self.closed.contains(key)
    }

    /// Brings a session back, or a new one in.
    pub(super) fn put(&mut self, mut session: Box<Session>, now: Now) {
        let linger = if session.ended { LINGER } else { MAX_SILENT };
        let forget = now.mono + linger;
        // Moved only when it matters: each move costs two operations on the tree.
        let stale = forget.abs_diff(session.forget) > linger / 4;
        if stale {
            self.forgets.remove(&(session.forget, session.key.clone()));
            session.forget = forget;
            self.forgets.insert((forget, session.key.clone()));
        }
        self.index(&mut session);
        if self.live.len() >= MAX_OPEN {
            self.forget_first();
        }
        self.live.insert(session.key.clone(), session);
    }

    /// Open sessions that have to do with a number, in the order of their keys.
    pub(super) fn about<'s>(
        &'s self,
        tenant: Option<&'s Text>,
        number: &str,
    ) -> impl Iterator<Item = &'s Session> {
        self.by_number
            .get(number)
            .into_iter()
            .flatten()
            .filter_map(|key| self.get(key))
            .filter(move |session| !session.ended && session.tenant.as_ref() == tenant)
    }

    /// Waits for the end of a session, from now or (`None`) not at all.
    pub(super) fn set_grace(&mut self, session: &mut Session, deadline: Option<Duration>) {
        if let Some(old) = session.grace.take() {
            self.graces.remove(&(old, session.key.clone()));
        }
        if let Some(deadline) = deadline {
            session.grace = Some(deadline);
            self.graces.insert((deadline, session.key.clone()));
        }
    }

    pub(super) fn next_grace(&self) -> Option<Duration> {
        self.graces.first().map(|(deadline, _)| *deadline)
    }

    /// A session whose wait is over.
    pub(super) fn take_due(&mut self, now: Now) -> Option<Box<Session>> {
        loop {
            let (deadline, _) = self.graces.first()?;
            if *deadline > now.mono {
                return None;
            }
            let (_, key) = self.graces.pop_first()?;
            if let Some(mut session) = self.live.remove(&key) {
                session.grace = None;
                return Some(session);
            }
        }
    }

    /// Forgets what has been over, or silent, for long.
    pub(super) fn tidy(&mut self, now: Now) {
        while self
            .forgets
            .first()
            .is_some_and(|(deadline, _)| *deadline <= now.mono)
        {
            self.forget_first();
        }
    }

    /// A new connection: nothing is repeated over it, and what ended before is over.
    pub(super) fn reconnected(&mut self) {
        let ended: Vec<Text> = self
            .live
            .values_mut()
            .filter_map(|session| {
                session.seen.clear();
                session.ended.then(|| session.key.clone())
            })
            .collect();
        for key in ended {
            self.remove(&key);
        }
        self.closed.clear();
        self.closed_order.clear();
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.forgets.pop_first() {
            self.remove(&key);
            if self.closed.insert(key.clone()) {
                self.closed_order.push_back(key);
            }
            if self.closed_order.len() > MAX_CLOSED
                && let Some(oldest) = self.closed_order.pop_front()
            {
                self.closed.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, key: &Text) {
        let Some(mut session) = self.live.remove(key) else {
            return;
        };
        self.set_grace(&mut session, None);
        self.forgets.remove(&(session.forget, session.key.clone()));
        for number in &session.indexed {
            self.unindex(number, key);
        }
    }

    fn index(&mut self, session: &mut Session) {
        let mut numbers = Vec::with_capacity(4);
        if !session.ended {
            let legs = session.legs.iter().filter(|leg| leg.is_open());
            for number in session.numbers().chain(legs.map(|leg| &leg.user)) {
                if !numbers.contains(number) {
                    numbers.push(number.clone());
                }
            }
        }
        if numbers == session.indexed {
            return;
        }
        for number in &session.indexed {
            if !numbers.contains(number) {
                self.unindex(number, &session.key);
            }
        }
        for number in &numbers {
            if !session.indexed.contains(number) {
                let keys = self.by_number.entry(number.clone()).or_default();
                keys.insert(session.key.clone());
            }
        }
        session.indexed = numbers;
    }

    fn unindex(&mut self, number: &Text, key: &Text) {
        if let Some(keys) = self.by_number.get_mut(number) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_number.remove(number);
            }
        }
    }
}

impl Session {
    pub(super) fn new(key: &str, tenant: Option<Text>) -> Box<Self> {
        Box::new(Self {
            key: key.into(),
            tenant,
            opened: false,
            patch: CallPatch::default(),
            caller: None,
            caller_state: None,
            callee: None,
            latest: None,
            started_at: None,
            legs: Vec::new(),
            answered: false,
            told_targets: false,
            last_end: None,
            ended: false,
            grace: None,
            forget: Duration::ZERO,
            seen: VecDeque::new(),
            indexed: Vec::new(),
        })
    }

    /// The key of the leg that the call comes from.
    pub(super) fn caller_leg(&self) -> Text {
        format!("{}/caller", self.key).into()
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

    /// The open leg that a message speaks of: the one to that device; else the only one to that number of which no
    /// device is known; else, when the message knows no device, the only one to that number.
    pub(super) fn find(&self, aim: &Aim) -> Option<usize> {
        let open = || {
            self.legs
                .iter()
                .enumerate()
                .filter(|(_, leg)| leg.is_open())
        };
        if let Some(device) = &aim.device
            && let Some((at, _)) = open().find(|(_, leg)| leg.device.as_ref() == Some(device))
        {
            return Some(at);
        }
        let mut fits = open().filter(|(_, leg)| {
            leg.user == aim.user && (aim.device.is_none() || leg.device.is_none())
        });
        match (fits.next(), fits.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }

    /// True when a leg there has ended already.
    pub(super) fn has_ended(&self, aim: &Aim) -> bool {
        self.legs.iter().any(|leg| {
            !leg.is_open()
                && leg.user == aim.user
                && (aim.device.is_none() || leg.device.is_none() || leg.device == aim.device)
        })
    }

    /// The only unanswered leg at that network address, when there is only one: some versions tell the answer of a
    /// browser under another user part.
    pub(super) fn find_by_host(&self, aim: &Aim) -> Option<usize> {
        let host = |device: &Option<Text>| {
            let device = device.as_deref()?;
            device.split_once('@').map(|(_, host)| host.to_owned())
        };
        let wanted = host(&aim.device)?;
        let mut fits = self.legs.iter().enumerate().filter(|(_, leg)| {
            leg.is_open()
                && !leg.answered
                && leg.service.is_none()
                && host(&leg.device).as_ref() == Some(&wanted)
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
            native,
        });
        self.legs.len() - 1
    }

    /// Adds a leg that is known from before.
    pub(super) fn restore(&mut self, track: Track) {
        self.legs.push(track);
    }

    /// True when legs were there and none is left.
    pub(super) fn is_deserted(&self) -> bool {
        !self.legs.is_empty() && !self.legs.iter().any(Track::is_open)
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
            native: false,
        }
    }
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
