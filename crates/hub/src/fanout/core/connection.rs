//! One connection: what it waits for, and what only it is sent.

use std::{collections::VecDeque, io::IoSlice, sync::Arc, time::Duration};

use model::Position;

use super::group::Slices;
use crate::{
    fanout::{
        Pages,
        codec::{self, Decoder},
    },
    filter::{Filter, Variant},
    stream::{ConnectionId, Narrator},
};

/// A connection and its socket.
pub(super) struct Connection<W> {
    pub(super) id: ConnectionId,
    pub(super) wire: W,
    pub(super) decoder: Decoder,
    /// Bytes that the decoder held when it was looked at last.
    pub(super) undecoded: usize,
    pub(super) narrator: Narrator,
    pub(super) own: Own,
    pub(super) phase: Phase,
    /// The filter and variant in force; none before the stream opens.
    pub(super) view: Option<(Arc<Filter>, Variant)>,
    /// The number of the last request to the workers; answers to earlier ones are void.
    pub(super) pull: u64,
    pub(super) waits: Waits,
    /// The server is thinking about a text frame.
    pub(super) asked: bool,
    /// The socket may hold something to read.
    pub(super) readable: bool,
    /// The socket refused to take more and has not said that it will.
    pub(super) parked: bool,
    /// Since when it has taken nothing of what waits.
    pub(super) stuck: Option<Duration>,
    /// A bookmark is to follow the snapshot.
    pub(super) bookmark: bool,
    /// Pings that nothing has answered.
    pub(super) silent: u8,
    pub(super) heartbeat: Duration,
    /// The timer that counts.
    pub(super) armed: Duration,
    /// Already among those to be looked at again in this turn.
    pub(super) queued: bool,
}

/// What a connection is doing.
pub(super) enum Phase {
    /// Waiting for the first subscription.
    Await { until: Duration },
    /// Telling state. The pages are away while a worker asks them.
    Snapshot {
        pages: Option<Box<dyn Pages>>,
        as_of: Position,
    },
    /// Telling the past: everything up to `position` is told or waits in `own`.
    Replay { position: Position },
    /// A member of a group.
    Live { group: u32, member: u32, sent: u64 },
    /// Saying goodbye.
    Closing { until: Duration, peer: Peer },
}

/// What a replaying connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Nothing,
    /// A worker reads for it.
    Worker,
    /// It has replayed further than the groups have been given.
    Groups,
    /// There is no memory for what it would replay.
    Memory,
}

/// How a peer that is told goodbye behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// It has not answered yet.
    Silent,
    /// It has said goodbye.
    Answered,
    /// It has broken the protocol: nothing it says can be understood, but its end can.
    Unintelligible,
}

/// Frames that only one connection is sent. They go out whole, before any further frame of its group.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Each holds whole frames, but for the first when `rest` is set.
    items: VecDeque<Vec<u8>>,
    /// How much of the first is sent.
    sent: usize,
    /// The first is the rest of a frame.
    rest: bool,
    held: usize,
}

impl Own {
    /// True when nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes in memory.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.held - self.sent
    }

    /// True when a part of a frame is sent.
    pub(super) fn is_begun(&self) -> bool {
        self.sent > 0 || self.rest
    }

    /// Adds whole frames.
    pub(super) fn push(&mut self, frames: Vec<u8>) {
        self.held += frames.len();
        self.items.push_back(frames);
    }

    /// Puts the rest of a frame of the group in front of all.
    pub(super) fn push_rest(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.held += bytes.len();
            self.items.push_front(bytes);
            self.rest = true;
        }
    }

    /// Adds what waits, as far as there is room; returns its bytes.
    pub(super) fn slices<'a>(&'a self, slices: &mut Slices<'a>) -> usize {
        let mut total = 0;
        let mut skip = self.sent;
        for item in &self.items {
            if slices.len() == slices.inline_size() {
                break;
            }
            slices.push(IoSlice::new(&item[skip..]));
            total += item.len() - skip;
            skip = 0;
        }
        total
    }

    /// Takes note of bytes sent.
    pub(super) fn advance(&mut self, mut bytes: usize) {
        while let Some(first) = self.items.front() {
            let left = first.len() - self.sent;
            if bytes < left {
                self.sent += bytes;
                return;
            }
            bytes -= left;
            self.held -= first.len();
            self.sent = 0;
            self.rest = false;
            self.items.pop_front();
        }
        if self.items.capacity() > 8 {
            self.items = VecDeque::new();
        }
    }

    /// Drops everything that is not part of a frame of which a part is sent.
    pub(super) fn cut(&mut self) {
        let begun = self.is_begun();
        let Some(mut first) = self.items.pop_front().filter(|_| begun) else {
            *self = Self::default();
            return;
        };
        if !self.rest {
            first.truncate(codec::boundary(&first, self.sent));
        }
        self.held = first.len();
        self.items = VecDeque::from([first]);
        self.advance(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::codec::{Opcode, frame};

    fn sent(own: &Own) -> Vec<u8> {
        let mut slices = Slices::new();
        own.slices(&mut slices);
        slices.iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn a_cut_leaves_the_frame_that_is_on_its_way() {
        let (a, b) = (frame(Opcode::Text, b"aaaa"), frame(Opcode::Text, b"bbbb"));
        let mut own = Own::default();
        own.push([a.clone(), b.clone()].concat());
        own.push(a.clone());
        own.advance(a.len() + 1);
        own.cut();
        assert_eq!(sent(&own), &b[1..]);
        own.advance(b.len() - 1);
        assert!(own.is_empty() && own.held() == 0);
    }

    #[test]
    fn a_cut_between_frames_leaves_nothing() {
        let a = frame(Opcode::Text, b"aaaa");
        let mut own = Own::default();
        own.push(a.clone());
        own.cut();
        assert!(own.is_empty() && own.held() == 0);
        own.push([a.clone(), a.clone()].concat());
        own.advance(a.len());
        own.cut();
        assert!(own.is_empty() && own.held() == 0 && own.waiting() == 0);
    }

    #[test]
    fn the_rest_of_a_frame_survives_a_cut() {
        let mut own = Own::default();
        own.push(frame(Opcode::Text, b"aaaa"));
        own.push_rest(b"rest".to_vec());
        own.cut();
        assert_eq!(sent(&own), b"rest");
    }
}
