//! What can go wrong with the log.

use std::{io, path::PathBuf};

use model::Position;
use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the log refuses or fails.
#[derive(Debug, Error)]
pub enum LogError {
    /// Another process has it open.
    #[error("the log {} is in use by another process", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The file holds something else. It was not touched.
    #[error("{} is not a log of this program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it. It was not touched.
    #[error("the log {} has format {found}, and this version reads up to {known}", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest format that this version reads.
        known: u32,
    },
    /// The database is gone but its journal is still there; a new database would take it for its own.
    #[error("{} is left of a log that is gone: move it away", path.display())]
    Leftover {
        /// The journal.
        path: PathBuf,
    },
    /// The operating system refuses the file.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is stored cannot be what was stored.
    #[error("the log is corrupt: {what}")]
    Corrupt {
        /// What is wrong.
        what: String,
        /// What SQLite says.
        source: Option<rusqlite::Error>,
    },
    /// No space. Nothing of the commit was kept; it may be tried again.
    #[error("no space is left for the log")]
    Full {
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Reading or writing failed. Nothing of the commit was kept; it may be tried again.
    #[error("the database of the log failed")]
    Database {
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A block that does not come after all others, or belongs to another epoch.
    #[error("a block of positions {first} to {last} cannot follow position {head} of this log")]
    Misplaced {
        /// Its first position.
        first: Position,
        /// Its last position.
        last: Position,
        /// The last position of the log.
        head: Position,
    },
    /// Retention has taken events after this position: a page from there would be incomplete.
    #[error("events after position {after} are no longer kept; the oldest is at {oldest}")]
    Expired {
        /// Where the page was to begin.
        after: Position,
        /// The oldest event.
        oldest: Position,
    },
}

impl LogError {
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt {
            what: what.into(),
            source: None,
        }
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(source: rusqlite::Error) -> Self {
        match (&source, source.sqlite_error_code()) {
            (_, Some(ErrorCode::DiskFull)) => Self::Full { source },
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            | (
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::QueryReturnedNoRows
                | rusqlite::Error::Utf8Error(..),
                _,
            ) => Self::Corrupt {
                what: "the database cannot be read".to_owned(),
                source: Some(source),
            },
            _ => Self::Database { source },
        }
    }
}
