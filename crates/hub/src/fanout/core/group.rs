//! A group: the live streams of one filter and variant, and the frames that are built once for all of them.
//!
//! The frames of a group are one endless sequence of bytes, of which the part that some member still waits for is
//! kept in chunks. A member is an offset into it.

use std::{collections::VecDeque, io::IoSlice, sync::Arc};

use model::Position;
use smallvec::SmallVec;

use crate::{
    block::{Block, Entry},
    fanout::codec::{self, Opcode},
    filter::{Filter, Variant},
};

/// Streams that see the same.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) filter: Arc<Filter>,
    pub(super) variant: Variant,
    /// Slots of connections.
    pub(super) members: Vec<u32>,
    /// Where the sequence ends.
    pub(super) end: u64,
    /// How many members have not taken all of it.
    pub(super) behind: usize,
    /// The place of the frames that are being built for it.
    pub(super) building: Option<usize>,
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// Looking for what nobody needs any more costs a look at every member: it is done when as much again has gathered.
    trim_at: usize,
}

/// Frames that were built together.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    start: u64,
    /// Everything up to here was considered before the first frame.
    before: Position,
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends, and the event in it.
    pub(super) frames: Vec<(u32, Position)>,
}

/// Where a member stands between events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The offset at which the frame ends that the member is in; the member's own when it is between frames.
    pub(super) boundary: u64,
    /// Everything up to here has been considered at that offset.
    pub(super) position: Position,
}

/// Slices for one write.
pub(super) type Slices<'a> = SmallVec<[IoSlice<'a>; 16]>;

const TRIM: usize = 64 * 1024;

impl Group {
    pub(super) fn new(filter: Arc<Filter>, variant: Variant) -> Self {
        Self {
            filter,
            variant,
            members: Vec::new(),
            end: 0,
            behind: 0,
            building: None,
            chunks: VecDeque::new(),
            bytes: 0,
            trim_at: TRIM,
        }
    }

    /// Adds frames, which are to be delivered.
    pub(super) fn add(&mut self, mut chunk: Chunk, before: Position) {
        chunk.start = self.end;
        chunk.before = before;
        self.end += chunk.bytes.len() as u64;
        self.bytes += chunk.bytes.len();
        self.behind = self.members.len();
        self.chunks.push_back(chunk);
    }

    /// What was added last.
    pub(super) fn newest(&self) -> Option<&Chunk> {
        self.chunks.back()
    }

    /// Bytes kept for members that lag.
    pub(super) fn kept(&self) -> usize {
        self.bytes
    }

    /// Adds what lies between two offsets, as far as there is room.
    pub(super) fn slices<'a>(&'a self, from: u64, to: u64, slices: &mut Slices<'a>) {
        let start = self.chunks.partition_point(|chunk| chunk.end() <= from);
        for chunk in self.chunks.range(start..).take_while(|_| from < to) {
            if chunk.start >= to || slices.len() == slices.inline_size() {
                return;
            }
            let first = chunk.local(from.max(chunk.start));
            let last = chunk.local(to.min(chunk.end()));
            slices.push(IoSlice::new(&chunk.bytes[first..last]));
        }
    }

    /// Where a member stands; `considered` is where the whole group stands.
    pub(super) fn standing(&self, sent: u64, considered: Position) -> Standing {
        let at = self.chunks.partition_point(|chunk| chunk.end() <= sent);
        let Some(chunk) = self.chunks.get(at) else {
            return Standing {
                boundary: sent,
                position: considered,
            };
        };
        if sent <= chunk.start {
            return Standing {
                boundary: sent,
                position: chunk.before,
            };
        }
        let local = chunk.local(sent);
        let frame = chunk
            .frames
            .partition_point(|(end, _)| (*end as usize) < local);
        match chunk.frames.get(frame) {
            Some((end, position)) => Standing {
                boundary: chunk.start + u64::from(*end),
                position: *position,
            },
            None => Standing {
                boundary: chunk.end(),
                position: considered,
            },
        }
    }

    /// How many frames end after `from` and up to `to`.
    pub(super) fn frames_between(&self, from: u64, to: u64) -> u64 {
        let start = self.chunks.partition_point(|chunk| chunk.end() <= from);
        let chunks = self
            .chunks
            .range(start..)
            .take_while(|chunk| chunk.start < to);
        let frames = chunks.map(|chunk| {
            let up_to = |offset: u64| {
                let local = chunk.local(offset.clamp(chunk.start, chunk.end()));
                chunk
                    .frames
                    .partition_point(|(end, _)| *end as usize <= local)
            };
            up_to(to) - up_to(from)
        });
        frames.sum::<usize>() as u64
    }

    /// Lets go of what lies before `needed`, the least offset of all members, asked for when it may be worth it.
    /// Returns the bytes let go of.
    pub(super) fn trim(
        &mut self,
        spare: &mut Vec<Chunk>,
        needed: impl FnOnce(&[u32]) -> u64,
    ) -> usize {
        if self.behind == 0 {
            return self.let_go(spare, self.end);
        }
        if self.bytes < self.trim_at && self.chunks.len() < 64 {
            return 0;
        }
        let needed = needed(&self.members);
        let freed = self.let_go(spare, needed);
        self.trim_at = (2 * self.bytes).max(TRIM);
        freed
    }

    /// Lets go of what lies before an offset; returns its bytes.
    pub(super) fn let_go(&mut self, spare: &mut Vec<Chunk>, needed: u64) -> usize {
        let before = self.bytes;
        while let Some(oldest) = self.chunks.front()
            && oldest.end() <= needed
        {
            if let Some(chunk) = self.chunks.pop_front() {
                self.bytes -= chunk.bytes.len();
                chunk.recycle(spare);
            }
        }
        before - self.bytes
    }
}

impl Chunk {
    /// Appends the frame of an event.
    pub(super) fn append(&mut self, block: &Block, entry: &Entry, variant: Variant) {
        append(block, entry, variant, &mut self.bytes);
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.frames.push((end, entry.position));
    }

    /// How many events between two positions it holds, both included, and where in the sequence the last of them ends.
    pub(super) fn between(&self, first: Position, last: Position) -> Option<(u64, u64)> {
        let from = self.frames.partition_point(|(_, event)| *event < first);
        let to = self.frames.partition_point(|(_, event)| *event <= last);
        let (end, _) = self.frames[from..to].last()?;
        Some(((to - from) as u64, self.start + u64::from(*end)))
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// An offset that lies in the chunk or at one of its ends, counted from its start.
    fn local(&self, offset: u64) -> usize {
        usize::try_from(offset - self.start).unwrap_or(usize::MAX)
    }

    /// A few buffers of moderate size are kept for the next frames.
    fn recycle(mut self, spare: &mut Vec<Self>) {
        if spare.len() < 16 && self.bytes.capacity() <= 1024 * 1024 {
            self.bytes.clear();
            self.frames.clear();
            spare.push(self);
        }
    }
}

/// Appends the frame of an event.
pub(in crate::fanout) fn append(block: &Block, entry: &Entry, variant: Variant, out: &mut Vec<u8>) {
    let rendered = variant.render(block, entry);
    codec::header(Opcode::Text, rendered.len(), out);
    rendered.write_to(out);
}
