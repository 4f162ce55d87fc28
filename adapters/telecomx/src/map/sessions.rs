//! Sessions: what the map remembers of each conversation, and the ways to find it.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use model::{Now, Text};

use super::session::{Leg, Session};

/// Sessions that have not ended. Beyond it the oldest is forgotten; the hub's own limit is the same.
const MAX_OPEN: usize = 100_000;
/// How long an ended session is remembered whole, for what comes late.
const LINGER: Duration = Duration::from_secs(60);
/// Ended sessions of which only the id is remembered.
const MAX_CLOSED: usize = 65_536;
/// How long a session may go without a sign.
const MAX_SILENT: Duration = Duration::from_secs(24 * 3600);
/// Further ids of one session.
const MAX_NAMES: usize = 16;
/// The latest sessions, to see which began when a trunk call did.
const MAX_RECENT: usize = 4_096;

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    live: HashMap<Text, Box<Session>>,
    /// By leg: its session.
    legs: HashMap<Text, Text>,
    /// By SIP Call-ID: its session.
    call_ids: HashMap<Text, Text>,
    /// By extension: sessions that it has an open leg in.
    by_extension: HashMap<Text, BTreeSet<Text>>,
    /// Ids under which a session is known beside its own: the PBX renames one in a transfer.
    aliases: HashMap<Text, Text>,
    graces: BTreeSet<(Duration, Text)>,
    forgets: BTreeSet<(Duration, Text)>,
    closed: HashSet<Text>,
    closed_order: VecDeque<Text>,
    recent: VecDeque<Text>,
    serial: u64,
}

impl Sessions {
    /// A session that has not been there.
    pub(super) fn create(&mut self, key: &str, tenant: Option<Text>, now: Now) -> Box<Session> {
        self.serial += 1;
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(key.into());
        Box::new(Session::new(key, tenant, self.serial, now.mono))
    }

    /// Takes a session out to work on it; [`Self::put`] brings it back.
    pub(super) fn take(&mut self, key: &str) -> Option<Box<Session>> {
        self.live.remove(key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Session> {
        self.live.get(key).map(|session| &**session)
    }

    /// The same, to note something small. Nothing that it is found by may change.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Session> {
        self.live.get_mut(key).map(|session| &mut **session)
    }

    /// The key under which a session is kept.
    pub(super) fn resolve(&self, told: &str) -> Text {
        self.aliases
            .get(told)
            .cloned()
            .unwrap_or_else(|| told.into())
    }

    /// Another id of a session.
    pub(super) fn alias(&mut self, told: &str, session: &mut Session) {
        let new = *told != *session.key && !self.aliases.contains_key(told);
        if new && session.names.len() < MAX_NAMES {
            self.aliases.insert(told.into(), session.key.clone());
            session.names.push(told.into());
        }
    }

    /// True when the session ended a while ago.
    pub(super) fn is_closed(&self, key: &str) -> bool {
        self.closed.contains(key)
    }

    /// The session that a leg belongs to.
    pub(super) fn of_leg(&self, leg: &str) -> Option<Text> {
        self.legs.get(leg).cloned()
    }

    /// True when a leg has ended in the session that it belongs to.
    pub(super) fn is_over(&self, home: &str, leg: &str) -> bool {
        let session = self.get(home);
        let leg = session.and_then(|session| Some(&session.legs[session.find(leg)?]));
        leg.is_some_and(|leg| !leg.is_open())
    }

    /// The session of a SIP Call-ID.
    pub(super) fn of_call_id(&self, id: &str) -> Option<Text> {
        self.call_ids.get(id).cloned()
    }

    /// Open sessions in which an extension has an open leg, or had one a moment ago.
    pub(super) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &Session> {
        self.by_extension
            .get(extension)
            .into_iter()
            .flatten()
            .filter_map(|key| self.get(key))
    }

    /// Sessions that began at `since` or later, the latest first.
    pub(super) fn since(&self, since: Duration) -> impl Iterator<Item = &Session> {
        self.recent
            .iter()
            .rev()
            .filter_map(|key| self.get(key))
            .take_while(move |session| session.began >= since)
    }

    /// Open sessions, in no order.
    pub(super) fn open(&self) -> impl Iterator<Item = &Session> {
        self.live
            .values()
            .map(|session| &**session)
            .filter(|session| !session.ended)
    }

    /// Brings a session back, or a new one in.
    pub(super) fn put(&mut self, mut session: Box<Session>, now: Now) {
        let linger = if session.ended { LINGER } else { MAX_SILENT };
        let forget = now.mono + linger;
        // Moved only when it matters: each move costs two operations on the tree.
        if forget.abs_diff(session.forget) > linger / 4 {
            self.forgets.remove(&(session.forget, session.key.clone()));
            session.forget = forget;
            self.forgets.insert((forget, session.key.clone()));
        }
        if self.live.len() >= MAX_OPEN {
            self.forget_first();
        }
        self.live.insert(session.key.clone(), session);
    }

    /// A leg becomes part of a session, which goes on with it. Says where it stands.
    pub(super) fn join(&mut self, session: &mut Session, leg: Leg) -> usize {
        let (at, gone) = session.add(leg);
        if let Some(gone) = gone {
            self.unindex_leg(&session.key, &gone);
        }
        self.index_leg(&session.key, &session.legs[at]);
        self.set_grace(session, None);
        session.deserted_at = None;
        at
    }

    /// Notes that a leg is part of a session.
    pub(super) fn index_leg(&mut self, key: &Text, leg: &Leg) {
        self.legs.insert(leg.id.clone(), key.clone());
        if let Some(extension) = &leg.extension {
            self.index_extension(key, extension);
        }
    }

    /// A leg is remembered no more.
    pub(super) fn unindex_leg(&mut self, key: &Text, leg: &Leg) {
        if self.legs.get(&leg.id) == Some(key) {
            self.legs.remove(&leg.id);
        }
        if let Some(extension) = &leg.extension
            && let Some(keys) = self.by_extension.get_mut(extension)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.by_extension.remove(extension);
            }
        }
    }

    pub(super) fn index_extension(&mut self, key: &Text, extension: &Text) {
        let keys = self.by_extension.entry(extension.clone()).or_default();
        keys.insert(key.clone());
    }

    /// Notes a Call-ID of a session. The first session keeps it.
    pub(super) fn index_call_id(&mut self, key: &Text, id: &Text) {
        self.call_ids
            .entry(id.clone())
            .or_insert_with(|| key.clone());
    }

    /// Waits for the end of a session until then, or (`None`) not at all.
    pub(super) fn set_grace(&mut self, session: &mut Session, deadline: Option<Duration>) {
        if session.grace == deadline {
            return;
        }
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

    /// A new connection: what goes on may have ended meanwhile.
    pub(super) fn reconnected(&mut self) {
        for session in self.live.values_mut() {
            session.stale = true;
            session.gapped = true;
            for leg in &mut session.legs {
                leg.confirmed = false;
                leg.absences = 0;
            }
        }
    }

    fn forget_first(&mut self) {
        let Some((_, key)) = self.forgets.pop_first() else {
            return;
        };
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

    fn remove(&mut self, key: &Text) {
        let Some(mut session) = self.live.remove(key) else {
            return;
        };
        self.set_grace(&mut session, None);
        for leg in &session.legs {
            self.unindex_leg(key, leg);
        }
        for id in &session.call_ids {
            if self.call_ids.get(id) == Some(key) {
                self.call_ids.remove(id);
            }
        }
        for name in &session.names {
            self.aliases.remove(name);
        }
    }
}
