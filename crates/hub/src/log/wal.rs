//! The write-ahead log is moved into the database by a thread of its own, so that no append waits for it.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use super::{SyncMode, error::LogError, file, sql};

/// After how many bytes of commits the thread is woken.
const STEP: u64 = 8 << 20;
/// From this many pages on the file has to begin anew.
const LONG: i64 = 4096;

/// The thread, as the writer sees it.
pub(super) struct Checkpoints {
    gate: Gate,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    written: u64,
}

/// Held by the writer during a commit, and by the thread for the short moment in which the file begins anew.
///
/// Moving pages while the writer goes on never ends under load, since there are always new ones, and the file would
/// grow for ever. So most of it is moved beside the writer, and only the rest, a few pages, while the gate is held.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<()>>);

impl Checkpoints {
    pub(super) fn start(database: &Path) -> Result<Self, LogError> {
        let db = file::writer(database, SyncMode::Normal)?;
        let gate = Gate::default();
        let (wake, woken) = sync_channel(1);
        let work = {
            let gate = gate.clone();
            move || run(&db, &gate, &woken)
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
            gate,
            wake: Some(wake),
            thread: Some(thread),
            written: 0,
        })
    }

    pub(super) fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Counts a commit; wakes the thread when it is time. A thread at work is not woken twice.
    pub(super) fn wrote(&mut self, bytes: u64) {
        self.written += bytes;
        if self.written >= STEP
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

impl Gate {
    pub(super) fn enter(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(db: &Connection, gate: &Gate, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        // A full or failing disk shows in the appends as well, and they tell. Here it is tried again at the next turn.
        if let Err(error) = checkpoint(db, gate) {
            tracing::warn!(%error, "the log's journal could not be moved into the database");
        }
    }
}

fn checkpoint(db: &Connection, gate: &Gate) -> rusqlite::Result<()> {
    let pages = db.query_row(sql::CHECKPOINT_PASSIVE, [], |row| row.get::<_, i64>(1))?;
    if pages >= LONG {
        let _writer_waits = gate.enter();
        db.busy_timeout(patience(pages))?;
        db.query_row(sql::CHECKPOINT_RESTART, [], |_| Ok(()))?;
    }
    Ok(())
}

/// How long to wait for readers that still need the file: the longer it is, the more it matters.
fn patience(pages: i64) -> Duration {
    match pages / LONG {
        0..=3 => Duration::from_millis(5),
        4..=15 => Duration::from_millis(50),
        _ => Duration::from_secs(1),
    }
}
