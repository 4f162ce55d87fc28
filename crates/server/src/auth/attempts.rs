//! Failed attempts, counted by the address they come from: guessing is slow, and is noticed.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::bucket::{Bucket, Rate};
use crate::{
    config::Digest,
    http::seats::place,
    problem::{Kind, Problem},
};

/// What has been tried, from where.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Table>);

/// How many attempts came to nothing, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Credentials that are not valid.
    pub failed: u64,
    /// Attempts that were not looked at, because too many before them had failed.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Table {
    places: HashMap<IpAddr, Place>,
    counts: Counts,
}

/// An address, or a network of them.
#[derive(Debug, Default)]
struct Place {
    failures: Bucket,
    /// Credentials that were valid from here, the latest last: they are looked at however much somebody else at the
    /// same address guesses.
    known: VecDeque<Digest>,
    warned: bool,
}

/// Failures from one address.
const RATE: Rate = Rate {
    at_once: 100.0,
    per_second: 2.0,
};
/// The most places that are remembered.
const PLACES: usize = 16 * 1024;
/// The most credentials of a place that are remembered.
const KNOWN: usize = 32;

impl Attempts {
    /// Whether a credential from an address is looked at.
    ///
    /// # Errors
    /// When too many attempts from there have failed, with the time after which to try again.
    pub(super) fn admit(
        &self,
        from: IpAddr,
        credential: &Digest,
        now: Duration,
    ) -> Result<(), Problem> {
        self.with(|table| {
            let Some(place) = table.places.get_mut(&place(from)) else {
                return Ok(());
            };
            let Some(wait) = place.failures.wait(RATE, now) else {
                place.warned = false;
                return Ok(());
            };
            if place.known.contains(credential) {
                return Ok(());
            }
            table.counts.refused += 1;
            if !std::mem::replace(&mut place.warned, true) {
                tracing::warn!(address = %from, "too many failed attempts from this address");
            }
            let detail = "too many attempts from this address have failed";
            Err(Problem::new(Kind::TooManyAttempts, detail).after(wait))
        })
    }

    /// Notes that a credential was not valid.
    pub(super) fn failed(&self, from: IpAddr, now: Duration) {
        self.with(|table| {
            table.counts.failed += 1;
            // One beyond the limit is not admitted in the first place.
            let _ = table.place(from, now).failures.take(RATE, now);
        });
    }

    /// Notes that a credential was valid.
    pub(super) fn succeeded(&self, from: IpAddr, credential: Digest, now: Duration) {
        self.with(|table| {
            let known = &mut table.place(from, now).known;
            if known.back() == Some(&credential) {
                return;
            }
            known.retain(|other| *other != credential);
            if known.len() >= KNOWN {
                known.pop_front();
            }
            known.push_back(credential);
        });
    }

    pub(super) fn counts(&self) -> Counts {
        self.with(|table| table.counts)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Table) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Table {
    fn place(&mut self, from: IpAddr, now: Duration) -> &mut Place {
        let from = place(from);
        if self.places.len() >= PLACES && !self.places.contains_key(&from) {
            // Those without failures are only a favour; when all have some, guessing from everywhere is what happens.
            self.places
                .retain(|_, place| !place.failures.is_full(RATE, now));
            if self.places.len() >= PLACES {
                self.places.clear();
            }
        }
        self.places.entry(from).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn digest(n: u32) -> Digest {
        Digest::of(&n.to_string())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Guesses until it is refused; how often it was looked at.
    fn guess(attempts: &Attempts, from: IpAddr, now: Duration) -> u32 {
        (0..1_000)
            .take_while(|n| {
                let admitted = attempts.admit(from, &digest(*n), now).is_ok();
                if admitted {
                    attempts.failed(from, now);
                }
                admitted
            })
            .count()
            .try_into()
            .unwrap()
    }

    #[test]
    fn guessing_is_slow_and_counted() {
        let (attempts, from) = (Attempts::default(), address("192.0.2.1"));
        assert_eq!(guess(&attempts, from, NOW), 100);
        let refused = attempts.admit(from, &digest(0), NOW).unwrap_err();
        assert_eq!(refused.kind(), Kind::TooManyAttempts);
        assert_eq!(guess(&attempts, from, NOW + Duration::from_secs(5)), 10);
        let counts = attempts.counts();
        assert_eq!((counts.failed, counts.refused), (110, 3));
        assert_eq!(
            guess(&attempts, address("192.0.2.2"), NOW),
            100,
            "elsewhere"
        );
    }

    #[test]
    fn who_was_let_in_before_is_not_shut_out_by_a_neighbour() {
        let (attempts, from) = (Attempts::default(), address("192.0.2.1"));
        attempts.succeeded(from, digest(7), NOW);
        guess(&attempts, from, NOW);
        assert!(attempts.admit(from, &digest(7), NOW).is_ok());
        assert!(attempts.admit(from, &digest(8), NOW).is_err());
    }

    #[test]
    fn a_network_of_ipv6_is_one_place_and_a_mapped_address_is_its_ipv4() {
        let attempts = Attempts::default();
        guess(&attempts, address("2001:db8::1"), NOW);
        for (text, admitted) in [("2001:db8::ffff", false), ("2001:db8:0:1::1", true)] {
            let outcome = attempts.admit(address(text), &digest(0), NOW);
            assert_eq!(outcome.is_ok(), admitted, "{text}");
        }
        guess(&attempts, address("192.0.2.1"), NOW);
        let mapped = attempts.admit(address("::ffff:192.0.2.1"), &digest(0), NOW);
        assert!(mapped.is_err());
    }

    #[test]
    fn the_table_is_bounded_and_keeps_who_guesses() {
        let (attempts, guesser) = (Attempts::default(), address("192.0.2.1"));
        guess(&attempts, guesser, NOW);
        for n in 0..2 * u32::try_from(PLACES).unwrap() {
            let visitor = IpAddr::from(u32::to_be_bytes(0x0a00_0000 + n));
            attempts.succeeded(visitor, digest(1), NOW);
        }
        assert!(attempts.with(|table| table.places.len()) <= PLACES);
        assert!(attempts.admit(guesser, &digest(0), NOW).is_err());
    }
}
