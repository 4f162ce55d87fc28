//! A bench for the state: a clock, an archive, and an eye on every event.

#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    dead_code,
    unreachable_pub,
    reason = "a bench: it stops where it breaks, and each test program uses a part of it"
)]

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use bytes::Bytes;
use hub::{
    draft::Draft,
    state::{Archive, Archived, Last, SourceSettings, State, check::History},
};
use model::{
    Cause, Collection, Direction, End, EndedBy, EntityId, Epoch, Event, Fact, FrameId, Heard,
    LegRole, LegState, Now, Number, Observation, Outcome, Party, Position, RawFrame, Report,
    SourceId, Text, Timestamp,
    cause::Basis,
    observation::{CallPatch, LegFact, LegPatch, SourceFact},
};

pub struct Bench {
    pub state: State,
    pub now: Now,
    pub archive: Shelf,
    pub history: History,
    pub events: Vec<Event>,
    pub rows: BTreeMap<(Collection, EntityId), Bytes>,
    pub notes: BTreeMap<Text, Bytes>,
    checkpoint: usize,
    frames: u64,
}

/// Closed subjects by key and alias.
#[derive(Default)]
pub struct Shelf {
    pub closed: HashMap<(Collection, EntityId), Event>,
    aliases: HashMap<(Collection, EntityId), EntityId>,
}

impl Archive for Shelf {
    fn find(&mut self, collection: Collection, id: &EntityId) -> Option<Archived> {
        let alias = self.aliases.get(&(collection, id.clone()));
        let last = self
            .closed
            .get(&(collection, alias.unwrap_or(id).clone()))?
            .clone();
        Some(Archived {
            id: alias.unwrap_or(id).clone(),
            version: last.subjectversion,
            last: Last::Event(Box::new(last)),
        })
    }
}

pub fn hq() -> SourceId {
    SourceId::new("hq").unwrap()
}

/// Seconds on the PBX's clock.
pub fn at(secs: i64) -> Option<Timestamp> {
    Some(Timestamp::from_secs(1_000_000 + secs))
}

pub fn settings() -> BTreeMap<SourceId, SourceSettings> {
    let settings = SourceSettings {
        adapter: "test".into(),
        mapping: "test/1".into(),
        tenants: [("t1".into(), "acme".into())].into(),
        ..SourceSettings::default()
    };
    [(hq(), settings)].into()
}

impl Bench {
    pub fn new() -> Self {
        Self {
            state: State::new(settings()),
            now: Now {
                mono: Duration::from_secs(500),
                wall: Timestamp::from_secs(1_000_000),
            },
            archive: Shelf::default(),
            history: History::default(),
            events: Vec::new(),
            rows: BTreeMap::new(),
            notes: BTreeMap::new(),
            checkpoint: 0,
            frames: 0,
        }
    }

