//! What one commit carries beside its events.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{Collection, EntityId, EventType, Heard, MemoChange, Position, Text};

use super::{archive::Disk, followed::Followed};
use crate::{
    block::Block,
    command::CommandChange,
    draft::Draft,
    log::{Archival, Archived, Commit, Entity, Frame, LoggedGap, Memo},
    shelf::Shelving,
    state::Remains,
};

/// The owner of the state's own memo; no source can be called so.
pub(super) const STATE: &str = "/state";

/// Events that are folded and not committed.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) drafts: Vec<Draft>,
    /// When the first of its messages was received, on the monotonic clock.
    pub(super) since: Option<Duration>,
    /// Its frames that are followed, in order.
    pub(super) followed: Vec<Followed>,
    memo: Vec<Memo>,
    frames: Vec<Frame>,
    shelves: Vec<Shelving>,
}

/// A batch as the log wants it.
pub(super) struct Written {
    memo: Vec<Memo>,
    archive: Vec<Archival>,
    frames: Vec<Frame>,
    pub(super) gaps: Vec<LoggedGap>,
    commands: Vec<CommandChange>,
    shelves: Vec<Shelving>,
}

impl Batch {
    /// Notes what came with a message whose events begin at `first`.
    pub(super) fn note(&mut self, heard: Heard, first: usize) {
        self.since.get_or_insert(heard.now.mono);
        let owner: Text = heard.source.as_str().into();
        let memo = |change: MemoChange| Memo {
            owner: Text::clone(&owner),
            key: change.key,
            value: change.value,
        };
        self.memo.extend(heard.memo.into_iter().map(memo));
        // An event that carries the native body explains itself; the frame is kept for those that do not.
        let mute = |draft: &Draft| {
            draft.data.origin.frame.is_some() && draft.data.origin.payload.is_none()
        };
        if let Some(frame) = heard.frame
            && self.drafts[first..].iter().any(mute)
        {
            self.frames.push(Frame {
                id: frame.id,
                recorded: heard.now.wall,
                bytes: frame.bytes,
            });
        }
    }

    /// Adds what others want to keep, and to tell.
    pub(super) fn keep(&mut self, shelves: Vec<Shelving>, drafts: Vec<Draft>) {
        self.shelves.extend(shelves);
        self.drafts.extend(drafts);
    }

    pub(super) fn written(
        self,
        blocks: &[Arc<Block>],
        state: Vec<MemoChange>,
        commands: Vec<CommandChange>,
        disk: &mut Disk,
    ) -> Written {
        let positions = blocks
            .iter()
            .flat_map(|block| &block.entries)
            .map(|entry| entry.position);
        let given = disk.take_given();
        let mut written = Written {
            memo: self.memo,
            archive: Vec::new(),
            frames: self.frames,
            gaps: Vec::new(),
            commands,
            shelves: self.shelves,
        };
        let owned = |change: MemoChange| Memo {
            owner: STATE.into(),
            key: change.key,
            value: change.value,
        };
        written.memo.extend(state.into_iter().map(owned));
        for (draft, position) in self.drafts.into_iter().zip(positions) {
            written.archive.extend(archival(&draft, position, &given));
            if let (EventType::SourceGap, Some(source), Some(gap)) =
                (draft.kind, draft.source, draft.data.gap)
            {
                written.gaps.push(LoggedGap { source, gap: *gap });
            }
        }
        written
    }
}

impl Written {
    pub(super) fn is_empty(&self) -> bool {
        self.memo.is_empty()
            && self.archive.is_empty()
            && self.frames.is_empty()
            && self.gaps.is_empty()
            && self.commands.is_empty()
            && self.shelves.is_empty()
    }

    pub(super) fn commit<'a>(
        &'a self,
        blocks: &'a [Arc<Block>],
        entities: &'a [Entity],
        checkpoint: Option<Position>,
    ) -> Commit<'a> {
        Commit {
            blocks,
            memo: &self.memo,
            archive: &self.archive,
            frames: &self.frames,
            gaps: &self.gaps,
            commands: &self.commands,
            shelves: &self.shelves,
            entities,
            checkpoint,
        }
    }
}

fn archival(
    draft: &Draft,
    position: Position,
    given: &BTreeSet<(Collection, EntityId)>,
) -> Option<Archival> {
    // What is below a queue or conference goes by the whole path behind the first segment.
    let (_, id) = draft.subject.split_once('/')?;
    let id = EntityId::from_text(id);
    match &draft.closes {
        Some(closing) => Some(Archival::Closed(Archived {
            collection: closing.collection,
            id,
            version: draft.version,
            position,
            closed_at: draft.recorded,
            aliases: closing.aliases.clone(),
            remains: keep(&Remains::of(draft)),
        })),
        None => {
            let subject = (draft.kind.collection(), id);
            given.contains(&subject).then_some(Archival::Revived {
                collection: subject.0,
                id: subject.1,
            })
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "names, times and numbers are written to memory"
)]
fn keep(remains: &Remains) -> Bytes {
    let json = serde_json::to_vec(remains).expect("what remains of a subject has a JSON form");
    Bytes::from(json)
}
