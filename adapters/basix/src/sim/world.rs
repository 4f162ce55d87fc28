//! The life of the simulated PBX. Pure: time is handed in, chance is seeded, and what happens comes out as entities.

mod begin;
mod command;
mod legs;
mod story;
mod transfer;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    time::Duration,
};

use adapter::{
    sim::Rng,
    truth::{TrueCall, TrueEnd},
};
use model::{Cause, EndedBy, Outcome, Timestamp};

use super::{
    call::{Call, Channel},
    people::{self, Group, User},
    plot::Plot,
    profile::Profile,
    row::{Row, Told},
    voice::{self, Cast},
};

pub use begin::Order;

/// The truth is told of this many ended calls, the latest.
const REMEMBERED: usize = 100_000;

/// A PBX with its people and calls.
pub(super) struct World {
    profile: Profile,
    rng: Rng,
    /// Unix microseconds at time zero.
    start: i64,
    now: Duration,
    users: Vec<User>,
    groups: Vec<Group>,
    channels: BTreeMap<u64, Channel>,
    calls: BTreeMap<u64, Call>,
    agenda: BinaryHeap<Reverse<(Duration, u64, Act)>>,
    serial: u64,
    told: Vec<Told>,
    ended: VecDeque<TrueCall>,
    /// Ended calls that were not taken yet.
    fresh: VecDeque<TrueCall>,
    closing: bool,
}

/// Something that is due at a certain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// A call goes on.
    Continue(u64),
    /// A call begins by itself.
    Begin,
    /// Somebody does something that is no call.
    Live,
}

impl World {
    /// A world at time zero, which is `start` in Unix microseconds.
    pub(super) fn new(profile: &Profile, start: i64) -> Self {
        let mut world = Self {
            rng: Rng::new(profile.seed),
            start,
            now: Duration::ZERO,
            users: people::users(profile),
            groups: people::groups(profile),
            channels: BTreeMap::new(),
            calls: BTreeMap::new(),
            agenda: BinaryHeap::new(),
            serial: 0,
            told: Vec::new(),
            ended: VecDeque::new(),
            fresh: VecDeque::new(),
            closing: false,
            profile: profile.clone(),
        };
        if profile.calls_per_s > 0.0 {
            world.after(Duration::from_millis(300), Act::Begin);
            world.after(Duration::from_secs(1), Act::Live);
        }
        world
    }

    /// When something happens next.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    /// Lets time pass, and yields what was said meanwhile.
    pub(super) fn advance(&mut self, now: Duration) -> Vec<Told> {
        while self.poll_timeout().is_some_and(|at| at <= now) {
            let Some(Reverse((at, _, act))) = self.agenda.pop() else {
                break;
            };
            self.now = self.now.max(at);
            match act {
                Act::Continue(call) => self.go_on(call),
                Act::Begin => self.begin_one(),
                Act::Live => self.live(),
            }
        }
        self.now = self.now.max(now);
        std::mem::take(&mut self.told)
    }

    /// The rows of an element, as far as somebody sees them who watches one user or (`None`) everything.
    pub(super) fn rows(&self, element: &str, watched: Option<i64>) -> Vec<Row> {
        let cast = self.cast();
        let seen = |leg: &&Channel| {
            let user = leg
                .user
                .and_then(|user| self.users.get(user))
                .map(|user| user.id);
            watched.is_none() || user == watched
        };
        match element {
            "channel" => self
                .channels
                .values()
                .filter(seen)
                .map(|leg| cast.channel(leg))
                .collect(),
            "channel_waiting" => {
                let waiting = self.channels.values().filter(|leg| leg.waits);
                waiting.map(|leg| cast.waiting(leg)).collect()
            }
            "user" => self.users.iter().map(voice::user).collect(),
            "group" => self.groups.iter().map(voice::group).collect(),
            "group_member" => {
                let members = self.groups.iter().flat_map(|group| {
                    let members = group.members.iter();
                    members.map(move |member| voice::member(member, group, &self.users))
                });
                members.collect()
            }
            "terminal" => self.users.iter().map(voice::terminal).collect(),
            "domain" => vec![voice::domain(&self.profile.domain)],
            _ => Vec::new(),
        }
    }

    /// The id of the user whom a client may watch.
    pub(super) fn find_user(&self, by: &str, value: &str) -> Option<i64> {
        let fits = |user: &&User| match by {
            "user_id" => user.id.to_string() == value,
            "user_name" => user.name == value,
            "user_label" => user.label == value,
            "user_extension" => user.number == value,
            "user_email" => format!("{}@test1.com", user.name) == value,
            _ => false,
        };
        self.users.iter().find(fits).map(|user| user.id)
    }

    /// A message that means little, for load: the `n`th of an endless round of users who want to be disturbed or not.
    pub(super) fn chatter(&self, n: u64) -> Option<Told> {
        let n = usize::try_from(n).unwrap_or(0);
        let mut user = self.users.get(n % self.users.len().max(1))?.clone();
        user.dnd = (n / self.users.len()).is_multiple_of(2);
        Some(entity("user", "updated", voice::user(&user), user.id))
    }

