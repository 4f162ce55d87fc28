//! A process that appends is killed at any moment: whatever it had published is there, unchanged, under its position.
//!
//! The test runs itself as the victim, which is told by a variable where its log is. The victim publishes what it has
//! committed on a pipe; everything that came through the pipe counts as seen by somebody.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use hub::{
    block::{Block, Entry, Key},
    log::{Commit, Limit, Log, LogError, Memo, Options, Reader, Retention, Stop, SyncMode, open},
};
use model::{Epoch, EventType, Position, SourceId, Timestamp};
use smallvec::smallvec;

const VICTIM: &str = "SWITCHHOOK_TEST_LOG";
const TEST: &str = "nothing_that_was_published_is_lost_by_a_kill";

#[test]
fn nothing_that_was_published_is_lost_by_a_kill() {
    if let Some(path) = env::var_os(VICTIM) {
        append_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let mut published: Vec<Published> = Vec::new();
    let mut random = Random(7);
    for round in 0..25 {
        let mut victim = victim(&path);
        let output = BufReader::new(victim.stdout.take().unwrap());
        let mut left = 1 + random.below(60);
        for line in output.lines() {
            let line = line.unwrap();
            let Some(line) = line.strip_prefix("published ") else {
                continue;
            };
            let new = Published::parse(line);
            if let Some(before) = published.last() {
                assert!(new.first > before.last, "{new:?} after {before:?}");
            }
            published.push(new);
            // What is in the pipe after the kill was published as well.
            left = left.saturating_sub(1);
            if left == 0 {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        assert_eq!(left, 0, "the victim ended by itself");
        check(&path, &published, round);
    }
}

/// One line of the victim: a block, and a checksum of what it holds.
#[derive(Debug, PartialEq)]
struct Published {
    first: u64,
    last: u64,
    sum: u64,
}

impl Published {
    fn of(block: &Block) -> Self {
        let body = std::str::from_utf8(&block.body).unwrap();
        let entries = format!("{:?}", block.entries);
        Self {
            first: block.first().0,
            last: block.last().0,
            sum: Key::of(body).0 ^ Key::of(&entries).0,
        }
    }

    fn parse(line: &str) -> Self {
        let numbers: Vec<u64> = line
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        let [first, last, sum] = numbers[..] else {
            panic!("`{line}`");
        };
        Self { first, last, sum }
    }
}

fn check(path: &Path, published: &[Published], round: usize) {
    let (log, reader) = open(&options(path), [0; 8]).unwrap();
    assert_eq!(log.stop(), Stop::Process, "round {round}");
    let kept = |block: &&Published| block.first > reader.earliest().0;
    for expected in published.iter().filter(kept) {
        let block = reader.block_at(Position(expected.first)).unwrap();
        assert_eq!(Published::of(&block.unwrap()), *expected, "round {round}");
    }
    let last = published.last().unwrap().last;
    assert!(reader.head() >= Position(last), "round {round}");
    assert_eq!(log.next().0, reader.head().0 + 1);
    contiguous(&reader);
    // The memo is written with each commit: it tells whether the last one is there as a whole.
    let memo = log.recovered().unwrap().memo;
    assert_eq!(memo, [memo_of(reader.head())], "round {round}");
    // Dropped without a goodbye: another kill, as far as the file knows.
}

fn contiguous(reader: &Reader) {
    let limit = Limit {
        bytes: 1 << 20,
        events: 10_000,
        time: Duration::from_secs(10),
    };
    let mut after = reader.earliest();
    loop {
        let page = reader.page(after, &limit, &|_| true).unwrap();
        for entry in page.blocks.iter().flat_map(|block| &block.entries) {
            assert_eq!(entry.position.0, after.0 + 1);
            after = entry.position;
        }
        if page.end {
            break;
        }
    }
    assert_eq!(after, reader.head());
}

fn options(path: &Path) -> Options {
    Options {
        machine: Some("one run".to_owned()),
        // Small, so that the ceiling is raised, the journal begins anew and events are deleted all the time.
        reserve: 500,
        journal: 1 << 20,
        retention: Retention {
            age: Duration::from_hours(72),
            bytes: 4 << 20,
        },
        sync: SyncMode::Normal,
        ..Options::new(path)
    }
}

fn victim(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn append_until_killed(path: &Path) -> ! {
    let (mut log, _) = open(&options(path), [5; 8]).unwrap();
    let mut random = Random(log.next().0);
    let mut out = std::io::stdout().lock();
    loop {
        for block in append(&mut log, &mut random).unwrap() {
            let Published { first, last, sum } = Published::of(&block);
            // The parent reads to the end: a broken pipe means that it is gone.
            if writeln!(out, "\npublished {first} {last} {sum}").is_err() {
                std::process::exit(1);
            }
        }
    }
}

fn append(log: &mut Log, random: &mut Random) -> Result<Vec<Arc<Block>>, LogError> {
    let mut next = log.next().0;
    let blocks: Vec<_> = (0..1 + random.below(3))
        .map(|_| {
            let block = block(log.epoch(), next, 1 + random.below(100) as u64, random);
            next = block.last().0 + 1;
            block
        })
        .collect();
    let head = Position(next - 1);
    log.append(&Commit {
        blocks: &blocks,
        memo: &[memo_of(head)],
        checkpoint: Some(head),
        ..Commit::default()
    })?;
    Ok(blocks)
}

fn memo_of(head: Position) -> Memo {
    Memo {
        owner: "state".into(),
        key: "head".into(),
        value: Some(Bytes::from(head.to_string())),
    }
}

fn block(epoch: Epoch, first: u64, count: u64, random: &mut Random) -> Arc<Block> {
    let mut body = Vec::new();
    let entries = (first..first + count)
        .map(|position| {
            let start = body.len() as u32;
            let letter = b'a' + random.below(26) as u8;
            body.extend(std::iter::repeat_n(letter, 100 + random.below(900)));
            Entry {
                position: Position(position),
                kind: EventType::ALL[random.below(EventType::ALL.len())],
                start,
                end: body.len() as u32,
                payload: None,
                source: SourceId::new("hq").ok(),
                tenant: None,
                subject: Key(position),
                extensions: smallvec![Key(random.below(100) as u64)],
                queues: smallvec![],
                recorded: Timestamp::from_secs(1),
                private: false,
                mixed: false,
                reconstructed: false,
            }
        })
        .collect();
    Arc::new(Block {
        epoch,
        entries,
        body: Bytes::from(body),
    })
}

/// Pseudo-random numbers: where the kills fall varies enough without more.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}
