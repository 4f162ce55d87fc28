//! Connections for reading: opened when first needed, at most a few.

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;

use super::{error::LogError, file};

/// The most connections. Whoever comes when all are in use waits, which is short: each use is one page.
const MOST: usize = 4;

#[derive(Debug)]
pub(super) struct Pool {
    database: PathBuf,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug)]
struct State {
    idle: Vec<Connection>,
    free: usize,
}

/// The right to use one connection.
struct Permit<'a>(&'a Pool);

impl Pool {
    pub(super) fn new(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            state: Mutex::new(State {
                idle: Vec::new(),
                free: MOST,
            }),
            returned: Condvar::new(),
        }
    }

    /// Lends a connection. One that failed is not used again.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let _permit = self.permit();
        let idle = self.lock().idle.pop();
        let db = match idle {
            Some(db) => db,
            None => file::reader(&self.database)?,
        };
        let result = read(&db)?;
        self.lock().idle.push(db);
        Ok(result)
    }

    fn permit(&self) -> Permit<'_> {
        let mut state = self
            .returned
            .wait_while(self.lock(), |state| state.free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.free -= 1;
        Permit(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.returned.notify_one();
    }
}
