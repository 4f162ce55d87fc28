//! Sessions: what the map remembers of each call, so that later messages can be told to belong to it.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use model::{Now, Text};

use super::session::Session;

/// Sessions that have not ended. Beyond it the oldest is forgotten; the hub's own limit is the same.
const MAX_OPEN: usize = 100_000;
/// How long an ended session is remembered whole, for what comes late.
const LINGER: Duration = Duration::from_secs(60);
/// Ended sessions of which only the id is remembered.
const MAX_CLOSED: usize = 65_536;
/// How long a call without any leg is waited for: the record comes, or the next leg.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// How long a session may go without a sign.
const MAX_SILENT: Duration = Duration::from_secs(24 * 3600);

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
            .filter(move |session| {
                !session.ended && !session.stale && session.tenant.as_ref() == tenant
            })
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

    /// A new connection: nothing is repeated over it, what ended before is over, and what went on may have ended.
    pub(super) fn reconnected(&mut self, now: Now) {
        let keys: Vec<Text> = self.live.keys().cloned().collect();
        for key in keys {
            let Some(mut session) = self.live.remove(&key) else {
                continue;
            };
            session.seen.clear();
            session.stale = true;
            session.opened = false;
            let deserted = session.is_deserted() && !session.ended;
            self.set_grace(&mut session, deserted.then_some(now.mono + GRACE));
            let ended = session.ended;
            self.live.insert(key.clone(), session);
            if ended {
                self.remove(&key);
            }
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
