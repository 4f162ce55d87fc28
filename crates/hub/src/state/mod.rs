//! The reducer: facts in, events out. Pure: no IO, no clock, no random number; the same facts yield the same events.
//!
//! What the state holds is what was published: folding a fact changes an entity and yields the event that says so, in
//! one step. What follows from an entity (who waits where, which number leads to whom) is kept beside it and can be made
//! again from it; the little that cannot is handed out as a private memo.

pub mod check;

mod agents;
mod archive;
mod call;
mod callers;
mod clock;
mod commands;
mod conferences;
mod directory;
mod entities;
mod extensions;
mod facts;
mod fields;
mod keep;
mod mark;
mod memo;
mod outlast;
mod queues;
mod rebuild;
mod recordings;
mod refs;
mod remarks;
mod restore;
mod settings;
mod snapshot;
mod source;
mod timers;
mod track;
mod voicemails;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use model::{
    Collection, EntityId, Heard, Now, Observation, OriginKind, Recording, Report, SourceId, Text,
    Voicemail,
    observation::{Fact, Registration},
};

pub use self::{
    archive::{Archive, Archived, Last, Remains, Unreadable},
    entities::{Entities, Freshness, Stored, Table},
    memo::Row,
    restore::RestoreError,
    settings::SourceSettings,
};

use self::{
    call::{Orphans, Slot},
    check::Rule,
    commands::InFlight,
    facts::{collection_of, is_live},
    keep::Closed,
    mark::{Mark, Turn},
    queues::Tally,
    refs::Names,
    restore::Restored,
    timers::{Due, Timers},
    track::Track,
};
use smallvec::SmallVec;

use crate::draft::Draft;

/// Everything that is known, and the rules by which it changes.
#[derive(Debug, Default)]
pub struct State {
    view: Entities,
    sources: BTreeMap<SourceId, Track>,
    /// Open calls, and those that ended a moment ago.
    calls: HashMap<EntityId, Box<Slot>>,
    /// Calls that the present frame changed.
    touched: Vec<EntityId>,
    orphans: Orphans,
    timers: Timers,
    names: Names,
    tallies: HashMap<EntityId, Tally>,
    /// By call: the callers it is in queues.
    waiters: HashMap<EntityId, SmallVec<[EntityId; 1]>>,
    closed: Closed,
    closed_recordings: HashMap<EntityId, Recording>,
    /// Messages that something was published about a moment ago, and whether they are gone.
    voicemails: HashMap<EntityId, (Voicemail, bool)>,
    in_flight: InFlight,
    dirty: BTreeSet<(Collection, EntityId)>,
    memo: BTreeMap<Text, Option<Bytes>>,
    restored: Restored,
    counters: Counters,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Steps that skipped states.
    pub jumps: u64,
    /// Times that a limit kept something out.
    pub limited: u64,
    /// Events that broke an invariant, in the order of [`Rule::ALL`].
    pub broken: [u64; Rule::ALL.len()],
}

impl Counters {
    /// Events that broke an invariant.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.broken.iter().sum()
    }
}

impl State {
    /// A state that knows nothing.
    #[must_use]
    pub fn new(sources: BTreeMap<SourceId, SourceSettings>) -> Self {
        let track = |(id, settings)| (id, Track::new(Arc::new(settings)));
        Self {
            sources: sources.into_iter().map(track).collect(),
            ..Self::default()
        }
    }

    /// Takes over other settings. What a source told of that is no longer configured ends.
    pub fn configure(
        &mut self,
        sources: BTreeMap<SourceId, SourceSettings>,
        now: Now,
        archive: &mut dyn Archive,
        out: &mut Vec<Draft>,
    ) {
        let gone: Vec<SourceId> = self
            .sources
            .keys()
            .filter(|id| !sources.contains_key(*id))
            .cloned()
            .collect();
        let first = out.len();
        for id in gone {
            let mark = Mark::own(&id, now, OriginKind::Gateway, SOURCE_REMOVED);
            let mut turn = Turn {
                now,
                mark,
                archive,
                out,
            };
            self.drop_source(&mut turn, &id);
        }
        self.check(out, first);
        for (id, settings) in sources {
            let settings = Arc::new(settings);
            match self.sources.get_mut(&id) {
                Some(track) => track.settings = settings,
                None => {
                    self.sources.insert(id, Track::new(settings));
                }
            }
        }
    }

