//! The table of what is undelivered, and the line in the log: read at the start, written at checkpoints.

use hub::{Stopped, shelf::Shelving};
use model::{Position, source::WebhookState};

use std::sync::atomic::Ordering;

use super::{FAILING, Replay, Worker};
use crate::webhooks::{
    ALL, POSITIONS, Progress, REPLAYS,
    endpoint::Endpoint,
    queue::Item,
    record::{self, Record, Status},
};

/// How many rows are read at a time.
const ROWS: usize = 4_096;

impl Worker {
    /// Takes up what the last run left.
    pub(super) async fn restore(&mut self) -> Result<(), Stopped> {
        let since = self.shared.endpoint.borrow().failing_since;
        if since.is_some() {
            // It goes on failing until something succeeds.
            self.failures = (FAILING, since);
        }
        let mut after = String::new();
        loop {
            let rows = self
                .parts
                .rows(&record::shelf(&self.shared.id), &after, ROWS)
                .await?;
            for (key, value) in &rows {
                let record = serde_json::from_slice::<Record>(value);
                let (Some(position), Ok(record)) = (record::position(key), record) else {
                    continue;
                };
                self.resume(position, record);
            }
            match rows.last() {
                Some((key, _)) if rows.len() == ROWS => after.clone_from(key),
                _ => break,
            }
        }
        let rows = self.parts.rows(REPLAYS, "", ALL).await?;
        let own = rows.into_iter().find(|(key, _)| **key == *self.shared.id);
        let replays = own.and_then(|(_, value)| serde_json::from_slice::<Vec<Replay>>(&value).ok());
        self.replays.extend(replays.unwrap_or_default());
        let replays = self.replays.len();
        self.shared.replays.fetch_add(replays, Ordering::Relaxed);
        // That was said in the last run.
        self.full = self.queue.saved() >= self.parts.room.waiting
            && self.shared.endpoint.borrow().state == WebhookState::Failing;
        Ok(())
    }

    fn resume(&mut self, position: Position, record: Record) {
        if record.status != Status::Pending {
            self.over.insert(position);
            return;
        }
        let mut item = Item::new(record.lane, record.since);
        item.saved = true;
        item.attempts = u32::try_from(record.attempts.len()).unwrap_or(u32::MAX);
        item.first = record.attempts.first().map(|attempt| attempt.at);
        item.due = record.due;
        self.queue.push(position, item);
        self.records.insert(position, record);
    }

    /// Writes what has changed: what is blocked goes into the table, and the line moves on.
    pub(super) async fn checkpoint(&mut self) -> Result<(), Stopped> {
        self.checkpointed = self.now();
        self.sweep();
        for position in self.queue.blocked() {
            let Some(item) = self.queue.get(position) else {
                continue;
            };
            let (lane, since) = (item.lane, item.since);
            let kind = self
                .fresh
                .get(&position)
                .map(|(block, index)| block.entries[*index].kind);
            let record = match (self.records.remove(&position), kind) {
                (Some(record), _) => record,
                (None, Some(kind)) => Record::new(kind, lane, since),
                (None, None) => continue,
            };
            self.put(position, &record);
            self.records.insert(position, record);
            self.queue.save(position);
            self.fresh.remove(&position);
        }
        let line = self.line();
        if line != self.kept {
            self.changes.push(Shelving::Put {
                shelf: POSITIONS.into(),
                key: self.shared.id.clone(),
                value: line.to_string().into(),
            });
        }
        let (losses, now) = (self.told_losses(), self.now());
        if !losses.is_empty() {
            // Together, so that what is given up is told exactly once.
            let changes = std::mem::take(&mut self.changes);
            let tell = |endpoint: &mut Endpoint| {
                let events = losses.into_iter();
                let events = events.map(|(kind, gap)| endpoint.event(kind, None, Some(gap), now));
                events.collect()
            };
            self.shared.update_with(&self.parts, changes, tell).await?;
            self.kept = line;
        } else if !self.changes.is_empty() {
            let changes = std::mem::take(&mut self.changes);
            self.parts.hub.keep(changes, Vec::new()).await?;
            self.kept = line;
        }
        self.shared.progress(Progress {
            line,
            waiting: self.queue.unsaved() + self.queue.saved(),
            lanes: self.queue.lanes(),
            since: self.queue.since(),
        });
        Ok(())
    }

    /// Everything up to here is delivered, given up, or in the table.
    pub(super) fn line(&self) -> Position {
        let line = self.queue.line().map(|first| Position(first.0 - 1));
        line.unwrap_or(self.scanned)
    }

    pub(super) fn keep_replays(&mut self) {
        let value = serde_json::to_vec(&self.replays).unwrap_or_default();
        self.changes.push(Shelving::Put {
            shelf: REPLAYS.into(),
            key: self.shared.id.clone(),
            value: value.into(),
        });
    }

    /// Takes a delivery out of the table.
    pub(super) fn forget(&mut self, position: Position) {
        self.changes.push(Shelving::Drop {
            shelf: record::shelf(&self.shared.id),
            key: record::key(position),
        });
    }
}
