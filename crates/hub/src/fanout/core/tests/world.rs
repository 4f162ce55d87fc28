//! A shard, its log and its clients, and what the reference says that each client must have been sent.

use std::{cell::RefCell, collections::HashSet, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{Epoch, EventType, Now, Position, Timestamp};
use serde_json::Value;
use telemetry::Context;

use super::{
    super::Account,
    pipe::{Counting, Log, Pipe, Wire},
    steps::{From, Step, Wish},
};
use crate::{
    block::{Block, Key as Text},
    fanout::{
        Command, Opening, Options, Snapshot, Start, Subscription,
        core::{self, Core, Delivered, Job, Phase, number},
        pool::perform,
    },
    filter::{
        Filter, FilterSpec, Narrowing, Variant,
        fixture::{entry, spec},
    },
    stream::{Announcement, ConnectionId},
    tail::{Followed, Tail, TailLimits},
};

pub(super) const LAG: usize = 6 * 1024;
pub(super) const MEMORY: usize = 40 * 1024;

/// A core, a log, and the clients as the reference knows them.
pub(super) struct World {
    pub(super) core: Core<Wire>,
    pub(super) tail: Tail,
    log: Log,
    /// Jobs of workers that are out.
    jobs: Vec<Job>,
    pub(super) streams: Vec<Stream>,
    /// What it told of followed frames: what is committed together came of one.
    pub(super) delivered: Vec<Delivered>,
    pub(super) now: Now,
    next: u64,
}

pub(super) struct Stream {
    id: ConnectionId,
    pub(super) pipe: Rc<RefCell<Pipe>>,
    /// The filters it had, in order; the first from the opening, each other from a `stream.filtered`.
    wishes: Vec<(Arc<Filter>, From)>,
    gone: bool,
}

impl World {
    pub(super) fn new(limits: TailLimits) -> Self {
        let tail = Tail::new(Epoch::from_random([1; 8]), Position(0), limits);
        let options = Options {
            live_lag: LAG,
            stream_memory: MEMORY,
            page: 4 * 1024,
            ..Options::default()
        };
        Self {
            core: Core::new(options, tail.clone(), Arc::new(Account::new(MEMORY))),
            tail,
            log: Log::default(),
            jobs: Vec::new(),
            streams: Vec::new(),
            delivered: Vec::new(),
            now: Now {
                mono: Duration::ZERO,
                wall: Timestamp::from_secs(1_700_000_000),
            },
            next: 1,
        }
    }

    pub(super) fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Publish(events) => {
                self.commit(&events);
                self.core.turn(now);
            }
            Step::Commit(events) => self.commit(&events),
            Step::Connect(wish) if self.streams.len() < 8 => {
                let id = ConnectionId(self.streams.len() as u64);
                let (subscription, filter) = self.subscription(&wish);
                let pipe = Rc::new(RefCell::new(Pipe::default()));
                let opening = Opening::Stream(Box::new(subscription));
                self.streams.push(Stream {
                    id,
                    pipe: Rc::clone(&pipe),
                    wishes: vec![(filter, wish.from)],
                    gone: false,
                });
                self.core.adopt(id, Wire(pipe), b"", opening, now);
            }
            Step::Room(stream, room) => {
                if let Some(stream) = self.streams.get(stream) {
                    stream.pipe.borrow_mut().room = room;
                    if let Some(slot) = self.core.by_id.get(&stream.id).copied() {
                        self.core.ready(slot, false, true, now);
                    }
                }
            }
            Step::Refilter(stream, wish) => {
                let (subscription, filter) = self.subscription(&wish);
                if let Some(stream) = self.streams.get_mut(stream)
                    && !stream.gone
                {
                    let at = self.core.by_id[&stream.id];
                    let is_open = !matches!(
                        self.core.connection(at).unwrap().phase,
                        Phase::Closing { .. }
                    );
                    if is_open {
                        stream.wishes.push((filter, wish.from));
                        let command = Command::Subscribe(Box::new(subscription));
                        self.core.command(stream.id, command, now);
                    }
                }
            }
            Step::Work(at) if !self.jobs.is_empty() => {
                let job = self.jobs.remove(at % self.jobs.len());
                let found = perform(job.task, &self.tail, &self.log);
                self.core.pulled(job.key, job.pull, found, now);
            }
            Step::Say(stream, said) => {
                if let Some(stream) = self.streams.get(stream)
                    && !stream.gone
                {
                    stream.pipe.borrow_mut().incoming.extend(said.frame());
                    self.core
                        .ready(self.core.by_id[&stream.id], true, false, now);
                }
            }
            Step::Bookmark(stream) => {
                if let Some(stream) = self.streams.get(stream) {
                    self.core.command(stream.id, Command::Bookmark, now);
                }
            }
            Step::Later(seconds) => {
                self.now.mono += Duration::from_secs(seconds);
                self.core.turn(self.now);
            }
            Step::Turn => {
                self.core.turn(now);
            }
            Step::Connect(_) | Step::Work(_) => {}
        }
        self.grant();
        self.delivered.extend(self.core.delivered(self.now));
    }

    fn commit(&mut self, events: &[(usize, usize, usize)]) {
        self.commit_all(&[events]);
    }

    /// Commits blocks of events of one frame.
    pub(super) fn commit_all(&mut self, events: &[&[(usize, usize, usize)]]) {
        let blocks: Vec<_> = events.iter().map(|events| self.block(events)).collect();
        self.log.blocks().extend(blocks.iter().cloned());
        let first = blocks[0].first();
        self.tail.follow(&[Followed {
            context: Context {
                trace: first.0.into(),
                span: 1,
            },
            first,
            last: blocks[blocks.len() - 1].last(),
            committed: self.now,
        }]);
        self.tail.publish(&blocks);
    }

    fn grant(&mut self) {
        for wish in self.core.wishes() {
            match wish {
                core::Wish::Text(id, _) => self.core.command(id, Command::Done, self.now),
                core::Wish::Closed(id) => self.streams[usize::try_from(id.0).unwrap()].gone = true,
                core::Wish::Pull(job) => self.jobs.push(job),
            }
        }
    }

    fn block(&mut self, events: &[(usize, usize, usize)]) -> Arc<Block> {
        let epoch = self.tail.epoch();
        let (mut entries, mut body) = (Vec::new(), Vec::new());
        for (kind, extension, bytes) in events {
            let kinds = [
                EventType::CallUpdated,
                EventType::LegUpdated,
                EventType::SourceGap,
            ];
            let mut entry = entry(kinds[*kind]);
            entry.position = Position(self.next);
            entry
                .extensions
                .push(Text::of(["101", "102", "103"][*extension]));
            entry.start = number(body.len());
            let filler = "x".repeat(*bytes);
            body.extend(
                format!(r#"{{"id":"{}","x":"{filler}"}}"#, epoch.at(entry.position)).bytes(),
            );
            entry.end = number(body.len());
            entries.push(entry);
            // Positions increase, but are not contiguous.
            self.next += 1 + u64::from(self.next.is_multiple_of(7));
        }
        Arc::new(Block {
            epoch,
            entries,
            body: Bytes::from(body),
        })
    }

    fn subscription(&self, wish: &Wish) -> (Subscription, Arc<Filter>) {
        let specs: [&[(&str, &str)]; 5] = [
            &[("types", "call.*")],
            &[("types", "leg.*")],
            &[("extensions", "101,102")],
            &[("extensions", "103"), ("types", "call.*")],
            &[],
        ];
        let filter = Arc::new(Filter::compile(
            &spec(specs[wish.filter]),
            &Narrowing::none(),
        ));
        let head = self.tail.head().0;
        let (from, snapshot) = match wish.from {
            From::Live => (Start::Live, None),
            From::Here => (Start::Here, None),
            From::Back(back) => (Start::After(Position(head.saturating_sub(back))), None),
            From::Snapshot(pages, back) => {
                let snapshot = Snapshot {
                    as_of: Position(head.saturating_add_signed(-back)),
                    pages: Box::new(Counting(pages)),
                };
                (Start::Live, Some(snapshot))
            }
        };
        let subscription = Subscription {
            filter: Arc::clone(&filter),
            variant: Variant::FULL,
            from,
            snapshot,
            announcement: Announcement {
                filter: FilterSpec::default(),
                scope: Narrowing::none(),
                scopes: Vec::new(),
                warnings: Vec::new(),
            },
            reset: None,
        };
        (subscription, filter)
    }

    pub(super) fn phase(&self, stream: usize) -> Option<&Phase> {
        let slot = self.core.by_id.get(&self.streams[stream].id)?;
        self.core.connections[*slot as usize]
            .as_deref()
            .map(|connection| &connection.phase)
    }

    pub(super) fn published(&self) -> Vec<u64> {
        self.matching(&Filter::all(), 0, u64::MAX)
    }

    /// Positions of the events that pass, after one position and up to another.
    fn matching(&self, filter: &Filter, after: u64, to: u64) -> Vec<u64> {
        let log = self.log.blocks();
        let entries = log.iter().flat_map(|block| &block.entries);
        entries
            .filter(|entry| filter.passes(entry))
            .map(|entry| entry.position.0)
            .filter(|position| (after + 1..=to).contains(position))
            .collect()
    }

    /// Everything that every client was sent so far makes sense.
    pub(super) fn check(&self) {
        for stream in &self.streams {
            self.check_stream(stream);
        }
    }

    /// Returns the filters it was told of: each with where it began, and what came since.
    fn check_stream(&self, stream: &Stream) -> Vec<(Arc<Filter>, u64, Vec<u64>)> {
        let mut wishes = stream.wishes.iter();
        let mut told: Vec<(Arc<Filter>, u64, Vec<u64>)> = Vec::new();
        for event in stream.texts() {
            let cursor = event["data"]["cursor"].as_str().map(position);
            match (event["type"].as_str(), told.last_mut()) {
                (None, Some((filter, from, seen))) => {
                    seen.push(position(event["id"].as_str().unwrap()));
                    let expected = self.matching(filter, *from, u64::MAX);
                    assert_eq!(
                        *seen,
                        expected[..seen.len()],
                        "in order, once, without gaps"
                    );
                }
                (Some("stream.opened"), None) => {
                    let (filter, _) = wishes.next().unwrap();
                    told.push((Arc::clone(filter), cursor.unwrap(), Vec::new()));
                }
                (Some("stream.filtered"), Some((filter, from, seen))) => {
                    let (next, start) = wishes.next().unwrap();
                    if matches!(start, From::Here) {
                        assert_eq!(*seen, self.matching(filter, *from, cursor.unwrap()));
                    }
                    told.push((Arc::clone(next), cursor.unwrap(), Vec::new()));
                }
                (Some("stream.live" | "stream.bookmark"), Some((filter, from, seen))) => {
                    let expected = self.matching(filter, *from, cursor.unwrap());
                    assert_eq!(*seen, expected, "a cursor says what was told");
                }
                (Some("stream.snapshot" | "stream.closing"), _) => {}
                other => panic!("{other:?}"),
            }
        }
        told
    }

    /// Lets all take all there is: whoever is still there has everything.
    pub(super) fn finish(&mut self) {
        for _ in 0..200 {
            for stream in 0..self.streams.len() {
                self.take(Step::Room(stream, usize::MAX / 2));
            }
            self.take(Step::Work(0));
            self.take(Step::Turn);
        }
        assert!(self.jobs.is_empty(), "quiet in the end");
        self.check();
        for at in 0..self.streams.len() {
            let stream = &self.streams[at];
            let told = self.check_stream(stream);
            match self.phase(at) {
                Some(Phase::Live { .. }) => {
                    let (filter, from, seen) = told.last().unwrap();
                    assert_eq!(*seen, self.matching(filter, *from, u64::MAX), "stream {at}");
                    assert_eq!(
                        stream.wishes.len(),
                        stream.announced(),
                        "each filter was announced"
                    );
                }
                // It was told a position that is not there yet.
                Some(Phase::Replay { position }) => assert!(*position > self.tail.head()),
                Some(Phase::Closing { .. }) | None => {
                    let frames = stream.frames();
                    assert!(frames.last().is_none_or(|(opcode, _)| *opcode == 8) || stream.gone);
                }
                Some(Phase::Await { .. } | Phase::Snapshot { .. }) => {
                    panic!("stream {at} stands still")
                }
            }
        }
        assert_eq!(self.core.counters().held, 0, "everything was given back");
        assert!(!self.core.is_following(), "what is followed has an end");
        let told: HashSet<u128> = self
            .delivered
            .iter()
            .map(|frame| frame.context.trace)
            .collect();
        assert_eq!(told.len(), self.delivered.len(), "a frame is told of once");
    }
}

