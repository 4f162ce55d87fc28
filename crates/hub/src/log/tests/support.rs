//! Logs in temporary folders, and blocks to put into them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ::model::{Collection, EntityId, Epoch, EventType, Position, SourceId, Timestamp};
use bytes::Bytes;
use smallvec::smallvec;
use tempfile::TempDir;

use crate::{
    block::{Block, Entry, Key},
    log::{
        Archival, Archived, Commit, Limit, Log, LogError, Options, Page, Reader, Retention,
        SyncMode, open,
    },
};

/// A folder, and how its log is opened.
pub(super) struct Place {
    pub(super) options: Options,
    _folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            path: folder.path().join("events.db"),
            sync: SyncMode::Normal,
            retention: Retention {
                age: Duration::from_hours(72),
                bytes: 1 << 30,
            },
            frames: 1 << 20,
            archive: 1_000,
            journal: 4 << 20,
            reserve: 1_000,
            machine: Some("run 1".to_owned()),
        };
        Self {
            options,
            _folder: folder,
        }
    }

    pub(super) fn open(&self) -> (Log, Reader) {
        self.try_open().unwrap()
    }

    pub(super) fn try_open(&self) -> Result<(Log, Reader), LogError> {
        open(&self.options, [1, 2, 3, 4, 5, 6, 7, 8])
    }

    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.options.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

/// A block of `count` events from `first` on, each with some bytes of body, received at `second`.
pub(super) fn block(epoch: Epoch, first: u64, count: u64, size: usize, second: i64) -> Arc<Block> {
    let mut body = Vec::new();
    let entries = (first..first + count)
        .map(|position| {
            let start = body.len();
            body.extend_from_slice(format!("{{\"position\":{position},\"payload\":\"").as_bytes());
            let payload = body.len() - r#","payload":""#.len();
            body.extend((0..size).map(|i| b'a' + ((position as usize + i) % 26) as u8));
            body.extend_from_slice(b"\"}");
            Entry {
                position: Position(position),
                kind: EventType::ALL[position as usize % EventType::ALL.len()],
                start: start as u32,
                end: body.len() as u32,
                payload: position.is_multiple_of(2).then_some(payload as u32),
                source: (!position.is_multiple_of(5))
                    .then(|| SourceId::new(&format!("s{}", position % 3)).unwrap()),
                tenant: position
                    .is_multiple_of(4)
                    .then(|| format!("t{}", position % 7).into()),
                subject: Key::of(&format!("calls/{position}")),
                extensions: (0..position % 6)
                    .map(|n| Key::of(&format!("{n}")))
                    .collect(),
                queues: smallvec![Key(position)],
                recorded: Timestamp::from_secs(second),
                private: position.is_multiple_of(3),
                mixed: position.is_multiple_of(7),
                reconstructed: position.is_multiple_of(11),
            }
        })
        .collect();
    Arc::new(Block {
        epoch,
        entries,
        body: Bytes::from(body),
    })
}

/// Appends one block after what is there and calls everything checkpointed.
pub(super) fn append(log: &mut Log, count: u64, size: usize, second: i64) -> Arc<Block> {
    let block = block(log.epoch(), log.next().0, count, size, second);
    let blocks = [Arc::clone(&block)];
    log.append(&Commit {
        blocks: &blocks,
        checkpoint: Some(block.last()),
        ..Commit::default()
    })
    .unwrap();
    block
}

/// No limit that matters.
pub(super) const ALL: Limit = Limit {
    bytes: usize::MAX,
    events: usize::MAX,
    time: Duration::MAX,
};

/// Every block after a position.
pub(super) fn all_after(reader: &Reader, after: u64) -> Result<Page, LogError> {
    reader.page(Position(after), &ALL, &|_| true)
}

pub(super) fn second(n: i64) -> Timestamp {
    Timestamp::from_secs(n)
}

pub(super) fn closed(id: &str, position: u64, second: i64, aliases: &[&str]) -> Archived {
    Archived {
        collection: Collection::Calls,
        id: EntityId::from_text(id),
        version: position + 1,
        position: Position(position),
        closed_at: Timestamp::from_secs(second),
        aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
        remains: Bytes::from(format!("remains of {id}")),
    }
}

pub(super) fn archive(log: &mut Log, changes: &[Archival]) {
    log.append(&Commit {
        archive: changes,
        ..Commit::default()
    })
    .unwrap();
}
