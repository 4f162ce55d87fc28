//! Streams that are not live: state and the past, pulled piece by piece as the reader takes them.

use model::{Now, Position};

use super::{
    Core, Found, Job, Phase, Task, Wish, append,
    connection::{Connection, Waits},
};
use crate::{
    fanout::{HistoryError, socket::Wire},
    stream::{Closing, Notice},
    tail::Recent,
};

impl<W: Wire> Core<W> {
    /// Takes what a worker found.
    pub(in crate::fanout) fn pulled(&mut self, key: super::Key, pull: u64, found: Found, now: Now) {
        self.memory.give(self.options.page);
        let Some(slot) = self.current(key) else {
            return;
        };
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if connection.pull != pull || connection.waits != Waits::Worker {
            return;
        }
        connection.waits = Waits::Nothing;
        match found {
            Found::Snapshot(page) => self.told(slot, page, now),
            Found::Replay { frames, events, to } => self.replayed(slot, frames, events, to, now),
            Found::Failed(error) => {
                let closing = match error {
                    HistoryError::Expired(_) => {
                        Closing::slow("the log no longer reaches back that far")
                    }
                    HistoryError::Unavailable(_) => Closing::log_unavailable(),
                };
                self.close(slot, &closing, now);
            }
        }
        self.go_on(slot, now);
    }

    /// Goes on with a connection that has taken all it was given; true when that gave it more.
    pub(super) fn proceed(&mut self, slot: u32, now: Now) -> bool {
        let Some(connection) = self.connection(slot) else {
            return false;
        };
        match &mut connection.phase {
            Phase::Await { .. } | Phase::Live { .. } => false,
            Phase::Snapshot { .. } => {
                if connection.waits == Waits::Nothing {
                    self.turn_page(slot);
                }
                false
            }
            Phase::Replay { position } => {
                let position = *position;
                connection.waits == Waits::Nothing && self.replay(slot, position, now)
            }
            Phase::Closing { peer, .. } => {
                let peer = *peer;
                self.part(slot, peer);
                false
            }
        }
    }

    fn turn_page(&mut self, slot: u32) {
        if !self.memory.has_room(self.options.page) {
            self.wait(slot, Waits::Memory);
            return;
        }
        if let Some(Connection {
            phase: Phase::Snapshot { pages, .. },
            ..
        }) = self.connection(slot)
            && let Some(pages) = pages.take()
        {
            self.pull(slot, Task::Snapshot(pages));
        }
    }

    fn replay(&mut self, slot: u32, position: Position, now: Now) -> bool {
        if position > self.considered {
            self.wait(slot, Waits::Groups);
            return false;
        }
        if position < self.considered {
            if !self.memory.has_room(self.options.page) {
                self.wait(slot, Waits::Memory);
                return false;
            }
            if !self.close_in(slot, position) {
                return self.fetch(slot, position);
            }
        }
        self.join(slot);
        let cursor = self.tail.cursor(self.considered);
        self.say(slot, &Notice::Live { cursor }, now);
        true
    }

    /// What lies between a position and the groups, when it is little and in memory: one last step, so that catching
    /// up ends however fast events come.
    fn close_in(&mut self, slot: u32, position: Position) -> bool {
        let Recent::Blocks(blocks) = self.tail.after(position, self.options.page) else {
            return false;
        };
        if blocks
            .last()
            .is_none_or(|block| block.last() < self.considered)
        {
            return false;
        }
        let considered = self.considered;
        let Some(connection) = self.connection(slot) else {
            return false;
        };
        let Some((filter, variant)) = &connection.view else {
            return false;
        };
        let (mut frames, mut events) = (Vec::new(), 0);
        for block in &blocks {
            for entry in block.after(position) {
                if entry.position <= considered && filter.passes(entry) {
                    append(block, entry, *variant, &mut frames);
                    events += 1;
                }
            }
        }
        self.counters.delivered += events;
        self.push(slot, frames);
        true
    }

    fn fetch(&mut self, slot: u32, after: Position) -> bool {
        let max_bytes = self.options.page;
        let view = self
            .connection(slot)
            .and_then(|connection| connection.view.clone());
        if let Some((filter, variant)) = view {
            let task = Task::Replay {
                after,
                filter,
                variant,
                max_bytes,
            };
            self.pull(slot, task);
        }
        false
    }

    fn pull(&mut self, slot: u32, task: Task) {
        let Some(key) = self.key(slot) else { return };
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.waits = Waits::Worker;
        connection.pull += 1;
        let pull = connection.pull;
        // Reserved until the worker answers, whatever becomes of the connection.
        self.memory.take(self.options.page);
        self.wishes.push(Wish::Pull(Job { key, pull, task }));
    }

    fn wait(&mut self, slot: u32, waits: Waits) {
        let Some(key) = self.key(slot) else { return };
        if let Some(connection) = self.connection(slot) {
            connection.waits = waits;
        }
        match waits {
            Waits::Groups => self.ahead.push(key),
            Waits::Memory => self.hungry.push(key),
            Waits::Nothing | Waits::Worker => {}
        }
    }

    /// What they waited for is there.
    pub(super) fn wait_no_more(&mut self, keys: Vec<super::Key>) {
        for key in keys {
            let Some(slot) = self.current(key) else {
                continue;
            };
            if let Some(connection) = self.connection(slot)
                && connection.waits != Waits::Worker
            {
                connection.waits = Waits::Nothing;
                self.look_again(key);
            }
        }
    }

    fn told(&mut self, slot: u32, page: Option<super::PageOfState>, now: Now) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let Phase::Snapshot { pages, as_of } = &mut connection.phase else {
            return;
        };
        if let Some((page, rest)) = page {
            *pages = Some(rest);
            self.say(slot, &Notice::Snapshot(&page), now);
            return;
        }
        connection.phase = Phase::Replay { position: *as_of };
        self.bookmark_owed(slot, now);
    }

    fn replayed(&mut self, slot: u32, frames: Vec<u8>, events: u64, to: Position, now: Now) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let Phase::Replay { position } = &mut connection.phase else {
            return;
        };
        if to <= *position {
            // Asking again would ask forever: what follows is published, so a log that holds none of it is broken.
            self.close(slot, &Closing::log_unavailable(), now);
            return;
        }
        *position = to;
        self.counters.delivered += events;
        self.push(slot, frames);
    }
}
