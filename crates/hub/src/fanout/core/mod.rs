//! The core of a shard: all its streams and groups, without threads, clock or poll. Sockets are a trait, time is handed
//! in, and what the core wants of others it leaves as wishes.

mod connection;
mod followed;
mod group;
mod live;
mod memory;
mod replay;
mod talk;
mod turn;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use model::{Now, Position};
use serde_json::value::RawValue;

pub(super) use self::followed::Delivered;
pub(super) use self::group::append;
pub(super) use self::memory::Account;
use self::{
    connection::{Connection, Own, Phase, Waits},
    followed::Following,
    group::{Chunk, Group},
    memory::Memory,
};
use super::{
    Command, Counters, HistoryError, Opening, Options, Pages,
    codec::{self, Decoder, Opcode},
    socket::Wire,
    timers::Timers,
};
use crate::{
    filter::{Filter, FilterIndex, Variant},
    stream::{Closing, ConnectionId, Narrator, Notice},
    tail::Tail,
};

/// A connection: where it is kept, and whether it still is the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) slot: u32,
    pub(super) id: ConnectionId,
}

/// What the core wants of others.
pub(super) enum Wish {
    /// Ask the server what a text frame means.
    Text(ConnectionId, String),
    /// Tell the server that a connection is gone.
    Closed(ConnectionId),
    /// Have a worker do this.
    Pull(Job),
}

/// A request to the workers, to be answered by [`Core::pulled`].
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) pull: u64,
    pub(super) task: Task,
}

/// What a worker is to do.
pub(super) enum Task {
    /// The next page of state.
    Snapshot(Box<dyn Pages>),
    /// The next frames after a position.
    Replay {
        after: Position,
        filter: Arc<Filter>,
        variant: Variant,
        max_bytes: usize,
    },
}

/// What a worker found.
pub(super) enum Found {
    /// A page, and the pages that follow; none when there are no more.
    Snapshot(Option<PageOfState>),
    /// Frames of events.
    Replay {
        frames: Vec<u8>,
        events: u64,
        to: Position,
    },
    /// The log did not help.
    Failed(HistoryError),
}

/// A page, and the pages after it.
pub(super) type PageOfState = (Box<RawValue>, Box<dyn Pages>);

/// All streams of a shard.
pub(super) struct Core<W> {
    options: Options,
    tail: Tail,
    /// Every group has been given everything up to here.
    considered: Position,
    connections: Vec<Option<Box<Connection<W>>>>,
    vacant: Vec<u32>,
    by_id: HashMap<ConnectionId, u32>,
    groups: Vec<Option<Group>>,
    vacant_groups: Vec<u32>,
    by_view: HashMap<(Arc<Filter>, Variant), u32>,
    index: FilterIndex,
    /// Frames that are being built, by group.
    fresh: Vec<(u32, Chunk)>,
    spare: Vec<Chunk>,
    timers: Timers,
    memory: Memory,
    following: Following,
    /// To be looked at again in the next turn: they could go on, but others come first.
    again: Vec<Key>,
    /// Replayed further than the groups have been given.
    ahead: Vec<Key>,
    /// Would replay if there were memory.
    hungry: Vec<Key>,
    /// When to look for memory again.
    retry: Option<Duration>,
    wishes: Vec<Wish>,
    counters: Counters,
    buffer: Vec<u8>,
}

/// Bytes read at once.
const READ: usize = 64 * 1024;
/// A stream that is closed still gets what waits for it, up to this.
const FAREWELL: usize = 64 * 1024;

impl<W: Wire> Core<W> {
    /// A shard without streams. `account` is of what waits for readers in all shards.
    pub(super) fn new(options: Options, tail: Tail, account: Arc<Account>) -> Self {
        let considered = tail.head();
        let memory = Memory::new(account);
        Self {
            options,
            tail,
            considered,
            connections: Vec::new(),
            vacant: Vec::new(),
            by_id: HashMap::new(),
            groups: Vec::new(),
            vacant_groups: Vec::new(),
            by_view: HashMap::new(),
            index: FilterIndex::default(),
            fresh: Vec::new(),
            spare: Vec::new(),
            timers: Timers::default(),
            memory,
            following: Following::default(),
            again: Vec::new(),
            ahead: Vec::new(),
            hungry: Vec::new(),
            retry: None,
            wishes: Vec::new(),
            counters: Counters::default(),
            buffer: vec![0; READ],
        }
    }

    /// The slot that the next connection gets.
    pub(super) fn vacancy(&self) -> u32 {
        self.vacant
            .last()
            .copied()
            .unwrap_or_else(|| number(self.connections.len()))
    }

