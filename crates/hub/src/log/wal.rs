//! The write-ahead log is moved into the database by a thread of its own, so that no append waits for it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use super::{SyncMode, error::LogError, file, sql};

/// The journal and the thread that moves it, as the writer sees them.
pub(super) struct Checkpoints {
    journal: Arc<Journal>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Bytes since the thread was last woken.
    written: u64,
}

/// The file that grows with each commit.
///
/// Moving pages while the writer goes on never ends under load, since there are always new ones, and the file would
/// grow for ever. So the thread moves nearly all of it beside the writer, and the writer the few pages that came
/// meanwhile, before its next commit, which then begins the file anew.
struct Journal {
    /// Its bytes, about.
    length: AtomicU64,
    /// From when on it has to begin anew.
    long: u64,
    page: u64,
    /// Nearly all of a long one is moved.
    moved: AtomicBool,
    /// The database, to wait for its disk.
    database: Arc<File>,
    path: PathBuf,
}

/// How long the writer waits for readers when the journal is to begin anew. Should they hold on to it, it is tried again later.
const PATIENCE: Duration = Duration::from_millis(20);
/// What a commit writes beside its content: the rest of a page that was there, and now and then two more above it.
const ASIDE: u64 = 6 * 1024;

impl Checkpoints {
    /// `database` is its file, open for as long as anything else of this process has it open.
    pub(super) fn start(path: &Path, database: Arc<File>, long: u64) -> Result<Self, LogError> {
        let db = file::writer(path, SyncMode::Normal)?;
        let page: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let journal = Arc::new(Journal {
            length: AtomicU64::new(0),
            long,
            page: u64::from(page),
            moved: AtomicBool::new(false),
            database,
            path: path.to_owned(),
        });
        let (wake, woken) = sync_channel(1);
        let work = {
            let journal = Arc::clone(&journal);
            move || run(&db, &journal, &woken)
        };
        let thread = thread::Builder::new()
            .name("log-checkpoint".to_owned())
            .spawn(work)
            .map_err(|error| file::failed("start the checkpoints of", path, error))?;
        Ok(Self {
            journal,
            wake: Some(wake),
            thread: Some(thread),
            written: 0,
        })
    }

    /// Before a commit, on the writer's own connection: lets the journal begin anew when it is time. One that got far
    /// too long, because the thread is starved or fails, is emptied here: it is bounded, whatever else may happen.
    pub(super) fn enter(&self, db: &Connection) -> rusqlite::Result<()> {
        let moved = self.journal.moved.swap(false, Ordering::Acquire);
        if self.journal.length.load(Ordering::Relaxed) > 4 * self.journal.long {
            return self.journal.restart(db, file::PATIENCE);
        }
        if moved {
            return self.journal.restart(db, PATIENCE);
        }
        Ok(())
    }

    /// Counts a commit; wakes the thread when it is time. A thread at work is not woken twice.
    pub(super) fn wrote(&mut self, content: u64) {
        let bytes = content + ASIDE;
        self.journal.length.fetch_add(bytes, Ordering::Relaxed);
        self.written += bytes;
        // In small parts: where cores are few, events wait while one is moved.
        if self.written >= self.journal.long / 16
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
    /// Moves what is there beside the writer.
    fn shorten(&self, db: &Connection) -> Result<(), LogError> {
        if self.passive(db)? < self.long {
            return Ok(());
        }
        // Once more for what came meanwhile, and the disk is waited for, so that little is left to do for the writer.
        self.passive(db)?;
        self.database
            .sync_data()
            .map_err(|error| file::failed("write to the disk", &self.path, error))?;
        self.moved.store(true, Ordering::Release);
        Ok(())
    }

    fn passive(&self, db: &Connection) -> rusqlite::Result<u64> {
        let pages: i64 = db.query_row(sql::CHECKPOINT_PASSIVE, [], |row| row.get(1))?;
        let length = u64::try_from(pages).unwrap_or(0) * self.page;
        self.length.store(length, Ordering::Relaxed);
        Ok(length)
    }

    /// Moves the rest, and lets the next commit write from the beginning of the file, which stays as long as it is:
    /// what is there already is written faster than what has to be added. Readers that still need it may prevent that.
    fn restart(&self, db: &Connection, patience: Duration) -> rusqlite::Result<()> {
        db.busy_timeout(patience)?;
        let prevented: rusqlite::Result<bool> =
            db.query_row(sql::CHECKPOINT_RESTART, [], |row| row.get(0));
        db.busy_timeout(file::PATIENCE)?;
        if !prevented? {
            self.length.store(0, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn run(db: &Connection, journal: &Journal, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        // A full or failing disk shows in the appends as well, and they tell. Here it is tried again at the next turn.
        if let Err(error) = journal.shorten(db) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the log's journal could not be moved into the database"
            );
        }
    }
}
