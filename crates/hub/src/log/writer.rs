//! The one writer.

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use model::{Epoch, Position, Timestamp};
use rusqlite::{Connection, params};

use super::{
    Options, Retention, SyncMode,
    archive::{Changed, Changes, Index},
    command,
    commit::Commit,
    error::LogError,
    file, frame,
    ledger::{Keep, Ledger},
    pool::Pool,
    position::{Lost, Marks, to_row},
    reader::{Reader, Shared},
    recovery::{self, Recovered, State, Stop},
    retention::Budget,
    rows, sql,
    transaction::Transaction,
    wal::Checkpoints,
};

use crate::command::KEPT;

/// Commits of [`Log::maintain`] at a time.
const ROUNDS: u32 = 16;

/// The writing end of a log. Dropping it without [`Log::close`] is what a kill would do.
pub struct Log {
    // Dropped first: it has a connection of its own, and the last one to close tidies up.
    wal: Checkpoints,
    pub(super) db: Connection,
    shared: Arc<Shared>,
    path: PathBuf,
    sync: SyncMode,
    retention: Retention,
    frames: u64,
    reserve: u64,
    boot: u32,
    stop: Stop,
    pub(super) ledger: Ledger,
    _lock: File,
}

/// Opens a log, or makes it when the file does not exist or is empty. `random` is used for the epoch of a new log.
///
/// # Errors
/// [`LogError::Locked`], [`LogError::Foreign`], [`LogError::Newer`], [`LogError::Leftover`], [`LogError::Corrupt`]: the
/// file was not changed. [`LogError::File`], [`LogError::Full`], [`LogError::Database`]: the system refuses.
pub fn open(options: &Options, random: [u8; 8]) -> Result<(Log, Reader), LogError> {
    let lock = file::lock(&options.path)?;
    file::prepare(&options.path, random)?;
    let database = Arc::new(file::open(&options.path)?);
    let db = file::writer(&options.path, options.sync)?;
    let state = State::read(&db)?;
    let epoch: Epoch = state
        .epoch
        .parse()
        .map_err(|_| LogError::corrupt(format!("`{}` is no epoch", state.epoch)))?;
    let mut ledger = Ledger::read(&db, &state)?;
    let head = Position(ledger.next.0 - 1);
    let stop = state.stop(head, options.machine.as_deref());
    let mut lost = recovery::lost(&db)?;
    if let Stop::Machine { lost: Some(range) } = stop {
        ledger.next = Position(range.last.0 + 1);
        // Nothing was written since the machine died before: then it is the same range, and longer.
        lost.retain(|before| before.first != range.first);
        lost.push(range);
    }
    let archive = Index::load(&db, options.archive)?;
    let boot = state.boot.saturating_add(1);
    // Until here nothing was written: what cannot be read stays as it is.
    start(&db, options, &ledger, stop, boot)?;
    file::synchronous(&db, options.sync)?;

    let shared = Arc::new(Shared {
        epoch,
        pool: Pool::new(&options.path),
        marks: RwLock::new(Marks {
            floor: ledger.floor,
            oldest: ledger.oldest(),
            head,
            lost,
        }),
        archive: RwLock::new(archive),
        _database: Arc::clone(&database),
    });
    let log = Log {
        wal: Checkpoints::start(
            &options.path,
            database,
            options.journal.max(Retention::LEAST),
        )?,
        db,
        shared: Arc::clone(&shared),
        path: options.path.clone(),
        sync: options.sync,
        retention: Retention {
            bytes: options.retention.bytes.max(Retention::LEAST),
            ..options.retention
        },
        frames: options.frames,
        reserve: options.reserve.max(1),
        boot,
        stop,
        ledger,
        _lock: lock,
    };
    Ok((log, Reader::new(shared)))
}

impl Log {
    /// The generation of the log.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// Which start of the log this is, from 1.
    #[must_use]
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// The first position that the next block may have.
    #[must_use]
    pub fn next(&self) -> Position {
        self.ledger.next
    }

