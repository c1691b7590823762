//! What is known of the pods that send from this node, told of what they send.
//!
//! Comes in: a request as a pod has sent it, and the address it came from. Goes out: the same request, in which each
//! resource also says which pod it is of, and what is known of that. Which pod: the one the resource names by
//! `k8s.pod.uid`, else by `k8s.pod.ip`, else the one with the sender's address, unless the resource names another. Must
//! not change what the sender has said, nor hold anybody up for long: who cannot be known soon is not waited for again.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::time::Instant;

use super::{body::Message, container_logs::Node};
use crate::{
    cluster::{Known, Pods, Run},
    record::resource::{Attribute, Said, add},
};

/// How long a process waits for the list of pods after its start, and a pod for being known after it has sent for the
/// first time: its address reaches the API server a moment after it has it.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Addresses nobody knows, which are not waited for again: those of other nodes and of this one.
const STRANGERS: usize = 1024;

/// Bytes of names and values that a resource is told at most beside its pod's identity: every record of it has them in
/// a gateway, which refuses requests whose rows would be many times larger than themselves.
const ADDED: usize = 2 << 10;

/// What of it somebody has asked for by name.
const CHOSEN: [&str; 2] = ["k8s.pod.label.", "k8s.pod.annotation."];

/// A request may grow by as much as it has, and this.
const GROWTH: usize = 1 << 20;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Of {
    pod: &'static str,
}

/// Counters.
#[derive(Debug, Default)]
pub struct Metrics {
    resources: Family<Of, Counter>,
    waits: Counter,
    refused: Counter,
}

impl Metrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_local_pods");
        own.register("resources", "Resources of requests, by whether their pod is known", metrics.resources.clone());
        own.register("waits", "Requests that waited for their pod to be known", metrics.waits.clone());
        own.register("full", "Requests for whose attributes the budget had no room", metrics.refused.clone());
        metrics
    }
}

/// The pods of this node, as senders; clones share it.
#[derive(Clone, Debug)]
pub struct LocalPods(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pods: Pods,
    node: Node,
    begin: Instant,
    /// Until when requests of an address are held up.
    strangers: Mutex<HashMap<IpAddr, Instant>>,
    metrics: Metrics,
}

impl LocalPods {
    pub fn new(pods: Pods, node: Node, metrics: Metrics) -> Self {
        let strangers = Mutex::default();
        Self(Arc::new(Shared { pods, node, begin: Instant::now(), strangers, metrics }))
    }

    /// A request with what is known of its pods, no larger than `limit`.
    pub(super) async fn tell(&self, mut message: Message, sender: Option<IpAddr>, limit: usize) -> Message {
        let sender = sender.filter(|address| !address.to_canonical().is_loopback());
        if let Some(until) = self.0.patience(sender) {
            // Others may be read meanwhile: what is here is admitted.
            message.turn = None;
            self.0.metrics.waits.inc();
            let _ = tokio::time::timeout_at(until, self.0.known(sender)).await;
        }
        let sender = sender.and_then(|address| self.0.pods.find_at(address));
        let length = message.body.len();
        let growth = length.saturating_add(GROWTH).min(limit.saturating_sub(length));
        // While it is made there are two of it. Without room it goes as it is, and not later.
        if !message.permit.grow(length) {
            self.0.metrics.refused.inc();
            return message;
        }
        let made = add(&message.body, growth, |said| self.0.of_resource(said, sender.as_ref()));
        if let Some(made) = made {
            let more = made.len().saturating_sub(message.permit.bytes());
            if message.permit.grow(more) {
                message.body = made.into();
            } else {
                self.0.metrics.refused.inc();
            }
        }
        message.permit.shrink(message.body.len());
        message
    }
}

impl Shared {
    /// Until when it is worth waiting, if at all.
    fn patience(&self, sender: Option<IpAddr>) -> Option<Instant> {
        let now = Instant::now();
        if !self.pods.is_listed() {
            return Some(self.begin + LONGEST_WAIT).filter(|until| now < *until);
        }
        let sender = sender?;
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.pods.find_at(sender).is_some() {
            strangers.remove(&sender);
            return None;
        }
        // So many that what is known of them would not last: nobody is waited for.
        if strangers.len() >= STRANGERS && !strangers.contains_key(&sender) {
            return None;
        }
        let until = *strangers.entry(sender).or_insert(now + LONGEST_WAIT);
        (now < until).then_some(until)
    }

    async fn known(&self, sender: Option<IpAddr>) {
        self.pods.listed().await;
        if let Some(sender) = sender {
            self.pods.appear(sender).await;
        }
    }

    fn of_resource(&self, said: &Said<'_>, sender: Option<&Arc<Known>>) -> Vec<Attribute> {
        let named = match (said.text("k8s.pod.uid"), said.text("k8s.pod.ip")) {
            (Some(uid), _) => self.pods.find(uid),
            (None, Some(address)) => address.parse().ok().and_then(|address| self.pods.find_at(address)),
            (None, None) => sender.filter(|pod| is_of(said, pod)).cloned(),
        };
        let pod = if named.is_some() { "known" } else { "unknown" };
        self.metrics.resources.get_or_create(&Of { pod }).inc();
        named.map_or_else(Vec::new, |pod| self.attributes(said, &pod))
    }

    fn attributes(&self, said: &Said<'_>, pod: &Known) -> Vec<Attribute> {
        let mut all = vec![
            ("k8s.namespace.name".to_owned(), pod.namespace.clone()),
            ("k8s.pod.name".to_owned(), pod.name.clone()),
            ("k8s.pod.uid".to_owned(), pod.uid.clone()),
        ];
        let of_node = [("k8s.node.name", &self.node.name), ("k8s.cluster.name", &self.node.cluster)];
        all.extend(of_node.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
        let mut more = match said.text("k8s.container.name").or_else(|| pod.only_container()) {
            Some(container) => {
                all.push(("k8s.container.name".to_owned(), container.to_owned()));
                let instance = format!("{}.{}.{container}", pod.namespace, pod.name);
                pod.of_container(container, Run::Now, &instance)
            }
            None => pod.of_pod(),
        };
        // Where there is not room for all, what somebody has chosen gives way to what everybody looks for.
        more.sort_by_key(|(name, _)| CHOSEN.iter().any(|chosen| name.starts_with(chosen)));
        let mut left = ADDED;
        for (name, value) in more {
            let rest = left.checked_sub(name.len() + value.len());
            if let Some(rest) = rest.filter(|_| all.iter().all(|(there, _)| *there != name)) {
                left = rest;
                all.push((name, value));
            }
        }
        all
    }
}

/// Whether a resource names no other pod: what passes on telemetry of others is not their pod.
fn is_of(said: &Said<'_>, pod: &Known) -> bool {
    let names = [("k8s.pod.name", &pod.name), ("k8s.namespace.name", &pod.namespace)];
    names.into_iter().all(|(name, own)| said.text(name).is_none_or(|value| value == own))
}

#[cfg(test)]
mod tests;
