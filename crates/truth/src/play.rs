//! Plays a simulated PBX against a gateway in virtual time, through all kinds of weather, and judges the calls.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use adapter::truth::{Stage, TrueCall};
use bytes::Bytes;
use model::{EntityId, Event, SourceId, Timestamp};

use crate::{
    chance::Chance,
    gateway::{Gateway, SOURCE},
    house::{House, Opened},
    judge::{Finding, invented, judge},
    score::Score,
    tape::{Step, Tape},
    weather::{Trouble, Weather},
};

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Play<'p> {
    /// The dialect.
    pub dialect: &'p str,
    /// The weather, and its place in tables.
    pub weather: (usize, &'p Weather),
    /// The same seed tells the same story.
    pub seed: u64,
    /// How many calls.
    pub calls: usize,
    /// Keep what the gateway went through up to its first fault.
    pub record: bool,
}

/// What came of it.
pub struct Played {
    /// What was found.
    pub score: Score,
    /// What the gateway went through up to its first fault, the call in question, and what was found about it.
    pub fault: Option<Fault>,
    /// The source at the end.
    pub source: Option<Arc<model::Source>>,
    /// Events published.
    pub events: u64,
    /// The first `source.unrecognized` of each shape.
    pub samples: Vec<Event>,
}

/// A call that was told wrongly.
pub struct Fault {
    /// What really happened to it.
    pub truth: TrueCall,
    /// Whether the source was heard throughout it.
    pub throughout: bool,
    /// What is wrong.
    pub finding: Finding,
    /// All that the gateway went through.
    pub tape: Tape,
    /// The adapter's config.
    pub source_toml: String,
}

/// When a call is judged that has ended on both sides: later corrections count, too.
const VERDICT_AFTER: Duration = Duration::from_secs(90);
/// When everything is over, even what was lost: longer than the longest life of an unconfirmed call.
const JUDGEMENT_DAY: Duration = Duration::from_secs(13 * 3600);
/// 2026-03-02T08:00:00Z.
const START: Timestamp = Timestamp::from_secs(1_772_438_400);

impl Play<'_> {
    /// Plays it.
    #[must_use]
    pub fn run(&self, house: &dyn House) -> Played {
        let Opened {
            stage,
            adapter,
            source_toml,
        } = house.open(self.dialect, self.weather.1, self.seed, START);
        let mut chance = Chance::new(self.seed ^ 0x57_0A_4D);
        let tape = self
            .record
            .then(|| Tape::new(stage.dialect(), START, stage.reconciles()));
        let weather = self.weather.1;
        let mut next = |trouble: Option<Trouble>, now: Duration| {
            trouble.map(|trouble| {
                (
                    now + chance.between(Duration::from_secs(5), trouble.every),
                    trouble,
                )
            })
        };
        let outage = next(weather.outages, Duration::ZERO);
        let gateway_restart = next(weather.gateway_restarts, Duration::ZERO);
        let pbx_restart = next(weather.pbx_restarts, Duration::ZERO);
        let run = Run {
            column: format!("{} {}", house.name(), self.dialect),
            play: self,
            gateway: Gateway::new(adapter, START),
            stage,
            now: Duration::ZERO,
            up: false,
            back: Some(Duration::ZERO),
            silences: VecDeque::new(),
            waiting: VecDeque::new(),
            shadows: HashSet::new(),
            outage,
            gateway_restart,
            pbx_restart,
            chance,
            tape,
            source_toml,
            score: Score::default(),
            fault: None,
        };
        run.through()
    }
}

struct Run<'p> {
    column: String,
    play: &'p Play<'p>,
    gateway: Gateway,
    stage: Box<dyn Stage>,
    now: Duration,
    up: bool,
    /// When the connection is back.
    back: Option<Duration>,
    /// Times at which the source was not heard; the last may not be over.
    silences: VecDeque<(Duration, Option<Duration>)>,
    /// Calls that have ended and are not judged yet, with the time from which they may be.
    waiting: VecDeque<(Duration, TrueCall)>,
    /// Calls that are other calls, told by something else than the PBX.
    shadows: HashSet<EntityId>,
    outage: Option<(Duration, Trouble)>,
    gateway_restart: Option<(Duration, Trouble)>,
    pbx_restart: Option<(Duration, Trouble)>,
    chance: Chance,
    tape: Option<Tape>,
    source_toml: String,
    score: Score,
    fault: Option<Fault>,
}

