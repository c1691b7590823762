//! Where the next try of a kept delivery goes.
//!
//! Comes in: to whom it was sent, what came of it, and who is there. Goes out: whose turn it is. A delivery that may be with
//! a gateway goes to that one alone, until its patience is at its end. Must not send anything.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    failure::Failure,
    peers::{Peer, Peers, Who},
};
use crate::{errand::Errand, id::Keeper};

/// First and longest time between two gateways that a delivery is turned to. Each turn is written down; where nobody
/// takes anything, turns would fill the disk with nothing else.
const TURNS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// A kept delivery on its way.
#[derive(Debug)]
pub(super) struct Course {
    errand: Errand,
    /// How long it waits for a gateway that may have it.
    patience: Duration,
    /// Since when nobody knows whether it has.
    since: Option<Instant>,
    /// The gateway that it is for has said that it does not take it now.
    is_refused: bool,
    /// When it may be turned again, and how long it may not be after that.
    turns: (Option<Instant>, Duration),
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Turn {
    /// It goes to this one.
    Same(Peer),
    /// It goes to this one as soon as that is on the disk.
    Other(Peer),
    /// There is nobody to send it to; or there is, and it may be with somebody else.
    Nobody,
}

impl Course {
    pub(super) const fn new(errand: Errand, patience: Duration) -> Self {
        Self { errand, patience, since: None, is_refused: false, turns: (None, TURNS.0) }
    }

    /// The only gateway that may take it.
    pub(super) const fn to(&self) -> Option<Keeper> {
        self.errand.to()
    }

    pub(super) fn turn(&mut self, peers: &Peers) -> Turn {
        let now = Instant::now();
        // For nobody in particular it waits in vain.
        let waits =
            self.to().is_some() && self.errand.is_doubtful && now < *self.since.get_or_insert(now) + self.patience;
        let own = self.to().and_then(|keeper| peers.find(keeper));
        match own.clone() {
            // One that has no room now leaves the delivery to others, unless it may have it: it is there, and will say so.
            Some(peer) if waits || !(self.is_refused || peer.is_avoided()) => return Turn::Same(peer),
            None if waits => return Turn::Nobody,
            _ => {}
        }
        match peers.next_acquaintance() {
            Some(peer) if peer.who == Who::Forgetful && self.to().is_none() => Turn::Same(peer),
            Some(peer) if self.to().is_some_and(|keeper| peer.who == Who::Keeper(keeper)) => Turn::Same(peer),
            Some(peer) if self.to().is_none() || self.may_turn(&peer, now) => Turn::Other(peer),
            _ => own.map_or(Turn::Nobody, Turn::Same),
        }
    }

    fn may_turn(&self, peer: &Peer, now: Instant) -> bool {
        !peer.is_avoided() && self.turns.0.is_none_or(|next| now >= next)
    }

    /// From now on it goes to this one. Goes out whether that is on the disk, and whether the last one may have it too.
    pub(super) async fn turn_to(&mut self, peer: &Peer) -> (bool, bool) {
        let may_be_twice = self.errand.is_doubtful;
        let is_written = match peer.who {
            Who::Keeper(keeper) => self.errand.turn_to(keeper).await,
            Who::Stranger | Who::Forgetful => {
                self.errand.goes_to_anybody();
                true
            }
        };
        (self.since, self.is_refused) = (None, false);
        self.turns = (Some(Instant::now() + self.turns.1), (self.turns.1 * 2).min(TURNS.1));
        (is_written, is_written && may_be_twice)
    }

    /// A try has failed.
    pub(super) fn failed(&mut self, failure: &Failure) {
        if !self.errand.is_doubtful {
            self.errand.is_doubtful = !failure.is_certain();
            self.is_refused = failure.is_certain();
        }
    }
}

#[cfg(test)]
mod tests;
