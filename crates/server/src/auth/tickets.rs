//! Tickets: credentials for one request, for browsers that cannot set headers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Identity;
use crate::{
    config::Digest,
    problem::{Kind, Problem},
};

/// Tickets that were given out and not used.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<HashMap<Digest, Ticket>>);

#[derive(Debug)]
struct Ticket {
    identity: Arc<Identity>,
    until: Duration,
}

impl Tickets {
    /// How long a ticket is good.
    pub(super) const LIFE: Duration = Duration::from_secs(30);
    /// The most tickets that wait to be used; beyond it none is given out.
    pub(super) const MOST: usize = 10_000;

    /// A ticket made of random bytes.
    pub(super) fn issue(
        &self,
        identity: Arc<Identity>,
        random: [u8; 32],
        now: Duration,
    ) -> Result<String, Problem> {
        let text = URL_SAFE_NO_PAD.encode(random);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= Self::MOST {
            table.retain(|_, ticket| ticket.until > now);
        }
        if table.len() >= Self::MOST {
            return Err(
                Problem::new(Kind::Unavailable, "too many tickets wait to be used")
                    .after(Duration::from_secs(5)),
            );
        }
        let until = now + Self::LIFE;
        table.insert(Digest::of(&text), Ticket { identity, until });
        Ok(text)
    }

    /// Uses up a ticket.
    pub(super) fn redeem(&self, text: &str, now: Duration) -> Option<Arc<Identity>> {
        let ticket = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&Digest::of(text))?;
        (now < ticket.until).then_some(ticket.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn random(n: usize) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        bytes
    }

    #[test]
    fn a_ticket_is_good_once_and_for_half_a_minute() {
        let (tickets, identity) = (Tickets::default(), Arc::new(Identity::local()));
        let issue = |n| {
            tickets
                .issue(Arc::clone(&identity), random(n), NOW)
                .unwrap()
        };
        let (first, second) = (issue(1), issue(2));
        assert!(tickets.redeem(&first, NOW).is_some());
        assert!(tickets.redeem(&first, NOW).is_none());
        assert!(tickets.redeem(&second, NOW + Tickets::LIFE).is_none());
        assert!(tickets.redeem("made up", NOW).is_none());
    }

    #[test]
    fn the_table_is_bounded_and_expired_tickets_make_room() {
        let (tickets, identity) = (Tickets::default(), Arc::new(Identity::local()));
        for n in 0..Tickets::MOST {
            tickets
                .issue(Arc::clone(&identity), random(n), NOW)
                .unwrap();
        }
        let one_more = |now| tickets.issue(Arc::clone(&identity), random(Tickets::MOST), now);
        assert_eq!(one_more(NOW).unwrap_err().kind(), Kind::Unavailable);
        assert!(one_more(NOW + Tickets::LIFE).is_ok());
    }
}
