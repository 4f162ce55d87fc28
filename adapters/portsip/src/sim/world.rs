//! The life of the simulated PBX. Pure: time is handed in, chance is seeded, and what happens comes out as messages.

mod begin;
mod phones;
mod queues;
mod story;
mod transfer;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    time::Duration,
};

use adapter::{sim::Rng, truth::TrueCall};

use super::{
    call::Call,
    people::{self, Extension, Presence, Queue},
    plot::Plot,
    profile::Profile,
    truth::Ending,
    voice::{Emission, Topic, Voice},
};

pub use begin::Order;

/// The truth is told of this many ended calls, the latest.
const REMEMBERED: usize = 100_000;
/// Snowflakes count milliseconds from 2018-01-01.
const SNOWFLAKE_EPOCH: i64 = 1_514_764_800_000;
const SLA: Duration = Duration::from_secs(20);

/// A PBX with its people and calls.
pub(super) struct World {
    profile: Profile,
    rng: Rng,
    /// Unix milliseconds at time zero.
    start: i64,
    now: Duration,
    extensions: Vec<Extension>,
    queues: Vec<Queue>,
    calls: BTreeMap<u64, Call>,
    agenda: BinaryHeap<Reverse<(Duration, u64, Act)>>,
    serial: u64,
    told: Vec<Emission>,
    ended: VecDeque<TrueCall>,
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
    /// An agent has wrapped up: queue, agent.
    Wrapped(usize, usize),
    /// A phone is back.
    Return(usize),
    /// A caller may have waited longer than promised.
    Breach(u64),
}

