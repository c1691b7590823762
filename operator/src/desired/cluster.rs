//! The role cluster: a Deployment of which one pod acts, and the right to agree on which. Nothing sends to it, so it has
//! no Service.

use crds::config::Role;
use k8s_openapi::{
    api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{Child, Kind, access, child, config_map::config_map, gateway, metadata, pod};
use crate::{
    labels, names,
    plan::{Cluster, Plan},
};

pub(super) fn children(plan: &Plan, cluster: &Cluster) -> Vec<Child> {
    let (config, config_name) = config_map(plan, &cluster.pod.config);
    let lease = cluster.pod.config.kubernetes.as_ref().and_then(|kubernetes| kubernetes.lease.as_ref());
    let mut children = vec![access::service_account(plan, Role::Cluster), config];
    children.extend(lease.into_iter().flat_map(|lease| access::lease(plan, Role::Cluster, lease)));
    children.push(deployment(plan, cluster, config_name));
    children
}

fn deployment(plan: &Plan, cluster: &Cluster, config_name: String) -> Child {
    let shape = pod::Shape {
        role: Role::Cluster,
        config_name,
        pod: &cluster.pod,
        host_port: false,
        spool: None,
        tolerations: Vec::new(),
        spread: vec![gateway::one_per_node_if_possible()],
    };
    let selector = labels::selector(&plan.name, Role::Cluster);
    let spec = DeploymentSpec {
        replicas: Some(cluster.replicas),
        selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
        strategy: Some(strategy()),
        revision_history_limit: Some(3),
        template: pod::template(plan, &shape),
        ..DeploymentSpec::default()
    };
    let object = Deployment {
        metadata: metadata(plan, Role::Cluster, names::role(&plan.name, Role::Cluster)),
        spec: Some(spec),
        status: None,
    };
    child(Kind::Deployment, Role::Cluster, &object)
}

/// A new one first: it stands by until the old one gives the lease back.
fn strategy() -> DeploymentStrategy {
    let rolling_update =
        RollingUpdateDeployment { max_unavailable: Some(IntOrString::Int(0)), max_surge: Some(IntOrString::Int(1)) };
    DeploymentStrategy { type_: Some("RollingUpdate".to_owned()), rolling_update: Some(rolling_update) }
}
