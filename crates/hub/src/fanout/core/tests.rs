//! The core against a reference: whatever happens, a stream carries exactly its events, in order, once, or closes.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use model::{Epoch, EventType, Now, Position, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, value::RawValue};

use super::*;
use crate::{
    block::{Block, Blocks, Key as Text},
    fanout::{
        History, HistoryPage, Pages, Snapshot, Start, Subscription, codec::tests::masked,
        pool::perform,
    },
    filter::{
        FilterSpec, Narrowing,
        fixture::{entry, spec},
    },
    stream::Announcement,
    tail::{Tail, TailLimits},
};

#[derive(Clone, Debug)]
enum Step {
    /// Events: type, extension, bytes.
    Publish(Vec<(usize, usize, usize)>),
    Connect(Wish),
    /// The socket of a stream takes so much more.
    Room(usize, usize),
    Refilter(usize, Wish),
    /// A worker does the job that waits at this place.
    Work(usize),
    Turn,
    /// The client sends something.
    Say(usize, Said),
    Bookmark(usize),
    Later(u64),
}

#[derive(Clone, Debug)]
struct Wish {
    filter: usize,
    from: From,
}

#[derive(Clone, Copy, Debug)]
enum From {
    Live,
    Here,
    /// So many positions before the head.
    Back(u64),
    /// So many pages of state, as of so many positions before the head, or after it.
    Snapshot(usize, i64),
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Text,
    Ping,
    Pong,
    Goodbye,
    Garbage,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_carries_exactly_its_events_or_closes(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new(TailLimits { bytes: 24 * 1024, blocks: 40 });
        for step in steps {
            world.take(step);
            world.check();
        }
        world.finish();
    }
}

#[test]
fn under_sustained_load_catching_up_ends() {
    let mut world = World::new(TailLimits {
        bytes: 24 * 1024,
        blocks: 40,
    });
    for _ in 0..200 {
        world.take(Step::Publish(vec![(0, 0, 400)]));
    }
    world.take(Step::Connect(Wish {
        filter: 0,
        from: From::Back(200),
    }));
    let mut rounds = 0;
    while !matches!(world.phase(0), Some(Phase::Live { .. })) {
        // For each event that comes, the reader takes three.
        world.take(Step::Publish(vec![(0, 0, 400)]));
        world.take(Step::Room(0, 1_500));
        world.take(Step::Work(0));
        rounds += 1;
        assert!(rounds < 300, "still replaying after {rounds} rounds");
    }
    world.finish();
}

#[test]
fn a_reader_that_takes_nothing_falls_back_and_is_closed_while_others_go_on() {
    let mut world = World::new(TailLimits {
        bytes: 24 * 1024,
        blocks: 40,
    });
    for _ in 0..3 {
        world.take(Step::Connect(Wish {
            filter: 0,
            from: From::Live,
        }));
    }
    for (stream, room) in [(0, usize::MAX / 2), (1, usize::MAX / 2), (2, 2_000)] {
        world.take(Step::Room(stream, room));
    }
    for _ in 0..100 {
        world.take(Step::Publish(vec![(0, 0, 400)]));
        for stream in 0..2 {
            assert_eq!(
                world.streams[stream].events(),
                world.published(),
                "healthy streams are never behind"
            );
        }
    }
    let counters = world.core.counters();
    assert_eq!((counters.fallbacks, counters.slow), (1, 0));
    assert!(counters.held < 2 * LAG, "{counters:?}");
    world.take(Step::Later(31));
    assert_eq!(world.core.counters().slow, 1);
    world.take(Step::Later(6));
    assert_eq!(
        (
            world.core.counters().connections,
            world.core.counters().held
        ),
        (2, 0)
    );
    world.finish();
}

