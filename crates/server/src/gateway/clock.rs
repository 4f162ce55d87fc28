//! The clocks of this machine.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::{Clock, Now, Timestamp};

/// The system's clocks; monotonic time counts from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Clocks that start now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
        Now {
            mono: self.0.elapsed(),
            wall: Timestamp::from_micros(micros),
        }
    }
}
