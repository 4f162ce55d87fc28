//! What becomes of a delivery after an attempt: pure, with time and chance handed in.

use std::time::Duration;

use model::Timestamp;

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; none when there was no answer.
    pub status: Option<u16>,
    /// How long the receiver asks to wait.
    pub retry_after: Option<RetryAfter>,
}

/// What a receiver says in `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds from now.
    For(Duration),
    /// Not before.
    Until(Timestamp),
}

/// What becomes of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// It is tried again then.
    Retry(Timestamp),
    /// It is given up.
    Dead,
    /// The receiver wants nothing any more.
    Gone,
}

/// What is known of the attempts before.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// Attempts, with the one just made.
    pub attempts: u32,
    /// When the first of them was.
    pub first: Timestamp,
}

/// Before the second attempt, the third, and so on.
const WAITS: [u64; 8] = [5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200];
/// How often an event is tried that the receiver calls bad.
const BAD_TRIES: u32 = 3;
/// The longest that a receiver can ask to wait.
const LONGEST: Duration = Duration::from_hours(12);

impl RetryAfter {
    /// Reads the header (RFC 9110, 10.2.3): seconds, or a date in any of the three forms.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More seconds than there are numbers for is for ever.
            let seconds = text.parse().unwrap_or(u64::MAX);
            return Some(Self::For(Duration::from_secs(seconds)));
        }
        let at = httpdate::parse_http_date(text).ok()?;
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self::Until(Timestamp::default().after(since)))
    }

    fn wait(self, now: Timestamp) -> Duration {
        match self {
            Self::For(wait) => wait,
            Self::Until(at) => Duration::from_millis(at.millis_since(now)),
        }
    }
}

/// Judges an attempt. `chance` is a random number from 0 to 1.
#[must_use]
pub fn judge(
    answer: Answer,
    past: Past,
    retry_for: Option<Duration>,
    now: Timestamp,
    chance: f64,
) -> Verdict {
    match answer.status {
        Some(200..=299) => return Verdict::Delivered,
        Some(410) => return Verdict::Gone,
        Some(400 | 413 | 422) if past.attempts >= BAD_TRIES => return Verdict::Dead,
        _ => {}
    }
    let nth = past.attempts.saturating_sub(1) as usize;
    let Some(wait) = WAITS.get(nth) else {
        return Verdict::Dead;
    };
    let jittered = Duration::from_secs(*wait).mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0));
    let asked = answer.retry_after.map(|asked| asked.wait(now));
    let asked = asked.unwrap_or_default().min(LONGEST);
    let due = now.after(jittered.max(asked));
    match retry_for {
        Some(most) if due > past.first.after(most) => Verdict::Dead,
        _ => Verdict::Retry(due),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn after(status: u16, attempts: u32) -> Verdict {
        let answer = Answer {
            status: Some(status),
            retry_after: None,
        };
        let past = Past {
            attempts,
            first: NOW,
        };
        judge(answer, past, None, NOW, 0.5)
    }

    #[test]
    fn success_and_refusal_are_final() {
        for status in [200, 201, 204, 299] {
            assert_eq!(after(status, 1), Verdict::Delivered);
        }
        assert_eq!(after(410, 1), Verdict::Gone);
        for status in [400, 413, 422] {
            assert!(matches!(after(status, 1), Verdict::Retry(_)));
            assert!(matches!(after(status, 2), Verdict::Retry(_)));
            assert_eq!(after(status, 3), Verdict::Dead);
        }
        // No redirect is followed, so it is a failure like any other.
        for status in [301, 302, 307, 401, 403, 404, 429, 500, 503] {
            assert!(matches!(after(status, 3), Verdict::Retry(_)), "{status}");
        }
    }

    #[test]
    fn the_waits_are_those_of_the_contract() {
        let waits: Vec<u64> = (1..=8)
            .map(|attempts| match after(500, attempts) {
                Verdict::Retry(due) => due.millis_since(NOW) / 1_000,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, WAITS);
        assert_eq!(after(500, 9), Verdict::Dead);
    }

    #[test]
    fn chance_moves_a_wait_by_a_fifth() {
        for (chance, millis) in [(0.0, 4_000), (0.5, 5_000), (1.0, 6_000), (7.0, 6_000)] {
            let answer = Answer {
                status: None,
                retry_after: None,
            };
            let past = Past {
                attempts: 1,
                first: NOW,
            };
            let expected = Verdict::Retry(NOW.after(Duration::from_millis(millis)));
            assert_eq!(judge(answer, past, None, NOW, chance), expected, "{chance}");
        }
    }

    #[test]
    fn a_receiver_may_ask_to_wait_longer_and_not_for_ever() {
        for (asked, secs) in [(1, 5), (60, 60), (1_000_000, 43_200)] {
            let answer = Answer {
                status: Some(503),
                retry_after: Some(RetryAfter::For(Duration::from_secs(asked))),
            };
            let past = Past {
                attempts: 1,
                first: NOW,
            };
            let expected = Verdict::Retry(NOW.after(Duration::from_secs(secs)));
            assert_eq!(judge(answer, past, None, NOW, 0.5), expected);
        }
    }

    #[test]
    fn a_receiver_may_ask_in_seconds_or_by_a_date() {
        // `NOW` is Tue, 14 Nov 2023 22:13:20 GMT.
        for (text, secs) in [
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(43_200)),
            ("Tue, 14 Nov 2023 22:15:20 GMT", Some(120)),
            ("Tuesday, 14-Nov-23 22:15:20 GMT", Some(120)),
            ("Tue Nov 14 22:15:20 2023", Some(120)),
            // What is over asks for nothing.
            ("Tue, 14 Nov 2023 22:00:00 GMT", Some(5)),
            ("Wed, 14 Nov 2040 22:00:00 GMT", Some(43_200)),
            ("Tue, 14 Nov 2023 22:15:20 CET", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let asked = RetryAfter::parse(text);
            assert_eq!(asked.is_some(), secs.is_some(), "{text}");
            let answer = Answer {
                status: Some(503),
                retry_after: asked,
            };
            let past = Past {
                attempts: 1,
                first: NOW,
            };
            let expected = Verdict::Retry(NOW.after(Duration::from_secs(secs.unwrap_or(5))));
            assert_eq!(judge(answer, past, None, NOW, 0.5), expected, "{text}");
        }
    }

    #[test]
    fn what_a_receiver_asks_for_does_not_outlast_what_the_owner_wants() {
        let answer = Answer {
            status: Some(429),
            retry_after: RetryAfter::parse("120"),
        };
        let past = Past {
            attempts: 1,
            first: NOW,
        };
        let within = |secs| judge(answer, past, Some(Duration::from_secs(secs)), NOW, 0.5);
        assert_eq!(within(119), Verdict::Dead);
        assert!(matches!(within(120), Verdict::Retry(_)));
    }

    #[test]
    fn the_sum_of_waits_can_be_capped() {
        let answer = Answer {
            status: None,
            retry_after: None,
        };
        let tried = |attempts, since: u64| {
            let past = Past {
                attempts,
                first: NOW.before(Duration::from_secs(since)),
            };
            judge(answer, past, Some(Duration::from_secs(60)), NOW, 0.5)
        };
        assert!(matches!(tried(1, 0), Verdict::Retry(_)));
        assert!(matches!(tried(2, 5), Verdict::Retry(_)));
        assert_eq!(tried(3, 35), Verdict::Dead);
    }
}