#[test]
fn when_memory_is_short_the_most_lagging_goes_first() {
    let mut world = World::new(TailLimits {
        bytes: 24 * 1024,
        blocks: 40,
    });
    world.core.options.live_lag = MEMORY;
    // Each in a group of its own, so that each costs memory of its own.
    for (stream, filter) in [0, 2, 4].into_iter().enumerate() {
        world.take(Step::Connect(Wish {
            filter,
            from: From::Live,
        }));
        world.take(Step::Room(stream, 1_000));
        assert!(matches!(world.phase(stream), Some(Phase::Live { .. })));
    }
    world.take(Step::Room(2, usize::MAX / 2));
    let mut events = 0;
    while world.core.counters().slow == 0 {
        world.take(Step::Publish(vec![(0, 0, 300)]));
        world.take(Step::Room(1, 100));
        events += 1;
        assert!(events < 1_000, "memory is never short");
    }
    assert!(world.core.counters().held <= MEMORY);
    assert!(
        matches!(world.phase(0), Some(Phase::Closing { .. })),
        "it took nothing"
    );
    assert!(
        matches!(world.phase(1), Some(Phase::Live { .. })),
        "it took a little"
    );
    assert_eq!(world.streams[2].events(), world.published(), "it took all");
    world.finish();
}

#[test]
fn a_client_that_answers_no_ping_is_closed_after_two() {
    let mut world = World::new(TailLimits::default());
    for _ in 0..2 {
        world.take(Step::Connect(Wish {
            filter: 0,
            from: From::Live,
        }));
    }
    for stream in 0..2 {
        world.take(Step::Room(stream, usize::MAX / 2));
    }
    for n in 1..=3 {
        assert_eq!(world.core.counters().slow, 0, "after {n}");
        world.take(Step::Later(30));
        world.take(Step::Say(1, Said::Pong));
    }
    assert_eq!(world.core.counters().slow, 1);
    let last = world.streams[0].frames().pop().unwrap();
    assert_eq!(
        last,
        (
            8,
            codec::close(4500, "two pings were not answered")[2..].to_vec()
        )
    );
    assert!(matches!(world.phase(1), Some(Phase::Live { .. })));
}

#[test]
fn bookmarks_come_with_the_heartbeat_and_when_asked_for_after_a_snapshot() {
    let mut world = World::new(TailLimits::default());
    world.take(Step::Publish(vec![(1, 0, 10)]));
    world.take(Step::Connect(Wish {
        filter: 0,
        from: From::Snapshot(1, 0),
    }));
    world.take(Step::Room(0, usize::MAX / 2));
    world.take(Step::Bookmark(0));
    for _ in 0..2 {
        world.take(Step::Work(0));
    }
    world.take(Step::Publish(vec![(1, 0, 10), (1, 0, 10)]));
    world.take(Step::Later(30));
    let kinds: Vec<String> = world.streams[0]
        .texts()
        .iter()
        .map(|event| event["type"].to_string())
        .collect();
    let expected = ["opened", "snapshot", "bookmark", "live", "bookmark"];
    assert_eq!(kinds, expected.map(|kind| format!("\"stream.{kind}\"")));
    let cursor = &world.streams[0].texts()[4]["data"]["cursor"];
    assert_eq!(
        *cursor,
        world.tail.cursor(Position(3)).to_string(),
        "all was filtered out, and considered"
    );
}

#[test]
fn a_flood_of_pings_is_answered_once_a_round() {
    let mut world = World::new(TailLimits::default());
    world.take(Step::Connect(Wish {
        filter: 0,
        from: From::Live,
    }));
    world.take(Step::Room(0, usize::MAX / 2));
    let before = world.streams[0].frames().len();
    let flood: Vec<u8> = (0..10_000).flat_map(|_| masked(0x89, b"")).collect();
    world.streams[0].pipe.borrow_mut().incoming.extend(flood);
    world.core.ready(0, true, false, world.now);
    assert_eq!(world.streams[0].frames().len(), before + 1);
}

const LAG: usize = 6 * 1024;
const MEMORY: usize = 40 * 1024;

