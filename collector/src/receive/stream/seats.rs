//! Connections of one listener, and how many of them an address may have.
//!
//! Comes in: where a connection comes from. Goes out: its seat, for as long as anything of it is left, or none: an address
//! may have as many as it leaves free. So one alone has half of them, a second one a third, and there is always one left
//! for whoever has none yet. Must not remember an address that has no connection.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Closed, Metrics};

/// Connections at once of one protocol; above it new ones wait in the kernel's queue. Senders keep theirs: there are as
/// many as senders. At rest one costs its buffer of 16 KiB.
const CONNECTIONS: usize = 1024;

#[derive(Clone, Debug)]
pub struct Seats {
    pub(super) most: usize,
    receiver: &'static str,
    metrics: Arc<Metrics>,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    address: IpAddr,
}

impl Seats {
    pub(in crate::receive) fn new(receiver: &'static str, metrics: Arc<Metrics>) -> Self {
        Self::of(CONNECTIONS, receiver, metrics)
    }

    pub(super) fn of(most: usize, receiver: &'static str, metrics: Arc<Metrics>) -> Self {
        Self { most, receiver, metrics, taken: Arc::default() }
    }

    /// Where there is none, that is counted.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let mut taken = self.lock();
        let free = self.most.saturating_sub(taken.values().sum());
        let held = taken.get(&address).copied().unwrap_or(0);
        if held >= free {
            drop(taken);
            self.metrics.refused(self.receiver, Closed::Share);
            return None;
        }
        taken.insert(address, held + 1);
        Some(Seat { seats: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Entry::Occupied(mut held) = self.seats.lock().entry(self.address) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn an_address_may_have_as_many_connections_as_it_leaves_free_and_the_last_one_is_for_another() {
        let metrics = Arc::new(Metrics::new(&mut Registry::default()));
        let seats = Seats::of(12, "syslog", metrics);
        let take_all = |last: u8| -> Vec<Seat> { std::iter::from_fn(|| seats.take([10, 0, 0, last].into())).collect() };
        let held: Vec<_> = (1..=4).map(take_all).collect();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [6, 3, 2, 1]);
        drop(held);
        assert!(seats.lock().is_empty());
    }
}
