//! Frames that are followed, from the fold to the publication of their events.

use std::{ops::Range, sync::Arc, time::Duration};

use model::{Clock, Now, Position, Text};
use telemetry::{Context, Span, Stage, Tracer, Value};

use crate::{block::Block, tail};

/// A frame of the present batch that is followed.
pub(super) struct Followed {
    context: Context,
    /// Its events among those of the batch.
    events: Range<usize>,
}

/// Tells what was done for the frames of a batch.
pub(super) struct Teller<'a> {
    pub(super) tracer: &'a Tracer,
    pub(super) clock: &'a dyn Clock,
}

impl Teller<'_> {
    /// A message of a followed frame was folded.
    pub(super) fn folded(&self, context: Context, begun: Now, events: Range<usize>) -> Followed {
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let attributes = vec![("switchhook.events", Value::Number(count))];
        self.tell(context, Stage::Fold, begun, attributes);
        Followed { context, events }
    }

    /// A stage that all frames of a batch went through together is over.
    pub(super) fn all(&self, followed: &[Followed], stage: Stage, begun: Now) {
        for Followed { context, .. } in followed {
            self.tell(*context, stage, begun, Vec::new());
        }
    }

    fn tell(
        &self,
        whole: Context,
        stage: Stage,
        begun: Now,
        attributes: Vec<(&'static str, Value)>,
    ) {
        let took: Duration = self.clock.now().mono.saturating_sub(begun.mono);
        self.tracer.tell(Span {
            stage,
            context: whole.below(stage, 0),
            parent: Some(whole.span),
            begin: begun.wall,
            took,
            attributes,
            failed: None,
        });
    }
}

/// What the event at a place says of the trace that it belongs to.
pub(super) fn traceparent(followed: &[Followed], place: usize) -> Option<Text> {
    let after = followed.partition_point(|followed| followed.events.end <= place);
    let frame = followed.get(after)?;
    frame
        .events
        .contains(&place)
        .then(|| frame.context.to_string().into())
}

/// Where the events of the frames are in the log, for whoever sends them on.
pub(super) fn published(
    followed: &[Followed],
    blocks: &[Arc<Block>],
    committed: Now,
) -> Vec<tail::Followed> {
    if followed.is_empty() {
        return Vec::new();
    }
    let entries = blocks.iter().flat_map(|block| &block.entries);
    let positions: Vec<Position> = entries.map(|entry| entry.position).collect();
    let frames = followed.iter().filter_map(|Followed { context, events }| {
        let positions = positions.get(events.clone())?;
        Some(tail::Followed {
            context: *context,
            first: *positions.first()?,
            last: *positions.last()?,
            committed,
        })
    });
    frames.collect()
}
