//! What is said: by the client in frames, by the stream about itself, and goodbye.

use std::io;

use model::Now;

use super::{
    Core, FAREWELL, Phase, READ, Wish,
    codec::{self, Decoder, Opcode},
    connection::{Peer, Waits},
};
use crate::{
    fanout::{
        Start, Subscription,
        codec::{Incoming, Violation},
        socket::Wire,
    },
    stream::{Closing, Notice},
};

/// Reads in one go before others get their turn.
const READS: usize = 4;

impl<W: Wire> Core<W> {
    /// Hears what the client has said; true when it said something.
    pub(super) fn listen(&mut self, slot: u32, now: Now) -> bool {
        let mut pong = None;
        let mut heard = false;
        let mut reads = 0;
        while let Some(next) = self.hear(slot, &mut reads) {
            heard = true;
            match next {
                Err(violation) => self.object(slot, violation, now),
                Ok(incoming) => match incoming {
                    Incoming::Text(text) => self.ask(slot, text),
                    // Of many pings the last may stand for all, which bounds what a flood of them is answered.
                    Incoming::Ping(payload) => pong = Some(payload),
                    Incoming::Pong => {}
                    Incoming::Close(code) => self.answer_goodbye(slot, code, now),
                },
            }
        }
        if let Some(payload) = pong
            && self.is_open(slot)
        {
            self.push(slot, codec::frame(Opcode::Pong, &payload));
        }
        self.account(slot);
        heard
    }

    /// The filter, from where, and what is told about it.
    pub(super) fn subscribe(&mut self, slot: u32, subscription: Subscription, now: Now) {
        let left = self.leave(slot);
        let head = self.tail.head();
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let (is_open, here) = match &connection.phase {
            Phase::Await { .. } => (false, head),
            Phase::Snapshot { as_of, .. } => (true, *as_of),
            Phase::Replay { position } => (true, left.unwrap_or(*position)),
            Phase::Live { .. } | Phase::Closing { .. } => return,
        };
        let from = match (&subscription.snapshot, subscription.from) {
            (Some(snapshot), _) => snapshot.as_of,
            // The groups may be given less than is published: what is, is past.
            (None, Start::Live) => head,
            (None, Start::After(position)) => position,
            (None, Start::Here) => here,
        };
        connection.pull += 1;
        connection.waits = Waits::Nothing;
        connection.view = Some((subscription.filter, subscription.variant));
        connection.phase = match subscription.snapshot {
            Some(snapshot) => Phase::Snapshot {
                pages: Some(snapshot.pages),
                as_of: snapshot.as_of,
            },
            None => Phase::Replay { position: from },
        };
        let id = connection.id;
        let cursor = self.tail.cursor(from);
        let announcement = &subscription.announcement;
        let notice = if is_open {
            Notice::Filtered {
                cursor,
                announcement,
            }
        } else {
            Notice::Opened {
                connection: id,
                cursor,
                heartbeat_s: self.options.heartbeat.as_secs(),
                announcement,
            }
        };
        self.say(slot, &notice, now);
        if let Some(reset) = &subscription.reset {
            self.say(slot, &Notice::Reset(reset), now);
        }
        self.bookmark_owed(slot, now);
    }

    /// Tells how far everything was considered. Within a snapshot there is no such position: it follows then.
    pub(super) fn bookmark(&mut self, slot: u32, now: Now) {
        let standing = self.standing(slot);
        let considered = self.considered;
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let position = match (&connection.phase, standing) {
            (Phase::Live { .. }, Some(standing)) => standing.position,
            (Phase::Replay { position }, _) => *position,
            (Phase::Await { .. } | Phase::Live { .. }, _) => considered,
            (Phase::Snapshot { .. }, _) => {
                connection.bookmark = true;
                return;
            }
            (Phase::Closing { .. }, _) => return,
        };
        let cursor = self.tail.cursor(position);
        self.say(slot, &Notice::Bookmark { cursor }, now);
    }

    /// Tells it now, if it was asked for during a snapshot that is over.
    pub(super) fn bookmark_owed(&mut self, slot: u32, now: Now) {
        if let Some(connection) = self.connection(slot)
            && matches!(connection.phase, Phase::Replay { .. })
            && std::mem::take(&mut connection.bookmark)
        {
            self.bookmark(slot, now);
        }
    }

