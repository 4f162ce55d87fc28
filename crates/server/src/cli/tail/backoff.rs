//! Pauses between attempts. Randomness is handed in.

use std::time::Duration;

/// Pauses that double, from a quarter of a second to half a minute.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

impl Backoff {
    /// The next pause. `random`, from 0 to 1, takes away up to half, so that many clients do not return at once.
    pub(super) fn next(&mut self, random: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.attempts.min(16));
        self.attempts = self.attempts.saturating_add(1);
        doubled
            .min(LONGEST)
            .mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..9).map(|_| backoff.next(0.0).as_millis()).collect();
        assert_eq!(
            pauses,
            [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
        );
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        assert_eq!(Backoff::default().next(1.0), FIRST / 2);
        assert_eq!(Backoff { attempts: u32::MAX }.next(1.0), LONGEST / 2);
    }
}
