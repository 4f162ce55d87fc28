//! The shared tail: the recent blocks in memory, read by all who follow the log.
//!
//! One writer publishes; it holds the lock for as long as it takes to push a few pointers, wakes readers at most once
//! for whatever they have not looked at yet, and never waits for one of them. Whoever is further behind than the tail
//! reaches is told so and reads the log.

mod followed;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{Cursor, Epoch, Position};
use tokio::sync::watch;

pub(crate) use self::followed::Followed;
use self::followed::Recently;
use crate::block::{Block, Blocks, Entry};

/// The recent blocks. Clones share them.
#[derive(Clone)]
pub struct Tail(Arc<Shared>);

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailLimits {
    /// Bytes of JSON and index. The newest block is kept whatever its size.
    pub bytes: usize,
    /// Blocks.
    pub blocks: usize,
}

/// What follows a position.
#[derive(Clone, Debug, PartialEq)]
pub enum Recent {
    /// The following blocks without a gap, oldest first; none at the head. The first may begin before the position.
    Blocks(Blocks),
    /// The position is older than the tail: the log has what follows.
    TooOld,
}

struct Shared {
    epoch: Epoch,
    limits: TailLimits,
    kept: Mutex<Kept>,
    head: watch::Sender<Position>,
    wakers: Mutex<Vec<Wake>>,
    followed: Recently,
}

struct Kept {
    blocks: VecDeque<Arc<Block>>,
    bytes: usize,
    /// Everything after this position is in `blocks`.
    floor: Position,
    head: Position,
}

type Wake = Box<dyn Fn() + Send + Sync>;

impl Default for TailLimits {
    fn default() -> Self {
        Self {
            bytes: 16 * 1024 * 1024,
            blocks: 65_536,
        }
    }
}

impl Tail {
    /// An empty tail after `head`, the last position of the log.
    #[must_use]
    pub fn new(epoch: Epoch, head: Position, limits: TailLimits) -> Self {
        let kept = Kept {
            blocks: VecDeque::new(),
            bytes: 0,
            floor: head,
            head,
        };
        Self(Arc::new(Shared {
            epoch,
            limits,
            kept: Mutex::new(kept),
            head: watch::Sender::new(head),
            wakers: Mutex::new(Vec::new()),
            followed: Recently::default(),
        }))
    }

    /// Adds committed blocks, which follow each other and the head, and wakes the readers.
    pub fn publish(&self, blocks: &[Arc<Block>]) {
        let Some(last) = blocks.last() else { return };
        self.kept().push(blocks, self.0.limits);
        self.0.head.send_replace(last.last());
        for wake in self.wakers().iter() {
            wake();
        }
    }

    /// Tells of which followed frames the events are that are published next.
    pub(crate) fn follow(&self, frames: &[Followed]) {
        self.0.followed.add(frames);
    }

    /// The followed frames whose first event lies after one position and not after another. Costs next to nothing while
    /// no frame is followed.
    pub(crate) fn followed(&self, after: Position, to: Position) -> Vec<Followed> {
        self.0.followed.between(after, to)
    }

    /// What follows a position: whole blocks up to about `max_bytes`, at least one if there is any.
    #[must_use]
    pub fn after(&self, position: Position, max_bytes: usize) -> Recent {
        self.kept().after(position, max_bytes)
    }

    /// The position of the last event.
    #[must_use]
    pub fn head(&self) -> Position {
        self.kept().head
    }

    /// The generation of the log.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    /// The id that stands for a position.
    #[must_use]
    pub fn cursor(&self, position: Position) -> Cursor {
        self.0.epoch.at(position)
    }

