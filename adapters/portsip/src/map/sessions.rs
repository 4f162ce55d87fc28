//! Sessions: what the map remembers of each call, so that later messages can be told to belong to it.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use model::{Now, Text, Timestamp};

use super::session::Session;

/// Sessions that have not ended. Beyond it the oldest is forgotten; the hub's own limit is the same.
const MAX_OPEN: usize = 100_000;
/// How long an ended session is remembered whole, for what comes late.
const LINGER: Duration = Duration::from_secs(60);
/// Ended sessions of which only the id is remembered.
const MAX_CLOSED: usize = 65_536;
/// How long a call without any leg is waited for: the record comes, or the next leg.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// Extensions that are remembered as ringing for no known call.
const MAX_STRAYS: usize = 256;
/// A message may be overtaken by one of another topic by so much, microseconds.
const OVERTAKEN: u64 = 5_000_000;
/// For how long a consultation that was replaced is taken for the one behind a transfer told after it.
const JOINED: Duration = Duration::from_secs(5);
/// Replaced calls that are remembered.
const MAX_REPLACED: usize = 64;
/// How long a session may go without a sign.
const MAX_SILENT: Duration = Duration::from_secs(24 * 3600);

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    live: HashMap<Text, Box<Session>>,
    by_number: HashMap<Text, BTreeSet<Text>>,
    /// Sessions that nobody has answered.
    roaming: BTreeSet<Text>,
    /// Extensions that rang for no known call, and when: their call may be told of later.
    strays: VecDeque<(Text, Option<Timestamp>)>,
    graces: BTreeSet<(Duration, Text)>,
    forgets: BTreeSet<(Duration, Text)>,
    /// Calls whose record said that they were replaced, and when it did.
    replaced: VecDeque<(Duration, Text)>,
    closed: HashSet<Text>,
    closed_order: VecDeque<Text>,
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
        if session.may_roam() {
            self.roaming.insert(session.key.clone());
        } else {
            self.roaming.remove(&session.key);
        }
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
            .filter(move |session| {
                !session.ended && !session.stale && session.tenant.as_ref() == tenant
            })
    }

    /// Notes that an extension rings for no call that is certain.
    pub(super) fn stray(&mut self, number: &Text, at: Option<Timestamp>) {
        if self.strays.len() >= MAX_STRAYS {
            self.strays.pop_front();
        }
        self.strays.push_back((number.clone(), at));
    }

    /// Whether an extension rang for no certain call a moment ago.
    pub(super) fn strayed(&self, number: &Text, at: Option<Timestamp>) -> bool {
        let near = |rang: &Option<Timestamp>| match (rang, at) {
            (Some(rang), Some(at)) => rang.micros().abs_diff(at.micros()) <= OVERTAKEN,
            _ => true,
        };
        let mut strays = self.strays.iter();
        strays.any(|(stray, rang)| stray == number && near(rang))
    }

    /// Open sessions that nobody has answered, in the order of their keys.
    pub(super) fn unanswered<'s>(
        &'s self,
        tenant: Option<&'s Text>,
    ) -> impl Iterator<Item = &'s Session> {
        let roaming = self.roaming.iter().filter_map(|key| self.get(key));
        roaming.filter(move |session| session.tenant.as_ref() == tenant)
    }

    /// A call's record says that it was replaced.
    pub(super) fn note_replaced(&mut self, key: &Text, now: Now) {
        if self.replaced.len() >= MAX_REPLACED {
            self.replaced.pop_front();
        }
        self.replaced.push_back((now.mono, key.clone()));
    }

    /// Calls that are said to have been replaced a moment ago.
    pub(super) fn replaced<'s>(
        &'s self,
        tenant: Option<&'s Text>,
        now: Now,
    ) -> impl Iterator<Item = &'s Session> {
        let recent = move |(at, _): &&(Duration, Text)| now.mono.saturating_sub(*at) <= JOINED;
        let keys = self.replaced.iter().rev().take_while(recent);
        keys.filter_map(|(_, key)| self.get(key))
            .filter(move |session| session.tenant.as_ref() == tenant)
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

    /// No connection: that nothing comes proves nothing. What a call without legs went on to may stay unheard.
    pub(super) fn disconnected(&mut self) {
        for (_, key) in std::mem::take(&mut self.graces) {
            if let Some(session) = self.live.get_mut(&key) {
                session.grace = None;
            }
        }
    }

    /// A new connection: nothing is repeated over it, what ended before is over, and what went on may have ended.
    pub(super) fn reconnected(&mut self) {
        let keys: Vec<Text> = self.live.keys().cloned().collect();
        for key in keys {
            let Some(mut session) = self.live.remove(&key) else {
                continue;
            };
            session.forget_repeats();
            self.roaming.remove(&key);
            session.stale = true;
            session.gapped = true;
            for leg in &mut session.legs {
                leg.stale = true;
            }
            session.opened = false;
            let ended = session.ended;
            self.live.insert(key.clone(), session);
            if ended {
                self.remove(&key);
            }
        }
        self.strays.clear();
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
        self.roaming.remove(key);
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
