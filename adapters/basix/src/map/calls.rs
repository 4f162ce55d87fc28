//! Calls and legs in mind: who belongs together, who is busy, and what is over.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use model::{BusyKind, ExtensionCallState, LegRole, LegState, Text};

use super::leg::{Call, Leg, Sight};

/// Calls that have not ended. Beyond it the oldest is forgotten; the hub's own limit is the same.
const MAX_OPEN: usize = 100_000;
/// Legs of a call; beyond it the oldest ended one is forgotten.
const MAX_LEGS: usize = 128;
/// Legs that were named by others of a call and not seen.
const MAX_PHANTOMS: usize = 64;
/// Ended legs and calls of which the key is remembered: what is told of a leg late is a repeat.
const MAX_CLOSED: usize = 65_536;
/// How long a call without any visible leg is kept for what may follow.
pub(super) const GRACE: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(super) struct Calls {
    legs: HashMap<Text, Leg>,
    calls: HashMap<Text, Call>,
    /// Calls in order of appearance.
    order: VecDeque<Text>,
    phantoms: HashMap<Text, Text>,
    /// Legs that have ended.
    closed: Remembered,
    /// Keys of calls that have ended: none is given twice.
    used: Remembered,
    /// Open legs by user.
    of_user: HashMap<Text, BTreeSet<Text>>,
    /// Park slots and the legs in them.
    slots: HashMap<Text, Text>,
    graces: BTreeSet<(Duration, Text)>,
}

/// The last of many keys.
#[derive(Default)]
struct Remembered {
    keys: HashSet<Text>,
    order: VecDeque<Text>,
}

impl Remembered {
    fn contains(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    fn insert(&mut self, key: &Text) {
        if self.keys.insert(key.clone()) {
            self.order.push_back(key.clone());
        }
        if self.order.len() > MAX_CLOSED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

impl Calls {
    pub(super) fn leg(&self, uuid: &str) -> Option<&Leg> {
        self.legs.get(uuid)
    }

    pub(super) fn leg_mut(&mut self, uuid: &str) -> Option<&mut Leg> {
        self.legs.get_mut(uuid)
    }

    pub(super) fn call(&self, key: &str) -> Option<&Call> {
        self.calls.get(key)
    }

    pub(super) fn call_mut(&mut self, key: &str) -> Option<&mut Call> {
        self.calls.get_mut(key)
    }

    /// A leg that was told to have ended a while ago.
    pub(super) fn is_closed(&self, uuid: &str) -> bool {
        self.closed.contains(uuid)
    }

    /// The call of a leg, seen or only named.
    pub(super) fn call_of(&self, uuid: &str) -> Option<&Text> {
        let leg = self.legs.get(uuid).map(|leg| &leg.call);
        leg.or_else(|| self.phantoms.get(uuid))
    }

    /// The leg parked in a slot.
    pub(super) fn parked_in(&self, slot: &str) -> Option<&Text> {
        self.slots.get(slot)
    }

    pub(super) fn park(&mut self, slot: &Text, leg: &Text) {
        if self.slots.len() < MAX_OPEN {
            self.slots.insert(slot.clone(), leg.clone());
        }
    }

    pub(super) fn unpark(&mut self, slot: &Text, leg: &Text) {
        if self.slots.get(slot) == Some(leg) {
            self.slots.remove(slot);
        }
    }

    /// A new call. When there are too many the oldest is forgotten.
    pub(super) fn open(&mut self, call: Call) {
        if self.calls.len() >= MAX_OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget(&oldest);
        }
        self.phantoms.remove(&call.key);
        self.order.push_back(call.key.clone());
        self.calls.insert(call.key.clone(), call);
        // Ended calls leave their keys behind.
        if self.order.len() > 2 * self.calls.len() + 64 {
            let calls = &self.calls;
            self.order.retain(|key| calls.contains_key(key));
        }
    }

    /// A new leg of a call.
    pub(super) fn add(&mut self, leg: Leg) {
        self.phantoms.remove(&leg.uuid);
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.phantoms.retain(|phantom| *phantom != leg.uuid);
            call.legs.push(leg.uuid.clone());
            if call.legs.len() > MAX_LEGS {
                let legs = &self.legs;
                let over = |uuid: &Text| legs.get(uuid).is_none_or(|leg| !leg.is_open());
                let oldest = call.legs.iter().position(over).unwrap_or(0);
                let gone = call.legs.remove(oldest);
                self.close(&gone);
            }
        }
        self.legs.insert(leg.uuid.clone(), leg);
    }

    /// A leg goes on in another call, under its next key.
    pub(super) fn move_leg(&mut self, uuid: &Text, to: &Text) {
        let Some(leg) = self.legs.get_mut(uuid) else {
            return;
        };
        let from = std::mem::replace(&mut leg.call, to.clone());
        leg.key = leg.next_key();
        if let Some(call) = self.calls.get_mut(&from) {
            call.legs.retain(|known| known != uuid);
            call.lost_a_leg = true;
        }
        if let Some(call) = self.calls.get_mut(to) {
            call.legs.push(uuid.clone());
        }
    }

    /// Notes that a call has to do with a leg that was not seen.
    pub(super) fn imagine(&mut self, uuid: &Text, call: &Text) {
        if self.legs.contains_key(uuid)
            || self.closed.contains(uuid)
            || self.phantoms.contains_key(uuid)
        {
            return;
        }
        if let Some(known) = self.calls.get_mut(call)
            && known.phantoms.len() < MAX_PHANTOMS
        {
            known.phantoms.push(uuid.clone());
            self.phantoms.insert(uuid.clone(), call.clone());
        }
    }

    /// Brings the index of users up to date with a leg.
    pub(super) fn index(&mut self, uuid: &Text, before: Option<&Text>) {
        let Some(leg) = self.legs.get(uuid) else {
            return;
        };
        let now = leg.user.clone().filter(|_| leg.is_open());
        if let Some(before) = before.filter(|before| Some(*before) != now.as_ref()) {
            self.unindex(before, uuid);
        }
        if let Some(user) = now {
            self.of_user.entry(user).or_default().insert(uuid.clone());
        }
    }

    fn unindex(&mut self, user: &Text, uuid: &Text) {
        if let Some(legs) = self.of_user.get_mut(user) {
            legs.remove(uuid);
            if legs.is_empty() {
                self.of_user.remove(user);
            }
        }
    }

    /// The legs of a call.
    pub(super) fn legs_of<'s>(&'s self, call: &Call) -> impl Iterator<Item = &'s Leg> + use<'s> {
        let uuids = call.legs.clone();
        uuids.into_iter().filter_map(|uuid| self.legs.get(&uuid))
    }

