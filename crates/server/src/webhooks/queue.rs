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
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn at(n: u64) -> Position {
        Position(n)
    }

    fn queue(lanes: &[u64]) -> Queue {
        let mut queue = Queue::default();
        for (position, lane) in (1..).zip(lanes) {
            assert!(queue.push(at(position), Item::new(*lane, NOW)));
        }
        queue
    }

    fn all_ready(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.next(NOW))
            .map(|position| position.0)
            .collect()
    }

    #[test]
    fn lanes_run_beside_each_other_and_each_in_order() {
        let mut queue = queue(&[7, 7, 8, 7, 8]);
        assert_eq!(all_ready(&mut queue), [1, 3]);
        queue.settle(at(3));
        assert_eq!(all_ready(&mut queue), [5]);
        queue.settle(at(1));
        assert_eq!(all_ready(&mut queue), [2]);
        queue.settle(at(2));
        queue.settle(at(5));
        assert_eq!(all_ready(&mut queue), [4]);
        queue.settle(at(4));
        assert_eq!(
            (queue.lanes(), queue.in_flight(), queue.line()),
            (0, 0, None)
        );
    }

    #[test]
    fn a_failing_head_holds_only_its_own_lane() {
        let mut queue = queue(&[7, 7, 8, 8]);
        assert_eq!(all_ready(&mut queue), [1, 3]);
        let due = NOW.after(Duration::from_secs(5));
        queue.retry(at(1), due, NOW);
        queue.settle(at(3));
        assert_eq!(all_ready(&mut queue), [4]);
        queue.settle(at(4));
        assert_eq!((queue.next(NOW), queue.wake()), (None, Some(due)));
        assert_eq!(queue.next(due), Some(at(1)));
        queue.settle(at(1));
        assert_eq!(queue.next(NOW), Some(at(2)));
    }

    #[test]
    fn the_line_waits_for_what_is_neither_settled_nor_saved() {
        let mut queue = queue(&[7, 8, 7, 9]);
        assert_eq!(all_ready(&mut queue), [1, 2, 4]);
        queue.settle(at(2));
        assert_eq!(queue.line(), Some(at(1)));
        queue.retry(at(1), NOW.after(Duration::from_secs(5)), NOW);
        // The head that failed, and what waits behind it; not what is on its way.
        assert_eq!(queue.blocked(), [at(1), at(3)]);
        for position in queue.blocked() {
            queue.save(position);
        }
        assert_eq!((queue.line(), queue.saved()), (Some(at(4)), 2));
        queue.settle(at(4));
        assert_eq!(queue.line(), None);
    }

    #[test]
    fn what_waits_behind_a_head_is_blocked_also_when_its_time_has_come() {
        let mut queue = queue(&[7, 8]);
        assert_eq!(all_ready(&mut queue), [1, 2]);
        let due = NOW.after(Duration::from_secs(5));
        queue.retry(at(1), due, NOW);
        queue.postpone(at(2), due);
        assert_eq!(queue.get(at(2)).map(|item| item.attempts), Some(0));
        // There is room for one only; the other is ready and waits for it.
        assert_eq!(queue.next(due), Some(at(1)));
        assert!(queue.push(at(3), Item::new(8, NOW)));
        assert_eq!(queue.blocked(), [at(2), at(3)]);
        queue.settle(at(1));
        queue.settle(at(2));
        assert!(queue.blocked().is_empty() && !queue.may_block());
    }

    #[test]
    fn what_rests_is_saved_and_not_on_its_way() {
        let mut queue = queue(&[7, 8, 9, 10]);
        for position in [1, 2, 4] {
            queue.save(at(position));
        }
        assert_eq!(queue.next(NOW), Some(at(1)));
        assert_eq!(queue.resting(at(3)), [at(2)]);
        assert_eq!(queue.resting(at(9)), [at(2), at(4)]);
    }

    #[test]
    fn what_is_there_is_not_added_twice() {
        let mut queue = queue(&[7]);
        assert!(!queue.push(at(1), Item::new(7, NOW)));
        assert_eq!(all_ready(&mut queue), [1]);
        assert_eq!(queue.next(NOW), None);
    }

    /// Whatever order things happen in, nothing is sent twice at a time, out of order in its lane, or forgotten.
    #[test]
    fn nothing_is_lost_doubled_or_overtaken() {
        let mut random = 12_345_u64;
        let mut below = |n: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % n
        };
        for _ in 0..200 {
            let (mut queue, mut flying, mut sent) = (Queue::default(), Vec::new(), HashMap::new());
            let (mut pushed, mut settled, mut now) = (0, 0, NOW);
            while settled < 60 {
                match below(5) {
                    0 | 1 if pushed < 60 => {
                        pushed += 1;
                        queue.push(at(pushed), Item::new(below(4), NOW));
                    }
                    2 => {
                        if let Some(position) = queue.next(now) {
                            let lane = queue.get(position).unwrap().lane;
                            let last = sent.insert(lane, position);
                            assert!(last.is_none_or(|last| last <= position), "overtaken");
                            assert!(!flying.contains(&position), "twice at a time");
                            flying.push(position);
                        }
                    }
                    3 if !flying.is_empty() => {
                        let nth = below(flying.len() as u64) as usize;
                        let position = flying.swap_remove(nth);
                        if below(9) == 0 {
                            queue.postpone(position, now.after(Duration::from_secs(below(5))));
                        } else if below(3) == 0 {
                            queue.retry(position, now.after(Duration::from_secs(below(5))), now);
                        } else {
                            assert!(queue.settle(position).is_some());
                            settled += 1;
                        }
                    }
                    4 => {
                        now = now.after(Duration::from_secs(1));
                        for position in queue.blocked() {
                            queue.save(position);
                        }
                    }
                    _ => {}
                }
                assert_eq!(queue.in_flight(), flying.len());
                assert!(queue.may_block() || queue.blocked().is_empty());
                assert!(
                    queue
                        .line()
                        .is_none_or(|line| !queue.get(line).unwrap().saved)
                );
            }
            assert_eq!((queue.lanes(), queue.unsaved(), queue.saved()), (0, 0, 0));
        }
    }
}
