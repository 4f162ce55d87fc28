//! The small tables: memos, entities, gaps.

use model::Timestamp;
use rusqlite::params;

use super::{
    archive::subject,
    commit::{Entity, LoggedGap, Memo},
    error::LogError,
    position::to_row,
    sql,
    transaction::Transaction,
};

use crate::shelf::Shelving;

/// The most gaps that are remembered.
const GAPS: i64 = 10_000;

pub(super) fn memo(tx: &Transaction<'_>, memo: &[Memo]) -> Result<(), LogError> {
    for line in memo {
        match &line.value {
            Some(value) => tx.prepare_cached(sql::MEMO_PUT)?.execute(params![
                &*line.owner,
                &*line.key,
                &value[..]
            ])?,
            None => tx
                .prepare_cached(sql::MEMO_DROP)?
                .execute(params![&*line.owner, &*line.key])?,
        };
    }
    Ok(())
}

pub(super) fn entities(tx: &Transaction<'_>, entities: &[Entity]) -> Result<(), LogError> {
    for entity in entities {
        let subject = subject(entity.collection, entity.id.as_str());
        match &entity.body {
            Some(body) => tx.prepare_cached(sql::ENTITY_PUT)?.execute(params![
                subject,
                to_row(entity.version),
                to_row(entity.position.0),
                &body[..]
            ])?,
            None => tx.prepare_cached(sql::ENTITY_DROP)?.execute([subject])?,
        };
    }
    Ok(())
}

pub(super) fn shelves(tx: &Transaction<'_>, changes: &[Shelving]) -> Result<(), LogError> {
    for change in changes {
        match change {
            Shelving::Put { shelf, key, value } => tx
                .prepare_cached(sql::SHELF_PUT)?
                .execute(params![&**shelf, &**key, &value[..]])?,
            Shelving::Drop { shelf, key } => tx
                .prepare_cached(sql::SHELF_DROP)?
                .execute(params![&**shelf, &**key])?,
            Shelving::Clear { shelf } => {
                tx.prepare_cached(sql::SHELF_CLEAR)?.execute([&**shelf])?
            }
        };
    }
    Ok(())
}

pub(super) fn gaps(tx: &Transaction<'_>, gaps: &[LoggedGap]) -> Result<(), LogError> {
    for LoggedGap { source, gap } in gaps {
        let body = serde_json::to_vec(gap)
            .map_err(|error| LogError::corrupt(format!("a gap of {source}: {error}")))?;
        tx.prepare_cached(sql::GAP_PUT)?.execute(params![
            source.as_str(),
            gap.from.micros(),
            gap.to.micros(),
            body
        ])?;
    }
    Ok(())
}

/// Forgets gaps that ended before `since`, and the first ones when there are too many.
pub(super) fn prune_gaps(tx: &Transaction<'_>, since: Timestamp) -> Result<(), LogError> {
    tx.prepare_cached(sql::GAP_PRUNE)?
        .execute(params![since.micros(), GAPS])?;
    Ok(())
}
