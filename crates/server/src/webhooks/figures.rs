//! What is counted of deliveries, over all endpoints.

use std::time::Duration;

use model::Timestamp;
use telemetry::Counter;

use super::{Webhooks, client::Attempt};

/// Attempts by the class of the answer.
#[derive(Debug, Default)]
pub(super) struct Attempts([Counter; RESULTS.len()]);

/// The figures of all endpoints.
pub(crate) struct Figures {
    /// Attempts since the start, by result.
    pub(crate) attempts: [(&'static str, u64); RESULTS.len()],
    /// The age of the oldest event that an endpoint still has to get, of those that deliver.
    pub(crate) lag: Duration,
    /// Lanes that have something to deliver, of the same.
    pub(crate) lanes: usize,
}

/// The last is for those without an answer.
const RESULTS: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "error"];

impl Attempts {
    pub(super) fn count(&self, attempt: &Attempt) {
        let result = match attempt.status.map(|status| status / 100) {
            Some(class @ 2..=5) => usize::from(class) - 2,
            _ => RESULTS.len() - 1,
        };
        self.0[result].add(1);
    }
}

impl Webhooks {
    /// The figures of all endpoints.
    pub(crate) fn figures(&self, now: Timestamp) -> Figures {
        let mut figures = Figures {
            attempts: std::array::from_fn(|n| (RESULTS[n], self.parts.attempts.0[n].get())),
            lag: Duration::ZERO,
            lanes: 0,
        };
        for shared in self.all() {
            if !shared.endpoint().is_on() {
                continue;
            }
            let reached = shared.reached();
            let waits = reached.since.map_or(0, |since| now.millis_since(since));
            figures.lag = figures.lag.max(Duration::from_millis(waits));
            figures.lanes += reached.lanes;
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_the_class_of_the_answer() {
        let attempts = Attempts::default();
        let answers = [
            Some(200),
            Some(204),
            Some(302),
            Some(410),
            Some(503),
            None,
            Some(999),
        ];
        for status in answers {
            attempts.count(&Attempt {
                status,
                ..Attempt::default()
            });
        }
        let counts: Vec<_> = attempts.0.iter().map(Counter::get).collect();
        assert_eq!(counts, [2, 1, 1, 1, 2]);
    }
}
