//! What whoever manages endpoints asks for.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use hub::{Stopped, draft::Draft, shelf::Shelving};
use model::{Position, Text, source::WebhookState};

use super::{
    ENDPOINTS, POSITIONS, REPLAYS, Shared, Webhooks,
    client::Attempt,
    endpoint::Endpoint,
    record,
    shared::put,
    worker::{self, Message, Replay},
};

/// Why an endpoint cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// There are as many as there may be.
    #[error("there are {0} webhooks already")]
    Full(usize),
    /// The hub has stopped.
    #[error("the gateway stops")]
    Stopped,
    /// There is no randomness.
    #[error("no secret can be made now")]
    Entropy,
    /// Too many replays wait.
    #[error("too many replays of this webhook wait")]
    Busy,
}

/// Replays of an endpoint that are not over.
const REPLAYS_AT_ONCE: usize = 16;

impl From<Stopped> for WebhookError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl Webhooks {
    /// Makes an endpoint, which gets what happens from now on.
    pub(crate) async fn create(&self, endpoint: Endpoint) -> Result<Arc<Shared>, WebhookError> {
        let most = self.most.load(Ordering::Relaxed);
        if self.lock().len() >= most {
            return Err(WebhookError::Full(most));
        }
        let position = self.parts.hub.tail().head();
        let changes = vec![
            put(&endpoint),
            Shelving::Put {
                shelf: POSITIONS.into(),
                key: Text::clone(&endpoint.id),
                value: position.to_string().into(),
            },
        ];
        self.parts.hub.keep(changes, Vec::new()).await?;
        Ok(self.run(endpoint, position))
    }

    /// Ends an endpoint, and forgets everything about it.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), WebhookError> {
        let Some(running) = self.lock().remove(id) else {
            return Ok(());
        };
        running.stop.cancel();
        // Its task writes for the last time before this does.
        running.inbox.closed().await;
        let drop = |shelf: &str| Shelving::Drop {
            shelf: shelf.into(),
            key: id.into(),
        };
        let mut changes: Vec<Shelving> = [ENDPOINTS, POSITIONS, REPLAYS].map(drop).into();
        changes.push(Shelving::Clear {
            shelf: record::shelf(id),
        });
        self.parts.hub.keep(changes, Vec::new()).await?;
        Ok(())
    }

    /// Changes an endpoint.
    pub(crate) async fn update(
        &self,
        shared: &Shared,
        change: impl FnOnce(&mut Endpoint) -> Vec<Draft>,
    ) -> Result<(), WebhookError> {
        Ok(shared.update(&self.parts, change).await?)
    }

    /// Delivers again, also what waits.
    pub(crate) async fn enable(&self, shared: &Shared) -> Result<(), WebhookError> {
        let skip = shared.endpoint().state == WebhookState::Disabled;
        if skip {
            // Before it is on: it would read what is left to a replay.
            self.tell(&shared.id, Message::Enable { skip })?;
        }
        let now = self.parts.clock.now().wall;
        let tokens = self.tokens.load_full();
        self.update(shared, |endpoint| {
            endpoint.failing_since = None;
            let on = endpoint.enter(WebhookState::Enabled, None, now);
            // Nobody can enable what belongs to somebody who is gone.
            let rests = endpoint.heed((*tokens).as_ref(), now);
            on.into_iter().chain(rests.into_iter().flatten()).collect()
        })
        .await?;
        if !skip {
            self.tell(&shared.id, Message::Enable { skip })?;
        }
        Ok(())
    }

    /// Delivers once more what lies after a position, up to another.
    pub(crate) fn replay(
        &self,
        shared: &Shared,
        next: Position,
        until: Position,
    ) -> Result<(), WebhookError> {
        let taken = shared.replays.fetch_add(1, Ordering::Relaxed);
        let told = if taken < REPLAYS_AT_ONCE {
            self.tell(&shared.id, Message::Replay(Replay { next, until }))
        } else {
            Err(WebhookError::Busy)
        };
        if told.is_err() {
            shared.replays.fetch_sub(1, Ordering::Relaxed);
        }
        told
    }

    /// Sends an event that is not in the log, and says what came of it.
    pub(crate) async fn test(
        &self,
        shared: &Shared,
        id: &str,
        body: Vec<u8>,
    ) -> Result<Attempt, &'static str> {
        let now = self.parts.clock.now().wall;
        worker::test(&self.parts, shared, id, body, now).await
    }

    /// A page of what is kept of deliveries.
    pub(crate) async fn deliveries(
        &self,
        shared: &Shared,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, WebhookError> {
        Ok(self
            .parts
            .rows(&record::shelf(&shared.id), after, limit)
            .await?)
    }
}
