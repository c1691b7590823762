//! What one of several senders may have of what all share, so that a noisy one leaves room for the others.
//!
//! Comes in: a sender's address. Goes out: the budgets as it may use them: of what is read ahead at most half, of the
//! memory for requests at most three quarters, or one request where that is more, and of that half for messages that have
//! not come whole or are not taken yet: they give nothing back by themselves, and what others need to be taken must. What it sends beyond that waits behind its own requests or is told to
//! come back, and not behind or instead of those of others. Must not know what is sent.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::budget::Budget;

/// Senders remembered: as many as there are connections, 4096 of either OTLP socket and 1024 of either stream. Those
/// that have nothing on the way and no connection are forgotten first.
const SENDERS: usize = 2 * 4096 + 2 * 1024;

/// The budgets of one sender.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) held: Budget,
    pub(super) ahead: Budget,
    pub(super) unfinished: Budget,
}

/// Everybody's shares.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    whole: Share,
    /// What one sender may hold: never less than one request.
    most: usize,
    senders: Arc<Mutex<HashMap<IpAddr, Share>>>,
}

impl Shares {
    pub(super) fn of_all(held: Budget, ahead: Budget, request_limit: usize) -> Self {
        let most = (held.limit() / 4 * 3).max(request_limit).min(held.limit());
        let unfinished = Budget::new(held.limit() / 2);
        Self { whole: Share { held, ahead, unfinished }, most, senders: Arc::default() }
    }

    pub(super) fn unfinished(&self) -> Budget {
        self.whole.unfinished.clone()
    }

    pub(super) fn of(&self, sender: IpAddr) -> Share {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = senders.get(&sender) {
            return share.clone();
        }
        if senders.len() >= SENDERS {
            senders.retain(|_, share| !share.is_forgettable());
        }
        let Share { held, ahead, unfinished } = &self.whole;
        let share = Share {
            held: held.part(self.most),
            ahead: ahead.part(ahead.limit() / 2),
            unfinished: unfinished.part(self.most / 2),
        };
        if senders.len() < SENDERS {
            senders.insert(sender, share.clone());
        }
        share
    }
}

impl Share {
    /// One that a connection holds is not: forgotten, its sender would have another beside it.
    fn is_forgettable(&self) -> bool {
        self.held.is_part_forgettable() && self.ahead.is_part_forgettable() && self.unfinished.is_part_forgettable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares() -> Shares {
        Shares::of_all(Budget::new(400 << 10), Budget::new(100 << 10), 0)
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[tokio::test]
    async fn a_sender_that_takes_all_it_can_leaves_room_for_another() {
        let shares = shares();
        let (noisy, quiet) = (shares.of(address(1)), shares.of(address(2)));
        let held: Vec<_> = std::iter::from_fn(|| noisy.held.admit(10 << 10)).collect();
        assert_eq!(held.len(), 30);
        assert!(quiet.held.admit(100 << 10).is_some());
        let _turns = (noisy.ahead.wait(25 << 10).await, noisy.ahead.wait(25 << 10).await);
        let next = noisy.ahead.wait(1);
        tokio::pin!(next);
        assert!(futures::poll!(&mut next).is_pending());
        assert!(futures::poll!(Box::pin(quiet.ahead.wait(50 << 10))).is_ready());
    }

    #[test]
    fn a_sender_may_always_hold_one_request() {
        let shares = Shares::of_all(Budget::new(400 << 10), Budget::new(100 << 10), 400 << 10);
        assert!(shares.of(address(1)).held.admit(400 << 10).is_some());
    }

    #[test]
    fn the_share_of_an_address_is_one_for_all_its_connections() {
        let shares = shares();
        let _held = shares.of(address(1)).held.admit(300 << 10).unwrap();
        assert!(shares.of(address(1)).held.admit(1).is_none());
    }

    #[test]
    fn a_sender_with_a_connection_is_not_forgotten() {
        let shares = shares();
        let connection = shares.of(address(1));
        for last in 0..=SENDERS as u32 {
            shares.of(IpAddr::V4((0x0b00_0000 + last).into()));
        }
        let _held = connection.held.admit(300 << 10).unwrap();
        assert!(shares.of(address(1)).held.admit(1).is_none());
    }

    #[test]
    fn senders_with_nothing_on_the_way_are_forgotten_before_others() {
        let shares = shares();
        let busy = shares.of(address(1)).held.admit(300 << 10);
        for last in 0..=SENDERS as u32 {
            shares.of(IpAddr::V4((0x0b00_0000 + last).into()));
        }
        assert!(shares.senders.lock().unwrap().len() <= SENDERS);
        assert!(shares.of(address(1)).held.admit(1).is_none());
        drop(busy);
    }
}
