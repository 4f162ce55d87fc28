//! What is written together.

use std::sync::Arc;

use bytes::Bytes;
use model::{Collection, EntityId, FrameId, Gap, Position, SourceId, Text, Timestamp};

use super::archive::Archived;
use crate::{block::Block, command::CommandChange, shelf::Shelving};

/// One transaction: everything of it is kept, or nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commit<'a> {
    /// Events, in log order, after all that the log holds.
    pub blocks: &'a [Arc<Block>],
    /// What changed in the private memos.
    pub memo: &'a [Memo],
    /// Which subjects were closed or came back, in the order in which it happened.
    pub archive: &'a [Archival],
    /// Native frames.
    pub frames: &'a [Frame],
    /// Windows in which a source was not heard.
    pub gaps: &'a [LoggedGap],
    /// Commands that were accepted, or whose outcome is known.
    pub commands: &'a [CommandChange],
    /// What others keep here.
    pub shelves: &'a [Shelving],
    /// A slice of the entities, for a restart.
    pub entities: &'a [Entity],
    /// The stored entities, with this slice, are all at least as new as this position. Blocks after it are never
    /// deleted, so a log whose writer never says so grows for ever.
    pub checkpoint: Option<Position>,
}

impl Commit<'_> {
    /// The latest time that it knows of; before all times when it knows of none.
    pub(super) fn newest(&self) -> Timestamp {
        let events = self.blocks.iter().flat_map(|block| &block.entries);
        let frames = self.frames.iter().map(|frame| frame.recorded);
        let times = events.map(|entry| entry.recorded).chain(frames);
        times.max().unwrap_or(Timestamp::from_micros(i64::MIN))
    }

    /// The bytes that come with the blocks.
    pub(super) fn beside(&self) -> u64 {
        let frames = self.frames.iter().map(|frame| frame.bytes.len());
        let entities = self
            .entities
            .iter()
            .filter_map(|entity| entity.body.as_ref());
        let memo = self.memo.iter().filter_map(|line| line.value.as_ref());
        let kept = entities.chain(memo).map(Bytes::len);
        let shelves = self.shelves.iter().map(Shelving::bytes);
        let beside = frames.chain(kept).chain(shelves);
        beside.map(|bytes| bytes as u64).sum()
    }
}

/// One line of a private memo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memo {
    /// Whose memo.
    pub owner: Text,
    /// Unique within the owner.
    pub key: Text,
    /// None removes the line.
    pub value: Option<Bytes>,
}

/// A change of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archival {
    /// A subject was closed, or a closed one got another event.
    Closed(Archived),
    /// A closed subject is open again.
    Revived {
        /// Its kind.
        collection: Collection,
        /// Its id.
        id: EntityId,
    },
}

/// A native frame as received, secrets redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its id. Numbers rise within a source and start.
    pub id: FrameId,
    /// When it was received.
    pub recorded: Timestamp,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A gap and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedGap {
    /// The source.
    pub source: SourceId,
    /// The gap.
    pub gap: Gap,
}

/// An entity as of some position, for a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its kind.
    pub collection: Collection,
    /// Its id.
    pub id: EntityId,
    /// Its version.
    pub version: u64,
    /// The event that made this version.
    pub position: Position,
    /// What the hub wants back; opaque here. None removes the entity.
    pub body: Option<Bytes>,
}
