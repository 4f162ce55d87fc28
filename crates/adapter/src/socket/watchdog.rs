//! Notices silence.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use super::PATIENCE;

pub(super) enum Idle {
    Ping,
    GiveUp,
}

/// Notices silence. Every byte counts, so a pong does, and so does half a frame.
pub(super) struct Watchdog {
    every: Duration,
    received: u64,
    idle: u32,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every,
            received: 0,
            idle: 0,
            timer: Box::pin(sleep(every)),
        }
    }

    /// How long silence may last in all.
    pub(super) fn patience(&self) -> Duration {
        self.every * PATIENCE
    }

    /// Asked only when there is nothing to read: a reader that was away for long hears what waits before it judges.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, received: u64) -> Poll<Idle> {
        if received != self.received {
            self.received = received;
            self.idle = 0;
            self.timer.as_mut().reset(Instant::now() + self.every);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.idle += 1;
        if self.idle >= PATIENCE {
            return Poll::Ready(Idle::GiveUp);
        }
        self.timer.as_mut().reset(Instant::now() + self.every);
        Poll::Ready(Idle::Ping)
    }
}
