//! How often something was how large.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Counts values by buckets whose bounds are fixed. Times are kept in nanoseconds, sizes as they are.
#[derive(Debug)]
pub struct Histogram {
    /// The largest value of each bucket but the last, rising.
    bounds: &'static [u64],
    /// One more than there are bounds: the last takes what is above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram holds. Read while others count, so that a value may be in one figure and not yet in the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Each bound with how many values were at most that large.
    pub buckets: Vec<(u64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl Histogram {
    /// An empty histogram. The bounds rise.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub fn record(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Counts a time, in nanoseconds.
    pub fn time(&self, took: Duration) {
        self.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What it holds now.
    #[must_use]
    pub fn read(&self) -> Distribution {
        let mut count = 0;
        let mut within = self.counts.iter().map(|here| {
            count += here.load(Relaxed);
            count
        });
        let buckets = self.bounds.iter().copied().zip(within.by_ref()).collect();
        // `zip` has left the last bucket alone: it has no bound.
        within.for_each(drop);
        Distribution {
            buckets,
            count,
            sum: self.sum.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_within_it() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1_000] {
            histogram.record(value);
        }
        let expected = Distribution {
            buckets: vec![(10, 2), (20, 4)],
            count: 6,
            sum: 1_062,
        };
        assert_eq!(histogram.read(), expected);
    }

    #[test]
    fn times_are_nanoseconds() {
        let histogram = Histogram::new(&[1_000_000]);
        histogram.time(Duration::from_millis(1));
        histogram.time(Duration::MAX);
        assert_eq!(histogram.read().buckets, [(1_000_000, 1)]);
        assert_eq!(histogram.read().count, 2);
    }
}
