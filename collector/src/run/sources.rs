//! What a collector reads and measures by itself, built and started: comes in the settings and where deliveries go,
//! goes out tasks that end when the last of it is answered for. Must not hold logic: each receiver has its own.

use std::sync::Arc;

use anyhow::Result;
use crds::quantity::Duration;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use super::cluster::Cluster;
use crate::{
    cluster::{self, Pods, Rules, Watch},
    positions,
    receive::{
        container_logs::{self, Receiver},
        deliver::Outlet,
        host_metrics::Host,
        kubelet_metrics::Kubelet,
        local_pods::{self, LocalPods},
        scrape::{self, Scraper},
    },
    settings::Settings,
};

/// Sources, before they run.
pub(super) struct Sources {
    pods: Option<Pods>,
    logs: Option<Receiver>,
    host: Option<Scraper>,
    cluster: Option<Cluster>,
    kubelet: Option<(Scraper, Kubelet)>,
}

impl Sources {
    /// Their metrics must be known before the registry is given away.
    ///
    /// # Errors
    /// What has to be asked cannot be.
    pub(super) fn new(
        settings: &Settings,
        outlet: &Outlet,
        positions: Option<positions::Shared>,
        registry: &mut Registry,
    ) -> Result<Self> {
        let receivers = &settings.config.receivers;
        let pods = watch_pods(settings, registry);
        let logs = receivers.container_logs.as_ref().map(|_| Receiver {
            outlet: outlet.clone(),
            metrics: Arc::new(container_logs::Metrics::new(registry)),
            pods: pods.clone(),
            positions,
        });
        let kubelet = receivers.kubelet_metrics.as_ref().and_then(|_| kubelet(settings, pods.clone()));
        // Counted together, by receiver.
        let metrics =
            (receivers.host_metrics.is_some() || kubelet.is_some()).then(|| Arc::new(scrape::Metrics::new(registry)));
        let scraper = |interval: Duration| {
            let (outlet, metrics) = (outlet.clone(), metrics.clone()?);
            Some(Scraper { outlet, interval: interval.0, metrics })
        };
        let host = receivers.host_metrics.as_ref().and_then(|config| scraper(config.interval));
        let kubelet = receivers.kubelet_metrics.as_ref().zip(kubelet);
        let kubelet = kubelet.and_then(|(config, kubelet)| Some((scraper(config.interval)?, kubelet)));
        let cluster = Cluster::new(settings, outlet, registry)?;
        Ok(Self { pods, logs, host, kubelet, cluster })
    }

    /// The pods of the node as senders, where they are asked for.
    pub(super) fn local_pods(&self, settings: &Settings, registry: &mut Registry) -> Option<LocalPods> {
        let pods = self.pods.clone()?;
        Some(LocalPods::new(pods, settings.node.clone(), local_pods::Metrics::new(registry)))
    }

    pub(super) fn start(self, settings: &Settings, tasks: &mut JoinSet<()>) -> Result<()> {
        let receivers = &settings.config.receivers;
        if let (Some(config), Some(receiver)) = (&receivers.container_logs, self.logs) {
            let is_done = receiver.start(config, &settings.node)?;
            tasks.spawn(async move {
                let _ = is_done.await;
            });
        }
        if let (Some(config), Some(scraper)) = (&receivers.host_metrics, self.host) {
            tasks.spawn(scraper.run(Host::new(config, &settings.node)));
        }
        if let Some(cluster) = self.cluster {
            tasks.spawn(cluster.run());
        }
        if let Some((scraper, kubelet)) = self.kubelet {
            tasks.spawn(scraper.run(kubelet));
        }
        Ok(())
    }
}

fn kubelet(settings: &Settings, pods: Option<Pods>) -> Option<Kubelet> {
    let (config, api) = (settings.config.receivers.kubelet_metrics.as_ref()?, settings.kubernetes_api.as_ref());
    let kubelet = api.and_then(|api| Kubelet::new(config, &settings.node, api, pods));
    if kubelet.is_none() {
        tracing::warn!(
            "receivers.kubeletMetrics has no effect: this is no pod of Kubernetes, or neither NODE_IP nor NODE_NAME is set"
        );
    }
    kubelet
}

/// What is known of the node's pods, kept true beside everything else.
fn watch_pods(settings: &Settings, registry: &mut Registry) -> Option<Pods> {
    let attributes = settings.config.kubernetes.as_ref()?.attributes.as_ref()?;
    let (Some(api), Some(node)) = (settings.kubernetes_api.clone(), settings.node.name.clone()) else {
        tracing::warn!("kubernetes.attributes has no effect: this is no pod of Kubernetes, or NODE_NAME is not set");
        return None;
    };
    let rules = Rules { labels: attributes.labels.clone(), annotations: attributes.annotations.clone() };
    let (pods, metrics) = (Pods::default(), Arc::new(cluster::Metrics::new(registry)));
    tokio::spawn(Watch { api, node, rules, pods: pods.clone(), metrics }.run());
    Some(pods)
}
