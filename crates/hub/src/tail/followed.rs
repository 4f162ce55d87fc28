//! Which of the recent events came of followed frames. The blocks do not say so: a trace is no part of what happened.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use model::{Now, Position};
use telemetry::Context;

/// The events of one followed frame, which follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    /// The whole of its trace.
    pub(crate) context: Context,
    /// The first event.
    pub(crate) first: Position,
    /// The last event.
    pub(crate) last: Position,
    /// When they were committed.
    pub(crate) committed: Now,
}

/// The latest of them. Empty unless frames are followed.
#[derive(Debug, Default)]
pub(super) struct Recently {
    /// The first event of the latest frame, so that most questions need no lock.
    newest: AtomicU64,
    frames: Mutex<VecDeque<Followed>>,
}

/// As many as one batch of the writer holds. A reader that is further behind hears nothing of the older ones.
const MOST: usize = 1_024;

impl Recently {
    /// Adds frames in the order of their events.
    pub(super) fn add(&self, frames: &[Followed]) {
        let Some(newest) = frames.last() else { return };
        let mut kept = self.frames();
        kept.extend(frames);
        let surplus = kept.len().saturating_sub(MOST);
        kept.drain(..surplus);
        self.newest.store(newest.first.0, Ordering::Release);
    }

    /// Those whose first event lies after one position and not after another.
    pub(super) fn between(&self, after: Position, to: Position) -> Vec<Followed> {
        if self.newest.load(Ordering::Acquire) <= after.0 {
            return Vec::new();
        }
        let kept = self.frames();
        let start = kept.partition_point(|frame| frame.first <= after);
        let within = kept.range(start..).take_while(|frame| frame.first <= to);
        within.copied().collect()
    }

    fn frames(&self) -> MutexGuard<'_, VecDeque<Followed>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::Timestamp;

    use super::*;

    fn frame(first: u64) -> Followed {
        Followed {
            context: Context { trace: 1, span: 2 },
            first: Position(first),
            last: Position(first + 1),
            committed: Now {
                mono: Duration::ZERO,
                wall: Timestamp::default(),
            },
        }
    }

    fn firsts(recently: &Recently, after: u64, to: u64) -> Vec<u64> {
        let frames = recently.between(Position(after), Position(to));
        frames.iter().map(|frame| frame.first.0).collect()
    }

    #[test]
    fn a_frame_is_found_where_it_begins() {
        let recently = Recently::default();
        assert_eq!(firsts(&recently, 0, 100), [0; 0]);
        recently.add(&[frame(3), frame(5)]);
        recently.add(&[frame(9)]);
        recently.add(&[]);
        for (after, to, found) in [
            (0, 100, &[3, 5, 9][..]),
            (3, 8, &[5]),
            (5, 9, &[9]),
            (9, 100, &[]),
        ] {
            assert_eq!(firsts(&recently, after, to), found, "{after} to {to}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let recently = Recently::default();
        for first in 1..=2_000 {
            recently.add(&[frame(first)]);
        }
        let kept = firsts(&recently, 0, 5_000);
        assert_eq!((kept.len(), kept[0]), (MOST, 977));
    }
}
