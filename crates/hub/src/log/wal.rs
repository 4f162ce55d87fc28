//! The write-ahead log is moved into the database by a thread of its own, so that no append waits for it.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use super::{SyncMode, error::LogError, file, sql};

/// The thread, as the writer sees it.
pub(super) struct Checkpoints {
    journal: Arc<Journal>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    written: u64,
}

/// The file that grows with each commit.
pub(super) struct Journal {
    /// Held by the writer during a commit, and by the thread for the short moment in which the file begins anew.
    ///
    /// Moving pages while the writer goes on never ends under load, since there are always new ones, and the file would
    /// grow for ever. So most of it is moved beside the writer, and only the rest, a few pages, while the gate is held.
    gate: Mutex<()>,
    /// Its bytes, about.
    length: AtomicU64,
    /// From when on it has to begin anew.
    long: u64,
    page: u64,
}

impl Checkpoints {
    pub(super) fn start(database: &Path, long: u64) -> Result<Self, LogError> {
        let db = file::writer(database, SyncMode::Normal)?;
        let page: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let journal = Arc::new(Journal {
            gate: Mutex::default(),
            length: AtomicU64::new(0),
            long,
            page: u64::from(page),
        });
        let (wake, woken) = sync_channel(1);
        let work = {
            let journal = Arc::clone(&journal);
            move || run(&db, &journal, &woken)
        };
        let thread = thread::Builder::new()
            .name("log-checkpoint".to_owned())
            .spawn(work)
            .map_err(|source| LogError::File {
                action: "start the checkpoints of",
                path: database.to_owned(),
                source,
            })?;
        Ok(Self {
            journal,
            wake: Some(wake),
            thread: Some(thread),
            written: 0,
        })
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Counts a commit; wakes the thread when it is time. A thread at work is not woken twice.
    pub(super) fn wrote(&mut self, bytes: u64) {
        self.journal.length.fetch_add(bytes, Ordering::Relaxed);
        self.written += bytes;
        if self.written >= self.journal.long / 4
            && let Some(wake) = &self.wake
        {
            self.written = 0;
            let _busy = wake.try_send(());
        }
    }

    /// Waits until the thread is done.
    pub(super) fn stop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Journal {
    /// The right to write. A journal that got far too long, because the thread is starved or fails, is emptied first:
    /// it is bounded, whatever else may happen.
    pub(super) fn enter(&self, db: &Connection) -> rusqlite::Result<MutexGuard<'_, ()>> {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if self.length.load(Ordering::Relaxed) > 4 * self.long {
            self.restart(db)?;
        }
        Ok(gate)
    }

    /// Moves what is there beside the writer, and lets the file begin anew when it is long.
    fn checkpoint(&self, db: &Connection) -> rusqlite::Result<()> {
        if self.passive(db)? >= self.long {
            // Once more for what came meanwhile, so that little is left to do while the writer waits.
            self.passive(db)?;
            let _writer_waits = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            db.busy_timeout(Duration::from_millis(20))?;
            self.restart(db)?;
        }
        Ok(())
    }

    fn passive(&self, db: &Connection) -> rusqlite::Result<u64> {
        let pages: i64 = db.query_row(sql::CHECKPOINT_PASSIVE, [], |row| row.get(1))?;
        let length = u64::try_from(pages).unwrap_or(0) * self.page;
        self.length.store(length, Ordering::Relaxed);
        Ok(length)
    }

    /// With the gate held. Readers that still need the file may prevent it; then it is tried again.
    fn restart(&self, db: &Connection) -> rusqlite::Result<()> {
        let readers_prevent_it: bool =
            db.query_row(sql::CHECKPOINT_TRUNCATE, [], |row| row.get(0))?;
        if !readers_prevent_it {
            self.length.store(0, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn run(db: &Connection, journal: &Journal, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        // A full or failing disk shows in the appends as well, and they tell. Here it is tried again at the next turn.
        if let Err(error) = journal.checkpoint(db) {
            tracing::warn!(%error, "the log's journal could not be moved into the database");
        }
    }
}
