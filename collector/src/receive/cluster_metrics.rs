//! The state of the cluster in numbers: pods, containers, workloads, nodes, namespaces, quotas.
//!
//! Comes in: one list and one watch of each kind of objects. Goes out: requests, with the names of the OpenTelemetry
//! Collector's `k8s_cluster` receiver. Of each object only its numbers and names are kept, a kilobyte of a pod of two
//! containers, so a scrape asks nobody: lists at each interval would cost the API server 50 MB for 5,000 pods.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;

use super::{
    container_logs::Node,
    scrape::{Reading, Source},
};
use crate::{
    cluster::{
        Api, FollowMetrics,
        follow::{Follow, Kept},
    },
    measurements::{Kind as Is, Metric, Point, Request},
};

mod measure;
mod objects;

use measure::{Gauge, KINDS, Kind, Measured};
use objects::Object;

const SCOPE: &str = "clickstack-collector/cluster-metrics";

/// A request goes out when it has so many bytes, so that none holds up a gateway.
const LARGEST: usize = 1 << 20;

/// A large cluster is listed in less; what takes longer is missed once, and told.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// What is kept of an object.
type Numbers = Box<[Measured]>;

/// The cluster, measured.
#[derive(Debug)]
pub struct State {
    cluster: Option<String>,
    kinds: Vec<(Kind, Kept<Numbers>)>,
    /// For the first lists, which are under way when the first measurement is due.
    patience: Duration,
}

impl State {
    pub fn new(node: &Node, interval: Duration) -> Self {
        let kinds = KINDS.map(|kind| (kind, Kept::default())).into();
        Self { cluster: node.cluster.clone(), kinds, patience: (interval / 2).min(LONGEST_PATIENCE) }
    }

    /// Keeps what is known true, for ever.
    pub fn follow(&self, api: &Api, metrics: &Arc<FollowMetrics>) -> impl Future<Output = ()> + use<> {
        let follows = self.kinds.iter().map(|(kind, kept)| {
            let follow = Follow::<Object, Numbers> {
                api: api.clone(),
                name: kind.name,
                path: kind.path,
                keep: kind.measure,
                kept: kept.clone(),
                metrics: Arc::clone(metrics),
            };
            follow.run()
        });
        let follows: Vec<_> = follows.collect();
        async move {
            join_all(follows).await;
        }
    }
}

impl Source for State {
    const NAME: &'static str = "cluster_metrics";

    async fn read(&mut self, now: u64) -> Reading {
        let listed = join_all(self.kinds.iter().map(|(_, kept)| kept.listed()));
        let _ = tokio::time::timeout(self.patience, listed).await;
        let (mut requests, mut missing) = (Vec::new(), Vec::new());
        let mut request = Request::new(SCOPE, now);
        for (kind, kept) in &self.kinds {
            let is_listed = kept.each(|numbers| {
                for Measured { attributes, gauges } in numbers {
                    let cluster = self.cluster.iter().map(|name| ("k8s.cluster.name", name.as_str()));
                    let own = attributes.iter().map(|(name, value)| (*name, &**value));
                    request.add(cluster.chain(own), gauges.iter().map(metric));
                }
                if request.size() >= LARGEST {
                    requests.push(std::mem::replace(&mut request, Request::new(SCOPE, now)));
                }
            });
            if !is_listed {
                missing.push(kind.name);
            }
        }
        if request.points() > 0 {
            requests.push(request);
        }
        Reading { requests, missing: missing.join(", ") }
    }
}

fn metric(gauge: &Gauge) -> Metric {
    let Gauge { name, unit, value, attribute } = gauge;
    let point = Point::new(*value);
    let point = match attribute {
        Some((name, value)) => point.of(name, value.to_string()),
        None => point,
    };
    Metric::new(name.clone(), unit, Is::Gauge).with(point)
}

#[cfg(test)]
mod tests;
