//! What tasks and whoever asks share: of all endpoints, and of each.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use hub::{Hub, Stopped, draft::Draft, shelf::Shelving};
use model::{Clock, Position, Text, Timestamp};
use telemetry::Tracer;
use tokio::sync::{Semaphore, watch};

use super::{
    ENDPOINTS, Room,
    client::{Client, Lines},
    endpoint::Endpoint,
    figures::Attempts,
    record::Record,
    secret::Vault,
};
use crate::auth::Entropy;

/// What the endpoints share.
pub(crate) struct Parts {
    pub(super) hub: Hub,
    pub(super) client: Client,
    pub(super) vault: ArcSwap<Vault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Entropy,
    pub(super) permits: Semaphore,
    pub(super) room: Room,
    pub(super) attempts: Attempts,
    pub(super) tracer: Tracer,
}

/// One endpoint, as its task and whoever asks about it share it.
pub(crate) struct Shared {
    pub(super) id: Text,
    pub(super) endpoint: watch::Sender<Arc<Endpoint>>,
    /// Held while a change is on its way to the database.
    pub(super) changing: tokio::sync::Mutex<()>,
    pub(super) lines: Lines,
    pub(super) recent: Mutex<VecDeque<(Position, Record)>>,
    pub(super) progress: Mutex<Progress>,
    /// Replays that are not over.
    pub(super) replays: AtomicUsize,
}

/// How far the deliveries of an endpoint are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Everything up to here is delivered, given up, or waits in the table.
    pub(crate) line: Position,
    /// How many events wait, in the table or not.
    pub(crate) waiting: usize,
    /// How many lanes have any.
    pub(crate) lanes: usize,
    /// Since when the oldest of them waits.
    pub(crate) since: Option<Timestamp>,
}

/// Requests of all endpoints together. An endpoint that fails has one at a time, so these never crowd out the others.
const PERMITS: usize = 2_048;
/// Deliveries of an endpoint that are remembered after they were made.
const RECENT: usize = 100;

impl Parts {
    /// With a vault that has no key yet.
    pub(super) fn new(
        hub: Hub,
        client: Client,
        room: Room,
        clock: Arc<dyn Clock>,
        entropy: Entropy,
        tracer: Tracer,
    ) -> Self {
        Self {
            hub,
            client,
            vault: ArcSwap::from_pointee(Vault::new(None)),
            clock,
            entropy,
            permits: Semaphore::new(PERMITS),
            room,
            attempts: Attempts::default(),
            tracer,
        }
    }

    pub(super) fn vault(&self) -> Arc<Vault> {
        self.vault.load_full()
    }

    /// A random number from 0 to 1; the middle when there is no randomness.
    pub(super) fn chance(&self) -> f64 {
        let random = (self.entropy)()
            .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        random.map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
    }

    pub(super) async fn rows(
        &self,
        shelf: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, Stopped> {
        let (reader, shelf, after) = (
            self.hub.reader().clone(),
            shelf.to_owned(),
            after.to_owned(),
        );
        let rows = tokio::task::spawn_blocking(move || reader.shelf(&shelf, &after, limit));
        match rows.await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "webhooks cannot be read from the log"
                );
                Err(Stopped)
            }
            Err(_) => Err(Stopped),
        }
    }
}

impl Shared {
    /// Everything up to a position is done with.
    pub(super) fn new(endpoint: Endpoint, position: Position) -> Self {
        Self {
            id: Text::clone(&endpoint.id),
            endpoint: watch::Sender::new(Arc::new(endpoint)),
            changing: tokio::sync::Mutex::default(),
            lines: Lines::default(),
            recent: Mutex::default(),
            progress: Mutex::new(Progress {
                line: position,
                ..Progress::default()
            }),
            replays: AtomicUsize::new(0),
        }
    }

    /// The endpoint as it is now.
    pub(crate) fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.endpoint.borrow())
    }

    /// How far its deliveries are.
    pub(crate) fn reached(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last deliveries that were made.
    pub(crate) fn recent(&self) -> Vec<(Position, Record)> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().cloned().collect()
    }

    pub(super) async fn update(
        &self,
        parts: &Parts,
        change: impl FnOnce(&mut Endpoint) -> Vec<Draft>,
    ) -> Result<(), Stopped> {
        self.update_with(parts, Vec::new(), change).await
    }

    /// The same, together with other changes.
    pub(super) async fn update_with(
        &self,
        parts: &Parts,
        mut changes: Vec<Shelving>,
        change: impl FnOnce(&mut Endpoint) -> Vec<Draft>,
    ) -> Result<(), Stopped> {
        let _changing = self.changing.lock().await;
        let mut endpoint = (*self.endpoint()).clone();
        let events = change(&mut endpoint);
        changes.push(put(&endpoint));
        parts.hub.keep(changes, events).await?;
        self.endpoint.send_replace(Arc::new(endpoint));
        Ok(())
    }

    pub(super) fn note(&self, position: Position, record: Record) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back((position, record));
    }

    pub(super) fn progress(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

pub(super) fn put(endpoint: &Endpoint) -> Shelving {
    Shelving::Put {
        shelf: ENDPOINTS.into(),
        key: Text::clone(&endpoint.id),
        value: serde_json::to_vec(endpoint).unwrap_or_default().into(),
    }
}
