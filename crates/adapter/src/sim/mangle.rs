//! Chaos on the way out: frames doubled, overtaken, or joined by things nobody knows.

use std::{fmt::Debug, time::Duration};

use super::{Chaos, Rng};

/// Something that a simulated PBX tells.
pub trait Told: Clone + Debug {
    /// A frame that is nothing of the kind.
    type Raw: Clone + Debug;

    /// Whether neither of the two ever overtakes the other.
    fn keeps_order_with(&self, other: &Self) -> bool;

    /// Adds a value that nobody knows.
    fn add_novelty(&mut self);

    /// An event that nobody knows.
    fn novelty() -> Self::Raw;

    /// A frame that cannot be read.
    fn garbage(rng: &mut Rng) -> Self::Raw;
}

/// What is sent: something told, to whom it concerns, or bare bytes to everybody.
#[derive(Clone, Debug)]
pub enum Frame<T: Told> {
    /// Something told.
    Event(T),
    /// Bare bytes or text.
    Raw(T::Raw),
}

/// Applies the troubles of a profile.
#[derive(Debug)]
pub struct Mangler<T> {
    chaos: Chaos,
    rng: Rng,
    /// Waits to be overtaken by something that may.
    held: Option<T>,
}

/// The same where time is virtual.
#[derive(Debug)]
pub struct Overtaken<T> {
    mangler: Mangler<T>,
    /// Until when a frame waits to be overtaken.
    late: Option<Duration>,
}

/// How long a frame waits to be overtaken, at most.
pub(super) const HELD: Duration = Duration::from_millis(500);

impl<T: Told> Mangler<T> {
    /// For a PBX with these troubles.
    #[must_use]
    pub fn new(chaos: Chaos, seed: u64) -> Self {
        Self {
            chaos,
            rng: Rng::new(seed ^ 0xC4A0_5C4A_05C4_A05C),
            held: None,
        }
    }

    /// What is sent when this is told.
    pub fn mangle(&mut self, told: Vec<T>) -> Vec<Frame<T>> {
        let mut frames = Vec::with_capacity(told.len());
        for mut told in told {
            if self.rng.chance(self.chaos.garbage) {
                frames.push(Frame::Raw(T::garbage(&mut self.rng)));
            }
            if self.rng.chance(self.chaos.unknown_event) {
                frames.push(Frame::Raw(T::novelty()));
            }
            if self.rng.chance(self.chaos.unknown_field) {
                told.add_novelty();
            }
            if let Some(held) = self.held.take() {
                if held.keeps_order_with(&told) {
                    frames.push(Frame::Event(held));
                } else {
                    frames.push(Frame::Event(told));
                    frames.push(Frame::Event(held));
                    continue;
                }
            }
            if self.rng.chance(self.chaos.duplicate) {
                frames.push(Frame::Event(told.clone()));
            }
            if self.rng.chance(self.chaos.reorder) {
                self.held = Some(told);
            } else {
                frames.push(Frame::Event(told));
            }
        }
        frames
    }

    /// A connection is lost, and what waits with it.
    pub fn drop_held(&mut self) {
        self.held = None;
    }

    /// Whether a frame waits to be overtaken.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Lets the frame go that waits to be overtaken: nothing comes that could.
    pub fn release(&mut self) -> Vec<Frame<T>> {
        self.held.take().map(Frame::Event).into_iter().collect()
    }

    /// Whether a login is refused for no reason.
    pub fn refuses_login(&mut self) -> bool {
        self.rng.chance(self.chaos.refuse_login)
    }
}

impl<T: Told> Overtaken<T> {
    /// For a PBX with these troubles.
    #[must_use]
    pub fn new(chaos: Chaos, seed: u64) -> Self {
        Self {
            mangler: Mangler::new(chaos, seed),
            late: None,
        }
    }

    /// What is sent when this is told at that time.
    pub fn mangle(&mut self, told: Vec<T>, now: Duration) -> Vec<Frame<T>> {
        let mut frames = self.mangler.mangle(told);
        if self.late.is_some_and(|late| late <= now) {
            frames.extend(self.mangler.release());
        }
        let late = self.late.filter(|late| *late > now).unwrap_or(now + HELD);
        self.late = self.mangler.holds().then_some(late);
        frames
    }

    /// When a frame has waited long enough.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.late
    }

    /// A connection is lost, and what waits with it.
    pub fn drop_held(&mut self) {
        self.mangler.drop_held();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of a kind.
    #[derive(Clone, Debug)]
    struct Said(u64, u64);

    impl Told for Said {
        type Raw = &'static str;

        fn keeps_order_with(&self, other: &Self) -> bool {
            self.0 == other.0
        }

        fn add_novelty(&mut self) {}

        fn novelty() -> &'static str {
            "new"
        }

        fn garbage(_: &mut Rng) -> &'static str {
            "bad"
        }
    }

    #[test]
    fn only_another_kind_overtakes() {
        let chaos = Chaos {
            reorder: 0.4,
            duplicate: 0.1,
            ..Chaos::default()
        };
        let mut mangler = Mangler::new(chaos, 3);
        let mut heard: Vec<(u64, u64)> = Vec::new();
        for n in 0..2000_u64 {
            for frame in mangler.mangle(vec![Said(n % 3, n)]) {
                if let Frame::Event(Said(kind, n)) = frame {
                    heard.push((kind, n));
                }
            }
        }
        assert!(
            !heard.is_sorted_by_key(|(_, n)| *n),
            "nothing was overtaken"
        );
        assert!(heard.len() > 2100, "nothing was doubled");
        for kind in 0..3 {
            let of_kind = heard.iter().filter(|(k, _)| *k == kind);
            let numbers: Vec<u64> = of_kind.map(|(_, n)| *n).collect();
            assert!(numbers.is_sorted(), "{kind}");
        }
    }

    #[test]
    fn a_frame_that_nothing_overtakes_goes_by_itself() {
        let chaos = Chaos {
            reorder: 1.0,
            ..Chaos::default()
        };
        let mut overtaken = Overtaken::new(chaos, 3);
        assert!(overtaken.mangle(vec![Said(1, 1)], HELD).is_empty());
        assert_eq!(overtaken.poll_timeout(), Some(HELD * 2));
        let late = overtaken.mangle(Vec::new(), HELD * 2);
        assert!(matches!(late[..], [Frame::Event(Said(1, 1))]), "{late:?}");
        assert_eq!(overtaken.poll_timeout(), None);
    }
}
