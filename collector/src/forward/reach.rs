//! What is known of the way to the gateway that is forwarded to: whether somebody answers, lets us in, takes deliveries.
//!
//! Comes in: what became of pings and of deliveries. Goes out: a [`Destination`] whoever asks is told. A thing that goes
//! wrong once is nobody's business: a ping must fail twice, a delivery must have had its time. Must not influence
//! what is sent.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crds::destination::{Destination, Kind, Schema, Server, Trouble};
use tokio::sync::watch;

use super::failure::Failure;
use crate::trouble::{note, tell};

/// Without a new failure in this time nothing is known any more: nobody may have sent since.
const FAILURE_LASTS: Duration = Duration::from_secs(60);

/// Shared by everything that speaks with the gateway.
#[derive(Clone, Debug)]
pub struct Reach {
    known: Arc<Mutex<Known>>,
    told: Arc<watch::Sender<Destination>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Something was taken since the start.
    is_reached: bool,
    /// What the last ping failed with; none when it was answered.
    failed: Option<(Kind, String)>,
    /// What pings say.
    way: Option<Trouble>,
    /// What deliveries say, and when they said it last.
    deliveries: Option<(Trouble, Instant)>,
}

impl Default for Reach {
    fn default() -> Self {
        let known = Known::default();
        let told = Arc::new(watch::Sender::new(known.told()));
        Self { known: Arc::new(Mutex::new(known)), told }
    }
}

impl Reach {
    /// What is told, now and whenever it changes.
    pub fn told(&self) -> watch::Receiver<Destination> {
        self.told.subscribe()
    }

    /// A ping was answered, or failed.
    pub(super) fn pinged(&self, failure: Option<&Failure>) {
        self.change(|known| {
            known.deliveries.take_if(|(_, last)| last.elapsed() >= FAILURE_LASTS);
            let Some(failure) = failure else { return known.comes_through() };
            let now = (failure.kind(), failure.to_string());
            let is_first = known.failed.is_none();
            let is_same = known.failed.as_ref() == Some(&now);
            // Gateways that fail in different ways take turns; what is told does not.
            if is_same || (!is_first && known.way.is_none()) {
                note(&mut known.way, now.0, None, now.1.clone());
            }
            known.failed = Some(now);
        });
    }

    /// A delivery was taken.
    pub(super) fn delivered(&self) {
        // The way of nearly every delivery: nothing is wrong, and nothing was.
        if !self.lock().is_sound() {
            self.change(|known| {
                known.comes_through();
                known.deliveries = None;
            });
        }
    }

    /// A delivery was not taken in the time it is tried. What pings fail with too, they tell.
    pub(super) fn held_up(&self, failure: &Failure) {
        self.change(|known| {
            if failure.kind() != Kind::InsertsFail && known.failed.is_some() {
                return;
            }
            let mut trouble = known.deliveries.take().map(|(trouble, _)| trouble);
            note(&mut trouble, Kind::InsertsFail, None, format!("deliveries are not taken: {failure}"));
            known.deliveries = trouble.map(|trouble| (trouble, Instant::now()));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let now = {
            let mut known = self.lock();
            change(&mut known);
            known.told()
        };
        tell(&self.told, now);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn comes_through(&mut self) {
        self.is_reached = true;
        self.failed = None;
        self.way = None;
    }

    const fn is_sound(&self) -> bool {
        self.is_reached && self.failed.is_none() && self.way.is_none() && self.deliveries.is_none()
    }

    fn told(&self) -> Destination {
        let deliveries = self.deliveries.as_ref().map(|(trouble, _)| trouble);
        let trouble = self.way.iter().chain(deliveries).min_by_key(|trouble| trouble.kind).cloned();
        let schema = if self.is_reached { Schema::Current } else { Schema::Pending };
        Destination { server: Server::Gateway, schema, trouble }
    }
}

#[cfg(test)]
mod tests;
