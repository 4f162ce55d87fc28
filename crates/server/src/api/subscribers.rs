//! The WebSockets that the fan-out carries, as the credentials behind them need to know them.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hub::{
    fanout::{Command, Fanout},
    filter::FilterSpec,
    stream::ConnectionId,
};
use tokio::task::AbortHandle;

use super::{events::wish::Wish, expiry};
use crate::{
    auth::{Authority, Principal, StreamSlot},
    http::seats::Seat,
    problem::Problem,
};

/// All of them.
#[derive(Default)]
pub(crate) struct Subscribers(Mutex<HashMap<ConnectionId, Subscriber>>);

/// One WebSocket.
pub(crate) struct Subscriber {
    pub(crate) holder: Holder,
    /// Where it comes from.
    pub(crate) from: IpAddr,
    slot: StreamSlot,
    /// Its place among the connections of its address.
    _seat: Option<Arc<Seat>>,
}

/// Whose it is.
pub(crate) enum Holder {
    /// Its token is still owed; this is what it carries then.
    Unknown(Box<Wish>),
    /// Somebody with rights.
    Known(Box<Known>),
}

/// The holder of a WebSocket.
pub(crate) struct Known {
    pub(crate) principal: Principal,
    /// The filter as it was asked for, to be held against the rights of another token.
    pub(crate) spec: FilterSpec,
    pub(crate) timer: Option<Timer>,
}

/// A task that ends with its owner.
pub(crate) struct Timer(pub(crate) AbortHandle);

impl Subscribers {
    /// Enters one.
    pub(crate) fn enter(&self, connection: ConnectionId, subscriber: Subscriber) {
        let before = self.all().insert(connection, subscriber);
        drop(before);
    }

    /// Looks at one, or changes it; none when it is gone.
    pub(crate) fn with<T>(
        &self,
        connection: ConnectionId,
        change: impl FnOnce(&mut Subscriber) -> T,
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
        for (connection, subscriber) in self.all().iter() {
            if let Holder::Known(known) = &subscriber.holder
                && known.principal.identity().ended().is_some()
            {
                let closing = expiry::ended(known.principal.identity());
                fanout.command(*connection, Command::Close(closing));
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ConnectionId, Subscriber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    pub(crate) fn new(
        slot: StreamSlot,
        (from, seat): (IpAddr, Option<Arc<Seat>>),
        holder: Holder,
    ) -> Self {
        Self {
            holder,
            from,
            slot,
            _seat: seat,
        }
    }

    /// Passes it on to the holder of another token, or of the first.
    pub(crate) fn pass_on(
        &mut self,
        authority: &Authority,
        principal: &Principal,
        spec: FilterSpec,
    ) -> Result<(), Problem> {
        authority.pass_on(&mut self.slot, principal)?;
        self.holder = Holder::known(principal, spec);
        Ok(())
    }
}

impl Holder {
    /// Somebody whose token is not watched yet.
    pub(crate) fn known(principal: &Principal, spec: FilterSpec) -> Self {
        Self::Known(Box::new(Known {
            principal: principal.clone(),
            spec,
            timer: None,
        }))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
