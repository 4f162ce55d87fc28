//! Reproducible chance (SplitMix64).

use std::{ops::Range, time::Duration};

/// A seeded source of chance. The same seed tells the same story.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Begins with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.number() % n).unwrap_or(0)
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        let bits = u32::try_from(self.number() >> 32).unwrap_or(0);
        f64::from(bits) / 4_294_967_296.0
    }

    /// A whole number of milliseconds within a range of seconds.
    pub fn secs(&mut self, range: &Range<f64>) -> Duration {
        let secs = range.start + (range.end - range.start).max(0.0) * self.unit();
        Duration::from_millis(Duration::from_secs_f64(secs.clamp(0.0, 86_400.0)).as_millis() as u64)
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// One of them, each as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, items: &[(T, u32)]) -> Option<T> {
        let total: u32 = items.iter().map(|(_, weight)| weight).sum();
        let mut point = self.below(usize::try_from(total).unwrap_or(1));
        for (item, weight) in items {
            let weight = usize::try_from(*weight).unwrap_or(0);
            if point < weight {
                return Some(*item);
            }
            point -= weight;
        }
        None
    }
}