    /// Whether a call has a leg that is seen.
    pub(super) fn is_alive(&self, call: &Call) -> bool {
        self.legs_of(call).any(Leg::is_open)
    }

    /// A call is over, and its legs with it.
    pub(super) fn forget(&mut self, key: &Text) {
        let Some(call) = self.calls.remove(key) else {
            return;
        };
        self.used.insert(key);
        for uuid in &call.legs {
            self.close(uuid);
        }
        for phantom in &call.phantoms {
            self.phantoms.remove(phantom);
        }
        if let Some(parked) = &call.parked
            && let Some(slot) = &parked.slot
        {
            self.unpark(slot, &parked.leg);
        }
        self.graces.retain(|(_, waiting)| waiting != key);
    }

    fn close(&mut self, uuid: &Text) {
        if let Some(leg) = self.legs.remove(uuid)
            && let Some(user) = &leg.user
        {
            self.unindex(user, uuid);
        }
        self.closed.insert(uuid);
    }

    /// A key for a call: the wanted one, unless a call had it before.
    pub(super) fn free_key(&self, wanted: &Text) -> Text {
        let free = |key: &Text| !self.used.contains(key) && !self.calls.contains_key(key);
        if free(wanted) {
            return wanted.clone();
        }
        let numbered = (2..=MAX_CLOSED).map(|n| Text::from(format!("{wanted}#{n}")));
        numbered
            .into_iter()
            .find(free)
            .unwrap_or_else(|| wanted.clone())
    }

    /// Waits for what may follow in a call without legs.
    pub(super) fn set_grace(&mut self, call: &Text, now: Duration) {
        if !self.graces.iter().any(|(_, waiting)| waiting == call) {
            self.graces.insert((now + GRACE, call.clone()));
        }
    }

    pub(super) fn next_grace(&self) -> Option<Duration> {
        self.graces.first().map(|(due, _)| *due)
    }

    /// A call whose wait is over.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<Text> {
        let (due, _) = self.graces.first()?;
        if *due > now {
            return None;
        }
        self.graces.pop_first().map(|(_, call)| call)
    }

    /// A new connection: what is known may have ended unheard.
    pub(super) fn reconnected(&mut self) {
        for leg in self.legs.values_mut() {
            leg.sight = Sight::Before;
        }
    }

    /// Legs that are open and were not told on this connection.
    pub(super) fn unconfirmed(&self) -> Vec<Text> {
        let unseen = |leg: &&Leg| leg.is_open() && leg.sight == Sight::Before;
        let mut legs: Vec<&Leg> = self.legs.values().filter(unseen).collect();
        legs.sort_by(|a, b| (a.offered, &a.uuid).cmp(&(b.offered, &b.uuid)));
        legs.into_iter().map(|leg| leg.uuid.clone()).collect()
    }

    /// Keys of all calls, in order of appearance.
    pub(super) fn keys(&self) -> Vec<Text> {
        let known = |key: &&Text| self.calls.contains_key(*key);
        self.order.iter().filter(known).cloned().collect()
    }

    /// What the calls of a user make of their extension.
    pub(super) fn state_of(&self, user: &str) -> ExtensionCallState {
        let legs = self.of_user.get(user).into_iter().flatten();
        let mut ringing = false;
        for leg in legs
            .filter_map(|uuid| self.legs.get(uuid))
            .filter(|leg| leg.role != LegRole::Monitor)
        {
            match leg.state {
                LegState::Ringing => ringing = true,
                LegState::Ended => {}
                _ => return ExtensionCallState::Busy,
            }
        }
        if ringing {
            ExtensionCallState::Ringing
        } else {
            ExtensionCallState::Idle
        }
    }

    /// What keeps a user busy as a member of a group: the call, and whether it is the group's.
    pub(super) fn busy_with(&self, user: &str, group: &str) -> Option<(BusyKind, Text)> {
        let legs = self.of_user.get(user).into_iter().flatten();
        let talks = |leg: &&Leg| matches!(leg.state, LegState::Connected | LegState::Held);
        let talking = legs.filter_map(|uuid| self.legs.get(uuid)).filter(talks);
        let of_group = |leg: &Leg| leg.group.as_deref() == Some(group);
        let best = talking.max_by_key(|leg| of_group(leg))?;
        let kind = if of_group(best) {
            BusyKind::Queue
        } else {
            BusyKind::Other
        };
        Some((kind, best.call.clone()))
    }
}
