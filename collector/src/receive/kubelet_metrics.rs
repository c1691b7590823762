//! What the node's pods, containers and volumes use, by its kubelet.
//!
//! Comes in: the kubelet's `/stats/summary`. Goes out: requests with the node, each pod, each of its containers and
//! volumes as a resource, under the names that the OpenTelemetry Collector's receiver of the same has. What is known of
//! the pod stands beside: its workload, and how what it uses relates to its limits. Must not ask for more than
//! `nodes/stats`: the kubelet's own list of pods would want a right that opens every container.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::config::KubeletMetrics;

use super::{
    container_logs::Node,
    scrape::{Reading, Source},
};
use crate::{
    cluster::{Api, Known, Pods, Run},
    measurements::{Metric, Request},
    rfc3339::nanoseconds,
};

mod client;
mod measures;
mod resets;
mod summary;

use client::Client;
use resets::Resets;
use summary::{Pod, Summary};

const SCOPE: &str = "clickstack-collector/kubelet-metrics";

/// How long the first measurement waits for the pods to be known.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A request that has become as large is followed by another.
const LARGE: usize = 1 << 20;

/// The most that is made of one summary: what a pod says of itself is repeated for each of its containers and volumes.
const LARGEST_READING: usize = 32 << 20;

/// The node's kubelet.
#[derive(Debug)]
pub struct Kubelet {
    client: Client,
    node: Node,
    /// What is known of the node's pods, where they are asked for.
    pods: Option<Pods>,
    has_waited: bool,
    resets: Resets,
}

/// Names and values.
type Attributes = Vec<(String, String)>;

impl Kubelet {
    /// None where nobody says where the kubelet is.
    pub fn new(config: &KubeletMetrics, node: &Node, api: &Api, pods: Option<Pods>) -> Option<Self> {
        let of_node = || {
            let host = node.address.as_ref().or(node.name.as_ref())?;
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            Some(format!("https://{host}:{}", KubeletMetrics::PORT))
        };
        let named = config.endpoint.as_ref().map(|endpoint| endpoint.trim_end_matches('/').to_owned());
        let client = Client::new(named.or_else(of_node)?, config, api);
        Some(Self { client, node: node.clone(), pods, has_waited: false, resets: Resets::default() })
    }
}

impl Source for Kubelet {
    const NAME: &'static str = "kubelet_metrics";

    async fn read(&mut self, now: u64) -> Reading {
        let begin = Instant::now();
        if let Some(pods) = self.pods.as_ref().filter(|_| !self.has_waited) {
            self.has_waited = true;
            let _ = tokio::time::timeout(LONGEST_WAIT, pods.listed()).await;
        }
        let answer = match self.client.summary().await {
            Ok(answer) => answer,
            Err(error) => return nothing(format!("{:#}", anyhow::Error::new(error))),
        };
        let now = now + begin.elapsed().as_nanos() as u64;
        match Summary::of(&answer) {
            Ok(summary) => self.measure(&summary, now),
            Err(error) => nothing(format!("the kubelet's answer is not understood: {error}")),
        }
    }
}

fn nothing(missing: String) -> Reading {
    Reading { missing, ..Reading::default() }
}

impl Kubelet {
    fn measure(&mut self, summary: &Summary<'_>, now: u64) -> Reading {
        let (mut made, mut odd) = (Made::new(now), Vec::new());
        self.resets.begin(now);
        match summary.node() {
            Ok(node) => {
                let subject = self.resets.of("node".to_owned(), time(node.start_time.as_ref()));
                let name = self.node.name.clone().or(Some(node.node_name.clone()).filter(|name| !name.is_empty()));
                made.add(of_node(&self.node, name), measures::node(&node, subject));
            }
            Err(error) => odd.push(format!("the node is not understood: {error}")),
        }
        let mut left_out = 0;
        for pod in summary.pods() {
            match pod {
                Ok(_) if made.bytes() > LARGEST_READING => left_out += 1,
                Ok(pod) => self.pod(&pod, &mut made),
                // One alone is told, for there may be hundreds.
                Err(error) if odd.len() < 2 => odd.push(format!("a pod is not understood: {error}")),
                Err(_) => {}
            }
        }
        if left_out > 0 {
            odd.push(format!("{left_out} pods: the others fill {LARGEST_READING} bytes"));
        }
        self.resets.end();
        Reading { requests: made.finish(), missing: odd.join("; ") }
    }

