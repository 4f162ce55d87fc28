//! Snapshots: what to ask of REST after each connect, what was refused, and what to look at again.
//!
//! Channels are subscribed to first, so that nothing falls between. Events that come while the answers are on their way
//! are not held back: whatever an event has touched meanwhile, the answer does not overrule.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    time::Duration,
};

use adapter::Output;
use model::{Fact, Now, Text, observation::SourceFact};

use super::{read, tell::Telling, words};
use crate::{
    Config,
    wire::{Channel, Session, Subscribed, request},
};

/// How long a snapshot is waited for. A refusal may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between the two lists that have to be silent about something before it is thought over.
const SECOND_LOOK: Duration = Duration::from_secs(10);
/// How long changed objects are gathered before they are looked at.
const GATHER: Duration = Duration::from_millis(300);
/// Requests on their way at a time.
const IN_FLIGHT: usize = 2;
/// Requests that wait; beyond it a change is looked at with the next snapshot.
const MAX_WAITING: usize = 2_000;
/// Objects that events may touch during a snapshot; beyond it the snapshot says nothing about the rest.
const MAX_TOUCHED: usize = 200_000;
/// Entries of a page.
pub(super) const PAGE: u64 = 500;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// People with their presence, extensions and calls.
    People,
    /// Queues with members and callers.
    Queues,
    /// Extensions, from that one on.
    Extensions(u64),
    /// Users, from that one on.
    Users(u64),
    /// Conferences.
    Conferences,
    /// Who is in one.
    Conference(Text),
    /// All calls that live.
    Calls,
    /// One extension that changed.
    Extension(Text),
    /// One queue that changed.
    Queue(Text),
    /// One user who changed.
    User(Text),
}

pub(super) struct Sync {
    customer: Option<String>,
    enabled: bool,
    channels: Vec<Channel>,
    /// Channels whose answer has not come.
    unanswered: BTreeSet<Channel>,
    refused: Vec<Text>,
    admin: bool,
    sees_all: bool,
    connected: bool,
    /// The snapshot that is being taken: 1 the first since the link came, 2 the second look. 0 none.
    pub(super) round: u8,
    due: Vec<Ask>,
    deadline: Option<Duration>,
    second_look: Option<Duration>,
    waiting: VecDeque<Ask>,
    in_flight: Vec<(Text, Ask)>,
    touched: HashSet<Text>,
    overrun: bool,
    changed: BTreeSet<(u8, Text)>,
    gathered: Option<Duration>,
}

impl Sync {
    pub(super) fn new(config: &Config) -> Self {
        let channels = config.known_channels();
        Self {
            customer: config.customer.clone(),
            enabled: config.snapshot,
            channels,
            unanswered: BTreeSet::new(),
            refused: Vec::new(),
            admin: false,
            sees_all: false,
            connected: false,
            round: 0,
            due: Vec::new(),
            deadline: None,
            second_look: None,
            waiting: VecDeque::new(),
            in_flight: Vec::new(),
            touched: HashSet::new(),
            overrun: false,
            changed: BTreeSet::new(),
            gathered: None,
        }
    }

    pub(super) fn connected(&mut self, now: Now) {
        self.disconnected();
        self.connected = true;
        self.unanswered = self.channels.iter().copied().collect();
        self.refused.clear();
        self.admin = false;
        self.sees_all = false;
        self.deadline = Some(now.mono + PATIENCE);
    }

    pub(super) fn disconnected(&mut self) {
        self.connected = false;
        self.round = 0;
        self.due.clear();
        self.deadline = None;
        self.second_look = None;
        self.waiting.clear();
        self.in_flight.clear();
        self.touched.clear();
        self.overrun = false;
        self.changed.clear();
        self.gathered = None;
        self.unanswered.clear();
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        [self.deadline, self.second_look, self.gathered]
            .into_iter()
            .flatten()
            .min()
    }

    /// Who we are.
    pub(super) fn session(&mut self, session: &Session<'_>) {
        let level = read::text(&session.level);
        self.admin = level.is_some_and(words::is_admin);
        self.sees_all = level.is_some_and(words::sees_all);
    }