    /// Folds what was heard. The events come in the order in which they hold.
    pub fn handle(&mut self, heard: &Heard, archive: &mut dyn Archive, out: &mut Vec<Draft>) {
        self.forget(heard.now);
        let first = out.len();
        let Some(track) = self.sources.get_mut(&heard.source) else {
            return;
        };
        let settings = Arc::clone(&track.settings);
        if heard.frame.is_some() {
            track.counters.frames += 1;
        }
        let mark = Mark::own(&heard.source, heard.now, OriginKind::Gateway, "");
        let mut turn = Turn {
            now: heard.now,
            mark,
            archive,
            out,
        };
        let frame = heard.frame.as_ref();
        let frame: Option<Text> = frame.map(|frame| frame.id.to_string().into());
        let mut told = None;
        for report in &heard.reports {
            for observation in &report.observations {
                let listing = self.listing_kind(&heard.source);
                turn.mark = Mark::of(
                    heard,
                    frame.as_ref(),
                    report,
                    observation,
                    &settings,
                    listing,
                );
                if is_live(observation) && listing.is_none() {
                    told = told.max(observation.time);
                }
                self.fold(&mut turn, heard, report, observation);
            }
        }
        self.settle_touched(&mut turn);
        if turn.out[first..].iter().any(|draft| draft.private) {
            // All of them carry the message, and it says who is private.
            for draft in &mut turn.out[first..] {
                draft.private = true;
            }
        }
        self.watch_clock(&mut turn, told);
        self.heard(heard, turn.out.len() - first);
        self.check(out, first);
    }

