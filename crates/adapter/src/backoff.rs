//! When to connect again: backoff, budget and the slow lanes. Pure: times and the seed of the jitter are handed in.

use std::{collections::VecDeque, time::Duration};

use crate::LinkErrorKind;

const MINUTE: Duration = Duration::from_secs(60);
const REFUSED_FIRST: Duration = Duration::from_secs(60);
const REFUSED_MAX: Duration = Duration::from_secs(600);
const REPLACED: Duration = Duration::from_secs(300);

/// How eagerly to reconnect, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// The wait after the first failure; it doubles with each further one.
    pub initial: Duration,
    /// The longest wait. The slow lanes of refused credentials and replaced connections do not heed it.
    pub max: Duration,
    /// Attempts in any minute at most; at least one.
    pub budget_per_min: u32,
}

/// Decides when the next attempt may begin. All times are on the monotonic clock.
#[derive(Debug)]
pub struct Backoff {
    policy: Reconnect,
    jitter: Jitter,
    attempts: VecDeque<Duration>,
    connected_at: Option<Duration>,
    failures: u32,
    refusals: u32,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: MINUTE,
            budget_per_min: 10,
        }
    }
}

impl Backoff {
    /// A fresh one. Sources with different seeds do not come back in step.
    #[must_use]
    pub fn new(policy: Reconnect, seed: u64) -> Self {
        Self {
            policy,
            jitter: Jitter(seed),
            attempts: VecDeque::new(),
            connected_at: None,
            failures: 0,
            refusals: 0,
        }
    }

    /// An attempt begins.
    pub fn attempt(&mut self, now: Duration) {
        self.attempts.push_back(now);
        while self.attempts.len() > self.budget() {
            self.attempts.pop_front();
        }
    }

    /// The attempt succeeded.
    pub fn connected(&mut self, now: Duration) {
        self.connected_at = Some(now);
        self.refusals = 0;
    }

    /// The attempt failed, or the connection ended. Yields the moment of the next attempt.
    ///
    /// Only a connection that stood for a minute makes earlier failures forgotten, so that a PBX which accepts and
    /// drops is left in peace.
    pub fn failed(&mut self, kind: LinkErrorKind, now: Duration) -> Duration {
        let stood = self
            .connected_at
            .take()
            .map(|since| now.saturating_sub(since));
        if stood.is_some_and(|stood| stood >= MINUTE) {
            self.failures = 0;
        }
        let wait = match kind {
            LinkErrorKind::AuthRejected | LinkErrorKind::LimitReached => {
                let wait = doubled(REFUSED_FIRST, self.refusals, REFUSED_MAX);
                self.refusals = self.refusals.saturating_add(1);
                wait + self.jitter.up_to(wait / 10)
            }
            LinkErrorKind::Replaced => REPLACED + self.jitter.up_to(REPLACED / 10),
            LinkErrorKind::Unreachable | LinkErrorKind::Protocol | LinkErrorKind::Transient => {
                let wait = doubled(self.policy.initial, self.failures, self.policy.max);
                self.failures = self.failures.saturating_add(1);
                wait / 2 + self.jitter.up_to(wait / 2)
            }
        };
        self.earliest(now.saturating_add(wait))
    }

    /// The first moment from `wanted` on at which the budget allows an attempt. A wait that is cut short still heeds it.
    #[must_use]
    pub fn earliest(&self, wanted: Duration) -> Duration {
        if self.attempts.len() < self.budget() {
            return wanted;
        }
        self.attempts
            .front()
            .map_or(wanted, |first| wanted.max(first.saturating_add(MINUTE)))
    }

    fn budget(&self) -> usize {
        usize::try_from(self.policy.budget_per_min.max(1)).unwrap_or(usize::MAX)
    }
}

fn doubled(first: Duration, times: u32, max: Duration) -> Duration {
    first
        .saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX))
        .min(max)
}

/// SplitMix64: plenty to keep sources out of step.
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    fn up_to(&mut self, span: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = u32::try_from((z ^ (z >> 31)) >> 48).unwrap_or(0);
        span.saturating_mul(share) / 0x1_0000
    }
}

#[cfg(test)]
mod tests {
    use LinkErrorKind::{AuthRejected, LimitReached, Protocol, Replaced, Transient, Unreachable};
    use proptest::prelude::*;

    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn backoff() -> Backoff {
        Backoff::new(Reconnect::default(), 7)
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let mut backoff = backoff();
        for cap in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let wait = backoff.failed(Unreachable, secs(0));
            assert!(
                wait >= secs(cap) / 2 && wait <= secs(cap),
                "{cap}: {wait:?}"
            );
        }
    }

    #[test]
    fn only_a_stable_minute_forgets_failures() {
        let mut backoff = backoff();
        for _ in 0..6 {
            backoff.failed(Transient, secs(0));
        }
        backoff.connected(secs(100));
        assert!(backoff.failed(Transient, secs(159)) > secs(159 + 29));
        backoff.connected(secs(300));
        assert!(backoff.failed(Transient, secs(360)) <= secs(361));
    }

    #[test]
    fn refusals_are_retried_slowly_and_never_early() {
        for kind in [AuthRejected, LimitReached] {
            let mut backoff = backoff();
            for least in [60, 120, 240, 480, 600, 600] {
                let wait = backoff.failed(kind, secs(0));
                assert!(wait >= secs(least) && wait <= secs(least) * 11 / 10);
            }
        }
        let wait = backoff().failed(Replaced, secs(0));
        assert!(wait >= secs(300) && wait <= secs(330));
    }

    #[test]
    fn seeds_keep_sources_apart() {
        let wait = |seed| Backoff::new(Reconnect::default(), seed).failed(Transient, secs(0));
        assert_ne!(wait(1), wait(2));
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_attempts_than_the_budget(
            budget in 1_u32..12,
            seed: u64,
            steps in prop::collection::vec((0_u64..90_000, 0_usize..6, any::<bool>()), 1..200),
        ) {
            let policy = Reconnect { initial: Duration::from_millis(1), max: secs(2), budget_per_min: budget };
            let mut backoff = Backoff::new(policy, seed);
            let mut now = Duration::ZERO;
            let mut attempts: Vec<Duration> = Vec::new();
            for (up_ms, kind, cut_short) in steps {
                attempts.push(now);
                backoff.attempt(now);
                if up_ms > 30_000 {
                    backoff.connected(now);
                    now += Duration::from_millis(up_ms);
                }
                let kind = [AuthRejected, LimitReached, Replaced, Unreachable, Protocol, Transient][kind];
                let due = backoff.failed(kind, now);
                prop_assert!(due >= now);
                now = if cut_short { backoff.earliest(now) } else { due };
            }
            let budget = usize::try_from(budget).unwrap();
            for window in attempts.windows(budget + 1) {
                prop_assert!(window[budget] - window[0] >= MINUTE);
            }
        }

        #[test]
        fn no_figure_overflows(seed: u64, initial: u64, max: u64, times in 1_usize..80, at: u64) {
            let policy = Reconnect { initial: secs(initial), max: secs(max), budget_per_min: 0 };
            let mut backoff = Backoff::new(policy, seed);
            for _ in 0..times {
                backoff.attempt(secs(at));
                prop_assert!(backoff.failed(Transient, secs(at)) >= secs(at));
            }
        }
    }
}