    /// The head, for those who wait for it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Position> {
        self.0.head.subscribe()
    }

    /// Calls `wake` after each publication, on the writer's thread: it must be quick and must not wait.
    pub fn on_publish(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.wakers().push(Box::new(wake));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Wake>> {
        self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, blocks: &[Arc<Block>], limits: TailLimits) {
        for block in blocks {
            self.bytes += weight(block);
            self.head = block.last();
            self.blocks.push_back(Arc::clone(block));
        }
        while self.blocks.len() > 1
            && (self.bytes > limits.bytes || self.blocks.len() > limits.blocks)
        {
            if let Some(oldest) = self.blocks.pop_front() {
                self.bytes -= weight(&oldest);
                self.floor = oldest.last();
            }
        }
    }

    fn after(&self, position: Position, max_bytes: usize) -> Recent {
        if position < self.floor {
            return Recent::TooOld;
        }
        let start = self
            .blocks
            .partition_point(|block| block.last() <= position);
        let mut bytes = 0;
        let within = |block: &&Arc<Block>| {
            let fits = bytes == 0 || bytes + block.body.len() <= max_bytes;
            bytes += block.body.len();
            fits
        };
        Recent::Blocks(
            self.blocks
                .range(start..)
                .take_while(within)
                .cloned()
                .collect(),
        )
    }
}

/// What a block costs in memory.
pub(crate) fn weight(block: &Block) -> usize {
    block.body.len() + block.entries.len() * size_of::<Entry>()
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept();
        f.debug_struct("Tail")
            .field("head", &self.cursor(kept.head))
            .field("floor", &kept.floor)
            .field("blocks", &kept.blocks.len())
            .field("bytes", &kept.bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use model::EventType;
    use proptest::prelude::*;

    use super::*;
    use crate::filter::fixture::entry;

    #[test]
    fn publishing_moves_the_head_and_wakes() {
        let tail = tail(TailLimits::default());
        let (woken, watch) = (Arc::new(AtomicUsize::new(0)), tail.watch());
        tail.on_publish({
            let woken = Arc::clone(&woken);
            move || {
                woken.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(tail.after(Position(5), 1), Recent::Blocks(Vec::new()));
        tail.publish(&[block(6, 7, 10), block(8, 8, 10)]);
        tail.publish(&[]);
        assert_eq!((tail.head(), *watch.borrow()), (Position(8), Position(8)));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_reader_gets_whole_blocks_and_at_least_one() {
        let tail = tail(TailLimits::default());
        tail.publish(&[block(6, 7, 100), block(8, 9, 100), block(10, 10, 100)]);
        let firsts = |after, max_bytes| match tail.after(Position(after), max_bytes) {
            Recent::Blocks(blocks) => blocks.iter().map(|block| block.first().0).collect(),
            Recent::TooOld => vec![0],
        };
        assert_eq!(firsts(5, 1), [6]);
        assert_eq!(firsts(6, 250), [6, 8]);
        assert_eq!(firsts(7, 1_000), [8, 10]);
        assert_eq!(firsts(4, 1_000), [0], "before the tail began");
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded_and_follows_without_a_gap(sizes in prop::collection::vec((1..4u64, 1..2_000usize), 1..60)) {
            let limits = TailLimits { bytes: 6_000, blocks: 8 };
            let tail = tail(limits);
            let mut published = vec![];
            for (events, bytes) in sizes {
                let first = tail.head().0 + 1;
                let block = block(first, first + events - 1, bytes);
                tail.publish(&[Arc::clone(&block)]);
                published.push(block);
                let kept = tail.kept();
                prop_assert!(kept.blocks.len() == 1 || (kept.bytes <= limits.bytes && kept.blocks.len() <= limits.blocks));
                prop_assert_eq!(kept.bytes, kept.blocks.iter().map(|block| weight(block)).sum::<usize>());
                let floor = kept.floor;
                drop(kept);
                for after in 5..=tail.head().0 {
                    let expected: Vec<_> = published.iter().filter(|block| block.last().0 > after).cloned().collect();
                    match tail.after(Position(after), usize::MAX) {
                        Recent::Blocks(blocks) => prop_assert_eq!(blocks, expected),
                        Recent::TooOld => prop_assert!(Position(after) < floor),
                    }
                }
            }
        }
    }

    fn tail(limits: TailLimits) -> Tail {
        Tail::new(Epoch::from_random([0; 8]), Position(5), limits)
    }

    fn block(first: u64, last: u64, bytes: usize) -> Arc<Block> {
        let entries = (first..=last).map(|position| Entry {
            position: Position(position),
            ..entry(EventType::CallUpdated)
        });
        Arc::new(Block {
            epoch: Epoch::from_random([0; 8]),
            entries: entries.collect(),
            body: Bytes::from(vec![b'x'; bytes]),
        })
    }
}
