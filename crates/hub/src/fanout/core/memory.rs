//! What waits for readers, in this shard and in all.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The account of one shard. The common sum is brought up to date once a turn.
#[derive(Debug)]
pub(super) struct Memory {
    all: Arc<AtomicUsize>,
    limit: usize,
    mine: usize,
    told: usize,
}

impl Memory {
    pub(super) fn new(all: Arc<AtomicUsize>, limit: usize) -> Self {
        Self {
            all,
            limit,
            mine: 0,
            told: 0,
        }
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.mine += bytes;
    }

    pub(super) fn give(&mut self, bytes: usize) {
        self.mine = self.mine.saturating_sub(bytes);
    }

    pub(super) fn mine(&self) -> usize {
        self.mine
    }

    /// Tells the others.
    pub(super) fn settle(&mut self) {
        if self.mine >= self.told {
            self.all.fetch_add(self.mine - self.told, Ordering::Relaxed);
        } else {
            self.all.fetch_sub(self.told - self.mine, Ordering::Relaxed);
        }
        self.told = self.mine;
    }

    /// True while there is room for so much more.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let others = self.all.load(Ordering::Relaxed).saturating_sub(self.told);
        others + self.mine + bytes <= self.limit
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.mine = 0;
        self.settle();
    }
}
