//! What waits for readers, in this shard and in all.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The account of all shards.
#[derive(Debug, Default)]
pub(in crate::fanout) struct Account {
    held: AtomicUsize,
    limit: AtomicUsize,
}

/// The account of one shard. The common sum is brought up to date once a turn.
#[derive(Debug)]
pub(super) struct Memory {
    all: Arc<Account>,
    mine: usize,
    told: usize,
}

impl Account {
    pub(in crate::fanout) fn new(limit: usize) -> Self {
        let account = Self::default();
        account.allow(limit);
        account
    }

    /// From now on so much.
    pub(in crate::fanout) fn allow(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }
}

impl Memory {
    pub(super) fn new(all: Arc<Account>) -> Self {
        Self {
            all,
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
            self.all
                .held
                .fetch_add(self.mine - self.told, Ordering::Relaxed);
        } else {
            self.all
                .held
                .fetch_sub(self.told - self.mine, Ordering::Relaxed);
        }
        self.told = self.mine;
    }

    /// True while there is room for so much more.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let others = self
            .all
            .held
            .load(Ordering::Relaxed)
            .saturating_sub(self.told);
        others + self.mine + bytes <= self.all.limit.load(Ordering::Relaxed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.mine = 0;
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_the_moment_and_for_all_shards_together() {
        let account = Arc::new(Account::new(100));
        let (mut one, mut other) = (
            Memory::new(Arc::clone(&account)),
            Memory::new(Arc::clone(&account)),
        );
        one.take(60);
        one.settle();
        other.take(30);
        assert!(other.has_room(10) && !other.has_room(11));
        account.allow(90);
        assert!(other.has_room(0) && !other.has_room(1));
        account.allow(1_000);
        assert!(other.has_room(900));
        account.allow(0);
        drop(one);
        other.give(30);
        assert!(other.has_room(0) && !other.has_room(1));
    }
}
