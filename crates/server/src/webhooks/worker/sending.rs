//! Attempts: made in tasks of their own, judged in the worker.

use std::{borrow::Cow, sync::Arc};

use hub::block::Block;
use model::{Position, Timestamp, source::WebhookState};
use tokio::task::JoinError;

use super::{Worker, followed::follow, outfit::Outfit};
use crate::webhooks::{
    Parts, Shared,
    client::{Attempt, Post},
    record::{Record, Status},
    schedule::{Answer, Past, Verdict, judge},
};

/// What came of a task.
pub(super) struct Done {
    position: Position,
    came: Came,
}

enum Came {
    /// It was sent.
    Sent(Attempt),
    /// It was worthless by then.
    Expired,
    /// Retention took the event.
    Missing,
    /// The log cannot be read now.
    Unreadable,
}

/// The partition key of an event, which its envelope holds before the data.
pub(super) fn partition(json: &[u8]) -> Cow<'_, str> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        partitionkey: Cow<'a, str>,
    }
    serde_json::from_slice(json).map_or(Cow::Borrowed(""), |envelope: Envelope<'_>| {
        envelope.partitionkey
    })
}

impl Worker {
    /// Sends as much as may be under way.
    pub(super) fn launch(&mut self) {
        let Some(outfit) = self.outfit.clone() else {
            return;
        };
        let now = self.now();
        while self.queue.in_flight() < self.parallel() {
            let Some(position) = self.queue.next(now) else {
                return;
            };
            let at_hand = self.fresh.get(&position).cloned();
            let attempts = self.queue.get(position).map_or(0, |item| item.attempts);
            let (parts, shared, outfit) = (
                Arc::clone(&self.parts),
                Arc::clone(&self.shared),
                Arc::clone(&outfit),
            );
            self.tasks.spawn(async move {
                let came = send(&parts, &shared, &outfit, (position, attempts), at_hand).await;
                Done { position, came }
            });
        }
    }

    /// Judges what came of an attempt.
    pub(super) fn done(&mut self, done: Result<Done, JoinError>) {
        let Done { position, came } = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "a delivery failed within the gateway");
                return;
            }
        };
        let now = self.now();
        let Some(item) = self.queue.get(position).cloned() else {
            return;
        };
        let mut record = self.records.remove(&position).unwrap_or_else(|| {
            let kind = self
                .fresh
                .get(&position)
                .map(|(block, index)| block.entries[*index].kind);
            let kind = kind.unwrap_or(model::EventType::WebhookTest);
            Record::new(kind, item.lane, item.since)
        });
        let attempt = match came {
            Came::Expired => return self.over(position, record, Status::Expired),
            Came::Missing => {
                self.records.insert(position, record);
                return self.missing(position);
            }
            Came::Unreadable => {
                self.queue.postpone(position, now.after(UNREADABLE));
                self.records.insert(position, record);
                return;
            }
            Came::Sent(attempt) => attempt,
        };
        self.parts.attempts.count(&attempt);
        record.tried(&attempt, now);
        let answer = Answer {
            status: attempt.status,
            retry_after: attempt.retry_after,
        };
        self.tried = true;
        let past = Past {
            attempts: item.attempts + 1,
            first: item.first.unwrap_or(now),
        };
        let retry_for = self.outfit.as_ref().and_then(|outfit| outfit.retry_for);
        let well = attempt
            .status
            .is_some_and(|status| (200..300).contains(&status));
        // Chance is worth a system call only where there is something to wait for.
        let chance = if well { 0.5 } else { self.parts.chance() };
        let verdict = judge(answer, past, retry_for, now, chance);
        if verdict == Verdict::Delivered {
            self.failures = (0, None);
            record.status = Status::Delivered;
            self.shared.note(position, record);
            self.settle(position, item.saved);
            return;
        }
        self.failures = (
            self.failures.0.saturating_add(1),
            self.failures.1.or(Some(now)),
        );
        match verdict {
            Verdict::Retry(due) => {
                self.queue.retry(position, due, now);
                record.due = Some(due);
                if item.saved {
                    self.put(position, &record);
                }
                self.records.insert(position, record);
            }
            Verdict::Gone => {
                self.over(position, record, Status::Failed);
                self.gone = true;
            }
            Verdict::Dead | Verdict::Delivered => self.over(position, record, Status::Failed),
        }
    }

    /// The receiver said that it wants nothing any more.
    pub(super) async fn leave_if_gone(&mut self) -> Result<(), hub::Stopped> {
        if std::mem::take(&mut self.gone) {
            // Whoever reads that it is disabled finds the dead letter.
            self.checkpoint().await?;
            self.enter(WebhookState::Disabled, "the receiver answered 410 Gone")
                .await?;
        }
        Ok(())
    }

    /// A delivery is over and was not made: it is kept for whoever asks.
    pub(super) fn over(&mut self, position: Position, mut record: Record, status: Status) {
        record.status = status;
        record.due = None;
        self.put(position, &record);
        self.queue.settle(position);
        self.fresh.remove(&position);
        self.over.insert(position);
        if self.over.len() > self.parts.room.over
            && let Some(oldest) = self.over.pop_first()
        {
            self.forget(oldest);
        }
    }

    fn settle(&mut self, position: Position, saved: bool) {
        self.queue.settle(position);
        self.fresh.remove(&position);
        if saved {
            self.forget(position);
        }
    }
}

