//! Timers of many connections, in buckets of a quarter of a second.

use std::{collections::BTreeMap, time::Duration};

use super::core::Key;

/// Who is to be looked at when. An entry is a hint: whoever is looked at decides what is due.
#[derive(Debug, Default)]
pub(super) struct Timers {
    buckets: BTreeMap<u64, Vec<Key>>,
}

const TICK: u128 = 250;

impl Timers {
    /// Looks at `key` at this time or up to a quarter of a second later.
    pub(super) fn arm(&mut self, key: Key, at: Duration) {
        let bucket = u64::try_from(at.as_millis().div_ceil(TICK)).unwrap_or(u64::MAX);
        self.buckets.entry(bucket).or_default().push(key);
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Duration> {
        self.buckets.keys().next().map(|bucket| time(*bucket))
    }

    /// Takes out what is due.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Key> {
        let mut due = Vec::new();
        while let Some(entry) = self.buckets.first_entry() {
            if time(*entry.key()) > now {
                break;
            }
            due.append(&mut entry.remove());
        }
        due
    }
}

fn time(bucket: u64) -> Duration {
    Duration::from_millis(bucket.saturating_mul(250))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::ConnectionId;

    #[test]
    fn nothing_is_due_early_and_all_in_a_quarter_of_a_second() {
        let mut timers = Timers::default();
        assert_eq!(timers.next(), None);
        for millis in [0, 1, 249, 250, 251, 30_000] {
            let key = Key {
                slot: 0,
                id: ConnectionId(millis),
            };
            timers.arm(key, Duration::from_millis(millis));
        }
        let mut due = |millis| -> Vec<u64> {
            let due = timers.due(Duration::from_millis(millis));
            due.into_iter().map(|key| key.id.0).collect()
        };
        assert_eq!(due(0), [0]);
        assert_eq!(due(249), [0u64; 0]);
        assert_eq!(due(499), [1, 249, 250]);
        assert_eq!(due(500), [251]);
        assert_eq!(timers.next(), Some(Duration::from_secs(30)));
    }
}
