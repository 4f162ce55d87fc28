//! The life of a simulated customer. Pure: time is handed in, chance is seeded, and what happens comes out as events.

mod begin;
mod daily;
mod phones;
mod queues;
mod rest;
mod story;
mod tell;
mod transfer;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    time::Duration,
};

use adapter::{sim::Rng, truth::TrueCall};

use super::{
    Answer, Asked, Told, World,
    call::Call,
    people::{self, Extension, Queue},
    plot::Plot,
    profile::Profile,
    truth::Ending,
};

pub use begin::Order;

/// The truth is told of this many ended calls, the latest.
const REMEMBERED: usize = 100_000;

/// A customer of Telecom X with its people and calls.
pub struct Office {
    profile: Profile,
    rng: Rng,
    /// Unix milliseconds at time zero.
    start: i64,
    now: Duration,
    extensions: Vec<Extension>,
    queues: Vec<Queue>,
    calls: BTreeMap<String, Call>,
    agenda: BinaryHeap<Reverse<(Duration, u64, Act)>>,
    serial: u64,
    told: Vec<Told>,
    ended: VecDeque<TrueCall>,
    /// How many of the ended calls have been taken.
    taken: usize,
    closed: bool,
    night: bool,
}

/// Something that is due at a certain time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// A call goes on.
    Continue(String),
    /// A call begins by itself.
    Begin,
    /// Somebody does something that is no call.
    Live,
    /// The queues say who their master is.
    Master,
    /// Phones renew their registrations.
    Renew,
}

impl Office {
    /// The number that callers from outside dial.
    pub const MAIN_NUMBER: &'static str = "+4570102030";
    /// The conference that everybody may enter.
    pub const CONFERENCE: &'static str = "8100";
    /// How often phones register anew.
    const RENEWAL: Duration = Duration::from_secs(300);
    /// How often queues say who their master is.
    const MASTER: Duration = Duration::from_secs(30);

    /// An office at time zero, which is `start` in Unix milliseconds.
    #[must_use]
    pub fn new(profile: &Profile, start: i64) -> Self {
        let mut office = Self {
            rng: Rng::new(profile.seed),
            start,
            now: Duration::ZERO,
            extensions: people::extensions(profile),
            queues: people::queues(profile),
            calls: BTreeMap::new(),
            agenda: BinaryHeap::new(),
            serial: 0,
            told: Vec::new(),
            ended: VecDeque::new(),
            taken: 0,
            closed: false,
            night: false,
            profile: profile.clone(),
        };
        if profile.calls_per_s > 0.0 {
            office.after(Duration::from_millis(300), Act::Begin);
            office.after(Duration::from_secs(1), Act::Live);
            office.after(Self::MASTER, Act::Master);
            office.after(Duration::from_millis(100), Act::Renew);
        }
        office
    }

    /// Every call so far, ended ones first. Of ended ones the latest hundred thousand are remembered.
    #[must_use]
    pub fn truth(&self) -> Vec<TrueCall> {
        let open = self.calls.values().map(|call| &call.truth);
        self.ended.iter().chain(open).cloned().collect()
    }

    /// Calls that have ended since this was last asked.
    pub fn take_ended(&mut self) -> Vec<TrueCall> {
        let fresh = self.ended.iter().skip(self.taken).cloned().collect();
        self.taken = self.ended.len();
        fresh
    }

    /// How many calls last.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// From here on no call begins by itself.
    pub fn last_orders(&mut self) {
        self.closed = true;
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Continue(session) => self.go_on(&session),
            Act::Begin if self.closed => {}
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
            Act::Master => {
                self.masters();
                self.after(Self::MASTER, Act::Master);
            }
            Act::Renew => {
                self.renew();
                self.after(Self::RENEWAL, Act::Renew);
            }
        }
    }

    fn any_plot(&mut self) -> Plot {
        self.rng.weighted(&Plot::MIX).unwrap_or(Plot::Answered)
    }

    fn after(&mut self, wait: Duration, act: Act) {
        self.serial += 1;
        self.agenda
            .push(Reverse((self.now + wait, self.serial, act)));
    }

    /// Unix milliseconds.
    fn wall(&self) -> i64 {
        let passed = i64::try_from(self.now.as_millis()).unwrap_or(i64::MAX);
        self.start.saturating_add(passed)
    }

    /// A number that has not been given yet.
    fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn remember(&mut self, truth: TrueCall) {
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
            self.taken = self.taken.saturating_sub(1);
        }
        self.ended.push_back(truth);
    }
}

impl World for Office {
    fn advance(&mut self, now: Duration) -> Vec<Told> {
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

    fn poll_timeout(&self) -> Option<Duration> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    fn rest(&mut self, asked: &Asked<'_>) -> Answer {
        self.answer_rest(asked)
    }

    fn chatter(&mut self, n: u64) -> Option<Told> {
        self.idle_talk(n)
    }

    fn restart(&mut self) {
        let at = self.wall();
        for (_, mut call) in std::mem::take(&mut self.calls) {
            if call.plot == Plot::Forwarded
                && let Some(mobile) = call.legs.get(1).filter(|leg| !leg.ended)
            {
                let mobile = mobile.side.number.clone();
                self.remember_forward(&call, &mobile, Ending::Lost);
            }
            call.ends(Ending::Lost, at);
            self.remember(call.truth);
        }
        self.told.clear();
        self.extensions = people::extensions(&self.profile);
        self.queues = people::queues(&self.profile);
    }
}
