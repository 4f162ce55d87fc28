//! A gateway without sockets and disk: translator and state in virtual time, and the means to kill it and start it
//! again from what would have been on the disk.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use adapter::{Adapter, Output, Resume, Translator};
use bytes::Bytes;
use hub::{
    draft::Draft,
    state::{Archive, Archived, Last, SourceSettings, State, Table},
};
use model::{
    Collection, EntityId, Epoch, Event, Fact, FrameId, Heard, MemoChange, Now, Observation,
    Position, RawFrame, Report, SourceId, Text, Timestamp, observation::SourceFact,
};

use crate::account::Accounts;

/// The only source.
pub const SOURCE: &str = "hq";

/// A gateway with one source.
pub struct Gateway {
    source: SourceId,
    adapter: Arc<dyn Adapter>,
    translator: Box<dyn Translator>,
    state: State,
    start: Timestamp,
    frames: u64,
    /// Up to where time has passed.
    passed: Duration,
    disk: Disk,
    accounts: Accounts,
    drafts: Vec<Draft>,
    /// Unknown shapes that were published, each with its first event.
    pub samples: BTreeMap<Text, Event>,
    /// Events published.
    pub events: u64,
}

/// What is on the disk: the checkpoint, the events after it, the memos, and closed subjects.
#[derive(Default)]
struct Disk {
    entities: BTreeMap<(Collection, EntityId), Bytes>,
    after: Vec<Event>,
    memo: BTreeMap<Text, Bytes>,
    translator_memo: BTreeMap<Text, Bytes>,
    closed: HashMap<(Collection, EntityId), Archived>,
    aliases: HashMap<(Collection, EntityId), EntityId>,
    order: VecDeque<((Collection, EntityId), Vec<EntityId>)>,
    position: u64,
}

/// Closed subjects that are kept: more than a call of an hour ago is asked for by nobody.
const CLOSED: usize = 20_000;
/// Events between two checkpoints.
const CHECKPOINT: usize = 400;

impl Gateway {
    /// A gateway that never ran before. Second 0 is `start`.
    #[must_use]
    pub fn new(adapter: Arc<dyn Adapter>, start: Timestamp) -> Self {
        let source = SourceId::new(SOURCE).expect("a source id");
        Self {
            translator: adapter.translator(Resume::default()),
            state: State::new(settings(&source, &*adapter)),
            source,
            adapter,
            start,
            frames: 0,
            passed: Duration::ZERO,
            disk: Disk::default(),
            accounts: Accounts::default(),
            drafts: Vec::new(),
            samples: BTreeMap::new(),
            events: 0,
        }
    }

    /// What was published about calls.
    pub fn accounts(&mut self) -> &mut Accounts {
        &mut self.accounts
    }

    /// How much goes on: calls, and what must not outlast them.
    #[must_use]
    pub fn going_on(&self) -> usize {
        let view = self.state.view();
        let of_calls = view.callers.len() + view.recordings.len() + view.participants.len();
        view.calls.len() + of_calls
    }