    /// Says goodbye, and waits for the peer to say so too.
    pub(super) fn close(&mut self, slot: u32, closing: &Closing, now: Now) {
        if closing.code == 4500 && self.is_open(slot) {
            self.counters.slow += 1;
        }
        self.say_goodbye(slot, Peer::Silent, now, |core| {
            // The codes of the protocol itself speak to a client that does not get that far.
            if closing.code >= 4000 {
                core.say(slot, &Notice::Closing(closing), now);
            }
            core.push(slot, codec::close(closing.code, &closing.reason));
        });
    }

    /// Ends a connection once everything is said, as far as the peer lets it.
    pub(super) fn part(&mut self, slot: u32, peer: Peer) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        match peer {
            Peer::Silent => {}
            // Not to be dropped yet: what is unread would make the kernel throw away what is unsent.
            Peer::Unintelligible => connection.wire.end(),
            Peer::Answered => {
                connection.wire.end();
                self.remove(slot);
            }
        }
    }

    /// Says goodbye to a client of which nothing more can be understood.
    fn object(&mut self, slot: u32, violation: Violation, now: Now) {
        self.counters.violations += 1;
        let closing = Closing::new(violation.code(), violation.to_string());
        self.close(slot, &closing, now);
        if let Some(connection) = self.connection(slot)
            && let Phase::Closing { peer, .. } = &mut connection.phase
        {
            *peer = Peer::Unintelligible;
            connection.decoder = Decoder::default();
        }
    }

    fn answer_goodbye(&mut self, slot: u32, code: Option<u16>, now: Now) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if let Phase::Closing { peer, .. } = &mut connection.phase {
            *peer = Peer::Answered;
            return;
        }
        let frame = match code {
            Some(code) => codec::close(code, ""),
            None => codec::frame(Opcode::Close, b""),
        };
        self.say_goodbye(slot, Peer::Answered, now, |core| core.push(slot, frame));
    }

    fn say_goodbye(&mut self, slot: u32, peer: Peer, now: Now, say: impl FnOnce(&mut Self)) {
        if !self.is_open(slot) {
            return;
        }
        self.leave(slot);
        if let Some(connection) = self.connections[slot as usize].as_deref_mut()
            && connection.own.waiting() > FAREWELL
        {
            let held = connection.own.held();
            connection.own.cut();
            self.memory.give(held - connection.own.held());
        }
        say(self);
        let until = now.mono + self.options.close_wait;
        if let Some(connection) = self.connection(slot) {
            connection.phase = Phase::Closing { until, peer };
            connection.asked = false;
            connection.pull += 1;
            connection.waits = Waits::Nothing;
        }
        self.arm(slot, until);
    }

    /// What clients have begun to say and not ended is memory like what waits for them.
    fn account(&mut self, slot: u32) {
        if let Some(connection) = self.connections[slot as usize].as_deref_mut() {
            let held = connection.decoder.held();
            self.memory.take(held);
            self.memory
                .give(std::mem::replace(&mut connection.undecoded, held));
        }
    }

    fn is_open(&mut self, slot: u32) -> bool {
        self.connection(slot)
            .is_some_and(|connection| !matches!(connection.phase, Phase::Closing { .. }))
    }

    fn ask(&mut self, slot: u32, text: String) {
        if self.is_open(slot)
            && let Some(connection) = self.connection(slot)
        {
            connection.asked = true;
            let id = connection.id;
            self.wishes.push(Wish::Text(id, text));
        }
    }

    /// The next thing the client said. A client that is being answered, or does not take answers, is not read from.
    fn hear(&mut self, slot: u32, reads: &mut usize) -> Option<Result<Incoming, Violation>> {
        loop {
            let connection = self.connections[slot as usize].as_deref_mut()?;
            let deaf =
                matches!(connection.phase, Phase::Closing { peer, .. } if peer != Peer::Silent);
            if !deaf {
                if connection.asked || connection.own.waiting() > READ {
                    return None;
                }
                match connection.decoder.next() {
                    Ok(Some(incoming)) => {
                        connection.silent = 0;
                        return Some(Ok(incoming));
                    }
                    Ok(None) => {}
                    Err(violation) => return Some(Err(violation)),
                }
            }
            let connection = self.connections[slot as usize].as_deref_mut()?;
            if !connection.readable {
                return None;
            }
            if *reads == READS {
                let key = self.key(slot)?;
                self.look_again(key);
                return None;
            }
            *reads += 1;
            match connection.wire.read(&mut self.buffer) {
                Ok(0) => {
                    self.remove(slot);
                    return None;
                }
                Ok(_) if deaf => {}
                Ok(n) => connection.decoder.push(&self.buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    connection.readable = false;
                    return None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.remove(slot);
                    return None;
                }
            }
        }
    }
}