    /// A channel stands or is refused. When all have answered, the snapshot begins.
    pub(super) fn subscribed(&mut self, tell: &mut Telling, body: &Subscribed<'_>) {
        let name = read::text(&body.channel).unwrap_or("a channel");
        let ok = read::flag(&body.ok).unwrap_or(false);
        if !ok {
            let error = read::text(&body.error).unwrap_or("no reason given");
            let reason: Text = format!("{name} refused: {error}").into();
            self.refuse(tell, reason, "subscribe.refused");
        } else {
            self.refused
                .retain(|reason| !reason.starts_with(&format!("{name} refused")));
        }
        let channel = Channel::parse(name);
        if channel.is_some_and(|channel| self.unanswered.remove(&channel))
            && self.unanswered.is_empty()
        {
            self.begin(tell);
        }
    }

    fn refuse(&mut self, tell: &mut Telling, reason: Text, rule: &'static str) {
        const MAX_REASONS: usize = 64;
        if self.refused.contains(&reason) {
            return;
        }
        if self.refused.len() < MAX_REASONS {
            self.refused.push(reason.clone());
        }
        tell.native(rule, Fact::Source(SourceFact::Degraded { reason }));
    }

    /// Asks for everything. Without snapshots there is nothing to wait for.
    fn begin(&mut self, tell: &mut Telling) {
        self.round = 1;
        self.deadline = Some(tell.now.mono + PATIENCE);
        if self.enabled {
            let mut asks = vec![
                Ask::Extensions(0),
                Ask::Users(0),
                Ask::Queues,
                Ask::People,
                Ask::Conferences,
            ];
            if self.admin {
                asks.push(Ask::Calls);
            }
            for ask in asks {
                self.want(ask);
            }
        }
        self.settle(tell);
        self.pump(tell);
    }

    /// One more answer without which the snapshot is not complete.
    pub(super) fn want(&mut self, ask: Ask) {
        if self.waiting.len() < MAX_WAITING {
            self.due.push(ask.clone());
            self.waiting.push_back(ask);
        }
    }

    /// The next page of a list, before anything else.
    pub(super) fn want_next(&mut self, ask: Ask) {
        self.due.push(ask.clone());
        self.waiting.push_front(ask);
    }

    /// Sends what waits, a few at a time.
    pub(super) fn pump(&mut self, tell: &mut Telling) {
        while self.in_flight.len() < IN_FLIGHT {
            let Some(ask) = self.waiting.pop_front() else {
                return;
            };
            let path = self.path(&ask);
            tell.requests.push(request::get(&path));
            self.in_flight.push((path.into(), ask));
        }
    }

    /// What an answer is the answer to. None when nobody asked.
    pub(super) fn answered(&mut self, path: &str) -> Option<Ask> {
        let at = self
            .in_flight
            .iter()
            .position(|(asked, _)| **asked == *path)?;
        Some(self.in_flight.swap_remove(at).1)
    }

    /// An answer has been taken in, or there is none.
    pub(super) fn done(&mut self, tell: &mut Telling, ask: &Ask) {
        self.due.retain(|due| due != ask);
        self.settle(tell);
        self.pump(tell);
    }

    /// REST refused, or did not answer.
    pub(super) fn failed(&mut self, tell: &mut Telling, ask: &Ask, why: &str) {
        let reason: Text = format!("snapshot of {}: {why}", ask.name()).into();
        self.refuse(tell, reason, "snapshot.refused");
    }

    fn settle(&mut self, tell: &mut Telling) {
        if self.round == 0 || !self.due.is_empty() {
            return;
        }
        let first = self.round == 1;
        self.round = 0;
        self.deadline = None;
        self.touched.clear();
        self.overrun = false;
        if !first {
            return;
        }
        if self.enabled {
            self.second_look = Some(tell.now.mono + SECOND_LOOK);
        }
        tell.native("snapshot.complete", Fact::Source(SourceFact::Synced));
        for reason in &self.refused {
            let reason = reason.clone();
            tell.native(
                "subscribe.refused",
                Fact::Source(SourceFact::Degraded { reason }),
            );
        }
    }

