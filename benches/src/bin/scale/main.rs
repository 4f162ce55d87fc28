//! What one event costs when there is much of everything: open calls, events in the log, filters. And what each takes of memory.
//!
//! `cargo run --release -p benches --bin scale`; with `-- --large` the log grows to ten million events, 12 GB of disk.
//! What counts are the ratios to the smallest of the same run.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

mod calls;
mod filters;
mod log;

use std::{fs, time::Duration};

use benches::Failure;

fn main() -> Result<(), Failure> {
    let large = std::env::args().any(|argument| argument == "--large");
    calls::run()?;
    filters::run()?;
    log::run(large)
}

/// One line of a table, with the ratio to the first of its table.
fn line(size: u64, what: &str, each: Duration, first: Duration) {
    println!(
        "{size:>11} {what:<24}{:>9.2} µs{:>7.2} ×",
        each.as_secs_f64() * 1e6,
        each.as_secs_f64() / first.as_secs_f64(),
    );
}

/// Bytes that this process holds.
///
/// # Errors
/// Where the system does not tell.
fn resident() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.ok_or("no VmRSS")?.parse::<u64>()? * 1024)
}
