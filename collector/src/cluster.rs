//! What the API server tells and keeps: the pods of this node, objects of all kinds, and the lease by which one of several
//! collectors acts.
//!
//! Comes in: one watch, of the pods of one node. Goes out: what a pod says of the telemetry that comes from it. Kept is
//! what is asked for, and not the pod. Must not hold anybody up for ever: while nothing is known, nothing is said.

use std::{
    collections::HashMap,
    net::IpAddr,
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
    table: RwLock<Table>,
    /// Whether all have been told once; every change wakes who waits for one.
    is_listed: watch_channel::Sender<bool>,
}

#[derive(Debug, Default)]
struct Table {
    pods: HashMap<String, Entry>,
    /// Who has an address now.
    addresses: HashMap<IpAddr, String>,
}

#[derive(Debug)]
struct Entry {
    known: Arc<Known>,
    gone: Option<Instant>,
}

impl Pods {
    /// The pod with this identity.
    pub fn find(&self, uid: &str) -> Option<Arc<Known>> {
        self.read().pods.get(uid).map(|entry| Arc::clone(&entry.known))
    }

    /// The pod with this address, if it has it for itself and is there.
    pub fn find_at(&self, address: IpAddr) -> Option<Arc<Known>> {
        let table = self.read();
        let uid = table.addresses.get(&address.to_canonical())?;
        table.pods.get(uid).map(|entry| Arc::clone(&entry.known))
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.read().pods.len()
    }

    /// Waits until all pods have been told once.
    pub async fn listed(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.is_listed.subscribe().wait_for(|is_listed| *is_listed).await;
    }

    pub fn is_listed(&self) -> bool {
        *self.0.is_listed.borrow()
    }

    /// Waits until there is a pod with this address.
    pub async fn appear(&self, address: IpAddr) {
        let _ = self.0.is_listed.subscribe().wait_for(|_| self.find_at(address).is_some()).await;
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// These, as the API server writes them, with all their labels.
    #[cfg(test)]
    pub(crate) fn told(pods: &[&str]) -> Self {
        let all = Self::default();
        all.set_all(HashMap::new(), Instant::now());
        pods.iter().for_each(|pod| all.tell(pod));
        all
    }

    #[cfg(test)]
    pub(crate) fn tell(&self, pod: &str) {
        let rules = Rules { labels: vec!["*".to_owned()], ..Rules::default() };
        let pod: pod::Pod = serde_json::from_str(pod).expect("a pod");
        self.set(pod.identity().to_owned(), Known::of(&pod, &rules));
    }

    fn set(&self, uid: String, known: Known) {
        self.write().insert(uid, known);
        self.0.is_listed.send_modify(|_| {});
    }

    fn remove(&self, uid: &str, now: Instant) {
        let mut table = self.write();
        table.leave(uid);
        if let Some(entry) = table.pods.get_mut(uid) {
            entry.gone.get_or_insert(now);
        }
        table.forget(now);
    }

    /// These and no others are there.
    fn set_all(&self, pods: HashMap<String, Known>, now: Instant) {
        let mut table = self.write();
        for entry in table.pods.iter_mut().filter(|(uid, _)| !pods.contains_key(*uid)).map(|(_, entry)| entry) {
            entry.gone.get_or_insert(now);
        }
        table.addresses.clear();
        for (uid, known) in pods {
            table.insert(uid, known);
        }
        table.forget(now);
        drop(table);
        self.0.is_listed.send_replace(true);
    }
}

impl Table {
    fn insert(&mut self, uid: String, known: Known) {
        self.leave(&uid);
        let addresses = known.addresses.iter().filter_map(|address| address.parse().ok());
        self.addresses.extend(addresses.map(|address| (address, uid.clone())));
        self.pods.insert(uid, Entry { known: Arc::new(known), gone: None });
    }

    /// Its addresses may be another's from now on, even while it is still known.
    fn leave(&mut self, uid: &str) {
        self.addresses.retain(|_, owner| owner != uid);
    }

    fn forget(&mut self, now: Instant) {
        let is_kept = |entry: &Entry| entry.gone.is_none_or(|gone| now.saturating_duration_since(gone) < REMEMBER);
        self.pods.retain(|_, entry| is_kept(entry));
    }
}

#[cfg(test)]
pub(crate) mod tests;