fn step() -> impl Strategy<Value = Step> {
    let event = (0..3usize, 0..3usize, 0..1_500usize);
    let from = prop_oneof![
        3 => Just(From::Live),
        1 => Just(From::Here),
        3 => (0..60u64).prop_map(From::Back),
        2 => (0..4usize, -1..30i64).prop_map(|(pages, back)| From::Snapshot(pages, back)),
    ];
    let wish = (0..5usize, from).prop_map(|(filter, from)| Wish { filter, from });
    let said = prop_oneof![
        10 => Just(Said::Text),
        10 => Just(Said::Ping),
        10 => Just(Said::Pong),
        1 => Just(Said::Goodbye),
        1 => Just(Said::Garbage),
    ];
    prop_oneof![
        8 => prop::collection::vec(event, 1..6).prop_map(Step::Publish),
        3 => wish.clone().prop_map(Step::Connect),
        12 => (0..8usize, prop_oneof![1..40usize, 1..3_000usize, Just(200_000)]).prop_map(|(stream, room)| Step::Room(stream, room)),
        2 => (0..8usize, wish).prop_map(|(stream, wish)| Step::Refilter(stream, wish)),
        10 => (0..4usize).prop_map(Step::Work),
        6 => Just(Step::Turn),
        2 => (0..8usize, said).prop_map(|(stream, said)| Step::Say(stream, said)),
        1 => (0..8usize).prop_map(Step::Bookmark),
        1 => (0..12u64).prop_map(Step::Later),
    ]
}

/// A core, a log, and the clients as the reference knows them.
struct World {
    core: Core<Wire>,
    tail: Tail,
    log: Log,
    /// Jobs of workers that are out.
    jobs: Vec<Job>,
    streams: Vec<Stream>,
    now: Now,
    next: u64,
}

struct Stream {
    id: ConnectionId,
    pipe: Rc<RefCell<Pipe>>,
    /// The filters it had, in order; the first from the opening, each other from a `stream.filtered`.
    wishes: Vec<(Arc<Filter>, From)>,
    gone: bool,
}

#[derive(Default)]
struct Pipe {
    room: usize,
    sent: Vec<u8>,
    incoming: Vec<u8>,
    ended: bool,
}

struct Wire(Rc<RefCell<Pipe>>);

#[derive(Default)]
struct Log(Mutex<Blocks>);

struct Counting(usize);

impl World {
    fn new(limits: TailLimits) -> Self {
        let tail = Tail::new(Epoch::from_random([1; 8]), Position(0), limits);
        let options = Options {
            live_lag: LAG,
            stream_memory: MEMORY,
            page: 4 * 1024,
            ..Options::default()
        };
        Self {
            core: Core::new(options, tail.clone(), Arc::default()),
            tail,
            log: Log::default(),
            jobs: Vec::new(),
            streams: Vec::new(),
            now: Now {
                mono: Duration::ZERO,
                wall: Timestamp::from_secs(1_700_000_000),
            },
            next: 1,
        }
    }

    fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Publish(events) => {
                let block = self.block(&events);
                self.log.0.lock().unwrap().push(Arc::clone(&block));
                self.tail.publish(&[block]);
                self.core.turn(now);
            }
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
    }

    fn grant(&mut self) {
        for wish in self.core.wishes() {
            match wish {
                super::Wish::Text(id, _) => self.core.command(id, Command::Done, self.now),
                super::Wish::Closed(id) => self.streams[usize::try_from(id.0).unwrap()].gone = true,
                super::Wish::Pull(job) => self.jobs.push(job),
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
                warnings: Vec::new(),
            },
            reset: None,
        };
        (subscription, filter)
    }

    fn phase(&self, stream: usize) -> Option<&Phase> {
        let slot = self.core.by_id.get(&self.streams[stream].id)?;
        self.core.connections[*slot as usize]
            .as_deref()
            .map(|connection| &connection.phase)
    }

    fn published(&self) -> Vec<u64> {
        self.matching(&Filter::all(), 0, u64::MAX)
    }

    /// Positions of the events that pass, after one position and up to another.
    fn matching(&self, filter: &Filter, after: u64, to: u64) -> Vec<u64> {
        let log = self.log.0.lock().unwrap();
        let entries = log.iter().flat_map(|block| &block.entries);
        entries
            .filter(|entry| filter.passes(entry))
            .map(|entry| entry.position.0)
            .filter(|position| (after + 1..=to).contains(position))
            .collect()
    }

    /// Everything that every client was sent so far makes sense.
    fn check(&self) {
        for stream in &self.streams {
            self.check_stream(stream);
        }
    }

    /// Returns where the stream's last filter began, and what came since.
    fn check_stream(&self, stream: &Stream) -> Option<(Arc<Filter>, u64, Vec<u64>)> {
        let mut wishes = stream.wishes.iter();
        let mut now: Option<(Arc<Filter>, u64, Vec<u64>)> = None;
        for event in stream.texts() {
            let cursor = event["data"]["cursor"].as_str().map(position);
            match (event["type"].as_str(), &mut now) {
                (None, Some((filter, from, seen))) => {
                    seen.push(position(event["id"].as_str().unwrap()));
                    let expected = self.matching(filter, *from, u64::MAX);
                    assert_eq!(
                        *seen,
                        expected[..seen.len()],
                        "in order, once, without gaps"
                    );
                }
                (Some("stream.opened"), now @ None) => {
                    *now = Some((
                        Arc::clone(&wishes.next().unwrap().0),
                        cursor.unwrap(),
                        Vec::new(),
                    ));
                }
                (Some("stream.filtered"), Some((filter, from, seen))) => {
                    let (next, start) = wishes.next().unwrap();
                    if matches!(start, From::Here) {
                        assert_eq!(*seen, self.matching(filter, *from, cursor.unwrap()));
                    }
                    now = Some((Arc::clone(next), cursor.unwrap(), Vec::new()));
                }
                (Some("stream.live" | "stream.bookmark"), Some((filter, from, seen))) => {
                    assert_eq!(
                        *seen,
                        self.matching(filter, *from, cursor.unwrap()),
                        "a cursor says what was told"
                    );
                }
                (Some("stream.snapshot" | "stream.closing"), Some(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        now
    }

    /// Lets all take all there is: whoever is still there has everything.
    fn finish(&mut self) {
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
                    let (filter, from, seen) = told.unwrap();
                    assert_eq!(seen, self.matching(&filter, from, u64::MAX), "stream {at}");
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
    }
}

impl Stream {
    /// Frames that have arrived whole: opcode and payload.
    fn frames(&self) -> Vec<(u8, Vec<u8>)> {
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
    fn texts(&self) -> Vec<Value> {
        let texts = self.frames().into_iter().filter(|(opcode, _)| *opcode == 1);
        texts
            .filter_map(|(_, text)| serde_json::from_slice(&text).ok())
            .collect()
    }

    fn events(&self) -> Vec<u64> {
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

impl Said {
    fn frame(self) -> Vec<u8> {
        match self {
            Self::Text => masked(0x81, b"{}"),
            Self::Ping => masked(0x89, b"?"),
            Self::Pong => masked(0x8a, b""),
            Self::Goodbye => masked(0x88, &1000u16.to_be_bytes()),
            Self::Garbage => vec![0xff, 0x00, 0x01],
        }
    }
}

impl super::Wire for Wire {
    fn write(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        assert!(!pipe.ended && slices.iter().all(|slice| !slice.is_empty()));
        if pipe.room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        for slice in slices {
            let part = slice.len().min(pipe.room);
            pipe.sent.extend_from_slice(&slice[..part]);
            pipe.room -= part;
            taken += part;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        if pipe.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = pipe.incoming.len().min(buffer.len());
        buffer[..n].copy_from_slice(&pipe.incoming[..n]);
        pipe.incoming.drain(..n);
        Ok(n)
    }

    fn end(&mut self) {
        self.0.borrow_mut().ended = true;
    }
}

impl History for Log {
    fn page(
        &self,
        after: Position,
        _: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError> {
        let mut bytes = 0;
        let blocks: Blocks = self
            .0
            .lock()
            .unwrap()
            .iter()
            .filter(|block| block.last() > after)
            .take_while(|block| {
                let fits = bytes == 0 || bytes + block.body.len() <= max_bytes;
                bytes += block.body.len();
                fits
            })
            .cloned()
            .collect();
        let scanned_to = blocks.last().map_or(after, |block| block.last());
        Ok(HistoryPage { blocks, scanned_to })
    }
}

impl Pages for Counting {
    fn next(&mut self) -> Option<Box<RawValue>> {
        self.0 = self.0.checked_sub(1)?;
        RawValue::from_string(format!(r#"{{"left":{}}}"#, self.0)).ok()
    }
}

fn position(cursor: &str) -> u64 {
    cursor.parse::<model::Cursor>().unwrap().position.0
}
