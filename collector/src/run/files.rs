//! What is read from files, built and started: comes in the settings and where deliveries go, goes out a task that ends
//! when the last position is written. Must not hold logic: the receiver has its own.

use std::sync::Arc;

use anyhow::Result;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use crate::{
    cluster::{self, Pods, Rules, Watch},
    receive::{
        container_logs::{Metrics, Receiver},
        deliver::Outlet,
    },
    settings::Settings,
};

/// The receiver of container logs, where there is one; its metrics must be known before the registry is given away.
pub(super) fn read_files(settings: &Settings, outlet: Outlet, registry: &mut Registry) -> Option<Receiver> {
    settings.config.receivers.container_logs.as_ref()?;
    let metrics = Arc::new(Metrics::new(registry));
    let pods = watch_pods(settings, registry);
    Some(Receiver { outlet, metrics, pods })
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

pub(super) fn start_files(settings: &Settings, receiver: Option<Receiver>, tasks: &mut JoinSet<()>) -> Result<()> {
    if let (Some(config), Some(receiver)) = (&settings.config.receivers.container_logs, receiver) {
        let is_done = receiver.start(config, &settings.node)?;
        tasks.spawn(async move {
            let _ = is_done.await;
        });
    }
    Ok(())
}
