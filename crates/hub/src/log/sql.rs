//! Every statement that the log says to SQLite.
//!
//! Rows of `block` and `frame` carry `total`, the bytes of all rows ever written up to and including their own, so that
//! the bytes in the table are the difference of two rows and nobody has to add them up or keep a sum.

/// `PRAGMA application_id` of our files: "SwHk".
pub(super) const APPLICATION: u32 = 0x5377_486b;
/// `PRAGMA user_version`: the format that this version writes.
pub(super) const FORMAT: u32 = 1;

pub(super) const SCHEMA: &str = "
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    boot INTEGER NOT NULL,
    machine TEXT,
    clean INTEGER NOT NULL,
    relaxed INTEGER NOT NULL,
    ceiling INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL
) STRICT;
CREATE TABLE lost (first INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;
CREATE TABLE block (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    total INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    seal INTEGER NOT NULL,
    summary BLOB NOT NULL,
    entries BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE memo (
    owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE entity (
    subject TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE closed (
    position INTEGER PRIMARY KEY,
    keys BLOB NOT NULL,
    closed_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    subject TEXT NOT NULL,
    aliases BLOB NOT NULL,
    remains BLOB NOT NULL
) STRICT;
CREATE TABLE frame (
    seq INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    boot INTEGER NOT NULL,
    n INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    total INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    frames BLOB NOT NULL
) STRICT;
CREATE INDEX frame_id ON frame (source, boot, n);
CREATE TABLE gap (
    seq INTEGER PRIMARY KEY, source TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX gap_since ON gap (source, since);
CREATE TABLE shelf (
    shelf TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (shelf, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE command (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    key TEXT,
    digest BLOB,
    tenant TEXT,
    created_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (owner, key)
) STRICT;
";

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

pub(super) const STATE_CREATE: &str = "INSERT INTO state VALUES (1, ?1, 0, NULL, 1, 0, 1, 0, 0)";
pub(super) const STATE: &str =
    "SELECT epoch, boot, machine, clean, relaxed, ceiling, floor, checkpoint FROM state";
pub(super) const STATE_START: &str =
    "UPDATE state SET boot = ?1, machine = ?2, clean = 0, relaxed = ?3, ceiling = ?4";
pub(super) const STATE_CLEAN: &str = "UPDATE state SET clean = 1";
pub(super) const STATE_CEILING: &str = "UPDATE state SET ceiling = ?1";
pub(super) const STATE_FLOOR: &str = "UPDATE state SET floor = ?1";
pub(super) const STATE_CHECKPOINT: &str = "UPDATE state SET checkpoint = ?1";
pub(super) const FLOOR: &str = "SELECT floor FROM state";

pub(super) const LOST: &str = "SELECT first, last FROM lost ORDER BY first";
pub(super) const LOST_PUT: &str = "INSERT OR REPLACE INTO lost VALUES (?1, ?2)";
pub(super) const LOST_PRUNE: &str = "DELETE FROM lost WHERE last < ?1";

pub(super) const BLOCK_PUT: &str =
    "INSERT INTO block VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
pub(super) const BLOCK_OLDEST: &str =
    "SELECT first, newest, total - bytes FROM block ORDER BY last LIMIT 1";
pub(super) const BLOCK_DUE: &str =
    "SELECT last, newest, total FROM block WHERE last <= ?1 ORDER BY last LIMIT ?2";
pub(super) const BLOCK_PRUNE: &str = "DELETE FROM block WHERE last <= ?1";
pub(super) const BLOCK_AFTER: &str = "
SELECT last, first, oldest, newest, reached, total, bytes, seal, summary
FROM block WHERE last > ?1 ORDER BY last";
pub(super) const BLOCK_BEFORE: &str = "
SELECT last, first, oldest, newest, reached, total, bytes, seal, summary
FROM block WHERE last <= ?1 ORDER BY last DESC";
/// Apart from the others, since SQLite reads every column that is selected, whether it is looked at or not.
pub(super) const BLOCK_CONTENT: &str = "SELECT entries, body FROM block WHERE last = ?1";
pub(super) const BLOCK_REACHED: &str =
    "SELECT last, reached FROM block WHERE last > ?1 ORDER BY last LIMIT 1";
pub(super) const BLOCK_LAST_FROM: &str =
    "SELECT last FROM block WHERE last >= ?1 ORDER BY last LIMIT 1";
pub(super) const BLOCK_LAST_BELOW: &str =
    "SELECT last FROM block WHERE last < ?1 ORDER BY last DESC LIMIT 1";

pub(super) const MEMO: &str = "SELECT owner, key, value FROM memo";
pub(super) const MEMO_PUT: &str = "INSERT OR REPLACE INTO memo VALUES (?1, ?2, ?3)";
pub(super) const MEMO_DROP: &str = "DELETE FROM memo WHERE owner = ?1 AND key = ?2";

pub(super) const ENTITY: &str = "SELECT subject, version, position, body FROM entity";
pub(super) const ENTITY_PUT: &str = "
INSERT INTO entity VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (subject) DO UPDATE SET version = excluded.version, position = excluded.position, body = excluded.body";
pub(super) const ENTITY_DROP: &str = "DELETE FROM entity WHERE subject = ?1";

pub(super) const CLOSED_KEYS: &str =
    "SELECT position, keys, closed_at FROM closed ORDER BY position";
pub(super) const CLOSED: &str = "SELECT position, closed_at, version, subject, aliases, remains FROM closed WHERE position = ?1";
pub(super) const CLOSED_BEFORE: &str = "
SELECT position, closed_at, version, subject, aliases, remains FROM closed WHERE position < ?1
ORDER BY position DESC LIMIT ?2";
pub(super) const CLOSED_DUE: &str =
    "SELECT position, keys, closed_at FROM closed ORDER BY position LIMIT ?1";
pub(super) const CLOSED_PUT: &str =
    "INSERT OR REPLACE INTO closed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(super) const CLOSED_DROP: &str = "DELETE FROM closed WHERE position = ?1";
pub(super) const CLOSED_PRUNE: &str = "DELETE FROM closed WHERE position <= ?1";

pub(super) const FRAME_PUT: &str = "
INSERT INTO frame (source, boot, n, newest, total, bytes, frames) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(super) const FRAME_TOTAL: &str = "SELECT total FROM frame ORDER BY seq DESC LIMIT 1";
pub(super) const FRAME_OLDEST: &str =
    "SELECT n, newest, total - bytes FROM frame ORDER BY seq LIMIT 1";
pub(super) const FRAME_DUE: &str =
    "SELECT seq, newest, total FROM frame WHERE seq <= ?1 ORDER BY seq LIMIT ?2";
pub(super) const FRAME_PRUNE: &str = "DELETE FROM frame WHERE seq <= ?1";
pub(super) const FRAME: &str = "
SELECT frames FROM frame WHERE source = ?1 AND boot = ?2 AND n <= ?3 ORDER BY n DESC LIMIT 1";

pub(super) const GAP_PUT: &str =
    "INSERT INTO gap (source, since, until, body) VALUES (?1, ?2, ?3, ?4)";
pub(super) const GAP_PRUNE: &str =
    "DELETE FROM gap WHERE until < ?1 OR seq <= (SELECT max(seq) FROM gap) - ?2";
pub(super) const GAP: &str = "
SELECT body FROM gap WHERE source = ?1 AND since <= ?3 AND until >= ?2 ORDER BY since LIMIT ?4";

pub(super) const SHELF_PUT: &str = "INSERT OR REPLACE INTO shelf VALUES (?1, ?2, ?3)";
pub(super) const SHELF_DROP: &str = "DELETE FROM shelf WHERE shelf = ?1 AND key = ?2";
pub(super) const SHELF_CLEAR: &str = "DELETE FROM shelf WHERE shelf = ?1";
pub(super) const SHELF: &str =
    "SELECT key, value FROM shelf WHERE shelf = ?1 AND key > ?2 ORDER BY key LIMIT ?3";

/// A key that was used before and is forgotten may be used again.
pub(super) const COMMAND_PUT: &str = "
INSERT OR REPLACE INTO command (id, owner, key, digest, tenant, created_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(super) const COMMAND_FINISH: &str = "UPDATE command SET body = ?2 WHERE id = ?1";
/// The clock may have been set back, so that rows are not quite in order of time.
pub(super) const COMMAND_PRUNE: &str = "
DELETE FROM command WHERE seq IN (SELECT seq FROM command ORDER BY seq LIMIT 256)
AND (created_at < ?1 OR seq <= (SELECT max(seq) FROM command) - ?2)";
pub(super) const COMMAND: &str =
    "SELECT owner, key, digest, tenant, body FROM command WHERE id = ?1";
pub(super) const COMMAND_OF_KEY: &str =
    "SELECT owner, key, digest, tenant, body FROM command WHERE owner = ?1 AND key = ?2";

pub(super) const CHECKPOINT_PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
pub(super) const CHECKPOINT_RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";
pub(super) const CHECKPOINT_TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
