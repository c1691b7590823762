//! The work of the role `cluster`, which one of several collectors does at a time: comes in the settings and where
//! deliveries go, goes out a task that ends when the lease is given back. Must not hold logic: each receiver has its own.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use prometheus_client::registry::Registry;

use crate::{
    cluster::{Api, FollowMetrics, Lease, LeaseMetrics, Term},
    receive::{
        cluster_events::{self, Events},
        cluster_metrics::State,
        container_logs::Node,
        deliver::Outlet,
        scrape::{self, Scraper},
    },
    settings::Settings,
};

/// The work, before it is done.
pub(super) struct Cluster {
    lease: Lease,
    work: Work,
}

/// What there is to do for a term.
struct Work {
    outlet: Outlet,
    events: Option<Events>,
    metrics: Option<Metrics>,
}

struct Metrics {
    api: Api,
    node: Node,
    interval: Duration,
    follow: Arc<FollowMetrics>,
    scrape: Arc<scrape::Metrics>,
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
        let receivers = &settings.config.receivers;
        let events = receivers.cluster_events.as_ref().map(|_| Events {
            api: api.clone(),
            node: settings.node.clone(),
            metrics: Arc::new(cluster_events::Metrics::new(registry)),
        });
        let metrics = receivers.cluster_metrics.as_ref().map(|config| Metrics {
            api,
            node: settings.node.clone(),
            interval: config.interval.0,
            follow: Arc::new(FollowMetrics::new(registry)),
            scrape: Arc::new(scrape::Metrics::new(registry)),
        });
        Ok(Some(Self { lease, work: Work { outlet: outlet.clone(), events, metrics } }))
    }

    pub(super) async fn run(self) {
        let Self { lease, work } = self;
        let work = &work;
        lease.lead(work.outlet.stopping.clone(), |term| work.of(term)).await;
    }
}

impl Work {
    async fn of(&self, term: Term) {
        let outlet = Outlet { stopping: term.ending.clone(), ..self.outlet.clone() };
        let events = async {
            if let Some(events) = &self.events {
                events.run(outlet.clone(), &term).await;
            }
        };
        let metrics = async {
            if let Some(metrics) = &self.metrics {
                metrics.run(outlet.clone()).await;
            }
        };
        tokio::join!(events, metrics);
    }
}

impl Metrics {
    /// What is known goes with the term: one who stands by follows nothing.
    async fn run(&self, outlet: Outlet) {
        let state = State::new(&self.node, self.interval);
        let follow = state.follow(&self.api, &self.follow);
        let scraper = Scraper { outlet, interval: self.interval, metrics: Arc::clone(&self.scrape) };
        tokio::select! {
            () = follow => {}
            () = scraper.run(state) => {}
        }
    }
}

/// The pod, and something of this process: one that starts again in the same pod is another.
fn identity(pod: Option<&str>) -> Result<String> {
    let number = getrandom::u32().context("no random numbers")?;
    Ok(format!("{}-{number:08x}", pod.unwrap_or("collector")))
}
