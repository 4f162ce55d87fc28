//! A stream that its reader pulls: for transports that wait for their client themselves, such as SSE.

use std::{ops::Range, sync::Arc};

use model::{Cursor, Position};
use tokio::{sync::watch, task};

use crate::{
    block::{Block, Entry},
    catch_up,
    fanout::{History, HistoryError},
    filter::{Filter, Variant},
    tail::{Recent, Tail},
};

/// Follows the log from a position: first what is past, then what comes, each matching event once and in order.
pub struct StreamReader {
    tail: Tail,
    history: Arc<dyn History>,
    filter: Arc<Filter>,
    variant: Variant,
    head: watch::Receiver<Position>,
    position: Position,
    phase: Phase,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Matching events, at least one.
    Events(Batch),
    /// Everything up to the cursor is told; what follows comes as it happens. Told again when the reader was so slow
    /// that the log had to help out.
    Live(Cursor),
}

/// Events, ready to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    json: Vec<u8>,
    events: Vec<(Cursor, Range<usize>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Replay,
    /// All that was there has been told.
    Caught,
    Live,
}

/// Bytes of blocks read at once.
const PAGE: usize = 256 * 1024;

impl StreamReader {
    /// A reader of everything after a position that can be resumed.
    #[must_use]
    pub fn new(
        tail: Tail,
        history: Arc<dyn History>,
        filter: Arc<Filter>,
        variant: Variant,
        after: Position,
    ) -> Self {
        let head = tail.watch();
        Self {
            tail,
            history,
            filter,
            variant,
            head,
            position: after,
            phase: Phase::Replay,
        }
    }

    /// Everything up to here has been considered: what a bookmark says.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.tail.cursor(self.position)
    }

    /// Waits for what comes next. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// When the log is needed and does not help.
    pub async fn next(&mut self) -> Result<Read, HistoryError> {
        loop {
            // Noted before looking, so that what is published in between is not waited for.
            let head = *self.head.borrow_and_update();
            let batch = match self.tail.after(self.position, PAGE) {
                Recent::Blocks(blocks) => self.take(&blocks),
                Recent::TooOld => {
                    self.phase = Phase::Replay;
                    self.fetch().await?
                }
            };
            if self.phase == Phase::Replay && self.position >= head {
                self.phase = Phase::Caught;
            }
            if !batch.events.is_empty() {
                return Ok(Read::Events(batch));
            }
            if self.phase == Phase::Caught {
                self.phase = Phase::Live;
                return Ok(Read::Live(self.cursor()));
            }
            if self.position >= head {
                // The tail is here, and with it the sender: waiting cannot fail.
                let _ = self.head.changed().await;
            }
        }
    }

    fn take(&mut self, blocks: &[Arc<Block>]) -> Batch {
        let mut batch = Batch::default();
        for block in blocks {
            for entry in block.after(self.position) {
                if self.filter.passes(entry) {
                    batch.add(block, entry, self.variant);
                }
            }
            self.position = self.position.max(block.last());
        }
        batch
    }

    async fn fetch(&mut self) -> Result<Batch, HistoryError> {
        let (tail, history) = (self.tail.clone(), Arc::clone(&self.history));
        let (filter, variant) = (Arc::clone(&self.filter), self.variant);
        let after = self.position;
        let read = task::spawn_blocking(move || {
            let mut batch = Batch::default();
            let to = catch_up::read(&tail, &*history, after, &filter, PAGE, |block, entry| {
                batch.add(block, entry, variant);
            })?;
            Ok((batch, to))
        });
        let (batch, to) = match read.await {
            Ok(read) => read?,
            Err(broken) => return Err(HistoryError::Unavailable(Box::new(broken))),
        };
        if to <= after {
            return Err(HistoryError::Unavailable(
                "the log has nothing where it should".into(),
            ));
        }
        self.position = to;
        Ok(batch)
    }
}

impl Batch {
    /// The events, each with its id.
    pub fn iter(&self) -> impl Iterator<Item = (Cursor, &[u8])> {
        self.events
            .iter()
            .map(|(cursor, span)| (*cursor, &self.json[span.clone()]))
    }

    fn add(&mut self, block: &Block, entry: &Entry, variant: Variant) {
        let start = self.json.len();
        variant.render(block, entry).write_to(&mut self.json);
        self.events
            .push((block.cursor(entry), start..self.json.len()));
    }
}

impl std::fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamReader")
            .field("cursor", &self.cursor())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
