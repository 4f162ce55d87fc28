//! What a worker reads: what is to be delivered once more, and then what is new.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hub::{
    Stopped,
    block::{Block, Key},
    log::{Limit, LogError},
    tail::Recent,
};
use model::Position;
use tokio::sync::watch;

use super::{Worker, sending};
use crate::webhooks::{queue::Item, record::Record};

/// The most events that are read and not saved.
const WINDOW: usize = 1_024;
/// How many bytes of the log are read at a time.
const READ: usize = 256 * 1024;
/// How long one look at the log may take.
const LOOK: Duration = Duration::from_millis(250);

impl Worker {
    /// Reads on while there is room: first what is to be delivered once more, then what is new.
    pub(super) async fn fill(
        &mut self,
        head: &mut watch::Receiver<Position>,
    ) -> Result<(), Stopped> {
        while let Some(replay) = self.replays.front().copied() {
            if self.queue.saved() >= self.parts.room.waiting / 2 {
                break;
            }
            let (blocks, scanned) = self.read(replay.next).await;
            for block in &blocks {
                self.take(block, replay.next, replay.until, true);
            }
            match self.replays.front_mut() {
                Some(front) if scanned < replay.until && scanned > replay.next => {
                    front.next = scanned;
                }
                _ => {
                    self.replays.pop_front();
                    self.shared.replays.fetch_sub(1, Ordering::Relaxed);
                }
            }
            self.keep_replays();
            self.checkpoint().await?;
        }
        while self.has_room() {
            head.mark_unchanged();
            let before = self.scanned;
            let (blocks, scanned) = self.read(before).await;
            for block in &blocks {
                self.take(block, before, Position(u64::MAX), false);
            }
            self.scanned = self.scanned.max(scanned);
            if self.scanned == before {
                break;
            }
        }
        Ok(())
    }

    /// The next blocks after a position, and how far that is.
    async fn read(&mut self, after: Position) -> (Vec<Arc<Block>>, Position) {
        match self.parts.hub.tail().after(after, READ) {
            Recent::Blocks(blocks) => {
                let last = blocks.last().map_or(after, |block| block.last());
                (blocks, last.max(after))
            }
            Recent::TooOld => {
                let (reader, outfit) = (self.parts.hub.reader().clone(), self.outfit.clone());
                let limit = Limit {
                    bytes: READ,
                    events: usize::MAX,
                    time: LOOK,
                };
                let page = tokio::task::spawn_blocking(move || {
                    reader.page(after, &limit, &|block| {
                        outfit
                            .as_ref()
                            .is_none_or(|outfit| outfit.filter.may_pass(block))
                    })
                });
                match page.await {
                    Ok(Ok(page)) => (page.blocks, page.scanned_to.max(after)),
                    Ok(Err(LogError::Expired { .. })) => {
                        let oldest = self.parts.hub.reader().earliest();
                        self.unread();
                        (Vec::new(), oldest.max(after))
                    }
                    Ok(Err(error)) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "a webhook cannot read the log"
                        );
                        (Vec::new(), after)
                    }
                    Err(_) => (Vec::new(), after),
                }
            }
        }
    }

    /// Takes what the endpoint is to get out of a block.
    fn take(&mut self, block: &Arc<Block>, after: Position, until: Position, again: bool) {
        let Some(outfit) = self.outfit.clone() else {
            return;
        };
        let own = Key::of(&self.shared.endpoint.borrow().subject());
        for (index, entry) in block.entries.iter().enumerate() {
            if entry.position <= after || entry.position > until {
                continue;
            }
            if !again {
                self.reached = self.reached.max(entry.recorded);
            }
            // What is told of an endpoint is not told to it.
            if !outfit.filter.passes(entry) || entry.subject == own {
                continue;
            }
            let lane = if outfit.ordered {
                Key::of(&sending::partition(block.json(entry))).0
            } else {
                entry.position.0
            };
            let since = if again { self.now() } else { entry.recorded };
            let mut item = Item::new(lane, since);
            item.saved = again;
            if !self.queue.push(entry.position, item) {
                continue;
            }
            if again {
                let record = Record::new(entry.kind, lane, since);
                self.put(entry.position, &record);
                self.over.remove(&entry.position);
                self.records.insert(entry.position, record);
            } else {
                self.fresh
                    .insert(entry.position, (Arc::clone(block), index));
            }
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.outfit.is_some()
            && self.queue.unsaved() < WINDOW
            && self.queue.saved() < self.parts.room.waiting
    }
}