impl Stream {
    /// Frames that have arrived whole: opcode and payload.
    pub(super) fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        let pipe = self.pipe.borrow();
        let mut rest = &pipe.sent[..];
        let mut frames = Vec::new();
        while let [first, second, ..] = rest {
            let (size, long) = match second {
                126 => (4, rest.get(2..4)),
                127 => (10, rest.get(2..10)),
                _ => (2, Some(std::slice::from_ref(second))),
            };
            let Some(long) = long else { break };
            let len = long
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            let Some(payload) = rest.get(size..size + len) else {
                break;
            };
            frames.push((first & 0xf, payload.to_vec()));
            rest = &rest[size + len..];
        }
        frames
    }

    /// Text frames; the last may be on its way.
    pub(super) fn texts(&self) -> Vec<Value> {
        let texts = self.frames().into_iter().filter(|(opcode, _)| *opcode == 1);
        texts
            .filter_map(|(_, text)| serde_json::from_slice(&text).ok())
            .collect()
    }

    pub(super) fn events(&self) -> Vec<u64> {
        let events = self
            .texts()
            .into_iter()
            .filter(|event| event["type"].is_null());
        events
            .map(|event| position(event["id"].as_str().unwrap()))
            .collect()
    }

    fn announced(&self) -> usize {
        let told = |event: &Value| {
            matches!(
                event["type"].as_str(),
                Some("stream.opened" | "stream.filtered")
            )
        };
        self.texts().iter().filter(|event| told(event)).count()
    }
}

pub(super) fn position(cursor: &str) -> u64 {
    cursor.parse::<model::Cursor>().unwrap().position.0
}