async fn send(
    parts: &Parts,
    shared: &Shared,
    outfit: &Outfit,
    (position, attempts): (Position, u32),
    at_hand: Option<(Arc<Block>, usize)>,
) -> Came {
    // The semaphore is never closed.
    let _permit = parts.permits.acquire().await;
    let found = match at_hand {
        Some(found) => Some(found),
        None => match fetch(parts, position).await {
            Ok(found) => found,
            Err(()) => return Came::Unreadable,
        },
    };
    let Some((block, index)) = found else {
        return Came::Missing;
    };
    let entry = &block.entries[index];
    let now = parts.clock.now().wall;
    if entry.kind.is_perishable() && (entry.reconstructed || entry.recorded.after(RINGING) <= now) {
        return Came::Expired;
    }
    let body = outfit.variant.render(&block, entry).to_vec();
    let id = block.cursor(entry).to_string();
    let mut headers = outfit.sign(&id, now, &body);
    let followed = follow(
        parts,
        shared,
        block.json(entry),
        (position, attempts),
        &mut headers,
    );
    let post = Post {
        uri: outfit.uri.clone(),
        headers,
        body: body.into(),
    };
    let attempt = parts.client.post(&shared.lines, post).await;
    if let Some(followed) = followed {
        followed.over(parts, shared, &attempt, parts.clock.now().wall);
    }
    Came::Sent(attempt)
}

/// An event out of the log; none when it is not there any more.
async fn fetch(parts: &Parts, position: Position) -> Result<Option<(Arc<Block>, usize)>, ()> {
    let reader = parts.hub.reader().clone();
    let read = tokio::task::spawn_blocking(move || reader.block_at(position)).await;
    let block = match read {
        Ok(Ok(block)) => block,
        Ok(Err(error)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an event to be delivered cannot be read from the log"
            );
            return Err(());
        }
        Err(_) => return Err(()),
    };
    Ok(block.and_then(|block| {
        let mut entries = block.entries.iter();
        let index = entries.position(|entry| entry.position == position)?;
        Some((block, index))
    }))
}

/// When an event is looked for again that could not be read.
const UNREADABLE: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a ringing is worth telling: its `expirytime` is this long after it was received.
const RINGING: std::time::Duration = std::time::Duration::from_secs(60);

/// What a test delivery needs, for whoever asks for one.
pub(in crate::webhooks) async fn test(
    parts: &Parts,
    shared: &Shared,
    id: &str,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<Attempt, &'static str> {
    let endpoint = Arc::clone(&shared.endpoint.borrow());
    let outfit = Outfit::of(&endpoint, parts)?;
    let post = Post {
        uri: outfit.uri.clone(),
        headers: outfit.sign(id, now, &body),
        body: body.into(),
    };
    Ok(parts.client.post(&shared.lines, post).await)
}
