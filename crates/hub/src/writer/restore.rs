//! State as the last run left it: the stored entities and memo, and the events after the checkpoint applied to them.

use std::{collections::BTreeMap, time::Duration};

use model::{Event, Now, SourceId};
use tracing::info;

use super::batch::STATE;
use crate::{
    hub::{HubError, Memos},
    log::{Limit, Log, Reader},
    state::{SourceSettings, State},
};

/// How much of the log is read at once.
const PAGE: Limit = Limit {
    bytes: 8 * 1024 * 1024,
    events: 65_536,
    time: Duration::from_secs(1),
};

pub(super) fn state(
    log: &Log,
    reader: &Reader,
    sources: BTreeMap<SourceId, SourceSettings>,
    now: Now,
) -> Result<(State, Memos), HubError> {
    let recovered = log.recovered()?;
    let mut memos = Memos::new();
    let mut own = Vec::new();
    for memo in recovered.memo {
        let Some(value) = memo.value else { continue };
        if &*memo.owner == STATE {
            own.push((memo.key, value));
        } else {
            memos.entry(memo.owner).or_default().insert(memo.key, value);
        }
    }
    let entities = recovered
        .entities
        .into_iter()
        .filter_map(|entity| Some((entity.collection, entity.id, entity.body?)));
    let mut state = State::restore(sources, entities, own, now)
        .map_err(|error| HubError::Restore(error.into()))?;
    let mut after = recovered.checkpoint;
    let mut applied = 0_u64;
    loop {
        let page = reader.page(after, &PAGE, &|_| true)?;
        for block in &page.blocks {
            for entry in block.after(after) {
                let event: Event = serde_json::from_slice(block.json(entry))
                    .map_err(|error| HubError::Restore(error.into()))?;
                state.apply(&event);
                applied += 1;
            }
        }
        after = page.scanned_to;
        if page.end {
            break;
        }
    }
    info!(checkpoint = %recovered.checkpoint, applied, "state is rebuilt");
    Ok((state, memos))
}