impl Run<'_> {
    fn through(mut self) -> Played {
        self.silences.push_back((Duration::ZERO, None));
        let mut ended = 0;
        while ended < self.play.calls && self.fault.is_none() {
            self.step(true);
            ended += self.judge_due(false);
        }
        self.stage.last_orders();
        while self.stage.open_calls() > 0 && self.fault.is_none() {
            self.step(true);
            self.judge_due(false);
        }
        // Everybody has hung up. The connection comes back, and what is still open must find its end.
        let last = self.now + JUDGEMENT_DAY;
        while self.back.is_some() && self.fault.is_none() {
            self.step(false);
        }
        while let Some(due) = self.gateway.poll_timeout().filter(|due| *due <= last) {
            self.now = self.now.max(due);
            self.pass();
        }
        self.now = last;
        self.pass();
        self.judge_due(true);
        self.sum_up()
    }

    /// Goes on to the next thing that happens.
    fn step(&mut self, troubles: bool) {
        let trouble = [self.outage, self.gateway_restart, self.pbx_restart];
        let trouble = trouble.into_iter().flatten().map(|(at, _)| at).min();
        let next = [
            self.stage.poll_timeout(),
            self.gateway.poll_timeout(),
            self.back,
            trouble.filter(|_| troubles && self.up),
        ];
        let Some(next) = next.into_iter().flatten().min() else {
            self.now += Duration::from_secs(1);
            return;
        };
        self.now = self.now.max(next);
        self.pass();
        let mut frames = Vec::new();
        self.stage.advance(self.now, &mut frames);
        self.receive(frames);
        if self.back.is_some_and(|at| at <= self.now) {
            self.back = None;
            self.connect();
        } else if troubles && self.up {
            self.trouble();
        }
    }

    fn trouble(&mut self) {
        let now = self.now;
        let due = |trouble: &mut Option<(Duration, Trouble)>, chance: &mut Chance| {
            let (at, kind) = (*trouble)?;
            if at > now {
                return None;
            }
            let lasts = chance.between(Duration::from_millis(20), kind.lasts);
            let next = chance.between(Duration::from_secs(5), kind.every);
            *trouble = Some((now + lasts + next, kind));
            Some(now + lasts)
        };
        if let Some(back) = due(&mut self.outage, &mut self.chance) {
            self.disconnect();
            self.stage.disconnect();
            self.back = Some(back);
        } else if let Some(back) = due(&mut self.gateway_restart, &mut self.chance) {
            // Killed: it has no time to notice.
            self.stage.disconnect();
            self.up = false;
            self.silences.push_back((now, None));
            self.gateway.restart(now);
            self.record(Step::Restarted);
            self.back = Some(back);
        } else if let Some(back) = due(&mut self.pbx_restart, &mut self.chance) {
            self.disconnect();
            self.stage.restart();
            self.back = Some(back);
        }
    }

    fn connect(&mut self) {
        self.up = true;
        if let Some((_, to)) = self.silences.back_mut() {
            *to = Some(self.now);
        }
        self.record(Step::Connected);
        let (dialect, reconciles) = (self.stage.dialect(), self.stage.reconciles());
        let requests = self.gateway.connected(dialect, &reconciles, self.now);
        let mut frames = Vec::new();
        self.stage.connect(&mut frames);
        self.receive(frames);
        self.ask(requests);
    }

    fn disconnect(&mut self) {
        self.up = false;
        self.silences.push_back((self.now, None));
        self.record(Step::Disconnected);
        self.gateway.disconnected(self.now);
    }

    fn receive(&mut self, frames: Vec<Bytes>) {
        if !self.up {
            return;
        }
        for frame in frames {
            let requests = self.gateway.frame(&frame, self.now);
            self.record(Step::Frame(frame));
            self.ask(requests);
        }
    }

    fn ask(&mut self, requests: Vec<Bytes>) {
        for request in requests {
            let mut frames = Vec::new();
            if self.up {
                self.stage.request(&request, &mut frames);
            }
            self.receive(frames);
        }
    }

    fn pass(&mut self) {
        let requests = self.gateway.pass(self.now);
        self.ask(requests);
    }

    fn record(&mut self, step: Step) {
        if let Some(tape) = &mut self.tape {
            tape.steps.push((self.now, step));
        }
    }

    /// Judges the calls that can be judged; yields how many calls have ended meanwhile.
    fn judge_due(&mut self, all: bool) -> usize {
        let ended = self.stage.take_ended();
        let count = ended.len();
        for call in ended {
            self.waiting.push_back((self.now + VERDICT_AFTER, call));
        }
        let first = self.waiting.front().map(|(due, _)| *due);
        if !all && count == 0 && first.is_none_or(|due| due > self.now) {
            return 0;
        }
        let mut later = VecDeque::new();
        while let Some((due, call)) = self.waiting.pop_front() {
            if due > self.now && !all {
                self.waiting.push_front((due, call));
                break;
            }
            let id = entity(&call.key);
            let open = self
                .gateway
                .accounts()
                .get(&id)
                .is_some_and(|a| a.ended == 0);
            if open && !all {
                // The gateway does not know yet that it is over.
                later.push_back((self.now + VERDICT_AFTER, call));
                continue;
            }
            self.judge(&id, call);
        }
        self.waiting.append(&mut later);
        self.waiting.make_contiguous().sort_by_key(|(due, _)| *due);
        let oldest = self.now.saturating_sub(Duration::from_secs(24 * 3600));
        while self
            .silences
            .front()
            .is_some_and(|(_, to)| to.is_some_and(|to| to < oldest))
        {
            self.silences.pop_front();
        }
        count
    }

    fn judge(&mut self, id: &EntityId, truth: TrueCall) {
        self.shadows.extend(truth.shadow.as_deref().map(entity));
        let account = self.gateway.accounts().take(id);
        let throughout = self.heard_throughout(&truth);
        let findings = judge(&truth, account.as_ref(), throughout);
        let (index, weather) = self.play.weather;
        self.score.add(
            &self.column,
            (index, &weather.name),
            Some(&truth),
            &findings,
        );
        let fault = findings
            .into_iter()
            .find(|finding| finding.verdict.is_a_fault());
        if fault.is_none() {
            return;
        }
        if let (Some(finding), Some(mut tape)) = (fault, self.tape.take()) {
            tape.end = self.now;
            self.fault = Some(Fault {
                truth,
                throughout,
                finding,
                tape,
                source_toml: self.source_toml.clone(),
            });
        }
    }

    fn heard_throughout(&self, truth: &TrueCall) -> bool {
        // What was told in the last moments before a silence may wait for something that is lost in it.
        let settled = Duration::from_secs(10);
        let to = truth
            .ended_at
            .unwrap_or(START.after(self.now))
            .after(settled);
        !self.silences.iter().any(|(from, until)| {
            let began_before = START.after(*from) <= to;
            let lasted = until.is_none_or(|until| START.after(until) >= truth.started_at);
            began_before && lasted
        })
    }

    fn sum_up(mut self) -> Played {
        let (index, weather) = self.play.weather;
        for id in self.gateway.accounts().rest() {
            let account = self.gateway.accounts().take(&id);
            let invents = self.fault.is_none() && !self.shadows.contains(&id);
            if let Some(account) = account.filter(|_| invents) {
                let finding = invented(&account);
                self.score
                    .add(&self.column, (index, &weather.name), None, &[finding]);
            }
        }
        self.score.ghosts = u64::try_from(self.gateway.going_on()).unwrap_or(u64::MAX);
        self.score.twice = self.gateway.accounts().again;
        self.score.violations = self.gateway.violations();
        Played {
            score: self.score,
            fault: self.fault,
            source: self.gateway.source(),
            events: self.gateway.events,
            samples: std::mem::take(&mut self.gateway.samples)
                .into_values()
                .collect(),
        }
    }
}

/// The canonical id of a call.
#[must_use]
pub fn entity(key: &str) -> EntityId {
    SourceId::new(SOURCE).expect("a source id").entity(key)
}
