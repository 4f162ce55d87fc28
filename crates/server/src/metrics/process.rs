//! The process itself, under the names that every program uses. What the system does not tell is left out.

use std::fs;

use model::Timestamp;
use rustix::{
    param::page_size,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use super::{families as family, text::Page};

pub(super) fn write(page: &mut Page, started: Timestamp) {
    page.family(&family::BUILD_INFO)
        .value(&[env!("CARGO_PKG_VERSION")], 1_u64);
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    page.family(&family::PROCESS_CPU)
        .value(&[], spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9);
    if let Some(bytes) = resident() {
        page.family(&family::PROCESS_MEMORY).value(&[], bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Reading the folder opens one that is closed again by now.
        let open = open.count().saturating_sub(1) as u64;
        page.family(&family::PROCESS_OPEN_FDS).value(&[], open);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        page.family(&family::PROCESS_MAX_FDS).value(&[], most);
    }
    page.family(&family::PROCESS_START)
        .value(&[], started.micros() as f64 / 1e6);
}

/// The second figure of `statm` (proc_pid_statm(5)), which counts pages.
fn resident() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(page_size()).ok()?)
}
