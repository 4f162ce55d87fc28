//! How many of something are held from one address at a time.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is held from where. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Seats(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of it, given back when dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    place: IpAddr,
}

impl Seats {
    /// One more from an address; none when it holds as many as it may.
    #[must_use]
    pub fn take(&self, from: IpAddr, most: usize) -> Option<Seat> {
        let place = place(from);
        let mut table = self.table();
        let held = table.get(&place).copied().unwrap_or(0);
        if held >= most {
            return None;
        }
        table.insert(place, held + 1);
        drop(table);
        Some(Seat {
            seats: self.clone(),
            place,
        })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.seats.table();
        match table.get_mut(&self.place) {
            Some(held) if *held > 1 => *held -= 1,
            // Whoever is gone takes no room in the table.
            _ => {
                table.remove(&self.place);
            }
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it too.
pub(crate) fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_and_gives_it_back() {
        let seats = Seats::default();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let first = seats.take(one, 2).unwrap();
        let _second = seats.take(one, 2).unwrap();
        assert!(seats.take(one, 2).is_none());
        assert!(
            seats.take(one, 3).is_some(),
            "the limit is that of the moment"
        );
        assert!(seats.take(other, 2).is_some());
        drop(first);
        assert!(seats.take(one, 2).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_one_is_itself() {
        let seats = Seats::default();
        let _held = seats.take(address("2001:db8::1"), 1).unwrap();
        assert!(seats.take(address("2001:db8::2:3:4:5"), 1).is_none());
        let _next = seats.take(address("2001:db8:0:1::1"), 1).unwrap();
        let _plain = seats.take(address("192.0.2.1"), 1).unwrap();
        assert!(seats.take(address("::ffff:192.0.2.1"), 1).is_none());
    }

    #[test]
    fn nothing_is_remembered_of_those_who_are_gone() {
        let seats = Seats::default();
        for n in 0..1_000_u32 {
            drop(seats.take(IpAddr::V4(n.into()), 1));
        }
        assert!(seats.table().is_empty());
    }
}
