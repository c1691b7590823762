//! The gateway role: a Deployment that never has fewer ready pods than asked for while it rolls.

use crds::config::Role;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::TopologySpreadConstraint,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{Child, Kind, access, child, config_map::config_map, metadata, pod, service};
use crate::{
    labels, names,
    plan::{Gateway, Plan},
};

pub(super) fn children(plan: &Plan, gateway: &Gateway) -> Vec<Child> {
    let (config, config_name) = config_map(plan, &gateway.pod.config);
    vec![
        access::service_account(plan, Role::Gateway),
        config,
        service::gateway(plan, gateway),
        service::gateway_pods(plan, gateway),
        deployment(plan, gateway, config_name),
    ]
}

fn deployment(plan: &Plan, gateway: &Gateway, config_name: String) -> Child {
    let shape = pod::Shape { role: Role::Gateway, config_name, pod: &gateway.pod, host_port: false };
    let mut template = pod::template(plan, &shape);
    if let Some(pod) = &mut template.spec {
        pod.topology_spread_constraints = Some(vec![one_per_node_if_possible(plan)]);
    }
    let spec = DeploymentSpec {
        replicas: Some(gateway.replicas),
        selector: selector(plan),
        strategy: Some(surge_first()),
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

fn surge_first() -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_unavailable: Some(IntOrString::Int(0)),
            max_surge: Some(IntOrString::Int(1)),
        }),
    }
}

fn one_per_node_if_possible(plan: &Plan) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(selector(plan)),
        ..TopologySpreadConstraint::default()
    }
}

fn selector(plan: &Plan) -> LabelSelector {
    LabelSelector { match_labels: Some(labels::selector(&plan.name, Role::Gateway)), ..LabelSelector::default() }
}
