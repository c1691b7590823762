//! The gateway role: a Deployment that never has fewer ready pods than asked for while it rolls.

use crds::config::Role;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::TopologySpreadConstraint,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::{Child, Kind, access, child, config_map::config_map, disruption, metadata, pod, scaler, service};
use crate::{
    labels, names,
    plan::{Gateway, Plan, Replicas, Rollout},
};

pub(super) fn children(plan: &Plan, gateway: &Gateway) -> Vec<Child> {
    let (config, config_name) = config_map(plan, &gateway.pod.config);
    let mut children = vec![
        access::service_account(plan, Role::Gateway),
        config,
        service::gateway(plan, gateway),
        service::gateway_pods(plan, gateway),
        disruption::budget(plan, gateway),
        deployment(plan, gateway, config_name),
    ];
    if let Replicas::Scaled(scale) = gateway.replicas {
        children.push(scaler::autoscaler(plan, Kind::Deployment, scale));
    }
    children
}

fn deployment(plan: &Plan, gateway: &Gateway, config_name: String) -> Child {
    let shape = pod::Shape {
        role: Role::Gateway,
        config_name,
        pod: &gateway.pod,
        host_port: false,
        tolerations: Vec::new(),
        spread: vec![one_per_node_if_possible()],
    };
    let template = pod::template(plan, &shape);
    let (replicas, scale) = match gateway.replicas {
        Replicas::Fixed(number) => (Some(number), None),
        Replicas::Scaled(scale) => (None, Some(scale)),
    };
    let spec = DeploymentSpec {
        replicas,
        selector: selector(plan),
        strategy: Some(strategy(&gateway.rollout)),
        revision_history_limit: Some(3),
        template,
        ..DeploymentSpec::default()
    };
    let object = Deployment {
        metadata: metadata(plan, Role::Gateway, names::role(&plan.name, Role::Gateway)),
        spec: Some(spec),
        status: None,
    };
    Child { scale, ..child(Kind::Deployment, Role::Gateway, &object) }
}

fn strategy(rollout: &Rollout) -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_unavailable: Some(rollout.max_unavailable.clone()),
            max_surge: Some(rollout.max_surge.clone()),
        }),
    }
}

fn one_per_node_if_possible() -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        ..TopologySpreadConstraint::default()
    }
}

fn selector(plan: &Plan) -> LabelSelector {
    LabelSelector { match_labels: Some(labels::selector(&plan.name, Role::Gateway)), ..LabelSelector::default() }
}
