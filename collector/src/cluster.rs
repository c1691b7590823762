//! What the API server tells and keeps: the pods of this node, and the lease by which one of several collectors acts.
//!
//! Comes in: one watch, of the pods of one node. Goes out: what a pod says of the telemetry that comes from it. Kept is
//! what is asked for, and not the pod. Must not hold anybody up for ever: while nothing is known, nothing is said.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

pub mod answers;
mod attributes;
mod client;
pub mod lease;
mod metrics;
mod pod;
mod watch;

pub use attributes::{Known, Rules};
pub use client::{Api, ClientError};
pub use lease::{Lease, Term};
pub use metrics::{LeaseMetrics, Metrics};
pub use watch::Watch;

/// How long a pod that was deleted is still known: its last lines and spans are under way.
const REMEMBER: Duration = Duration::from_secs(300);

/// What is known; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pods(Arc<RwLock<HashMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    known: Arc<Known>,
    gone: Option<Instant>,
}

impl Pods {
    /// The pod with this identity.
    pub fn find(&self, uid: &str) -> Option<Arc<Known>> {
        let pods = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pods.get(uid).map(|entry| Arc::clone(&entry.known))
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn set(&self, uid: String, known: Known) {
        let entry = Entry { known: Arc::new(known), gone: None };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(uid, entry);
    }

    fn remove(&self, uid: &str, now: Instant) {
        if let Some(entry) = self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(uid) {
            entry.gone.get_or_insert(now);
        }
        self.forget(now);
    }

    /// These and no others are there.
    fn set_all(&self, pods: HashMap<String, Known>, now: Instant) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for entry in held.iter_mut().filter(|(uid, _)| !pods.contains_key(*uid)).map(|(_, entry)| entry) {
            entry.gone.get_or_insert(now);
        }
        held.extend(pods.into_iter().map(|(uid, known)| (uid, Entry { known: Arc::new(known), gone: None })));
        drop(held);
        self.forget(now);
    }

    fn forget(&self, now: Instant) {
        let is_kept = |entry: &Entry| entry.gone.is_none_or(|gone| now.saturating_duration_since(gone) < REMEMBER);
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|_, entry| is_kept(entry));
    }
}

#[cfg(test)]
pub(crate) mod tests;