    /// Every call so far, ended ones first. Of ended ones the latest hundred thousand are remembered.
    pub(super) fn truth(&self) -> Vec<TrueCall> {
        let open = self.calls.values().map(|call| &call.truth);
        self.ended.iter().chain(open).cloned().collect()
    }

    /// Takes the calls that ended since this was last asked.
    pub(super) fn take_ended(&mut self) -> Vec<TrueCall> {
        std::mem::take(&mut self.fresh).into()
    }

    pub(super) fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// No call begins by itself from here on.
    pub(super) fn last_orders(&mut self) {
        self.closing = true;
    }

    /// Power off and on: calls are gone without a word.
    pub(super) fn restart(&mut self) {
        let at = self.time();
        for (_, mut call) in std::mem::take(&mut self.calls) {
            if let Some(mut consult) = call.consult.take() {
                lose(&mut consult.truth, at);
                self.remember(consult.truth);
            }
            lose(&mut call.truth, at);
            self.remember(call.truth);
        }
        self.channels.clear();
        self.told.clear();
        let went = std::mem::take(&mut self.agenda);
        self.agenda = went
            .into_iter()
            .filter(|Reverse((_, _, act))| !matches!(act, Act::Continue(_)))
            .collect();
        self.users = people::users(&self.profile);
        self.groups = people::groups(&self.profile);
    }

    fn begin_one(&mut self) {
        if self.closing {
            return;
        }
        let plot = self.any_plot();
        self.begin(&Order::of(plot));
        let mean = 1.0 / self.profile.calls_per_s.max(0.001);
        let next = self.rng.secs(&(mean * 0.2..mean * 1.8));
        self.after(next.max(Duration::from_millis(1)), Act::Begin);
    }

    /// One of the small things people do between calls.
    fn live(&mut self) {
        if self.closing {
            return;
        }
        let next = self.rng.secs(&(1.0..4.0));
        self.after(next, Act::Live);
        let index = self.rng.below(self.users.len());
        if self.users[index].legs > 0 {
            return;
        }
        match self.rng.below(3) {
            0 => {
                self.users[index].registered ^= true;
                let row = voice::terminal(&self.users[index]);
                self.tell("terminal", "updated", row, self.users[index].id);
            }
            1 => {
                self.users[index].dnd ^= true;
                let row = voice::user(&self.users[index]);
                self.tell("user", "updated", row, self.users[index].id);
            }
            _ => {
                let group = self.rng.below(self.groups.len());
                let Some(group) = self.groups.get_mut(group) else {
                    return;
                };
                let Some(member) = group.members.iter_mut().find(|member| member.user == index)
                else {
                    return;
                };
                member.logged_in ^= true;
                let member = member.clone();
                let row = voice::member(&member, &group.clone(), &self.users);
                self.tell("group_member", "updated", row, member.id);
            }
        }
    }

    fn any_plot(&mut self) -> Plot {
        self.rng.weighted(&Plot::MIX).unwrap_or(Plot::Answered)
    }

    fn tell(&mut self, element: &'static str, change: &'static str, row: Row, id: i64) {
        self.told.push(entity(element, change, row, id));
    }

    fn after(&mut self, wait: Duration, act: Act) {
        self.serial += 1;
        self.agenda
            .push(Reverse((self.now + wait, self.serial, act)));
    }

    fn cast(&self) -> Cast<'_> {
        Cast {
            users: &self.users,
            groups: &self.groups,
            channels: &self.channels,
        }
    }

    /// Unix microseconds. No two things happen in the same one.
    fn micros(&mut self) -> i64 {
        self.serial += 1;
        let fine = i64::try_from(self.serial % 1000).unwrap_or(0);
        self.start + i64::try_from(self.now.as_millis()).unwrap_or(0) * 1000 + fine
    }

    fn time(&self) -> Timestamp {
        let millis = i64::try_from(self.now.as_millis()).unwrap_or(0);
        Timestamp::from_micros(self.start + millis * 1000)
    }

    fn remember(&mut self, truth: TrueCall) {
        for list in [&mut self.ended, &mut self.fresh] {
            if list.len() == REMEMBERED {
                list.pop_front();
            }
        }
        self.fresh.push_back(truth.clone());
        self.ended.push_back(truth);
    }
}

fn entity(element: &'static str, change: &'static str, row: Row, id: i64) -> Told {
    Told {
        element,
        change,
        row,
        key: id.to_string(),
        user: None,
    }
}

/// The PBX restarted under a call.
fn lose(truth: &mut TrueCall, at: Timestamp) {
    silence(truth, at);
    truth.ended_at = Some(at);
    let talked = !truth.talked.is_empty();
    truth.end = Some(TrueEnd {
        cause: Cause::SystemRestart,
        or: vec![Cause::SourceLost],
        outcome: if talked {
            Outcome::Answered
        } else {
            Outcome::Unknown
        },
        ended_by: EndedBy::Unknown,
    });
}

/// Whoever talks or waits does so no more.
fn silence(truth: &mut TrueCall, at: Timestamp) {
    for talk in &mut truth.talked {
        talk.to.get_or_insert(at);
    }
    for wait in &mut truth.waits {
        wait.to.get_or_insert(at);
    }
}

#[cfg(test)]
mod tests;
