//! Clocks for tests.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::{Clock, Now, Timestamp};
use tokio::time::Instant;

/// 2023-11-14T22:13:20Z: the wall time at which clocks of tests begin.
pub const BEGINNING: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Stands still until it is told to go on.
#[derive(Debug)]
pub struct ManualClock(Mutex<Now>);

/// Follows tokio's clock, so that a paused runtime carries it along.
#[derive(Debug)]
pub struct TokioClock(Instant);

impl ManualClock {
    /// A clock that shows the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Now {
            mono: Duration::ZERO,
            wall: BEGINNING,
        }))
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.mono += by;
        now.wall = now.wall.after(by);
    }
}

impl TokioClock {
    /// A clock that shows the beginning now.
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let mono = self.0.elapsed();
        Now {
            mono,
            wall: BEGINNING.after(mono),
        }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}
