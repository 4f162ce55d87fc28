//! Catching up: the next part of the stream for a reader that is behind, out of the tail or else of the log.

use model::Position;

use crate::{
    block::{Block, Entry},
    fanout::{History, HistoryError},
    filter::Filter,
    tail::{Recent, Tail},
};

/// Calls `found` with each event after `after` that passes, in order, out of about `max_bytes` of blocks, and returns
/// the position up to which everything was looked at; `after` itself at the head.
///
/// # Errors
/// When the tail does not reach back that far and the log cannot help.
pub(crate) fn read(
    tail: &Tail,
    history: &dyn History,
    after: Position,
    filter: &Filter,
    max_bytes: usize,
    mut found: impl FnMut(&Block, &Entry),
) -> Result<Position, HistoryError> {
    let (blocks, scanned_to) = match tail.after(after, max_bytes) {
        Recent::Blocks(blocks) => (blocks, after),
        Recent::TooOld => {
            let page = history.page(after, filter, max_bytes)?;
            (page.blocks, page.scanned_to)
        }
    };
    let mut position = after;
    for block in &blocks {
        for entry in block
            .after(position)
            .iter()
            .filter(|entry| filter.passes(entry))
        {
            found(block, entry);
        }
        position = position.max(block.last());
    }
    Ok(position.max(scanned_to))
}
