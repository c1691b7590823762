//! What stands above all records of a container.
//!
//! Comes in: what the path of its files says, and what is known of its pod, as soon as it is. Goes out: an encoded
//! resource. Must not wait for ever: lines of a pod nobody knows go out with what their path says.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{batch::Resource, origin::Origin, reader::Rules};
use crate::cluster::{Known, Run};

/// How long a log waits for its pod to be known. The kubelet makes the folder when it has seen the pod, as the watch
/// does; what is missing after this is a pod that is gone, or the API server.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct LogResource {
    origin: Origin,
    restart: u32,
    begin: Instant,
    known: Option<Arc<Known>>,
    encoded: Resource,
    has_begun: bool,
    is_expected: bool,
}

impl LogResource {
    pub(super) fn new(origin: Origin, restart: u32, now: Instant) -> Self {
        let (known, encoded) = (None, Resource::default());
        Self { origin, restart, begin: now, known, encoded, has_begun: false, is_expected: false }
    }

    /// Takes over what is known now. A pod that is known no more stays known here.
    pub(super) fn update(&mut self, rules: &Rules) {
        self.is_expected = rules.pods.is_some();
        let found = rules.pods.as_ref().and_then(|pods| pods.find(&self.origin.uid));
        let is_news = found.as_ref().is_some_and(|found| self.known.as_ref() != Some(found));
        if self.has_begun && !is_news {
            return;
        }
        self.known = found.or(self.known.take());
        self.has_begun = true;
        self.encoded = self.encode(rules);
    }

    /// Whether it is worth waiting for what is not known yet.
    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        self.is_expected && self.known.is_none() && now.saturating_duration_since(self.begin) < LONGEST_WAIT
    }

    pub(super) const fn encoded(&self) -> &Resource {
        &self.encoded
    }

    fn encode(&self, rules: &Rules) -> Resource {
        let Origin { namespace, pod, uid, container } = &self.origin;
        let mut resource = Resource::default();
        resource.add("k8s.namespace.name", namespace);
        resource.add("k8s.pod.name", pod);
        resource.add("k8s.pod.uid", uid);
        resource.add("k8s.container.name", container);
        resource.add("k8s.container.restart_count", &self.restart.to_string());
        if let Some(node) = &rules.node {
            resource.add("k8s.node.name", node);
        }
        if let Some(cluster) = &rules.cluster {
            resource.add("k8s.cluster.name", cluster);
        }
        let instance = format!("{namespace}.{pod}.{container}");
        let known =
            self.known.iter().flat_map(|known| known.of_container(container, Run::Restart(self.restart), &instance));
        known.for_each(|(name, value)| resource.add(&name, &value));
        resource
    }
}
