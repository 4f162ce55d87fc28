//! A transaction whose own statements are prepared once: at times there is one for every event.

use std::ops::Deref;

use rusqlite::Connection;

use super::sql;

/// All of it is kept, or nothing. Dropping it without [`Transaction::commit`] leaves everything as it was.
pub(super) struct Transaction<'db> {
    db: &'db Connection,
}

impl<'db> Transaction<'db> {
    /// Begins to write. No other transaction of this connection may be open.
    pub(super) fn begin(db: &'db Connection) -> rusqlite::Result<Self> {
        db.prepare_cached(sql::BEGIN)?.execute([])?;
        Ok(Self { db })
    }

    pub(super) fn commit(self) -> rusqlite::Result<()> {
        self.db.prepare_cached(sql::COMMIT)?.execute([])?;
        Ok(())
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.db
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SQLite itself undoes one that meets a full disk, and one that is committed is over.
        if !self.db.is_autocommit() {
            let rollback = self.db.prepare_cached(sql::ROLLBACK);
            // Should it fail the next one cannot begin, and says why.
            let _undone = rollback.and_then(|mut rollback| rollback.execute([]));
        }
    }
}
