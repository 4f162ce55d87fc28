//! Native frames: a ring of chunks, each the frames of one source in one commit.

use model::FrameId;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{
    block::{blob, encode},
    commit::Frame,
    error::LogError,
    position::to_row,
    retention::Extent,
    sql,
    transaction::Transaction,
};

/// The most bytes of a chunk; one frame may exceed it.
const CHUNK: usize = 1 << 20;

/// Where a frame lies in its chunk; the bytes of all follow the index.
#[derive(Serialize, Deserialize)]
struct Slot {
    n: u64,
    length: usize,
}

/// Appends the frames of a commit.
pub(super) fn write(
    tx: &Transaction<'_>,
    frames: &[Frame],
    extent: &mut Extent,
) -> Result<(), LogError> {
    let mut order: Vec<&Frame> = frames.iter().collect();
    order.sort_by(|a, b| (&a.id.source, a.id.boot, a.id.n).cmp(&(&b.id.source, b.id.boot, b.id.n)));
    let together = |a: &&Frame, b: &&Frame| a.id.source == b.id.source && a.id.boot == b.id.boot;
    for same in order.chunk_by(together) {
        let mut rest = same;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(fitting(rest));
            insert(tx, chunk, extent)?;
            rest = after;
        }
    }
    Ok(())
}

/// The bytes of a frame that is still there.
pub(super) fn read(db: &Connection, id: &FrameId) -> Result<Option<Vec<u8>>, LogError> {
    let mut select = db.prepare_cached(sql::FRAME)?;
    let key = params![id.source.as_str(), id.boot, to_row(id.n)];
    select
        .query_row(
            key,
            |row| Ok(blob(row, 0).and_then(|chunk| find(chunk, id))),
        )
        .optional()?
        .transpose()
        .map(Option::flatten)
}

fn insert(tx: &Transaction<'_>, frames: &[&Frame], extent: &mut Extent) -> Result<(), LogError> {
    let Some(first) = frames.first() else {
        return Ok(());
    };
    let slots: Vec<Slot> = frames
        .iter()
        .map(|frame| Slot {
            n: frame.id.n,
            length: frame.bytes.len(),
        })
        .collect();
    let mut chunk = encode(&slots);
    for frame in frames {
        chunk.extend_from_slice(&frame.bytes);
    }
    let newest = frames.iter().map(|frame| frame.recorded).max();
    let newest = newest.unwrap_or_default();
    extent.append(first.id.n, newest, chunk.len() as u64);
    tx.prepare_cached(sql::FRAME_PUT)?.execute(params![
        first.id.source.as_str(),
        first.id.boot,
        to_row(first.id.n),
        newest.micros(),
        to_row(extent.end),
        to_row(chunk.len() as u64),
        chunk,
    ])?;
    Ok(())
}

/// How many of the first frames make a chunk.
fn fitting(frames: &[&Frame]) -> usize {
    let mut bytes = 0;
    let over = |frame: &&Frame| {
        bytes += frame.bytes.len();
        bytes > CHUNK
    };
    frames.iter().position(over).unwrap_or(frames.len()).max(1)
}

fn find(chunk: &[u8], id: &FrameId) -> Result<Option<Vec<u8>>, LogError> {
    let bad = || LogError::corrupt(format!("the chunk of frame {id}"));
    let (slots, bytes) = postcard::take_from_bytes::<Vec<Slot>>(chunk).map_err(|_| bad())?;
    let Some(place) = slots.iter().position(|slot| slot.n == id.n) else {
        return Ok(None);
    };
    let start: usize = slots[..place].iter().map(|slot| slot.length).sum();
    let end = start.saturating_add(slots[place].length);
    let bytes = bytes.get(start..end).ok_or_else(bad)?;
    Ok(Some(bytes.to_vec()))
}