    /// Does what is due. True when it is time for the second look, and `look` says whether there is anything to look
    /// for.
    pub(super) fn timeout(&mut self, now: Now, look: bool, out: &mut Output) {
        let mut tell = Telling::by_timer("snapshot", now);
        if self.gathered.is_some_and(|at| at <= now.mono) {
            self.gathered = None;
            for (kind, id) in std::mem::take(&mut self.changed) {
                if self.waiting.len() < MAX_WAITING {
                    self.waiting.push_back(match kind {
                        0 => Ask::Extension(id),
                        1 => Ask::Queue(id),
                        _ => Ask::User(id),
                    });
                }
            }
            self.pump(&mut tell);
        }
        if self.second_look.is_some_and(|at| at <= now.mono) {
            self.second_look = None;
            if look {
                self.round = 2;
                self.deadline = Some(now.mono + PATIENCE);
                self.want(Ask::Queues);
                self.want(Ask::People);
                if self.admin {
                    self.want(Ask::Calls);
                }
                self.pump(&mut tell);
            }
        }
        if self.deadline.is_some_and(|at| at <= now.mono) {
            self.deadline = None;
            let reason: Text = self.missing().into();
            let fact = Fact::Source(SourceFact::Degraded { reason });
            tell.inferred("snapshot.missing", fact);
        }
        tell.finish_bare(out);
    }

    fn missing(&self) -> String {
        let mut parts: Vec<String> = self
            .unanswered
            .iter()
            .map(|channel| format!("no answer for {}", channel.as_str()))
            .collect();
        let mut names: Vec<&str> = self.due.iter().map(Ask::name).collect();
        names.dedup();
        parts.extend(
            names
                .iter()
                .take(8)
                .map(|name| format!("no snapshot of {name}")),
        );
        parts.join("; ")
    }

    /// An event has told of something that a list on its way may know otherwise.
    pub(super) fn touched(&mut self, key: &str) {
        if self.round == 0 && self.unanswered.is_empty() {
            return;
        }
        if self.touched.len() < MAX_TOUCHED {
            self.touched.insert(key.into());
        } else {
            self.overrun = true;
        }
    }

    /// True when an event knows better than the answer at hand.
    pub(super) fn is_touched(&self, key: &str) -> bool {
        self.overrun || self.touched.contains(key)
    }

    pub(super) fn touched_keys(&self) -> impl Iterator<Item = &Text> {
        self.touched.iter()
    }

    /// Whether a list of the configuration is one of all there is.
    pub(super) fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Whether so much happened that a list proves nothing any more.
    pub(super) fn is_overrun(&self) -> bool {
        self.overrun
    }

    pub(super) fn look_at_extension(&mut self, id: &str, now: Now) {
        self.look_at(0, id, now);
    }

    /// True when it will be looked at.
    pub(super) fn look_at_queue(&mut self, id: &str, now: Now) -> bool {
        self.look_at(1, id, now)
    }

    pub(super) fn look_at_user(&mut self, id: &str, now: Now) {
        self.look_at(2, id, now);
    }

    fn look_at(&mut self, kind: u8, id: &str, now: Now) -> bool {
        if !self.enabled || !self.connected || self.changed.len() >= MAX_WAITING {
            return false;
        }
        self.changed.insert((kind, id.into()));
        self.gathered.get_or_insert(now.mono + GATHER);
        true
    }

    fn path(&self, ask: &Ask) -> String {
        let customer = self.customer.as_deref().map(request::escaped);
        let of = |path: String| match &customer {
            Some(customer) => {
                let sign = if path.contains('?') { '&' } else { '?' };
                format!("{path}{sign}customer={customer}")
            }
            None => path,
        };
        match ask {
            Ask::People => "/pbx/app/employees?calls=true&standalone=true".to_owned(),
            Ask::Queues => "/pbx/app/queues?all=true".to_owned(),
            Ask::Extensions(from) => of(format!("/pbx/extension?limit={PAGE}&offset={from}")),
            Ask::Users(from) => of(format!("/employee?limit={PAGE}&offset={from}")),
            Ask::Conferences => of("/pbx/conference".to_owned()),
            Ask::Conference(id) => format!("/pbx/conference/{}?live=true", request::escaped(id)),
            Ask::Calls => of("/pbx/calls?full=true".to_owned()),
            Ask::Extension(id) => format!("/pbx/extension/{}", request::escaped(id)),
            Ask::Queue(id) => format!(
                "/pbx/queue/{}?members=true&callers=true",
                request::escaped(id)
            ),
            Ask::User(id) => format!("/employee/{}", request::escaped(id)),
        }
    }
}

impl Ask {
    fn name(&self) -> &'static str {
        match self {
            Self::People => "/pbx/app/employees",
            Self::Queues => "/pbx/app/queues",
            Self::Extensions(_) | Self::Extension(_) => "/pbx/extension",
            Self::Users(_) | Self::User(_) => "/employee",
            Self::Conferences | Self::Conference(_) => "/pbx/conference",
            Self::Calls => "/pbx/calls",
            Self::Queue(_) => "/pbx/queue",
        }
    }
}
