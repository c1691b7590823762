//! The gateway role: a Deployment that never has fewer ready pods than asked for while it rolls, or a StatefulSet where
//! each pod has a volume of its own.

use crds::config::Role;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{PodTemplateSpec, TopologySpreadConstraint},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::{Child, Kind, access, child, config_map::config_map, disruption, ingress, metadata, pod, scaler, service};
use crate::{
    labels, names,
    plan::{Gateway, Plan, Replicas, Rollout},
};

mod stateful;

pub(super) fn children(plan: &Plan, gateway: &Gateway) -> Vec<Child> {
    let (config, config_name) = config_map(plan, &gateway.pod.config);
    let mut children = vec![
        access::service_account(plan, Role::Gateway),
        config,
        service::gateway(plan, gateway),
        service::gateway_pods(plan, gateway),
        disruption::budget(plan, gateway),
    ];
    children.extend(gateway.ingress.as_ref().map(|wanted| ingress::ingress(plan, wanted)));
    let template = template(plan, gateway, config_name);
    let (kind, workload) = if gateway.has_claims() {
        (Kind::StatefulSet, stateful::set(plan, gateway, template))
    } else {
        (Kind::Deployment, deployment(plan, gateway, template))
    };
    if let Replicas::Scaled(scale) = gateway.replicas {
        children.push(scaler::autoscaler(plan, kind, scale));
        children.push(Child { scale: Some(scale), ..workload });
    } else {
        children.push(workload);
    }
    children
}

fn template(plan: &Plan, gateway: &Gateway, config_name: String) -> PodTemplateSpec {
    let shape = pod::Shape {
        role: Role::Gateway,
        config_name,
        pod: &gateway.pod,
        host_port: false,
        spool: gateway.spool.as_ref(),
        tolerations: Vec::new(),
        spread: vec![one_per_node_if_possible()],
    };
    pod::template(plan, &shape)
}

fn deployment(plan: &Plan, gateway: &Gateway, template: PodTemplateSpec) -> Child {
    let spec = DeploymentSpec {
        replicas: number(gateway),
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
    child(Kind::Deployment, Role::Gateway, &object)
}

/// None where somebody else decides.
fn number(gateway: &Gateway) -> Option<i32> {
    match gateway.replicas {
        Replicas::Fixed(number) => Some(number),
        Replicas::Scaled(_) => None,
    }
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

pub(super) fn one_per_node_if_possible() -> TopologySpreadConstraint {
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
