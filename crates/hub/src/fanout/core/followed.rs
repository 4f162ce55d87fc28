//! Followed frames, from when the shard is given their events until its live streams have taken them.
//!
//! Single deliveries know nothing of it. While such events are handed out each group is asked once whom it left behind,
//! and while one of those is waited for each turn looks at it once.

use std::time::Duration;

use model::{Now, Position};
use telemetry::Context;

use super::{Connection, Core, Group, Phase};
use crate::{fanout::socket::Wire, tail};

/// What became of the events of a followed frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fanout) struct Delivered {
    /// The whole of the frame's trace.
    pub(in crate::fanout) context: Context,
    /// When the shard was given the first of them.
    pub(in crate::fanout) begun: Now,
    /// Until the last stream that was waited for had taken them or was live no more.
    pub(in crate::fanout) took: Duration,
    /// How many of them for how many streams, in all.
    pub(in crate::fanout) deliveries: u64,
    /// Streams that had not taken them: they fell back, closed, or were too many to be waited for.
    pub(in crate::fanout) behind: u64,
}

/// All of them in a shard.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// Their events are being given.
    open: Vec<Frame>,
    /// Their events are given, and some streams have yet to take them.
    late: Vec<Frame>,
}

#[derive(Debug)]
struct Frame {
    context: Context,
    /// Its events.
    first: Position,
    last: Position,
    begun: Now,
    deliveries: u64,
    behind: u64,
    waiting: Vec<Waiting>,
}

/// A live stream that has taken all once it has been sent so much of its group's sequence.
#[derive(Debug)]
struct Waiting {
    slot: u32,
    to: u64,
}

/// Frames of which streams are waited for.
const FRAMES: usize = 64;
/// Streams that are waited for, of a frame.
const STREAMS: usize = 256;

impl<W: Wire> Core<W> {
    /// True while there is something to look after with [`Core::delivered`].
    pub(in crate::fanout) fn is_following(&self) -> bool {
        !self.following.open.is_empty() || !self.following.late.is_empty()
    }

    /// Tells of the frames whose events all have taken by now that are waited for.
    pub(in crate::fanout) fn delivered(&mut self, now: Now) -> Vec<Delivered> {
        let (connections, considered) = (&self.connections, self.considered);
        let Following { open, late } = &mut self.following;
        late.extend(open.extract_if(.., |frame| frame.last <= considered));
        let over = late.extract_if(.., |frame| {
            let waiting = &mut frame.waiting;
            while let Some(last) = waiting.last()
                && has_taken(connections, last.slot, last.to)
            {
                waiting.pop();
            }
            waiting.is_empty()
        });
        over.filter(|frame| frame.deliveries > 0)
            .map(|frame| frame.over(now))
            .collect()
    }

    /// A group was handed frames, which so many members took at once while these were left behind.
    pub(super) fn follow(&mut self, at: u32, took: u64, behind: &[u32]) {
        let Self {
            following: Following { open, late },
            groups,
            connections,
            ..
        } = self;
        let Some(chunk) = groups[at as usize].as_ref().and_then(Group::newest) else {
            return;
        };
        for (n, frame) in open.iter_mut().enumerate() {
            let Some((events, to)) = chunk.between(frame.first, frame.last) else {
                continue;
            };
            frame.deliveries += events * (took + behind.len() as u64);
            let room = if late.len() + n < FRAMES { STREAMS } else { 0 };
            for slot in behind {
                if has_taken(connections, *slot, to) {
                    continue;
                }
                if frame.waiting.len() < room {
                    frame.waiting.push(Waiting { slot: *slot, to });
                } else {
                    frame.behind += 1;
                }
            }
        }
    }
}

impl Following {
    /// The shard is given events of these frames.
    pub(super) fn begin(&mut self, frames: Vec<tail::Followed>, now: Now) {
        self.open.extend(frames.into_iter().map(|frame| Frame {
            context: frame.context,
            first: frame.first,
            last: frame.last,
            // What a turn is given may be younger than the turn.
            begun: if frame.committed.mono > now.mono {
                frame.committed
            } else {
                now
            },
            deliveries: 0,
            behind: 0,
            waiting: Vec::new(),
        }));
    }

    /// True while events of followed frames are given.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// A stream is live no more, and was sent so much of its group's sequence.
    pub(super) fn left(&mut self, slot: u32, sent: u64) {
        for frame in self.open.iter_mut().chain(&mut self.late) {
            let mut missed = false;
            frame.waiting.retain(|waiting| {
                let is_it = waiting.slot == slot;
                missed |= is_it && sent < waiting.to;
                !is_it
            });
            frame.behind += u64::from(missed);
        }
    }
}

impl Frame {
    fn over(self, now: Now) -> Delivered {
        Delivered {
            context: self.context,
            begun: self.begun,
            took: now.mono.saturating_sub(self.begun.mono),
            deliveries: self.deliveries,
            behind: self.behind,
        }
    }
}

fn has_taken<W>(connections: &[Option<Box<Connection<W>>>], slot: u32, to: u64) -> bool {
    match connections[slot as usize].as_deref().map(|it| &it.phase) {
        Some(Phase::Live { sent, .. }) => *sent >= to,
        // Whoever leaves is waited for no more.
        _ => true,
    }
}
