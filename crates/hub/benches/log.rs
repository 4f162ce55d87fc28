//! What the log costs, beside what SQLite itself costs for the same bytes in the same run.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::{
    error::Error,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hub::{
    block::{Block, Entry, Key},
    log::{Archival, Archived, Commit, Domain, Limit, Log, Options, open},
};
use model::{Collection, EntityId, Epoch, EventType, Position, SourceId, Timestamp};
use smallvec::smallvec;

type Outcome<T> = Result<T, Box<dyn Error>>;

const EVENT: usize = 600;
const TOTAL: u64 = 1_000_000;

fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    appends(folder.path())?;
    reads(folder.path())?;
    archive(folder.path())?;
    Ok(())
}

fn appends(folder: &Path) -> Outcome<()> {
    for events in [1, 16, 256] {
        let commits = (200_000 / events).min(20_000);
        let floor = floor(&folder.join(format!("floor-{events}")), events, commits)?;
        let options = Options::new(folder.join(format!("log-{events}")));
        let (mut log, _) = open(&options, *b"benchmrk")?;
        let blocks: Vec<_> = (0..commits)
            .map(|n| block(log.epoch(), 1 + n * events, events))
            .collect();
        let mut times = Vec::new();
        let (started, cpu) = (Instant::now(), cpu());
        for block in &blocks {
            let before = Instant::now();
            append(&mut log, block)?;
            times.push(before.elapsed());
        }
        let cpu = self::cpu() - cpu;
        let wall = started.elapsed();
        times.sort();
        let per = |time: Duration| time.as_secs_f64() * 1e6 / (commits * events) as f64;
        println!(
            "append {events:>3} events a commit: {:>7.2} µs wall, {:>7.2} µs cpu an event (SQLite alone {:.2} wall, {:.2} cpu); commit p50 {:?} p99 {:?} max {:?}, {} over 3 ms",
            per(wall),
            per(cpu),
            per(floor.0),
            per(floor.1),
            times[times.len() / 2],
            times[times.len() * 99 / 100],
            times[times.len() - 1],
            times.len() - times.partition_point(|time| *time <= Duration::from_millis(3)),
        );
    }
    Ok(())
}

/// The same bytes as one blob a commit, with the journal moved as SQLite likes.
fn floor(path: &Path, events: u64, commits: u64) -> Outcome<(Duration, Duration)> {
    let db = rusqlite::Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.execute_batch("CREATE TABLE block (last INTEGER PRIMARY KEY, body BLOB)")?;
    let body = vec![b'x'; events as usize * EVENT];
    let (started, before) = (Instant::now(), cpu());
    for _ in 0..commits {
        db.prepare_cached("INSERT INTO block (body) VALUES (?1)")?
            .execute([&body])?;
    }
    Ok((started.elapsed(), cpu() - before))
}

fn reads(folder: &Path) -> Outcome<()> {
    let options = Options::new(folder.join("million"));
    let (mut log, reader) = open(&options, *b"benchmrk")?;
    while log.next().0 < TOTAL {
        let block = block(log.epoch(), log.next().0, 256);
        append(&mut log, &block)?;
    }
    let started = Instant::now();
    let mut after = Position(0);
    let limit = Limit {
        bytes: 4 << 20,
        events: usize::MAX,
        time: Duration::from_secs(1),
    };
    let mut events = 0;
    loop {
        let page = reader.page(after, &limit, &|_| true)?;
        events += page
            .blocks
            .iter()
            .map(|block| block.entries.len())
            .sum::<usize>();
        after = page.scanned_to;
        if page.end {
            break;
        }
    }
    println!("read all {events} events: {:?}", started.elapsed());
    let started = Instant::now();
    let none = |summary: &hub::log::Summary<'_>| {
        summary.may_have(Domain::Extension, Key::of("nobody")) && summary.has(EventType::CallEnded)
    };
    let page = reader.page(
        Position(0),
        &Limit {
            time: Duration::MAX,
            ..limit
        },
        &none,
    )?;
    println!(
        "pass over all, {} blocks looked at: {:?}",
        page.blocks.len(),
        started.elapsed()
    );
    drop((log, reader));
    let started = Instant::now();
    let (log, reader) = open(&options, *b"benchmrk")?;
    let opened = started.elapsed();
    reader.page(
        Position(0),
        &Limit {
            events: 100,
            ..limit
        },
        &|_| true,
    )?;
    println!(
        "open {} events: {opened:?}, with the first page {:?}",
        log.next().0 - 1,
        started.elapsed()
    );
    let started = Instant::now();
    for n in 0..1_000 {
        reader.resolve_time(Timestamp::from_millis(n * 1_000))?;
    }
    println!("resolve a time: {:?}", started.elapsed() / 1_000);
    Ok(())
}

fn archive(folder: &Path) -> Outcome<()> {
    let options = Options::new(folder.join("archive"));
    let (mut log, reader) = open(&options, *b"benchmrk")?;
    let started = Instant::now();
    for n in 0..1_000 {
        let changes: Vec<_> = (0..1_000)
            .map(|i| Archival::Closed(closed(n * 1_000 + i)))
            .collect();
        log.append(&Commit {
            archive: &changes,
            ..Commit::default()
        })?;
    }
    println!("archive 1,000,000 subjects: {:?}", started.elapsed());
    let started = Instant::now();
    for n in 0..10_000 {
        reader.archived(Collection::Calls, &closed(2_000_000 + n).id)?;
    }
    println!("look up an unknown one: {:?}", started.elapsed() / 10_000);
    let started = Instant::now();
    for n in 0..10_000 {
        reader.archived(Collection::Calls, &closed(n * 90).id)?;
    }
    println!("look up a known one: {:?}", started.elapsed() / 10_000);
    drop((log, reader));
    let started = Instant::now();
    let _open = open(&options, *b"benchmrk")?;
    println!(
        "open with 1,000,000 closed subjects: {:?}",
        started.elapsed()
    );
    Ok(())
}

fn closed(n: u64) -> Archived {
    Archived {
        collection: Collection::Calls,
        id: EntityId::from_text(&format!("hq:88533724827327{n:07}")),
        version: 9,
        position: Position(n + 1),
        closed_at: Timestamp::from_secs(1_700_000_000),
        aliases: Vec::new(),
        remains: Bytes::from_static(br#"{"kind":"call.ended"}"#),
    }
}

fn append(log: &mut Log, block: &Arc<Block>) -> Outcome<()> {
    log.append(&Commit {
        blocks: std::slice::from_ref(block),
        ..Commit::default()
    })?;
    Ok(())
}

fn block(epoch: Epoch, first: u64, events: u64) -> Arc<Block> {
    let source = SourceId::new("hq").ok();
    let entry = |n: u64| {
        let start = n as u32 * EVENT as u32;
        let call = (first + n) / 8;
        Entry {
            position: Position(first + n),
            kind: EventType::ALL[(first + n) as usize % 20],
            start,
            end: start + EVENT as u32,
            payload: None,
            source: source.clone(),
            tenant: Some("acme".into()),
            subject: Key::of(&format!("calls/hq:{call}")),
            extensions: smallvec![
                Key::of(&format!("{}", call % 500)),
                Key::of(&format!("hq:ext-{}", call % 500)),
            ],
            queues: smallvec![],
            recorded: Timestamp::from_millis((first + n) as i64),
            private: false,
            mixed: false,
            reconstructed: false,
        }
    };
    Arc::new(Block {
        epoch,
        entries: (0..events).map(entry).collect(),
        body: Bytes::from(vec![b'x'; events as usize * EVENT]),
    })
}

/// Processor time of this process, all threads.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}