impl World {
    /// A world at time zero, which is `start` in Unix milliseconds.
    pub(super) fn new(profile: &Profile, start: i64) -> Self {
        let mut world = Self {
            rng: Rng::new(profile.seed),
            start,
            now: Duration::ZERO,
            extensions: people::extensions(profile),
            queues: people::queues(profile, start),
            calls: BTreeMap::new(),
            agenda: BinaryHeap::new(),
            serial: 0,
            told: Vec::new(),
            ended: VecDeque::new(),
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
    pub(super) fn advance(&mut self, now: Duration) -> Vec<Emission> {
        while self.poll_timeout().is_some_and(|at| at <= now) {
            let Some(Reverse((at, _, act))) = self.agenda.pop() else {
                break;
            };
            self.now = self.now.max(at);
            self.act(act);
        }
        self.now = self.now.max(now);
        std::mem::take(&mut self.told)
    }

    /// What a topic pushes after a subscription, restricted to the given numbers.
    pub(super) fn snapshot(&self, topic: Topic, wanted: impl Fn(&str) -> bool) -> Vec<Emission> {
        let voice = self.voice();
        match topic {
            Topic::Extension if !voice.per_call() => {
                let extensions: Vec<&Extension> = self
                    .extensions
                    .iter()
                    .filter(|extension| wanted(&extension.number))
                    .collect();
                extensions
                    .chunks(50)
                    .map(|some| voice.extension_status(some))
                    .collect()
            }
            Topic::Queue => self
                .queues
                .iter()
                .filter(|queue| wanted(&queue.number))
                .map(|queue| voice.queue_status(queue))
                .collect(),
            Topic::QueueManagement => self
                .queues
                .iter()
                .map(|queue| voice.queue_created(queue))
                .collect(),
            Topic::Extension | Topic::Cdr | Topic::ExtensionManagement | Topic::Trunk => Vec::new(),
        }
    }

    /// A message that means nothing, for load: the `n`th of an endless round of what extensions might do.
    pub(super) fn chatter(&self, n: u64) -> Option<Emission> {
        let n = usize::try_from(n).unwrap_or(0);
        let mut extension = self
            .extensions
            .get(n % self.extensions.len().max(1))?
            .clone();
        let voice = self.voice();
        if voice.per_call() {
            return Some(voice.registration(&extension));
        }
        (extension.calls, extension.ringing) = match n / self.extensions.len() % 3 {
            0 => (0, 1),
            1 => (1, 0),
            _ => (0, 0),
        };
        voice.extension_call(&extension)
    }

    /// Every call so far, ended ones first. Of ended ones the latest hundred thousand are remembered.
    pub(super) fn truth(&self) -> Vec<TrueCall> {
        let open = self.calls.values().map(|call| &call.truth);
        self.ended.iter().chain(open).cloned().collect()
    }

    /// Takes the calls that have ended since this was last asked.
    pub(super) fn take_ended(&mut self) -> Vec<TrueCall> {
        self.ended.drain(..).collect()
    }

    /// How many calls last.
    pub(super) fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// From here on nothing begins by itself.
    pub(super) fn last_orders(&mut self) {
        self.profile.calls_per_s = 0.0;
    }

    /// Power off and on: calls are gone without a word.
    pub(super) fn restart(&mut self) {
        let at = self.wall();
        for (_, mut call) in std::mem::take(&mut self.calls) {
            call.ends(Ending::Lost, at);
            self.remember(call.truth);
        }
        self.told.clear();
        self.extensions = people::extensions(&self.profile);
        self.queues = people::queues(&self.profile, at);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Continue(session) => self.go_on(session),
            Act::Begin | Act::Live if self.profile.calls_per_s <= 0.0 => {}
            Act::Begin => {
                let plot = self.any_plot();
                self.begin(&Order::of(plot));
                let mean = 1.0 / self.profile.calls_per_s.max(0.001);
                let next = self.rng.secs(&(mean * 0.2..mean * 1.8));
                self.after(next.max(Duration::from_millis(1)), Act::Begin);
            }
            Act::Live => {
                self.live();
                let next = self.rng.secs(&(1.0..4.0));
                self.after(next, Act::Live);
            }
            Act::Wrapped(queue, agent) => self.wrapped(queue, agent),
            Act::Return(extension) => self.register(extension, true),
            Act::Breach(session) => self.breach(session),
        }
    }

    /// One of the small things people do between calls.
    fn live(&mut self) {
        let index = self.rng.below(self.extensions.len().saturating_sub(2));
        let Some(extension) = self.extensions.get(index) else {
            return;
        };
        if !extension.is_free() {
            return;
        }
        match self.rng.below(4) {
            0 => {
                self.register(index, false);
                let away = self.rng.secs(&(4.0..15.0));
                self.after(away, Act::Return(index));
            }
            1 if self.profile.dialect >= crate::wire::Dialect::V22_3 => {
                let told = self.voice().extension_updated(&self.extensions[index]);
                self.told.push(told);
            }
            1 | 2 => self.turn_presence(index),
            _ => self.toggle_ready(index),
        }
    }

    fn register(&mut self, index: usize, online: bool) {
        if self.extensions[index].online != online {
            self.extensions[index].online = online;
            let told = self.voice().registration(&self.extensions[index]);
            self.told.push(told);
        }
    }

    fn turn_presence(&mut self, index: usize) {
        let extension = &mut self.extensions[index];
        extension.presence = match extension.presence {
            Presence::Available => Presence::Away,
            Presence::Away => Presence::Lunch,
            Presence::Lunch | Presence::DoNotDisturb => Presence::Available,
        };
        let told = self.voice().presence(&self.extensions[index]);
        self.told.extend(told);
    }

    fn any_plot(&mut self) -> Plot {
        self.rng.weighted(&Plot::MIX).unwrap_or(Plot::Answered)
    }

    fn after(&mut self, wait: Duration, act: Act) {
        self.serial += 1;
        self.agenda
            .push(Reverse((self.now + wait, self.serial, act)));
    }

    fn voice(&self) -> Voice<'_> {
        Voice {
            profile: &self.profile,
            extensions: &self.extensions,
            at: self.wall(),
        }
    }

    /// Unix milliseconds.
    fn wall(&self) -> i64 {
        people::wall(self.start, self.now)
    }

    /// An id as PortSIP makes them, dated now.
    fn snowflake(&mut self) -> u64 {
        self.serial += 1;
        let millis = u64::try_from(self.wall() - SNOWFLAKE_EPOCH).unwrap_or(0);
        millis << 22 | (1 << 12) | (self.serial & 0xFFF)
    }

    fn remember(&mut self, truth: TrueCall) {
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(truth);
    }
}

#[cfg(test)]
mod tests;
