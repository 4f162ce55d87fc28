//! Live streams: joining and leaving groups, and handing out what was published.

use std::{io::IoSlice, sync::Arc};

use model::{Now, Position};

use super::{
    Core, Phase,
    group::{Chunk, Group, Slices, Standing},
    number,
};
use crate::{
    block::Block,
    fanout::socket::Wire,
    filter::{Filter, Variant},
    tail::Recent,
};

/// Bytes of blocks handed out in one turn, so that sockets and requests get their turn too.
const STEP: usize = 256 * 1024;

impl<W: Wire> Core<W> {
    /// Hands out the next published blocks; true when there are more. What is published meanwhile wakes the shard again.
    pub(super) fn distribute(&mut self, now: Now) -> bool {
        match self.tail.after(self.considered, STEP) {
            Recent::Blocks(blocks) if blocks.is_empty() => return false,
            Recent::Blocks(blocks) => {
                let before = self.considered;
                for block in &blocks {
                    self.build(block);
                    self.considered = block.last();
                }
                let followed = self.tail.followed(before, self.considered);
                self.following.begin(followed, now);
                self.deliver(before, now);
            }
            Recent::TooOld => self.overrun(),
        }
        let ahead = std::mem::take(&mut self.ahead);
        self.wait_no_more(ahead);
        self.considered < self.tail.head()
    }

    /// Makes a connection that stands where all groups stand a member of its group.
    pub(super) fn join(&mut self, slot: u32) {
        let Some((filter, variant)) = self
            .connection(slot)
            .and_then(|connection| connection.view.clone())
        else {
            return;
        };
        let at = self.group_of(filter, variant);
        let Some(group) = self.groups[at as usize].as_mut() else {
            return;
        };
        let (member, sent) = (number(group.members.len()), group.end);
        group.members.push(slot);
        if let Some(connection) = self.connection(slot) {
            connection.phase = Phase::Live {
                group: at,
                member,
                sent,
            };
        }
    }

    /// Takes a live stream out of its group, with the rest of the frame it is in, and tells where it stands then.
    pub(super) fn leave(&mut self, slot: u32) -> Option<Position> {
        let standing = self.standing(slot)?;
        let connection = self.connections[slot as usize].as_deref_mut()?;
        let Phase::Live {
            group: at,
            member,
            sent,
        } = connection.phase
        else {
            return None;
        };
        connection.phase = Phase::Replay {
            position: standing.position,
        };
        self.following.left(slot, sent);
        let group = self.groups[at as usize].as_mut()?;
        if !connection.own.is_begun() {
            let mut slices = Slices::new();
            group.slices(sent, standing.boundary, &mut slices);
            let rest: Vec<u8> = slices
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect();
            self.memory.take(rest.len());
            connection.own.push_rest(rest);
        }
        group.members.swap_remove(member as usize);
        group.behind -= usize::from(sent < group.end);
        let moved = group.members.get(member as usize).copied();
        if group.members.is_empty() {
            self.dissolve(at);
        } else {
            self.trim(at);
        }
        if let Some(moved) = moved.and_then(|slot| self.connection(slot))
            && let Phase::Live { member: place, .. } = &mut moved.phase
        {
            *place = member;
        }
        Some(standing.position)
    }

    /// Where a live stream stands between events.
    pub(super) fn standing(&self, slot: u32) -> Option<Standing> {
        match self.connections[slot as usize].as_deref()?.phase {
            Phase::Live { group, sent, .. } => {
                let group = self.groups[group as usize].as_ref()?;
                Some(group.standing(sent, self.considered))
            }
            Phase::Await { .. }
            | Phase::Snapshot { .. }
            | Phase::Replay { .. }
            | Phase::Closing { .. } => None,
        }
    }

    /// Bytes that wait for a connection, or that it makes wait for the rest of what it says.
    pub(super) fn lag(&self, slot: u32) -> usize {
        let Some(connection) = self.connections[slot as usize].as_deref() else {
            return 0;
        };
        let behind = match connection.phase {
            Phase::Live { group, sent, .. } => {
                self.groups[group as usize].as_ref().map_or(0, |group| {
                    usize::try_from(group.end - sent).unwrap_or(usize::MAX)
                })
            }
            Phase::Await { .. }
            | Phase::Snapshot { .. }
            | Phase::Replay { .. }
            | Phase::Closing { .. } => 0,
        };
        behind
            .saturating_add(connection.own.waiting())
            .saturating_add(connection.undecoded)
    }

    /// Lets go of what no member of a group waits for any more.
    pub(super) fn let_go(&mut self, at: u32) {
        let Some(group) = self.groups[at as usize].as_mut() else {
            return;
        };
        let needed = needed(&self.connections, &group.members, group.end);
        let freed = group.let_go(&mut self.spare, needed);
        self.memory.give(freed);
    }

