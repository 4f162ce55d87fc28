//! What all who serve one simulated PBX share: its state, its time, its figures, and the turns in which it speaks.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// The clients of a simulated PBX, as a part of its state.
pub trait Clients {
    /// What a connection is told to do.
    type Out;

    /// Forgets a client that takes nothing.
    fn cut_off(&mut self, client: u64);
}

/// Something for one client.
#[derive(Debug)]
pub struct Letter<O> {
    /// Whom it is for.
    pub client: u64,
    /// Where it goes.
    pub queue: mpsc::Sender<O>,
    /// What it is told to do.
    pub out: O,
}

/// Where a simulated PBX lives. `S` is its state, `C` what it has seen so far.
#[derive(Debug)]
pub struct House<S, C> {
    state: Mutex<S>,
    /// Held from the making of messages until they are queued.
    turn: tokio::sync::Mutex<()>,
    born: Instant,
    pace: f64,
    counts: watch::Sender<C>,
    /// The world has something new to do.
    wake: Notify,
    stop: CancellationToken,
}

/// How long a client may take nothing while its queue is full.
const STUCK: Duration = Duration::from_secs(5);

impl<S: Clients, C: Copy + Default> House<S, C> {
    /// From now on, at so many seconds of the PBX in a real one, until `stop`.
    #[must_use]
    pub fn new(state: S, pace: f64, stop: CancellationToken) -> Self {
        Self {
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::new(()),
            born: Instant::now(),
            pace: pace.clamp(0.001, 100_000.0),
            counts: watch::Sender::default(),
            wake: Notify::new(),
            stop,
        }
    }

    /// The state as it is now.
    pub fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that makes messages, and queues them before anybody else makes some: what was said first is heard
    /// first. A client that takes nothing for seconds is cut off.
    pub async fn in_turn<T>(&self, act: impl FnOnce(&mut S) -> (Vec<Letter<S::Out>>, T)) -> T {
        let _turn = self.turn.lock().await;
        let (letters, value) = act(&mut self.lock());
        for Letter { client, queue, out } in letters {
            if timeout(STUCK, queue.send(out)).await.is_err() {
                self.lock().cut_off(client);
            }
        }
        value
    }

    /// The world's time.
    pub fn now(&self) -> Duration {
        self.born.elapsed().mul_f64(self.pace)
    }

    /// How long a span of the world's time takes.
    pub fn real(&self, span: Duration) -> Duration {
        span.div_f64(self.pace)
    }

    /// Lets the world see that it has something new to do.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for that.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Ends what runs in the house.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Counts something.
    pub fn count(&self, change: impl FnOnce(&mut C)) {
        self.counts.send_modify(change);
    }

    /// What it has seen so far.
    pub fn counts(&self) -> C {
        *self.counts.borrow()
    }

    /// Waits until it has seen enough.
    pub async fn until(&self, enough: impl FnMut(&C) -> bool) -> C {
        let mut counts = self.counts.subscribe();
        // The sender lives as long as this, so the wait cannot fail.
        let seen = counts.wait_for(enough).await.map(|counts| *counts);
        seen.unwrap_or_else(|_| self.counts())
    }
}
