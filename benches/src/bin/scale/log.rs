//! A log that grows.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use benches::{Failure, Traffic, prepare};
use hub::{
    block::Block,
    log::{Commit, Limit, Log, Options, Reader, open},
};
use model::Position;

/// Events in the log when it is measured.
const SIZES: [u64; 5] = [10_000, 100_000, 1_000_000, 3_000_000, 10_000_000];
/// Without `--large`, no further than this.
const USUAL: u64 = 1_000_000;
/// Commits that are measured, before each size is reached.
const COMMITS: u32 = 100;
const PAGES: u32 = 200;

pub(crate) fn run(large: bool) -> Result<(), Failure> {
    println!("events in the log: an append of 60 together, a page of 100 from anywhere, an open");
    let folder = tempfile::tempdir()?;
    let mut options = Options::new(folder.path().join("log"));
    options.retention.bytes = u64::MAX;
    options.retention.age = Duration::MAX;
    let patterns = prepare(Traffic::Presence, 1)?.batches.remove(0).blocks;
    let pattern = patterns.first().ok_or("no block")?;
    let events = u32::try_from(pattern.entries.len())?;
    let mut first = None;
    for size in SIZES.into_iter().filter(|size| large || *size <= USUAL) {
        let (mut log, reader) = open(&options, *b"benchmrk")?;
        let measured = u64::from(COMMITS * events);
        while log.next().0 + measured < size {
            append(&mut log, pattern)?;
        }
        let begun = Instant::now();
        for _ in 0..COMMITS {
            append(&mut log, pattern)?;
        }
        let appended = begun.elapsed() / (COMMITS * events);
        let read = pages(&reader, size)?;
        log.close()?;
        drop(reader);
        let begun = Instant::now();
        let (log, reader) = open(&options, *b"benchmrk")?;
        page(&reader, Position(0))?;
        let opened = begun.elapsed();
        drop((log, reader));
        let first = *first.get_or_insert([appended, read, opened]);
        super::line(size, "append, an event", appended, first[0]);
        super::line(size, "a page", read, first[1]);
        super::line(size, "open, and a page", opened, first[2]);
        println!(
            "{size:>11} {:<24}{:>9} bytes",
            "an event on disk",
            bytes(folder.path())? / size
        );
    }
    Ok(())
}

/// The same block once more, at the end.
fn append(log: &mut Log, pattern: &Block) -> Result<(), Failure> {
    let mut block = pattern.clone();
    for (position, entry) in (log.next().0..).zip(&mut block.entries) {
        entry.position = Position(position);
    }
    log.append(&Commit {
        blocks: &[Arc::new(block)],
        ..Commit::default()
    })?;
    Ok(())
}

fn pages(reader: &Reader, size: u64) -> Result<Duration, Failure> {
    let begun = Instant::now();
    for n in 0..u64::from(PAGES) {
        page(reader, Position(n * 7_919_993 % (size - 200)))?;
    }
    Ok(begun.elapsed() / PAGES)
}

fn page(reader: &Reader, after: Position) -> Result<(), Failure> {
    let limit = Limit {
        bytes: 1 << 20,
        events: 100,
        time: Duration::from_secs(1),
    };
    let page = reader.page(after, &limit, &|_| true)?;
    let events: usize = page
        .blocks
        .iter()
        .map(|block| block.after(after).len())
        .sum();
    if events < 100 {
        return Err(format!("a page after {after} has {events} events").into());
    }
    Ok(())
}

fn bytes(folder: &Path) -> Result<u64, Failure> {
    let mut sum = 0;
    for file in fs::read_dir(folder)? {
        sum += file?.metadata()?.len();
    }
    Ok(sum)
}
