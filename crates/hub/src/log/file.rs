//! The files of a log: made private, made whole, locked, and recognised before SQLite may touch them.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use model::Epoch;
use rusqlite::{Connection, OpenFlags, params};

use super::{SyncMode, error::LogError, sql};

/// How long a connection waits for another. Only a journal that readers hold on to when it has to begin anew makes it.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A name for this run of the machine's kernel, where it tells one: it differs after the machine was down.
#[must_use]
pub fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// Keeps other processes out for as long as it lives.
///
/// A file of its own, because SQLite's locks on the database are lost as soon as anything in this process closes
/// another handle of it. The operating system frees it with the process, however that ends.
pub(super) fn lock(database: &Path) -> Result<File, LogError> {
    let path = beside(database, ".lock");
    let file = private()
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| failed("open", &path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked {
            path: database.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path, source)),
    }
}

/// Makes the database if there is none, and else makes sure that it is one of ours.
pub(super) fn prepare(database: &Path, random: [u8; 8]) -> Result<(), LogError> {
    let mut head = Vec::new();
    match File::open(database) {
        Ok(file) => file
            .take(100)
            .read_to_end(&mut head)
            .map_err(|source| failed("read", database, source))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(source) => return Err(failed("open", database, source)),
    };
    if head.is_empty() {
        return create(database, random);
    }
    let foreign = || LogError::Foreign {
        path: database.to_owned(),
    };
    if !head.starts_with(b"SQLite format 3\0") {
        return Err(foreign());
    }
    let number = |at: usize| -> Option<u32> {
        let bytes = head.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let (format, application) = (number(60), number(68));
    if application != Some(sql::APPLICATION) {
        return Err(foreign());
    }
    match format {
        Some(found) if found > sql::FORMAT => Err(LogError::Newer {
            path: database.to_owned(),
            found,
            known: sql::FORMAT,
        }),
        _ => Ok(()),
    }
}

/// The database as a file, to wait for its disk. SQLite's locks on it are lost as soon as this is closed, so it is to be
/// closed after all connections.
pub(super) fn open(database: &Path) -> Result<File, LogError> {
    private()
        .open(database)
        .map_err(|error| failed("open", database, error))
}

/// The connection that writes.
pub(super) fn writer(database: &Path, sync: SyncMode) -> Result<Connection, LogError> {
    let db = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "cache_size", -16_384)?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    synchronous(&db, sync)?;
    Ok(db)
}

/// A connection that cannot write.
pub(super) fn reader(database: &Path) -> Result<Connection, LogError> {
    let db = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(PATIENCE)?;
    db.pragma_update(None, "cache_size", -2_048)?;
    Ok(db)
}

/// What the next commits wait for.
pub(super) fn synchronous(db: &Connection, sync: SyncMode) -> rusqlite::Result<()> {
    db.pragma_update(
        None,
        "synchronous",
        match sync {
            SyncMode::Normal => "NORMAL",
            SyncMode::Full => "FULL",
        },
    )
}

/// Made under another name and renamed when it is complete, so that a half-made database is never met.
fn create(database: &Path, random: [u8; 8]) -> Result<(), LogError> {
    let leftover = beside(database, "-wal");
    if leftover.exists() {
        return Err(LogError::Leftover { path: leftover });
    }
    let draft = beside(database, ".new");
    for path in [
        draft.clone(),
        beside(&draft, "-journal"),
        beside(&draft, "-wal"),
    ] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &path, error));
            }
            _ => {}
        }
    }
    // SQLite gives its other files the mode of this one.
    let file = private()
        .create_new(true)
        .open(&draft)
        .map_err(|source| failed("create", &draft, source))?;
    let mut db = Connection::open(&draft)?;
    db.pragma_update(None, "page_size", 4096)?;
    let tx = db.transaction()?;
    tx.execute_batch(sql::SCHEMA)?;
    tx.execute(
        sql::STATE_CREATE,
        params![Epoch::from_random(random).as_str()],
    )?;
    tx.pragma_update(None, "application_id", sql::APPLICATION)?;
    tx.pragma_update(None, "user_version", sql::FORMAT)?;
    tx.commit()?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        // Some file systems share no memory between processes. SQLite then stays as it is and only says so.
        let source = io::ErrorKind::Unsupported.into();
        return Err(failed("keep a write-ahead log beside", database, source));
    }
    db.close().map_err(|(_, error)| error)?;
    file.sync_all()
        .and_then(|()| fs::rename(&draft, database))
        .and_then(|()| directory(database)?.sync_all())
        .map_err(|source| failed("create", database, source))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn directory(database: &Path) -> io::Result<File> {
    match database.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent),
        _ => File::open("."),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

pub(super) fn failed(action: &'static str, path: &Path, source: io::Error) -> LogError {
    LogError::File {
        action,
        path: path.to_owned(),
        source,
    }
}