    /// Invariants that were broken.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.state.counters().violations()
    }

    /// The source as `/v1/sources` shows it.
    #[must_use]
    pub fn source(&self) -> Option<Arc<model::Source>> {
        let view = self.state.view();
        let stored = view.sources.get(&EntityId::from_text(SOURCE))?;
        Some(Arc::clone(&stored.entity))
    }

    /// When translator or state want to go on by themselves.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let both = [self.translator.poll_timeout(), self.state.poll_timeout()];
        both.into_iter().flatten().min()
    }

    /// Lets time pass up to now.
    pub fn pass(&mut self, mono: Duration) -> Vec<Bytes> {
        let mut requests = Vec::new();
        while let Some(due) = self.poll_timeout().filter(|due| *due <= mono) {
            // What was due while the gateway was down comes when it is up.
            let due = due.max(self.passed);
            let now = self.now(due);
            if self.translator.poll_timeout().is_some_and(|at| at <= due) {
                let mut out = Output::default();
                self.translator.timeout(now, &mut out);
                requests.append(&mut out.requests);
                self.hear(None, out, now);
            }
            self.state
                .handle_timeout(now, &mut self.disk, &mut self.drafts);
            self.publish(now);
        }
        self.passed = self.passed.max(mono);
        requests
    }

    /// A link stands.
    pub fn connected(
        &mut self,
        dialect: Option<&str>,
        reconciles: &[Collection],
        mono: Duration,
    ) -> Vec<Bytes> {
        let now = self.now(mono);
        let mut out = Output::default();
        out.reports.push(link(SourceFact::Connected {
            dialect: dialect.map(Into::into),
            reconciles: reconciles.to_vec(),
        }));
        self.translator.connected(dialect, now, &mut out);
        let requests = std::mem::take(&mut out.requests);
        self.hear(None, out, now);
        requests
    }

    /// A frame arrived.
    pub fn frame(&mut self, frame: &Bytes, mono: Duration) -> Vec<Bytes> {
        let now = self.now(mono);
        let mut out = Output::default();
        self.translator.frame(frame, now, &mut out);
        let requests = std::mem::take(&mut out.requests);
        self.hear(Some(frame.clone()), out, now);
        requests
    }

    /// The link is gone.
    pub fn disconnected(&mut self, mono: Duration) {
        let now = self.now(mono);
        let mut out = Output::default();
        self.translator.disconnected(now, &mut out);
        let reason = Text::from("the connection was lost");
        out.reports.push(link(SourceFact::Disconnected { reason }));
        self.hear(None, out, now);
    }

    /// Killed, and started again from the disk.
    pub fn restart(&mut self, mono: Duration) {
        self.passed = self.passed.max(mono);
        let now = self.now(mono);
        let sources = settings(&self.source, &*self.adapter);
        let entities = self.disk.entities.iter();
        let entities = entities.map(|((kind, id), body)| (*kind, id.clone(), body.clone()));
        let memo = self.disk.memo.clone();
        self.state =
            State::restore(sources, entities, memo, now).expect("what the state wrote itself");
        for event in &self.disk.after {
            self.state.apply(event);
        }
        self.state.restarted(now, &mut self.disk, &mut self.drafts);
        self.publish(now);
        let view = self.state.view();
        let resume = Resume {
            calls: all(&view.calls),
            extensions: all(&view.extensions),
            queues: all(&view.queues),
            agents: all(&view.agents),
            devices: all(&view.devices),
            memo: self.disk.translator_memo.clone(),
        };
        self.translator = self.adapter.translator(resume);
    }

    fn hear(&mut self, bytes: Option<Bytes>, out: Output, now: Now) {
        if bytes.is_none() && out.reports.is_empty() && out.memo.is_empty() {
            return;
        }
        let frame = bytes.map(|bytes| {
            self.frames += 1;
            let id = FrameId {
                source: self.source.clone(),
                boot: 1,
                n: self.frames,
            };
            RawFrame { id, bytes }
        });
        keep(&mut self.disk.translator_memo, out.memo.clone());
        let heard = Heard {
            source: self.source.clone(),
            frame,
            now,
            reports: out.reports,
            memo: out.memo,
        };
        self.state.handle(&heard, &mut self.disk, &mut self.drafts);
        self.publish(now);
    }

    fn publish(&mut self, now: Now) {
        for draft in std::mem::take(&mut self.drafts) {
            self.events += 1;
            self.accounts.hear(
                draft.kind,
                draft.time,
                now.wall,
                &draft.data,
                draft.data.origin.kind,
            );
            self.disk.keep(&draft);
            if draft.kind == model::EventType::SourceUnrecognized
                && let Some(event) = self.disk.after.last()
            {
                let shape = draft.data.reason.clone().unwrap_or_default();
                self.samples.entry(shape).or_insert_with(|| event.clone());
            }
        }
        keep(&mut self.disk.memo, self.state.take_memo());
        if self.disk.after.len() >= CHECKPOINT {
            self.disk.after.clear();
            for (collection, id) in self.state.take_changed() {
                let row = self.state.row(collection, id);
                match row.body {
                    Some(body) => self.disk.entities.insert((collection, row.id), body),
                    None => self.disk.entities.remove(&(collection, row.id)),
                };
            }
        }
    }

    fn now(&self, mono: Duration) -> Now {
        Now {
            mono,
            wall: self.start.after(mono),
        }
    }
}

impl Disk {
    fn keep(&mut self, draft: &Draft) {
        self.position += 1;
        let epoch = Epoch::from_random(*b"truthful");
        let event = draft.event(epoch, Position(self.position));
        let collection = draft.kind.collection();
        let id = EntityId::from_text(draft.subject.split_once('/').map_or("", |(_, id)| id));
        let subject = id.clone();
        let archived = || Archived {
            id: subject.clone(),
            version: event.subjectversion,
            last: Last::Event(Box::new(event.clone())),
        };
        if let Some(closing) = &draft.closes {
            let key = (closing.collection, id.clone());
            let aliases: Vec<EntityId> = closing
                .aliases
                .iter()
                .map(|alias| EntityId::from_text(alias))
                .collect();
            for alias in &aliases {
                self.aliases
                    .insert((closing.collection, alias.clone()), id.clone());
            }
            if self.closed.insert(key.clone(), archived()).is_none() {
                self.order.push_back((key, aliases));
            }
            if self.order.len() > CLOSED
                && let Some((oldest, aliases)) = self.order.pop_front()
            {
                self.closed.remove(&oldest);
                for alias in aliases {
                    self.aliases.remove(&(oldest.0, alias));
                }
            }
        } else if let Some(known) = self.closed.get_mut(&(collection, id)) {
            *known = archived();
        }
        self.after.push(event);
    }
}

impl Archive for Disk {
    fn find(&mut self, collection: Collection, id: &EntityId) -> Option<Archived> {
        let key = (collection, id.clone());
        let known = self.closed.get(&key).or_else(|| {
            let id = self.aliases.get(&key)?;
            self.closed.get(&(collection, id.clone()))
        });
        known.cloned()
    }
}

pub(crate) fn keep(memo: &mut BTreeMap<Text, Bytes>, changes: Vec<MemoChange>) {
    for change in changes {
        match change.value {
            Some(value) => memo.insert(change.key, value),
            None => memo.remove(&change.key),
        };
    }
}

pub(crate) fn settings(
    source: &SourceId,
    adapter: &dyn Adapter,
) -> BTreeMap<SourceId, SourceSettings> {
    let descriptor = adapter.descriptor();
    let settings = SourceSettings {
        adapter: descriptor.adapter.into(),
        mapping: descriptor.mapping.into(),
        call_grace: descriptor.call_grace,
        include_native: false,
        ..SourceSettings::default()
    };
    BTreeMap::from([(source.clone(), settings)])
}

fn link(fact: SourceFact) -> Report {
    let mut report = Report::new("link");
    let told = Observation::native("link", Fact::Source(fact));
    report.observations.push(told);
    report
}

fn all<T>(table: &Table<T>) -> Vec<Arc<T>> {
    table
        .values()
        .map(|stored| Arc::clone(&stored.entity))
        .collect()
}