    fn pod(&mut self, pod: &Pod, made: &mut Made) {
        let reference = &pod.pod_ref;
        let known = self.pods.as_ref().and_then(|pods| pods.find(&reference.uid));
        let mut base = of_node(&self.node, self.node.name.clone());
        base.extend([
            ("k8s.namespace.name".to_owned(), reference.namespace.clone()),
            ("k8s.pod.name".to_owned(), reference.name.clone()),
            ("k8s.pod.uid".to_owned(), reference.uid.clone()),
        ]);
        let of_pod = with(&base, known.iter().flat_map(|known| known.of_pod()));
        let reserved = |container| known.as_ref().map(|known| known.reserved(container)).unwrap_or_default();
        let subject = self.resets.of(reference.uid.clone(), time(pod.start_time.as_ref()));
        made.add(of_pod.clone(), measures::pod(pod, reserved(None), subject));
        for container in pod.containers.iter().flatten() {
            let begin = time(container.start_time.as_ref());
            let subject = self.resets.of(format!("{}/{}", reference.uid, container.name), begin);
            let metrics = measures::container(container, reserved(Some(&container.name)), subject);
            made.add(of_container(&base, known.as_ref(), pod, &container.name, begin), metrics);
        }
        for volume in pod.volume.iter().flatten() {
            let kind = known.as_ref().and_then(|known| known.volume_type(&volume.name));
            let named = [
                ("k8s.volume.name", Some(volume.name.as_str())),
                ("k8s.volume.type", kind),
                ("k8s.persistentvolumeclaim.name", volume.pvc_ref.as_ref().map(|claim| claim.name.as_str())),
            ];
            let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
            made.add(with(&of_pod, named), measures::volume(volume));
        }
    }
}

fn of_node(node: &Node, name: Option<String>) -> Attributes {
    let named = [("k8s.node.name", name), ("k8s.cluster.name", node.cluster.clone())];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn of_container(base: &Attributes, known: Option<&Arc<Known>>, pod: &Pod, name: &str, begin: u64) -> Attributes {
    let reference = &pod.pod_ref;
    let instance = format!("{}.{}.{name}", reference.namespace, reference.name);
    let said = known.into_iter().flat_map(|known| known.of_container(name, Run::MadeAt(begin), &instance));
    with(base, std::iter::once(("k8s.container.name".to_owned(), name.to_owned())).chain(said))
}

/// More of them, but each once.
fn with(base: &Attributes, more: impl Iterator<Item = (String, String)>) -> Attributes {
    let mut all = base.clone();
    for (name, value) in more {
        if all.iter().all(|(there, _)| *there != name) {
            all.push((name, value));
        }
    }
    all
}

/// 0 where nothing is said.
fn time(text: Option<&String>) -> u64 {
    text.and_then(|text| nanoseconds(text.as_bytes())).unwrap_or(0)
}

/// Requests, none of them much larger than [`LARGE`].
struct Made {
    time: u64,
    full: Vec<Request>,
    full_bytes: usize,
    open: Request,
}

impl Made {
    const fn new(time: u64) -> Self {
        Self { time, full: Vec::new(), full_bytes: 0, open: Request::new(SCOPE, time) }
    }

    fn bytes(&self) -> usize {
        self.full_bytes + self.open.size()
    }

    fn add(&mut self, resource: Attributes, metrics: Vec<Metric>) {
        self.open.add(resource, metrics);
        if self.open.size() >= LARGE {
            self.full_bytes += self.open.size();
            self.full.push(std::mem::replace(&mut self.open, Request::new(SCOPE, self.time)));
        }
    }

    fn finish(mut self) -> Vec<Request> {
        if self.open.points() > 0 {
            self.full.push(self.open);
        }
        self.full
    }
}

#[cfg(test)]
mod tests;
