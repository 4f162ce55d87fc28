//! The durable log: blocks in one SQLite file, with what a restart and a curious reader need beside them.
//!
//! There is one [`Log`] per file, owned by the writer thread, and any number of clones of its [`Reader`]. The log knows
//! nothing of telephony: entities, memos and frames are bytes under a name. What it promises:
//!
//! - A commit is one transaction. An error leaves nothing behind and the same [`Commit`] may be tried again.
//! - A position is given to one event and to no other, whatever dies: the process, or with [`SyncMode::Normal`] the
//!   machine (`position` says how).
//! - A page is complete or it is an error. What retention took is never skipped in silence.
//! - Opening costs the same for a thousand blocks and for a million: nothing is scanned but the keys of closed subjects.

mod archive;
mod block;
mod command;
mod commit;
mod error;
mod file;
mod frame;
mod ledger;
mod pool;
mod position;
mod reader;
mod recovery;
mod retention;
mod rows;
mod search;
mod sql;
mod summary;
mod transaction;
mod wal;
mod writer;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

pub use self::{
    archive::Archived,
    commit::{Archival, Commit, Entity, Frame, LoggedGap, Memo},
    error::LogError,
    file::boot_id,
    position::{Lost, Reason, Resume},
    reader::{ArchivePage, Limit, Page, Reader},
    recovery::{Recovered, Stop},
    summary::{Domain, Summary},
    writer::{Log, open},
};

/// Where a log is and what it keeps.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database file. `-wal`, `-shm` and `.lock` files appear beside it.
    pub path: PathBuf,
    /// What an append waits for.
    pub sync: SyncMode,
    /// How long events stay.
    pub retention: Retention,
    /// The most bytes of native frames.
    pub frames: u64,
    /// The most closed subjects, each counted once more for each of its aliases.
    pub archive: usize,
    /// Bytes of the journal beside the database from which on it begins anew: if that is often, appends wait for the disk
    /// more often; if rarely, the start after a kill reads more. The file keeps its length while the log is open, and may
    /// grow to four times as much while readers hold on to it.
    pub journal: u64,
    /// How many positions are set aside at a time for the case that the machine dies. At least 1.
    pub reserve: u64,
    /// A name for this run of the machine's kernel ([`boot_id`]); none where that cannot be told, and then every
    /// stop without a goodbye counts as the machine's.
    pub machine: Option<String>,
}

/// What an append waits for before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// For the operating system: outlives the process.
    Normal,
    /// For the disk: outlives the machine.
    Full,
}

/// How long events stay: until either limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The oldest event.
    pub age: Duration,
    /// The most bytes of blocks; [`Retention::LEAST`] when less is asked for.
    pub bytes: u64,
}

impl Options {
    /// Three days or 4 GiB of events, 1 GiB of frames, appends that outlive the process.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            sync: SyncMode::Normal,
            retention: Retention {
                age: Duration::from_hours(72),
                bytes: 4 << 30,
            },
            frames: 1 << 30,
            archive: 1_000_000,
            journal: 32 << 20,
            reserve: 1_000_000,
            machine: boot_id(),
        }
    }
}

impl Retention {
    /// The least size of a log, in bytes.
    pub const LEAST: u64 = 1 << 20;
}
