//! The meaning of what only the role `cluster` has: its receivers, and the lease by which one of several acts.
//!
//! Comes in: the whole document. Goes out: every [`Problem`] of these sections.

use super::{
    super::{CollectorConfig, Role},
    scrapes,
};
use crate::problem::Problem;

/// The longest name of an object, and of a namespace.
const LONGEST: [(&str, usize); 2] = [("name", 253), ("namespace", 63)];

pub(super) fn problems(config: &CollectorConfig, found: &mut Vec<Problem>) {
    let receivers = &config.receivers;
    let sections = [
        ("clusterEvents", receivers.cluster_events.is_some()),
        ("clusterMetrics", receivers.cluster_metrics.is_some()),
    ];
    let is_cluster = config.role == Role::Cluster;
    let role = config.role.as_str();
    for (name, _) in sections.iter().filter(|(_, is_there)| *is_there && !is_cluster) {
        let message = format!("role {role} does not read the cluster; remove the section");
        found.push(Problem::new(format!("receivers.{name}"), message));
    }
    if is_cluster && !sections.iter().any(|(_, is_there)| *is_there) {
        found.push(Problem::new(
            "receivers",
            "role cluster has nothing to do; add clusterEvents: {} or clusterMetrics: {}",
        ));
    }
    if let Some(metrics) = &receivers.cluster_metrics {
        found.extend(scrapes::interval("receivers.clusterMetrics.interval", metrics.interval));
    }
    lease(config, found);
}

fn lease(config: &CollectorConfig, found: &mut Vec<Problem>) {
    let lease = config.kubernetes.as_ref().and_then(|kubernetes| kubernetes.lease.as_ref());
    let Some(lease) = lease else {
        if config.role == Role::Cluster {
            let message = "role cluster needs it, so that one of several acts; add its name and namespace";
            found.push(Problem::new("kubernetes.lease", message));
        }
        return;
    };
    if config.role != Role::Cluster {
        let message = format!("role {} does not use it; remove the section", config.role.as_str());
        found.push(Problem::new("kubernetes.lease", message));
    }
    for ((field, longest), text) in LONGEST.into_iter().zip([&lease.name, &lease.namespace]) {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if text.is_empty() || text.len() > longest || !text.chars().all(is_letter) {
            let message = format!("{text:?} names no object; use a-z, 0-9, - and ., at most {longest} of them");
            found.push(Problem::new(format!("kubernetes.lease.{field}"), message));
        }
    }
}
