//! The WebSockets that the fan-out carries, as the credentials behind them need to know them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hub::{
    fanout::{Command, Fanout},
    filter::FilterSpec,
    stream::ConnectionId,
};
use tokio::task::AbortHandle;

use super::{events::wish::Wish, expiry};
use crate::auth::{Principal, StreamSlot};

/// All of them.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<ConnectionId, Session>>);

/// One WebSocket.
pub(crate) enum Session {
    /// It owes its token; this is what it carries once it has sent it.
    Awaiting(Box<Wish>),
    /// It carries events for somebody.
    Open(Box<Open>),
}

/// A WebSocket with rights.
pub(crate) struct Open {
    pub(crate) principal: Principal,
    /// The filter as it was asked for, to be held against the rights of another token.
    pub(crate) spec: FilterSpec,
    pub(crate) timer: Option<Timer>,
    _slot: StreamSlot,
}

/// A task that ends with its owner.
pub(crate) struct Timer(pub(crate) AbortHandle);

impl Sessions {
    /// Enters one.
    pub(crate) fn enter(&self, connection: ConnectionId, session: Session) {
        let before = self.all().insert(connection, session);
        drop(before);
    }

    /// Changes one; none when it is gone.
    pub(crate) fn with<T>(
        &self,
        connection: ConnectionId,
        change: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        self.all().get_mut(&connection).map(change)
    }

    /// Forgets one.
    pub(crate) fn leave(&self, connection: ConnectionId) {
        let gone = self.all().remove(&connection);
        drop(gone);
    }

    /// Closes those whose token is gone or has other rights.
    pub(crate) fn close_ended(&self, fanout: &Fanout) {
        let ended: Vec<_> = self
            .all()
            .iter()
            .filter_map(|(connection, session)| match session {
                Session::Open(open) => open
                    .principal
                    .identity()
                    .ended()
                    .map(|_| (*connection, Arc::clone(open.principal.identity()))),
                Session::Awaiting(_) => None,
            })
            .collect();
        for (connection, identity) in ended {
            fanout.command(connection, Command::Close(expiry::ended(&identity)));
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ConnectionId, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// A WebSocket whose token is not watched yet.
    pub(crate) fn new(principal: Principal, spec: FilterSpec, slot: StreamSlot) -> Self {
        Self {
            principal,
            spec,
            timer: None,
            _slot: slot,
        }
    }
}

impl From<Open> for Session {
    fn from(open: Open) -> Self {
        Self::Open(Box::new(open))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
