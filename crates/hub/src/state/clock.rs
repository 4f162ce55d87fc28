//! The PBX's clock, compared with the gateway's.

use std::collections::VecDeque;

use model::{Data, EventType, OriginKind, Timestamp};

use super::{
    State,
    mark::{Mark, Turn},
};

/// How far the PBX's clock is off, from the least delayed of the last messages.
#[derive(Debug, Default)]
pub(super) struct Skew {
    samples: VecDeque<i64>,
    published: Option<i64>,
}

impl State {
    /// Compares the PBX's clock with the gateway's, by what was told live.
    pub(super) fn watch_clock(&mut self, turn: &mut Turn<'_>, told: Option<Timestamp>) {
        let Some(told) = told else { return };
        let off = told.millis().saturating_sub(turn.now.wall.millis());
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return;
        };
        let Some(skew) = track.skew.add(off) else {
            return;
        };
        let mut source = self.source_entity(turn);
        source.clock_skew_ms = Some(skew);
        self.set_source(turn, source);
        if skew.abs() > Skew::LIMIT_MS {
            let mark = Mark::own(
                &turn.mark.source,
                turn.now,
                OriginKind::Gateway,
                "clock_skew",
            );
            turn.under(mark, |turn| {
                self.say_source(turn, EventType::SourceClockSkew, Data::default());
            });
        }
    }
}

impl Skew {
    const LIMIT_MS: i64 = 5_000;
    const ENOUGH: usize = 8;

    /// Takes a sample, and hands back the skew when it is another than was known.
    pub(super) fn add(&mut self, off: i64) -> Option<i64> {
        if self.samples.len() >= Self::ENOUGH {
            self.samples.pop_front();
        }
        self.samples.push_back(off);
        if self.samples.len() < Self::ENOUGH {
            return None;
        }
        // Messages come late, never early: the one that is least off is the nearest to the truth.
        let nearest = *self.samples.iter().min_by_key(|off| off.abs())?;
        let one_sided = self.samples.iter().all(|off| *off > 0) == (nearest > 0)
            && (self.samples.iter().all(|off| *off < 0) || nearest > 0);
        let off = one_sided && nearest.abs() > Self::LIMIT_MS;
        match self.published {
            None if off => {}
            // Back within limits, with some room so that it does not flutter.
            Some(_) if nearest.abs() < Self::LIMIT_MS / 2 => {
                self.published = None;
                return Some(nearest);
            }
            Some(known) if off && (known - nearest).abs() > Self::LIMIT_MS => {}
            _ => return None,
        }
        self.published = Some(nearest);
        Some(nearest)
    }
}