    /// When [`Self::handle_timeout`] wants to be called, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now, archive: &mut dyn Archive, out: &mut Vec<Draft>) {
        self.forget(now);
        let first = out.len();
        while let Some(due) = self.timers.pop(now.mono) {
            if let Due::Command(id) = &due {
                self.command_due(now, id, archive, out);
                continue;
            }
            let (Due::Call(id) | Due::Orphans(id) | Due::Outlasts(_, id) | Due::Command(id)) = &due;
            let Ok(source) = SourceId::new(id.source()) else {
                continue;
            };
            let mark = Mark::own(&source, now, OriginKind::Inferred, "");
            let mut turn = Turn {
                now,
                mark,
                archive,
                out,
            };
            match due {
                Due::Call(id) => self.call_due(&mut turn, &id),
                Due::Orphans(id) => self.orphans_due(&mut turn, &id),
                Due::Outlasts(kind, id) => self.outlast_due(&mut turn, kind, &id),
                Due::Command(_) => {}
            }
            self.settle_touched(&mut turn);
        }
        self.check(out, first);
    }

    /// All entities as they are now.
    #[must_use]
    pub fn view(&self) -> Entities {
        let mut view = self.view.clone();
        for id in self.sources.keys() {
            let key = source::entity_id(id);
            if let Some(stored) = view.sources.get(&key) {
                let mut stored = Stored::clone(stored);
                let mut entity = (*stored.entity).clone();
                self.count_into(id, &mut entity);
                stored.entity = Arc::new(entity);
                stored.json = OnceLock::new();
                view.sources.insert(key, Arc::new(stored));
            }
        }
        view
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn fold(
        &mut self,
        turn: &mut Turn<'_>,
        heard: &Heard,
        report: &Report,
        observation: &Observation,
    ) {
        if self.is_full(&observation.fact) {
            self.degraded(turn, "too many entities of one kind");
            return;
        }
        match &observation.fact {
            fact @ (Fact::Call { call, .. }
            | Fact::Transferred { call, .. }
            | Fact::Parked { call, .. }
            | Fact::CallEnded { call, .. }) => self.call_fact(turn, call, fact),
            fact @ Fact::Leg(leg) => self.call_fact(turn, &leg.call, fact),
            fact @ Fact::LegMoved { .. } => self.leg_moved(turn, fact, false),
            Fact::Cdr(cdr) => self.cdr(turn, cdr),
            Fact::Extension { at, action, patch } => self.extension(turn, at, *action, patch),
            Fact::User { key, action, patch } => self.user(turn, key, *action, patch),
            Fact::Device {
                key,
                registration,
                patch,
            } => self.device(turn, key, *registration, patch),
            Fact::Agent {
                extension,
                queue,
                patch,
            } => self.agent(turn, extension, queue, patch),
            Fact::AgentLeft { extension, queue } => self.agent_left(turn, extension, queue),
            Fact::Queue { at, action, patch } => self.queue(turn, at, *action, patch),
            Fact::Caller(caller) => self.caller(turn, caller),
            Fact::CallerLeft { queue, key, reason } => self.caller_left(turn, queue, key, reason),
            Fact::SlaBreached {
                queue,
                caller,
                breach,
            } => self.sla_breached(turn, queue, caller, breach),
            Fact::Trunk {
                at,
                state,
                address,
                native,
            } => self.trunk(turn, at, *state, address.as_ref(), native),
            fact @ Fact::Participant { .. } => self.participant(turn, fact),
            fact @ Fact::Recording { .. } => self.recording(turn, fact),
            fact @ Fact::Voicemail { .. } => self.voicemail(turn, fact),
            fact @ (Fact::Directory(_)
            | Fact::Variable(_)
            | Fact::Alert(..)
            | Fact::Message(_)
            | Fact::Request(_)
            | Fact::Reply(_)) => self.remark(turn, fact),
            Fact::Command { id, outcome } => self.command_fact(turn, id, outcome),
            Fact::SnapshotBegin(scope) => self.snapshot_begins(turn, scope),
            Fact::SnapshotEnd(scope) => self.snapshot_ends(turn, scope),
            Fact::Source(fact) => {
                // The connection is nobody's in particular, whoever's frame told of it.
                turn.mark.tenant = None;
                // The connection speaks of itself when no frame does.
                if heard.frame.is_none() {
                    Arc::make_mut(&mut turn.mark.origin).kind = OriginKind::Gateway;
                }
                self.source_fact(turn, fact);
            }
            Fact::Unrecognized { shape } => self.unrecognized(turn, heard, report, shape),
        }
    }

    /// Whether there is no room for what a fact may add.
    fn is_full(&self, fact: &Fact) -> bool {
        let kept = match fact {
            Fact::Extension { .. } => self.view.extensions.len(),
            Fact::User { .. } => self.view.users.len(),
            Fact::Device { registration, .. } if *registration == Registration::Registered => {
                self.view.devices.len()
            }
            Fact::Agent { .. } => self.view.agents.len().max(self.view.extensions.len()),
            Fact::Queue { .. } => self.view.queues.len(),
            Fact::Caller(_) => self.view.callers.len().max(self.view.queues.len()),
            Fact::Leg(_) => self.view.queues.len(),
            Fact::Trunk { .. } => self.view.trunks.len(),
            Fact::Participant { present: true, .. } => self.view.participants.len(),
            Fact::Recording { .. } => self.view.recordings.len(),
            _ => 0,
        };
        kept >= MAX_ENTITIES
    }

    /// A deadline of a call has come.
    fn call_due(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(mut slot) = self.calls.remove(id) else {
            return;
        };
        slot.armed = None;
        turn.mark.tenant.clone_from(&slot.call.tenant);
        self.end_if_due(turn, &mut slot);
        if slot.is_open() && slot.age.is_some_and(|age| age <= turn.now.mono) {
            let max_age = self.settings(&turn.mark.source).max_call_age;
            if slot.seen.after(max_age) <= turn.now.wall {
                let kind = OriginKind::Unconfirmed;
                let mark = Mark::own(&turn.mark.source, turn.now, kind, "max_call_age");
                self.end_lost(turn, &mut slot, mark);
            } else {
                let left = slot.seen.after(max_age).millis_since(turn.now.wall);
                slot.age = Some(turn.now.mono + Duration::from_millis(left));
            }
        }
        self.keep_call(turn, slot);
    }

    /// Puts a call back with everything that was published of it.
    fn keep_call(&mut self, turn: &Turn<'_>, mut slot: Box<Slot>) {
        let id = slot.call.id.clone();
        if slot.told.is_open() {
            let gap_end = self.gap_end(&slot.call.source);
            let known = self.view.calls.get(&id);
            let current = known.is_some_and(|known| {
                Arc::ptr_eq(&known.entity, &slot.told)
                    && (known.seen >= gap_end || slot.seen < gap_end)
            });
            if !current {
                let stored = Stored {
                    entity: Arc::clone(&slot.told),
                    source: slot.call.source.clone(),
                    tenant: slot.told.tenant.clone(),
                    version: slot.told.version,
                    seen: slot.seen,
                    json: OnceLock::new(),
                };
                self.view.calls.insert(id.clone(), Arc::new(stored));
                self.dirty.insert((Collection::Calls, id.clone()));
            }
        } else if self.view.calls.contains_key(&id) {
            self.view.calls.remove(&id);
            self.dirty.insert((Collection::Calls, id.clone()));
        }
        let deadline = slot.deadline().filter(|_| slot.is_open());
        if deadline != slot.armed {
            if let Some(at) = slot.armed {
                self.timers.disarm(at, Due::Call(id.clone()));
            }
            if let Some(at) = deadline {
                self.timers.arm(at, Due::Call(id.clone()));
            }
            slot.armed = deadline;
        }
        self.remember_call(turn.now, &mut slot);
        self.calls.insert(id, slot);
    }

    fn settings(&self, source: &SourceId) -> Arc<SourceSettings> {
        match self.sources.get(source) {
            Some(track) => Arc::clone(&track.settings),
            None => Arc::default(),
        }
    }

    fn open_calls(&self, source: &SourceId) -> usize {
        self.sources.get(source).map_or(0, |track| track.open_calls)
    }

    fn count_open(&mut self, source: &SourceId, by: isize) {
        if let Some(track) = self.sources.get_mut(source) {
            track.open_calls = track.open_calls.saturating_add_signed(by);
        }
    }

    /// Keeps a call that is over until the archive is sure to know it.
    fn remember_ended(&mut self, now: Duration, slot: &Slot) {
        let version = slot.call.version;
        self.closed
            .note(now, Collection::Calls, &slot.call.id, version);
    }

    /// Forgets what ended long enough ago for the archive to know it.
    fn forget(&mut self, now: Now) {
        while let Some((collection, id)) = self.closed.forget(now.mono) {
            match collection {
                Collection::Calls if self.calls.get(&id).is_some_and(|slot| !slot.is_open()) => {
                    self.calls.remove(&id);
                }
                Collection::Recordings => {
                    self.closed_recordings.remove(&id);
                }
                Collection::Voicemails => {
                    self.voicemails.remove(&id);
                }
                _ => {}
            }
        }
    }

    /// A source is configured no more. All it told of is closed, so that it goes on where it was should it come back.
    fn drop_source(&mut self, turn: &mut Turn<'_>, id: &SourceId) {
        self.vanish_all(turn);
        self.lose_commands(turn, "source_removed");
        self.close_source(turn);
        self.sources.remove(id);
        self.memo.insert(format!("source/{id}").into(), None);
    }

    fn heard(&mut self, heard: &Heard, events: usize) {
        if let Some(track) = self.sources.get_mut(&heard.source) {
            if heard.frame.is_some() {
                track.heard = Some(heard.now.wall);
                track.counters.no_ops += u64::from(events == 0);
            }
            track.counters.events += events as u64;
            for report in &heard.reports {
                for observation in &report.observations {
                    if let Some(collection) = collection_of(&observation.fact)
                        && !track.told.contains(&collection)
                    {
                        track.told.insert(collection);
                    }
                }
            }
        }
    }

    /// Checks what is about to be published. A breach is counted, never hidden and never fatal.
    fn check(&mut self, out: &[Draft], first: usize) {
        for draft in &out[first..] {
            if let Some(rule) = check::broken(draft) {
                self.counters.broken[rule as usize] += 1;
            }
        }
    }
}

/// The rule by which everything of a source ends that is configured no more.
const SOURCE_REMOVED: &str = "source_removed";

/// The most entities of one kind. What would be one more is dropped, and the source is degraded.
const MAX_ENTITIES: usize = 500_000;
