//! A turn of the shard: sockets that are ready, what was published, what is due.

use std::{io, time::Duration};

use model::Now;

use super::{
    Core, Key, Phase,
    codec::{self, Opcode},
    connection::Connection,
    group::Slices,
    number,
};
use crate::{fanout::socket::Wire, stream::Closing};

/// Bytes written to one connection before others get their turn.
const BURST: usize = 512 * 1024;

/// How often to see whether other shards have let go of memory.
const RETRY: Duration = Duration::from_millis(250);

enum Sent {
    /// Nothing waits.
    All,
    /// The socket takes no more now.
    Parked,
    /// It would take more, but it is the turn of others.
    Enough,
    /// The connection is broken.
    Broken,
}

impl<W: Wire> Core<W> {
    /// A socket may be read from or written to again.
    pub(in crate::fanout) fn ready(&mut self, slot: u32, readable: bool, writable: bool, now: Now) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.readable |= readable;
        connection.parked &= !writable;
        self.go_on(slot, now);
    }

    /// Does what is to be done for all; true when there is more to do at once.
    pub(in crate::fanout) fn turn(&mut self, now: Now) -> bool {
        let more = self.distribute(now);
        for key in std::mem::take(&mut self.again) {
            let Some(slot) = self.current(key) else {
                continue;
            };
            if let Some(connection) = self.connection(slot) {
                connection.queued = false;
            }
            self.go_on(slot, now);
        }
        if !self.hungry.is_empty() && self.memory.has_room(self.options.page) {
            let hungry = std::mem::take(&mut self.hungry);
            self.wait_no_more(hungry);
        }
        for key in self.timers.due(now.mono) {
            if let Some(slot) = self.current(key) {
                self.look_at(slot, now);
            }
        }
        self.relieve(now);
        self.memory.settle();
        self.retry = (!self.hungry.is_empty()).then(|| now.mono + RETRY);
        more || !self.again.is_empty()
    }

    /// When a turn is due though nothing happens.
    pub(in crate::fanout) fn deadline(&self) -> Option<Duration> {
        self.timers.next().into_iter().chain(self.retry).min()
    }

    /// Does all that can be done for a connection now: once each, so that nobody who talks much keeps others waiting.
    pub(super) fn go_on(&mut self, slot: u32, now: Now) {
        if self.attend(slot, now)
            && self.listen(slot, now)
            && self.attend(slot, now)
            && let Some(key) = self.key(slot)
        {
            self.look_again(key);
        }
    }

    /// In the next turn again.
    pub(super) fn look_again(&mut self, key: Key) {
        if let Some(connection) = self.connection(key.slot)
            && !connection.queued
        {
            connection.queued = true;
            self.again.push(key);
        }
    }

    /// Sends what waits, and more when all is sent; false when that was the end of the connection.
    fn attend(&mut self, slot: u32, now: Now) -> bool {
        loop {
            match self.send(slot, now) {
                Sent::All if self.proceed(slot, now) => {}
                Sent::All | Sent::Parked => return self.connection(slot).is_some(),
                Sent::Enough => {
                    if let Some(key) = self.key(slot) {
                        self.look_again(key);
                    }
                    return true;
                }
                Sent::Broken => {
                    self.remove(slot);
                    return false;
                }
            }
        }
    }

    fn send(&mut self, slot: u32, now: Now) -> Sent {
        let mut written = 0;
        while written < BURST {
            match self.write(slot) {
                Ok(0) => return self.flush(slot, now),
                Ok(n) => {
                    written += n;
                    if let Some(connection) = self.connection(slot) {
                        connection.stuck = None;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.park(slot, now);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        Sent::Enough
    }

    /// One write of what waits: the rest of a frame of the group, then what is its own, then the group.
    fn write(&mut self, slot: u32) -> io::Result<usize> {
        let boundary = self.standing(slot).map(|standing| standing.boundary);
        let Some(connection) = self.connections[slot as usize].as_deref_mut() else {
            return Ok(0);
        };
        if connection.parked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let Connection {
            wire, own, phase, ..
        } = connection;
        let mut slices = Slices::new();
        let (mut rest, mut own_bytes) = (0, 0);
        let mut live = None;
        if let Phase::Live {
            group: at, sent, ..
        } = phase
            && let Some(group) = self.groups[*at as usize].as_ref()
        {
            let split = match boundary {
                Some(boundary) if !own.is_empty() && !own.is_begun() => boundary,
                _ => *sent,
            };
            group.slices(*sent, split, &mut slices);
            rest = split - *sent;
            own_bytes = own.slices(&mut slices);
            group.slices(split, group.end, &mut slices);
            live = Some((*at, sent));
        } else {
            own_bytes += own.slices(&mut slices);
        }
        if slices.is_empty() {
            return Ok(0);
        }
        let taken = wire.write(&slices)?;
        drop(slices);
        let of_rest = rest.min(taken as u64);
        let of_own = own_bytes.min(taken - usize::try_from(of_rest).unwrap_or(usize::MAX));
        let held = own.held();
        own.advance(of_own);
        self.memory.give(held - own.held());
        if let Some((at, sent)) = live
            && taken > of_own
            && let Some(group) = self.groups[at as usize].as_mut()
        {
            let to = *sent + (taken - of_own) as u64;
            self.counters.delivered += group.frames_between(*sent, to);
            *sent = to;
            if to == group.end {
                group.behind -= 1;
                self.trim(at);
            }
        }
        Ok(taken)
    }

    fn flush(&mut self, slot: u32, now: Now) -> Sent {
        let Some(connection) = self.connection(slot) else {
            return Sent::All;
        };
        match connection.wire.flush() {
            Ok(true) => {
                connection.stuck = None;
                Sent::All
            }
            Ok(false) => self.park(slot, now),
            Err(_) => Sent::Broken,
        }
    }

    fn park(&mut self, slot: u32, now: Now) -> Sent {
        let stall = self.options.stall;
        if let Some(connection) = self.connection(slot) {
            connection.parked = true;
            let since = *connection.stuck.get_or_insert(now.mono);
            self.arm(slot, since + stall);
        }
        Sent::Parked
    }

    /// A timer of a connection has come: what is due, and when to look again.
    fn look_at(&mut self, slot: u32, now: Now) {
        let (stall, heartbeat) = (self.options.stall, self.options.heartbeat);
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if connection.armed > now.mono {
            return;
        }
        connection.armed = Duration::MAX;
        let is_stuck = connection
            .stuck
            .is_some_and(|since| since + stall <= now.mono);
        match connection.phase {
            Phase::Closing { until, .. } if until <= now.mono => {
                self.remove(slot);
                return;
            }
            Phase::Await { until } if until <= now.mono => {
                self.close(slot, &Closing::new(4401, "no token came in time"), now);
            }
            Phase::Snapshot { .. } | Phase::Replay { .. } | Phase::Live { .. } if is_stuck => {
                self.close(slot, &Closing::slow("nothing was taken for too long"), now);
            }
            Phase::Snapshot { .. } | Phase::Replay { .. } | Phase::Live { .. }
                if connection.heartbeat <= now.mono =>
            {
                connection.heartbeat = now.mono + heartbeat;
                self.beat(slot, now);
            }
            _ => {}
        }
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let next = match connection.phase {
            Phase::Closing { until, .. } => until,
            Phase::Await { until } => until,
            Phase::Snapshot { .. } | Phase::Replay { .. } | Phase::Live { .. } => {
                let stuck = connection
                    .stuck
                    .map_or(Duration::MAX, |since| since + stall);
                connection.heartbeat.min(stuck)
            }
        };
        self.arm(slot, next);
        self.go_on(slot, now);
    }

    fn beat(&mut self, slot: u32, now: Now) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if connection.silent >= 2 {
            self.close(slot, &Closing::slow("two pings were not answered"), now);
            return;
        }
        // A ping behind what the reader has yet to take, or to a client that is not read from, tells nothing.
        if connection.own.is_empty() && !connection.asked {
            connection.silent += 1;
            self.push(slot, codec::frame(Opcode::Ping, b""));
            if !matches!(
                self.connection(slot),
                Some(Connection {
                    phase: Phase::Snapshot { .. },
                    ..
                })
            ) {
                self.bookmark(slot, now);
            }
        }
    }

    /// Closes the most lagging while memory is short.
    fn relieve(&mut self, now: Now) {
        if self.memory.has_room(0) {
            return;
        }
        let mut lagging: Vec<(usize, u32)> = (0..number(self.connections.len()))
            .filter(|slot| {
                let connection = self.connections[*slot as usize].as_deref();
                connection
                    .is_some_and(|connection| !matches!(connection.phase, Phase::Closing { .. }))
            })
            .map(|slot| (self.lag(slot), slot))
            .filter(|(lag, _)| *lag > 0)
            .collect();
        lagging.sort_unstable_by(|a, b| b.cmp(a));
        for (_, slot) in lagging {
            if self.memory.has_room(0) {
                return;
            }
            let group = match self.connection(slot) {
                Some(Connection {
                    phase: Phase::Live { group, .. },
                    ..
                }) => Some(*group),
                _ => None,
            };
            self.close(slot, &Closing::slow("memory for streams is short"), now);
            if let Some(group) = group {
                self.let_go(group);
            }
            self.go_on(slot, now);
        }
    }
}
