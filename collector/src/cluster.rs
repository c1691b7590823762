//! What the API server tells and keeps: the pods of this node, objects of all kinds, and the lease by which one of several
//! collectors acts.
//!
//! Comes in: one watch, of the pods of one node. Goes out: what a pod says of the telemetry that comes from it. Kept is
//! what is asked for, and not the pod. Must not hold anybody up for ever: while nothing is known, nothing is said.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use tokio::sync::watch as watch_channel;

pub mod answers;
mod attributes;
mod client;
pub mod follow;
pub mod lease;
mod metrics;
mod pod;
mod resources;
mod watch;

pub use attributes::{Known, Rules, Run, image, owners};
pub use client::{Api, ClientError};
pub use lease::{Lease, Term};
pub use metrics::{FollowMetrics, LeaseMetrics, Metrics};
pub use pod::{Metadata, Owner};
pub use resources::{Amount, Reserved};
pub use watch::Watch;

/// How long a pod that was deleted is still known: its last lines and spans are under way.
const REMEMBER: Duration = Duration::from_secs(300);

/// What is known; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pods(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    pods: RwLock<HashMap<String, Entry>>,
    /// Whether all have been told once.
    is_listed: watch_channel::Sender<bool>,
}

#[derive(Debug)]
struct Entry {
    known: Arc<Known>,
    gone: Option<Instant>,
}

impl Pods {
    /// The pod with this identity.
    pub fn find(&self, uid: &str) -> Option<Arc<Known>> {
        self.read().get(uid).map(|entry| Arc::clone(&entry.known))
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.read().len()
    }

    /// Waits until all pods have been told once.
    pub async fn listed(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.is_listed.subscribe().wait_for(|is_listed| *is_listed).await;
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Entry>> {
        self.0.pods.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Entry>> {
        self.0.pods.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One pod, as the API server writes it, with all its labels.
    #[cfg(test)]
    pub(crate) fn of_test(pod: &str) -> Self {
        let (pods, rules) = (Self::default(), Rules { labels: vec!["*".to_owned()], ..Rules::default() });
        let pod: pod::Pod = serde_json::from_str(pod).expect("a pod");
        pods.set_all([(pod.identity().to_owned(), Known::of(&pod, &rules))].into(), Instant::now());
        pods
    }

    fn set(&self, uid: String, known: Known) {
        let entry = Entry { known: Arc::new(known), gone: None };
        self.write().insert(uid, entry);
    }

    fn remove(&self, uid: &str, now: Instant) {
        if let Some(entry) = self.write().get_mut(uid) {
            entry.gone.get_or_insert(now);
        }
        self.forget(now);
    }

    /// These and no others are there.
    fn set_all(&self, pods: HashMap<String, Known>, now: Instant) {
        let mut held = self.write();
        for entry in held.iter_mut().filter(|(uid, _)| !pods.contains_key(*uid)).map(|(_, entry)| entry) {
            entry.gone.get_or_insert(now);
        }
        held.extend(pods.into_iter().map(|(uid, known)| (uid, Entry { known: Arc::new(known), gone: None })));
        drop(held);
        self.forget(now);
        self.0.is_listed.send_replace(true);
    }

    fn forget(&self, now: Instant) {
        let is_kept = |entry: &Entry| entry.gone.is_none_or(|gone| now.saturating_duration_since(gone) < REMEMBER);
        self.write().retain(|_, entry| is_kept(entry));
    }
}

#[cfg(test)]
pub(crate) mod tests;