    /// A frame with these facts arrives; the types of the events it causes.
    pub fn tell(&mut self, observations: Vec<Observation>) -> Vec<&'static str> {
        let from = self.events.len();
        self.hear(observations);
        self.kinds(from)
    }

    pub fn hear(&mut self, observations: Vec<Observation>) -> Vec<Draft> {
        self.frames += 1;
        let mut report = Report::new("test_event");
        report.observations = observations;
        let frame = RawFrame {
            id: FrameId {
                source: hq(),
                boot: 1,
                n: self.frames,
            },
            bytes: Bytes::from_static(b"{}"),
        };
        let heard = Heard {
            source: hq(),
            frame: Some(frame),
            now: self.now,
            reports: vec![report],
            memo: Vec::new(),
        };
        let mut out = Vec::new();
        self.state.handle(&heard, &mut self.archive, &mut out);
        self.note(&out);
        out
    }

    /// Time passes; the types of the events that come by themselves.
    pub fn advance(&mut self, duration: Duration) -> Vec<&'static str> {
        let from = self.events.len();
        let end = self.now.mono + duration;
        while let Some(due) = self.state.poll_timeout().filter(|due| *due <= end) {
            self.pass(due.saturating_sub(self.now.mono));
            let mut out = Vec::new();
            self.state
                .handle_timeout(self.now, &mut self.archive, &mut out);
            self.note(&out);
            let next = self.state.poll_timeout();
            assert!(next.is_none_or(|next| next > due), "a deadline stays due");
        }
        self.pass(end.saturating_sub(self.now.mono));
        self.kinds(from)
    }

    pub fn secs(&mut self, secs: u64) -> Vec<&'static str> {
        self.advance(Duration::from_secs(secs))
    }

    fn pass(&mut self, duration: Duration) {
        self.now.mono += duration;
        self.now.wall = self.now.wall.after(duration);
    }

    /// Writes all entities down.
    pub fn checkpoint(&mut self) {
        self.checkpoint = self.events.len();
        self.take_rows();
    }

    /// The gateway is stopped and started again from its checkpoint and the events after it.
    pub fn restart(&mut self) {
        let mut state = State::restore(
            settings(),
            self.rows
                .iter()
                .map(|((collection, id), body)| (*collection, id.clone(), body.clone())),
            self.notes
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
            self.now,
        )
        .unwrap();
        for event in &self.events[self.checkpoint..] {
            state.apply(event);
        }
        let mut out = Vec::new();
        state.restarted(self.now, &mut self.archive, &mut out);
        self.state = state;
        self.note(&out);
    }

    fn take_rows(&mut self) {
        for (collection, id) in self.state.take_changed() {
            let row = self.state.row(collection, id);
            match row.body {
                Some(body) => self.rows.insert((row.collection, row.id), body),
                None => self.rows.remove(&(row.collection, row.id)),
            };
        }
    }

    fn note(&mut self, out: &[Draft]) {
        let epoch = Epoch::from_random([7; 8]);
        for draft in out {
            if let Err(what) = self.history.draft(draft) {
                panic!("{what}\n{}", self.tale());
            }
            let event = draft.event(epoch, Position(self.events.len() as u64 + 1));
            // What is published must survive the way through JSON.
            let json = serde_json::to_vec(&event).unwrap();
            let event: Event = serde_json::from_slice(&json).unwrap();
            if let Some(closing) = &draft.closes {
                let id = draft.subject.split_once('/').unwrap().1;
                let id = EntityId::from_text(id);
                for alias in &closing.aliases {
                    let alias = EntityId::from_text(alias);
                    self.archive
                        .aliases
                        .insert((closing.collection, alias), id.clone());
                }
                self.archive
                    .closed
                    .insert((closing.collection, id), event.clone());
            }
            self.events.push(event);
        }
        for change in self.state.take_memo() {
            match change.value {
                Some(value) => self.notes.insert(change.key, value),
                None => self.notes.remove(&change.key),
            };
        }
    }

    pub fn kinds(&self, from: usize) -> Vec<&'static str> {
        self.events[from..]
            .iter()
            .map(|event| event.kind.as_str())
            .collect()
    }

    /// The last event of a type.
    pub fn last(&self, kind: &str) -> &Event {
        self.events
            .iter()
            .rev()
            .find(|event| event.kind.as_str() == kind)
            .unwrap_or_else(|| panic!("no {kind}\n{}", self.tale()))
    }

    /// Everything that was published, one line each.
    pub fn tale(&self) -> String {
        let line = |event: &Event| {
            let change = event.data.change.clone().unwrap_or_default();
            format!(
                "{} {} v{} {:?}\n",
                event.kind, event.subject, event.subjectversion, change
            )
        };
        self.events.iter().map(line).collect()
    }

    /// The same without what is told of sources, whose measurements start anew with the gateway.
    pub fn tale_of_entities(&self) -> String {
        let tale = self.tale();
        let lines = tale.lines().filter(|line| !line.contains(" sources/"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Connects the source for the first time.
    pub fn connect(&mut self) -> Vec<&'static str> {
        self.tell(vec![Observation::native(
            "link",
            Fact::Source(SourceFact::Connected {
                dialect: None,
                reconciles: vec![Collection::Extensions],
            }),
        )])
    }
}

pub fn party(number: &str) -> Party {
    Party::numbered(Number::internal(number))
}

pub fn opens(call: &str, direction: Direction, caller: &str, callee: &str) -> Observation {
    let patch = CallPatch {
        direction: Some(direction),
        caller: Some(party(caller)),
        callee: Some(party(callee)),
        ..CallPatch::default()
    };
    Observation::native(
        "call_start",
        Fact::Call {
            call: call.into(),
            opens: true,
            patch: Box::new(patch),
        },
    )
}

pub fn leg(call: &str, leg: &str, role: LegRole, state: LegState) -> Observation {
    let number = leg.rsplit('/').next().unwrap();
    let patch = LegPatch {
        role: Some(role),
        party: Some(Party::extension(number)),
        ..LegPatch::default()
    };
    Observation::native(
        "leg",
        Fact::Leg(Box::new(LegFact {
            call: call.into(),
            leg: leg.into(),
            state: Some(state),
            patch,
            end: None,
        })),
    )
}

pub fn leg_ends(call: &str, leg: &str, cause: Cause) -> Observation {
    Observation::native(
        "leg_end",
        Fact::Leg(Box::new(LegFact {
            call: call.into(),
            leg: leg.into(),
            state: Some(LegState::Ended),
            patch: LegPatch::default(),
            end: Some(end(cause, EndedBy::Callee)),
        })),
    )
}

pub fn call_ends(call: &str, end: Option<End>) -> Observation {
    Observation::native(
        "call_ended",
        Fact::CallEnded {
            call: call.into(),
            end,
            settle: Duration::ZERO,
        },
    )
}

pub fn end(cause: Cause, by: EndedBy) -> End {
    End::new(cause, Outcome::Unknown, by, Basis::Native)
}
