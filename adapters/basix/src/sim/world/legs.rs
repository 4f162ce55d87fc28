//! Legs: added, changed, removed, and told of each time.

use model::Timestamp;

use super::World;
use crate::sim::{
    call::{Call, Channel, Doing},
    row::Told,
};

impl World {
    /// Tells of a leg as it is now.
    pub(super) fn tell_leg(&mut self, key: u64, change: &'static str) {
        let Some(leg) = self.channels.get(&key) else {
            return;
        };
        let row = if change == "removed" && self.profile.bare_removals {
            vec![("uuid", crate::wire::write::binary(&leg.uuid))]
        } else {
            self.cast().channel(leg)
        };
        let told = Told {
            element: "channel",
            change,
            row,
            key: leg.uuid.clone(),
            user: leg.user.map(|user| self.users[user].id),
        };
        self.told.push(told);
    }

    /// A leg waits in a line or slot, or does so no more.
    pub(super) fn set_waiting(&mut self, key: u64, waits: bool) {
        let Some(leg) = self.channels.get_mut(&key) else {
            return;
        };
        if leg.waits == waits {
            return;
        }
        leg.waits = waits;
        let leg = &self.channels[&key];
        let told = Told {
            element: "channel_waiting",
            change: if waits { "added" } else { "removed" },
            row: self.cast().waiting(leg),
            key: leg.uuid.clone(),
            user: None,
        };
        self.told.push(told);
    }

    /// A leg does something else now.
    pub(super) fn set_state(&mut self, key: u64, doing: Doing) {
        let at = self.micros();
        if let Some(leg) = self.channels.get_mut(&key) {
            leg.state = Some((at, doing));
            leg.event = "STATE_CHANGE";
        }
        self.tell_leg(key, "updated");
    }

    pub(super) fn answer_leg(&mut self, key: u64) {
        let at = self.micros();
        let Some(leg) = self.channels.get_mut(&key) else {
            return;
        };
        if leg.answered.is_some() {
            return;
        }
        leg.answered = Some(at);
        leg.event = "CHANNEL_ANSWER";
        self.tell_leg(key, "updated");
    }

    /// The PBX rings a user's phone for another leg.
    pub(super) fn ring_user(
        &mut self,
        call: &mut Call,
        for_leg: u64,
        user: usize,
        group: Option<usize>,
    ) -> u64 {
        let mut leg = self.made_for(for_leg);
        leg.user = Some(user);
        leg.group = group;
        leg.called_number = self.users[user].number.clone();
        let key = self.add_leg(leg);
        self.rang(call, user);
        key
    }

    pub(super) fn rang(&mut self, call: &mut Call, user: usize) {
        let number = self.users[user].number.clone();
        let at = self.time();
        if !call
            .truth
            .rang
            .iter()
            .any(|ring| ring.number == number && at.millis_since(ring.at) < 500)
        {
            call.truth.rings(&number, at);
        }
    }

    /// A leg that the PBX makes for another one, not yet there.
    pub(super) fn made_for(&mut self, other: u64) -> Channel {
        let at = self.micros();
        let first = self.channels.get(&other);
        Channel {
            uuid: String::new(),
            outbound: true,
            offered: at,
            other: Some(other),
            calling_number: first.map_or_else(String::new, |first| first.calling_number.clone()),
            calling_name: first.and_then(|first| first.calling_name.clone()),
            event: "CHANNEL_ORIGINATE",
            ..Channel::default()
        }
    }

    pub(super) fn add_leg(&mut self, mut leg: Channel) -> u64 {
        leg.uuid = self.uuid();
        if let Some(user) = leg.user {
            self.users[user].legs += 1;
        }
        let key = self.key();
        self.channels.insert(key, leg);
        self.tell_leg(key, "added");
        key
    }

    /// Two legs talk.
    pub(super) fn bridge(&mut self, call: &mut Call, first: u64, with: u64) {
        let at = self.micros();
        let users = [first, with].map(|key| self.channels.get(&key).and_then(|leg| leg.user));
        for (key, other, bridged) in [(first, with, users[1]), (with, first, users[0])] {
            if let Some(leg) = self.channels.get_mut(&key) {
                leg.state = Some((at, Doing::Bridged));
                leg.other = Some(other);
                leg.event = "CHANNEL_BRIDGE";
                leg.last_bridged = bridged.or(leg.last_bridged);
            }
            self.tell_leg(key, "updated");
        }
        call.with = Some(with);
    }

    /// A leg is gone.
    pub(super) fn remove_leg(&mut self, key: u64, data: &str) {
        self.set_waiting(key, false);
        let at = self.micros();
        let Some(leg) = self.channels.get_mut(&key) else {
            return;
        };
        leg.hung_up = Some(at);
        leg.event = "CHANNEL_HANGUP";
        leg.data = Some(data.to_owned());
        self.tell_leg(key, "removed");
        let user = self.channels.remove(&key).and_then(|leg| leg.user);
        if let Some(user) = user {
            self.users[user].legs = self.users[user].legs.saturating_sub(1);
        }
    }

    pub(super) fn remove_ringing(&mut self, call: &mut Call, data: &str) {
        for key in std::mem::take(&mut call.ringing) {
            self.remove_leg(key, data);
        }
    }

    /// Somebody on the called side talks from now on.
    pub(super) fn talks(&mut self, call: &mut Call, key: u64) {
        let Some(leg) = self.channels.get(&key) else {
            return;
        };
        let number = match leg.user {
            Some(user) => self.users[user].number.clone(),
            None if leg.outbound => leg.called_number.clone(),
            None => leg.calling_number.clone(),
        };
        let from = leg
            .answered
            .map_or_else(|| self.time(), Timestamp::from_micros);
        call.truth.talks(&number, from);
    }

    pub(super) fn falls_silent(&mut self, call: &mut Call) {
        let at = self.time();
        call.truth.falls_silent(at);
    }

    pub(super) fn lines_up(&mut self, call: &mut Call, group: usize) {
        let (queue, from) = (self.groups[group].number.clone(), self.time());
        call.truth.waits(&queue, from);
    }

    pub(super) fn leaves_line(&mut self, call: &mut Call) {
        let at = self.time();
        call.truth.waits_no_more(at);
        self.set_waiting(call.first, false);
    }
}
