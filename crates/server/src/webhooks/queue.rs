//! What an endpoint still has to get: lanes whose heads may be sent, and the line up to which everything is settled.
//!
//! Pure. An event is *waiting* in its lane, *in flight* when it is the head and was handed out, and gone when it is
//! settled. A head that has to be tried again holds only its own lane. What is *saved* survives a restart by itself, so
//! it does not hold the line back.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use model::{Position, Timestamp};

/// The events that are not settled.
#[derive(Debug, Default)]
pub struct Queue {
    items: BTreeMap<Position, Item>,
    lanes: HashMap<u64, VecDeque<Position>>,
    /// Heads that may be sent now.
    ready: BTreeSet<Position>,
    /// Heads that wait for their time.
    due: BTreeSet<(Timestamp, Position)>,
    in_flight: usize,
    /// Events that were tried, or could not be, and wait to be tried again.
    held: usize,
    saved: usize,
    /// The live events that are neither settled nor saved.
    unsaved: BTreeSet<Position>,
}

/// An event that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Events of one lane are sent one after another.
    pub lane: u64,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first attempt was.
    pub first: Option<Timestamp>,
    /// Not to be sent before.
    pub due: Option<Timestamp>,
    /// Since when it is to be delivered: when it was received, or when it was asked for once more.
    pub since: Timestamp,
    /// It survives a restart by itself.
    pub saved: bool,
    flying: bool,
}

impl Item {
    /// An event that was not tried yet.
    #[must_use]
    pub const fn new(lane: u64, since: Timestamp) -> Self {
        Self {
            lane,
            since,
            attempts: 0,
            first: None,
            due: None,
            saved: false,
            flying: false,
        }
    }
}

impl Queue {
    /// Adds an event behind its lane. False when it is there already.
    pub fn push(&mut self, position: Position, item: Item) -> bool {
        if self.items.contains_key(&position) {
            return false;
        }
        let lane = self.lanes.entry(item.lane).or_default();
        lane.push_back(position);
        let is_head = lane.len() == 1;
        if item.saved {
            self.saved += 1;
        } else {
            self.unsaved.insert(position);
        }
        self.held += usize::from(item.due.is_some());
        self.items.insert(position, item);
        if is_head {
            self.arm(position);
        }
        true
    }

    /// The next event to send, which is in flight from then on.
    pub fn next(&mut self, now: Timestamp) -> Option<Position> {
        while let Some((at, position)) = self.due.first().copied()
            && at <= now
        {
            self.due.remove(&(at, position));
            self.ready.insert(position);
        }
        let position = self.ready.pop_first()?;
        if let Some(item) = self.items.get_mut(&position) {
            item.flying = true;
            self.held -= usize::from(item.due.is_some());
        }
        self.in_flight += 1;
        Some(position)
    }

    /// An event in flight is delivered, or given up. Its lane goes on.
    pub fn settle(&mut self, position: Position) -> Option<Item> {
        let item = self.items.remove(&position)?;
        self.in_flight -= usize::from(item.flying);
        self.held -= usize::from(item.due.is_some() && !item.flying);
        self.saved -= usize::from(item.saved);
        self.unsaved.remove(&position);
        self.ready.remove(&position);
        if let Some(due) = item.due {
            self.due.remove(&(due, position));
        }
        if let Some(lane) = self.lanes.get_mut(&item.lane) {
            lane.retain(|other| *other != position);
            match lane.front().copied() {
                Some(head) => self.arm(head),
                None => {
                    self.lanes.remove(&item.lane);
                }
            }
        }
        Some(item)
    }

    /// An event in flight failed, and is tried again at `due`.
    pub fn retry(&mut self, position: Position, due: Timestamp, now: Timestamp) {
        if let Some(item) = self.items.get_mut(&position) {
            item.attempts += 1;
            item.first.get_or_insert(now);
        }
        self.postpone(position, due);
    }

    /// An event in flight could not even be tried, and is not before `due`.
    pub fn postpone(&mut self, position: Position, due: Timestamp) {
        let Some(item) = self.items.get_mut(&position) else {
            return;
        };
        self.in_flight -= usize::from(std::mem::replace(&mut item.flying, false));
        item.due = Some(due);
        self.held += 1;
        self.due.insert((due, position));
    }

    /// What survives by itself, is not in flight, and lies no further than a position.
    #[must_use]
    pub fn resting(&self, until: Position) -> Vec<Position> {
        let resting = self.items.range(..=until);
        let resting = resting.filter(|(_, item)| item.saved && !item.flying);
        resting.map(|(position, _)| *position).collect()
    }

    /// Makes all that waits for its time ready, because the endpoint is asked to be tried anew.
    pub fn hurry(&mut self) {
        for (_, position) in std::mem::take(&mut self.due) {
            self.ready.insert(position);
        }
    }

    /// An event survives a restart by itself now.
    pub fn save(&mut self, position: Position) {
        if let Some(item) = self.items.get_mut(&position)
            && !item.saved
        {
            item.saved = true;
            self.saved += 1;
            self.unsaved.remove(&position);
        }
    }

    /// Events that are not saved and wait behind a head that has to be tried again, or are such a head.
    #[must_use]
    pub fn blocked(&self) -> Vec<Position> {
        // Most often nothing has failed, and there is nothing to look at.
        if self.held == 0 {
            return Vec::new();
        }
        let blocked = |position: &&Position| {
            let item = self.items.get(*position)?;
            let head = self.lanes.get(&item.lane)?.front()?;
            let head = self.items.get(head)?;
            (head.due.is_some() && !head.flying).then_some(())
        };
        self.unsaved
            .iter()
            .filter(|position| blocked(position).is_some())
            .copied()
            .collect()
    }

    /// Whether [`Self::blocked`] may find any.
    #[must_use]
    pub fn may_block(&self) -> bool {
        self.held > 0 && !self.unsaved.is_empty()
    }

    /// The first event that is neither settled nor saved: everything before it is done, or survives by itself.
    #[must_use]
    pub fn line(&self) -> Option<Position> {
        self.unsaved.first().copied()
    }

    /// When the next head has waited long enough.
    #[must_use]
    pub fn wake(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// An event that is not settled.
    #[must_use]
    pub fn get(&self, position: Position) -> Option<&Item> {
        self.items.get(&position)
    }

    /// Events that are not saved.
    #[must_use]
    pub fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    /// Events that are saved.
    #[must_use]
    pub fn saved(&self) -> usize {
        self.saved
    }

    /// Events in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Lanes with something in them.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Since when the first event is to be delivered: the first in the log, so of a replay while there is one.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.items.first_key_value().map(|(_, item)| item.since)
    }

    fn arm(&mut self, head: Position) {
        match self.items.get(&head) {
            Some(item) if item.flying => {}
            Some(Item { due: Some(due), .. }) => {
                self.due.insert((*due, head));
            }
            Some(_) => {
                self.ready.insert(head);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
