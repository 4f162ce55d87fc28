//! What retention takes before it could be delivered: each of it is told once, and nothing that was kept waits for it.

use model::{EventType, Gap, Position, Timestamp};

use super::Worker;
use crate::webhooks::record::Status;

impl Worker {
    /// The log no longer reaches back to where reading is. How many of the events were for this endpoint nobody knows.
    pub(super) fn unread(&mut self) {
        let gap = gap(self.reached, self.now(), None);
        self.losses.push(gap);
    }

    /// The body of an event in the table is gone. What lies before it in the log is gone with it.
    pub(super) fn missing(&mut self, position: Position) {
        self.miss(position);
        self.sweep();
    }

    /// Gives up what waits in the table and is no longer in the log.
    pub(super) fn sweep(&mut self) {
        let floor = self.parts.hub.reader().earliest();
        for position in self.queue.resting(floor) {
            self.miss(position);
        }
    }

    fn miss(&mut self, position: Position) {
        let Some(item) = self.queue.get(position) else {
            return;
        };
        let (since, now) = (item.since, self.now());
        let Some(mut record) = self.records.remove(&position) else {
            return;
        };
        record.gave_up("retention took the event before it could be delivered", now);
        self.over(position, record, Status::Failed);
        match self.losses.last_mut() {
            Some(Gap {
                from,
                to,
                count: Some(count),
                ..
            }) => {
                *from = since.min(*from);
                *to = since.max(*to);
                *count += 1;
            }
            _ => self.losses.push(gap(since, since, Some(1))),
        }
    }

    /// The events that tell of it.
    pub(super) fn told_losses(&mut self) -> Vec<(EventType, Gap)> {
        let losses = std::mem::take(&mut self.losses).into_iter();
        losses.map(|gap| (EventType::WebhookLost, gap)).collect()
    }
}

fn gap(from: Timestamp, to: Timestamp, count: Option<u64>) -> Gap {
    Gap {
        from,
        to,
        reason: "retention".into(),
        reconciled: Vec::new(),
        unknown: Vec::new(),
        count,
    }
}
