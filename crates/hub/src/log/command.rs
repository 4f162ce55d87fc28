//! Commands that were accepted lately, with their idempotency keys.

use model::{Command, Text, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{block::blob, error::LogError, sql, transaction::Transaction};
use crate::command::{CommandChange, CommandRecord, IdempotencyKey};

/// The most commands that are kept; the oldest go first.
const MOST: i64 = 250_000;

pub(super) fn write(tx: &Transaction<'_>, changes: &[CommandChange]) -> Result<(), LogError> {
    for change in changes {
        match change {
            CommandChange::New(record) => {
                let key = record.key.as_ref();
                tx.prepare_cached(sql::COMMAND_PUT)?.execute(params![
                    &*record.command.id,
                    &*record.owner,
                    key.map(|key| &*key.key),
                    key.map(|key| key.digest),
                    record.tenant.as_deref(),
                    record.command.created_at.micros(),
                    body(&record.command)?,
                ])?
            }
            CommandChange::Finished(command) => tx
                .prepare_cached(sql::COMMAND_FINISH)?
                .execute(params![&*command.id, body(command)?])?,
        };
    }
    Ok(())
}

/// Forgets commands accepted before `since`, and the first ones when there are too many.
pub(super) fn prune(tx: &Transaction<'_>, since: Timestamp) -> Result<(), LogError> {
    tx.prepare_cached(sql::COMMAND_PRUNE)?
        .execute(params![since.micros(), MOST])?;
    Ok(())
}

pub(super) fn by_id(db: &Connection, id: &str) -> Result<Option<CommandRecord>, LogError> {
    let mut select = db.prepare_cached(sql::COMMAND)?;
    select
        .query_row([id], |row| Ok(record(row)))
        .optional()?
        .transpose()
}

pub(super) fn by_key(
    db: &Connection,
    owner: &str,
    key: &str,
) -> Result<Option<CommandRecord>, LogError> {
    let mut select = db.prepare_cached(sql::COMMAND_OF_KEY)?;
    select
        .query_row([owner, key], |row| Ok(record(row)))
        .optional()?
        .transpose()
}

fn record(row: &Row<'_>) -> Result<CommandRecord, LogError> {
    let text = |text: String| Text::from(text);
    let key: Option<String> = row.get(1)?;
    let digest: Option<[u8; 32]> = row.get(2)?;
    let command: Command = serde_json::from_slice(blob(row, 4)?)
        .map_err(|error| LogError::corrupt(format!("a command: {error}")))?;
    Ok(CommandRecord {
        owner: text(row.get(0)?),
        key: key.zip(digest).map(|(key, digest)| IdempotencyKey {
            key: key.into(),
            digest,
        }),
        tenant: row.get::<_, Option<String>>(3)?.map(text),
        command,
    })
}

fn body(command: &Command) -> Result<Vec<u8>, LogError> {
    serde_json::to_vec(command)
        .map_err(|error| LogError::corrupt(format!("command {}: {error}", command.id)))
}