    /// Builds the frames of a block, once for each group that wants them.
    fn build(&mut self, block: &Block) {
        let Self {
            index,
            groups,
            fresh,
            spare,
            ..
        } = self;
        for entry in block.after(self.considered) {
            index.find(entry, |at| {
                let Some(group) = groups[at as usize].as_mut() else {
                    return;
                };
                let place = *group.building.get_or_insert_with(|| {
                    fresh.push((at, spare.pop().unwrap_or_default()));
                    fresh.len() - 1
                });
                fresh[place].1.append(block, entry, group.variant);
            });
        }
    }

    /// Hands the new frames to the members, and sees to those that did not take all.
    fn deliver(&mut self, before: Position, now: Now) {
        let fresh = std::mem::take(&mut self.fresh);
        // First all groups get their frames, then the members: whoever joins a group meanwhile must not get them twice.
        let touched: Vec<u32> = fresh
            .into_iter()
            .map(|(at, chunk)| self.add(at, chunk, before))
            .collect();
        let mut behind = Vec::new();
        for at in touched {
            let took = self.hand_out(at, &mut behind);
            if self.following.is_open() {
                self.follow(at, took, &behind);
            }
            self.trim(at);
            for slot in behind.drain(..) {
                self.catch_behind(slot, now);
            }
        }
    }

    fn add(&mut self, at: u32, chunk: Chunk, before: Position) -> u32 {
        self.memory.take(chunk.bytes.len());
        if let Some(group) = self.groups[at as usize].as_mut() {
            group.building = None;
            group.add(chunk, before);
        }
        at
    }

    /// The fast path: one write for each member that waits for nothing else. Returns how many took all.
    fn hand_out(&mut self, at: u32, behind: &mut Vec<u32>) -> u64 {
        let Some(group) = self.groups[at as usize].as_mut() else {
            return 0;
        };
        let Some(chunk) = group.newest() else {
            return 0;
        };
        let slices = [IoSlice::new(&chunk.bytes)];
        let start = group.end - chunk.bytes.len() as u64;
        let mut took_all = 0;
        for slot in &group.members {
            let Some(connection) = self.connections[*slot as usize].as_deref_mut() else {
                continue;
            };
            let Phase::Live { sent, .. } = &mut connection.phase else {
                continue;
            };
            if *sent == start && connection.own.is_empty() && !connection.parked {
                // An error that stays shows again when the connection is looked at alone.
                *sent += connection.wire.write(&slices).unwrap_or(0) as u64;
                took_all += u64::from(*sent == group.end);
            }
            if *sent < group.end {
                behind.push(*slot);
            }
        }
        self.counters.delivered += took_all * chunk.frames.len() as u64;
        group.behind = behind.len();
        took_all
    }

    /// A member that did not take all at once: more of it if it will, and replay if it lags too far.
    fn catch_behind(&mut self, slot: u32, now: Now) {
        self.go_on(slot, now);
        if self.lag(slot) > self.options.live_lag {
            self.fall_back(slot);
            self.go_on(slot, now);
        }
    }

    fn fall_back(&mut self, slot: u32) {
        if self.leave(slot).is_some() {
            self.counters.fallbacks += 1;
        }
    }

    /// The tail has gone on further than it reaches: every live stream replays what it missed.
    fn overrun(&mut self) {
        let head = self.tail.head();
        for slot in 0..number(self.connections.len()) {
            if self.standing(slot).is_some() {
                self.fall_back(slot);
                if let Some(key) = self.key(slot) {
                    self.look_again(key);
                }
            }
        }
        self.considered = head;
    }

    /// Lets go of what nobody in a group waits for, as far as that is easily seen.
    pub(super) fn trim(&mut self, at: u32) {
        let Some(group) = self.groups[at as usize].as_mut() else {
            return;
        };
        let (connections, end) = (&self.connections, group.end);
        let freed = group.trim(&mut self.spare, |members| needed(connections, members, end));
        self.memory.give(freed);
    }

    fn group_of(&mut self, filter: Arc<Filter>, variant: Variant) -> u32 {
        let view = (filter, variant);
        if let Some(at) = self.by_view.get(&view) {
            return *at;
        }
        let at = self.vacant_groups.pop().unwrap_or_else(|| {
            self.groups.push(None);
            number(self.groups.len() - 1)
        });
        self.index.insert(at, Arc::clone(&view.0));
        self.groups[at as usize] = Some(Group::new(Arc::clone(&view.0), variant));
        self.by_view.insert(view, at);
        at
    }

    fn dissolve(&mut self, at: u32) {
        if let Some(group) = self.groups[at as usize].take() {
            self.memory.give(group.kept());
            self.index.remove(at);
            self.by_view.remove(&(group.filter, group.variant));
            self.vacant_groups.push(at);
        }
    }
}

/// The least offset that a member still waits from.
fn needed<W>(connections: &[Option<Box<super::Connection<W>>>], members: &[u32], end: u64) -> u64 {
    let sent = |slot: &u32| match connections[*slot as usize].as_deref()?.phase {
        Phase::Live { sent, .. } => Some(sent),
        Phase::Await { .. }
        | Phase::Snapshot { .. }
        | Phase::Replay { .. }
        | Phase::Closing { .. } => None,
    };
    members.iter().filter_map(sent).min().unwrap_or(end)
}
