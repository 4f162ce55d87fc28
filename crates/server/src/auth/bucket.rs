//! So much at once, and so much a second.

use std::time::Duration;

/// What was spent, given back with time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    spent: f64,
    at: Duration,
}

/// How much a bucket holds, and how fast it is refilled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) at_once: f64,
    pub(super) per_second: f64,
}

impl Bucket {
    /// Spends one. The error is how long to wait until there is one again.
    pub(super) fn take(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        self.wait(rate, now).map_or(Ok(()), Err)?;
        self.spent += 1.0;
        Ok(())
    }

    /// How long to wait until there is one; none when there is.
    pub(super) fn wait(&mut self, rate: Rate, now: Duration) -> Option<Duration> {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.spent = (self.spent - passed * rate.per_second).max(0.0);
        self.at = now;
        let lacking = self.spent + 1.0 - rate.at_once;
        (lacking > 0.0).then(|| Duration::from_secs_f64(lacking / rate.per_second))
    }

    /// True when nothing is spent.
    pub(super) fn is_full(&mut self, rate: Rate, now: Duration) -> bool {
        self.wait(rate, now);
        self.spent == 0.0
    }
}
