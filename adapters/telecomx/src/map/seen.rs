//! Repeats: overlapping subscriptions tell an event once each.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// Ids of events that are recognised when they come again. At 1,000 events a second these are 16 seconds.
const MAX_IDS: usize = 16_384;
/// Bodies without an id that are recognised.
const MAX_BODIES: usize = 1_024;
/// For how long such a body is the same event.
const WINDOW: Duration = Duration::from_secs(2);

/// What has been told already.
#[derive(Default)]
pub(super) struct Seen {
    ids: HashSet<u64>,
    order: VecDeque<u64>,
    bodies: HashMap<u64, Duration>,
    bodies_order: VecDeque<u64>,
}

impl Seen {
    /// Notes an event's id. True when it was there.
    pub(super) fn id(&mut self, id: &str) -> bool {
        let id = hash(id.as_bytes());
        if !self.ids.insert(id) {
            return true;
        }
        self.order.push_back(id);
        if self.order.len() > MAX_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        false
    }

    /// Notes the body of an event without an id. True when it came a moment ago.
    pub(super) fn body(&mut self, body: &[u8], now: Duration) -> bool {
        let body = hash(body);
        match self.bodies.insert(body, now) {
            Some(before) => now.saturating_sub(before) < WINDOW,
            None => {
                self.bodies_order.push_back(body);
                if self.bodies_order.len() > MAX_BODIES
                    && let Some(oldest) = self.bodies_order.pop_front()
                {
                    self.bodies.remove(&oldest);
                }
                false
            }
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once() {
        let mut seen = Seen::default();
        assert!(!seen.id("a"));
        assert!(seen.id("a"));
        for n in 0..MAX_IDS {
            seen.id(&n.to_string());
        }
        assert!(!seen.id("a"), "forgotten after {MAX_IDS} others");
        assert!(seen.ids.len() <= MAX_IDS);
    }

    #[test]
    fn a_body_is_new_again_after_a_while() {
        let mut seen = Seen::default();
        let at = Duration::from_secs;
        assert!(!seen.body(b"x", at(0)));
        assert!(seen.body(b"x", at(1)));
        assert!(!seen.body(b"x", at(9)));
    }
}
