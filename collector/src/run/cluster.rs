//! The work of the role `cluster`, which one of several collectors does at a time: comes in the settings and where
//! deliveries go, goes out a task that ends when the lease is given back. Must not hold logic: each receiver has its own.

use std::sync::Arc;

use anyhow::{Context, Result};
use prometheus_client::registry::Registry;

use crate::{
    cluster::{Lease, LeaseMetrics, Term},
    receive::{
        cluster_events::{self, Events},
        deliver::Outlet,
    },
    settings::Settings,
};

/// The work, before it is done.
pub(super) struct Cluster {
    lease: Lease,
    outlet: Outlet,
    events: Option<Events>,
}

impl Cluster {
    /// None where the role is another.
    ///
    /// # Errors
    /// There is no API server to ask.
    pub(super) fn new(settings: &Settings, outlet: &Outlet, registry: &mut Registry) -> Result<Option<Self>> {
        let wanted = settings.config.kubernetes.as_ref().and_then(|kubernetes| kubernetes.lease.as_ref());
        let Some(wanted) = wanted else { return Ok(None) };
        let api = settings.kubernetes_api.clone().context(
            "role cluster asks the API server, and this is no pod of Kubernetes; set kubernetes.api in the configuration",
        )?;
        let lease = Lease {
            api: api.clone(),
            namespace: wanted.namespace.clone(),
            name: wanted.name.clone(),
            identity: identity(settings.node.pod.as_deref())?,
            owner: wanted.owner.as_ref().and_then(|owner| serde_json::to_value(owner).ok()),
            metrics: Arc::new(LeaseMetrics::new(registry)),
        };
        let events = settings.config.receivers.cluster_events.as_ref().map(|_| Events {
            api,
            node: settings.node.clone(),
            metrics: Arc::new(cluster_events::Metrics::new(registry)),
        });
        Ok(Some(Self { lease, outlet: outlet.clone(), events }))
    }

    pub(super) async fn run(self) {
        let Self { lease, outlet, events } = self;
        let stopping = outlet.stopping.clone();
        let (outlet, events) = (&outlet, &events);
        lease.lead(stopping, |term| work(outlet, events, term)).await;
    }
}

/// Everything there is to do for a term.
async fn work(outlet: &Outlet, events: &Option<Events>, term: Term) {
    let outlet = Outlet { stopping: term.ending.clone(), ..outlet.clone() };
    if let Some(events) = events {
        events.run(outlet, &term).await;
    }
}

/// The pod, and something of this process: one that starts again in the same pod is another.
fn identity(pod: Option<&str>) -> Result<String> {
    let number = getrandom::u32().context("no random numbers")?;
    Ok(format!("{}-{number:08x}", pod.unwrap_or("collector")))
}