    /// How the log was left before it was opened.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// What a restart begins with. The events after its checkpoint are to be applied on top.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn recovered(&self) -> Result<Recovered, LogError> {
        recovery::read(&self.db, self.ledger.checkpoint)
    }

    /// Writes a commit. After it returned, the events are there for readers and may be published.
    ///
    /// Also deletes a little of what retention no longer covers, by the time of the newest event in the commit.
    ///
    /// # Errors
    /// [`LogError::Misplaced`] when a block does not follow. [`LogError::Full`] and [`LogError::Database`]: nothing was
    /// written, and the same commit may be tried again.
    pub fn append(&mut self, commit: &Commit<'_>) -> Result<(), LogError> {
        let mut ledger = self.ledger.clone();
        let packed = ledger.pack(commit, self.shared.epoch, self.reserve)?;
        let raised = ledger.ceiling != self.ledger.ceiling;
        let blocks: u64 = packed.iter().map(|block| block.header.bytes).sum();
        let bytes = blocks + commit.beside();
        let budget = Budget {
            rows: 1024,
            few: 4,
            freed: 2 * bytes,
        };
        let now = commit.newest();
        let changed = self.transact(raised, |tx, changes, keep| {
            for block in &packed {
                block.insert(tx)?;
            }
            if raised {
                tx.prepare_cached(sql::STATE_CEILING)?
                    .execute([to_row(ledger.ceiling.0)])?;
            }
            rows::memo(tx, commit.memo)?;
            rows::entities(tx, commit.entities)?;
            for change in commit.archive {
                changes.write(tx, change)?;
            }
            frame::write(tx, commit.frames, &mut ledger.frames)?;
            rows::gaps(tx, commit.gaps)?;
            command::write(tx, commit.commands)?;
            rows::shelves(tx, commit.shelves)?;
            if let Some(checkpoint) = commit.checkpoint {
                ledger.checkpoint = checkpoint.min(Position(ledger.next.0 - 1));
                tx.prepare_cached(sql::STATE_CHECKPOINT)?
                    .execute([to_row(ledger.checkpoint.0)])?;
            }
            keep.prune(tx, &mut ledger, now, &budget)?;
            changes.prune(tx, keep.archived(now), 8 + 2 * commit.archive.len())
        })?;
        self.absorb(ledger, changed);
        self.wal.wrote(bytes);
        Ok(())
    }

    /// Deletes what retention no longer covers at `now`, for times in which nothing is appended. True when there is
    /// more to delete, and it should be called again soon.
    ///
    /// # Errors
    /// [`LogError::Full`] and [`LogError::Database`]: tried again with the next call.
    pub fn maintain(&mut self, now: Timestamp) -> Result<bool, LogError> {
        const ALL: Budget = Budget {
            rows: 256,
            few: 256,
            freed: 0,
        };
        for _ in 0..ROUNDS {
            let mut ledger = self.ledger.clone();
            let archived = read(&self.shared.archive).len();
            let mut again = false;
            let changed = self.transact(false, |tx, changes, keep| {
                again = keep.prune(tx, &mut ledger, now, &ALL)?;
                changes.prune(tx, keep.archived(now), 1024)?;
                command::prune(tx, now.before(KEPT))?;
                rows::prune_gaps(tx, now.before(self.retention.age))
            })?;
            self.absorb(ledger, changed);
            if !again && read(&self.shared.archive).len() == archived {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends the log in order, so that the next start knows that nothing is missing.
    ///
    /// # Errors
    /// When the disk fails; the next start then treats it as a kill.
    pub fn close(mut self) -> Result<(), LogError> {
        self.wal.stop();
        file::synchronous(&self.db, SyncMode::Full)?;
        self.db.execute(sql::STATE_CLEAN, [])?;
        self.db
            .query_row(sql::CHECKPOINT_TRUNCATE, [], |_| Ok(()))?;
        Ok(())
    }

    /// One transaction, synced to the disk when `durable`. Nothing but the database changes in it.
    fn transact(
        &self,
        durable: bool,
        work: impl FnOnce(&Transaction<'_>, &mut Changes<'_>, &Keep<'_>) -> Result<(), LogError>,
    ) -> Result<Changed, LogError> {
        let durable = durable && self.sync == SyncMode::Normal;
        self.wal.enter(&self.db)?;
        if durable {
            file::synchronous(&self.db, SyncMode::Full)?;
        }
        let result = (|| {
            let index = read(&self.shared.archive);
            let mut changes = Changes::new(&index);
            let tx = Transaction::begin(&self.db)?;
            let keep = Keep {
                limits: &self.retention,
                frames: self.frames,
            };
            work(&tx, &mut changes, &keep)?;
            tx.commit()?;
            Ok(changes.finish())
        })();
        if durable {
            // Not worth an error, since the commit is done: should it fail, the next commits wait for the disk as well.
            let _slower = file::synchronous(&self.db, self.sync);
        }
        result
    }

    fn absorb(&mut self, ledger: Ledger, changed: Changed) {
        let mut marks = self
            .shared
            .marks
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if ledger.next != self.ledger.next {
            marks.head = Position(ledger.next.0 - 1);
        }
        marks.floor = ledger.floor;
        marks.oldest = ledger.oldest();
        marks.lost.retain(|lost| lost.last >= ledger.floor);
        drop(marks);
        self.ledger = ledger;
        if !changed.is_empty() {
            self.shared
                .archive
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .absorb(changed);
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("path", &self.path)
            .field("epoch", &self.shared.epoch)
            .field("next", &self.ledger.next)
            .finish_non_exhaustive()
    }
}

/// Notes that the log is open. Synced to the disk before anything is appended: should the machine die, the next start
/// has to know that positions were being given.
fn start(
    db: &Connection,
    options: &Options,
    ledger: &Ledger,
    stop: Stop,
    boot: u32,
) -> Result<(), LogError> {
    file::synchronous(db, SyncMode::Full)?;
    let tx = Transaction::begin(db)?;
    if let Stop::Machine {
        lost: Some(Lost { first, last }),
    } = stop
    {
        tx.execute(sql::LOST_PUT, params![to_row(first.0), to_row(last.0)])?;
    }
    let relaxed = options.sync == SyncMode::Normal;
    tx.execute(
        sql::STATE_START,
        params![boot, options.machine, relaxed, to_row(ledger.ceiling.0)],
    )?;
    tx.commit()?;
    Ok(())
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