    /// Takes over a connection after its handshake, with what was read beyond it.
    pub(super) fn adopt(
        &mut self,
        id: ConnectionId,
        wire: W,
        buffered: &[u8],
        opening: Opening,
        now: Now,
    ) {
        let mut decoder = Decoder::default();
        decoder.push(buffered);
        // Clients come in rushes; their heartbeats should not.
        let half = self.options.heartbeat / 2;
        let heartbeat = now.mono + half + half * u32::from(id.0.to_le_bytes()[0]) / 256;
        let until = match &opening {
            Opening::AwaitToken { within } => now.mono + *within,
            Opening::Stream(_) | Opening::Refuse(_) => heartbeat,
        };
        let connection = Connection {
            id,
            wire,
            decoder,
            undecoded: 0,
            narrator: Narrator::new(id),
            own: Own::default(),
            phase: Phase::Await { until },
            view: None,
            pull: 0,
            waits: Waits::Nothing,
            asked: false,
            readable: true,
            parked: false,
            stuck: None,
            bookmark: false,
            silent: 0,
            heartbeat,
            armed: Duration::MAX,
            queued: false,
        };
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.connections.push(None);
            number(self.connections.len() - 1)
        });
        self.connections[slot as usize] = Some(Box::new(connection));
        self.by_id.insert(id, slot);
        self.arm(slot, heartbeat.min(until));
        match opening {
            Opening::AwaitToken { .. } => {}
            Opening::Stream(subscription) => self.subscribe(slot, *subscription, now),
            Opening::Refuse(closing) => self.close(slot, &closing, now),
        }
        self.go_on(slot, now);
    }

    /// Does what the server says; a connection that is gone needs nothing.
    pub(super) fn command(&mut self, id: ConnectionId, command: Command, now: Now) {
        let Some(slot) = self.by_id.get(&id).copied() else {
            return;
        };
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if matches!(connection.phase, Phase::Closing { .. }) {
            return;
        }
        if !matches!(command, Command::Expiring { .. } | Command::Close(_)) {
            connection.asked = false;
        }
        match command {
            Command::Subscribe(subscription) => self.subscribe(slot, *subscription, now),
            Command::Error(problem) => self.say(slot, &Notice::Error(&problem), now),
            Command::Bookmark => self.bookmark(slot, now),
            Command::Done => {}
            Command::Expiring { at } => self.say(slot, &Notice::Expiring { at }, now),
            Command::Close(closing) => self.close(slot, &closing, now),
        }
        self.go_on(slot, now);
    }

    /// Says goodbye to all.
    pub(super) fn close_all(&mut self, closing: &Closing, now: Now) {
        for slot in 0..number(self.connections.len()) {
            if self.connections[slot as usize].is_some() {
                self.close(slot, closing, now);
                self.go_on(slot, now);
            }
        }
    }

    /// Cuts all off.
    pub(super) fn drop_all(&mut self) {
        for slot in 0..number(self.connections.len()) {
            self.remove(slot);
        }
    }

    /// What the core wants of others since the last time.
    pub(super) fn wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    /// What it has done and holds.
    pub(super) fn counters(&self) -> Counters {
        Counters {
            connections: self.by_id.len(),
            groups: self.by_view.len(),
            held: self.memory.mine(),
            ..self.counters
        }
    }

    /// True without connections.
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn connection(&mut self, slot: u32) -> Option<&mut Connection<W>> {
        self.connections.get_mut(slot as usize)?.as_deref_mut()
    }

    fn key(&mut self, slot: u32) -> Option<Key> {
        let id = self.connection(slot)?.id;
        Some(Key { slot, id })
    }

    /// The slot, while the connection still is the one that was meant.
    fn current(&mut self, key: Key) -> Option<u32> {
        let same = self.connection(key.slot)?.id == key.id;
        same.then_some(key.slot)
    }

    fn arm(&mut self, slot: u32, at: Duration) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if at < connection.armed {
            connection.armed = at;
            let id = connection.id;
            self.timers.arm(Key { slot, id }, at);
        }
    }

    /// Adds an event of the stream about itself.
    fn say(&mut self, slot: u32, notice: &Notice<'_>, now: Now) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let json = connection.narrator.say(now.wall, notice);
        self.push(slot, codec::frame(Opcode::Text, &json));
    }

    /// Adds frames for one connection.
    fn push(&mut self, slot: u32, frames: Vec<u8>) {
        if frames.is_empty() {
            return;
        }
        self.memory.take(frames.len());
        if let Some(connection) = self.connection(slot) {
            connection.own.push(frames);
        }
    }

    /// Forgets a connection; its socket closes.
    fn remove(&mut self, slot: u32) {
        self.leave(slot);
        if let Some(connection) = self.connections[slot as usize].take() {
            self.memory
                .give(connection.own.held() + connection.undecoded);
            self.by_id.remove(&connection.id);
            self.vacant.push(slot);
            self.wishes.push(Wish::Closed(connection.id));
        }
    }
}

/// Slots are few: the options bound them.
fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
