//! The agent role: a DaemonSet on every node, tainted ones too, and a Service that stays on the node.

use crds::config::Role;
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet},
        core::v1::Toleration,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{Child, Kind, access, child, config_map::config_map, metadata, pod, service};
use crate::{
    labels, names,
    plan::{Agent, Plan, Rollout},
};

pub(super) fn children(plan: &Plan, agent: &Agent) -> Vec<Child> {
    let (config, config_name) = config_map(plan, &agent.pod.config);
    vec![
        access::service_account(plan, Role::Agent),
        config,
        service::agent(plan, agent),
        daemon_set(plan, agent, config_name),
    ]
}

fn daemon_set(plan: &Plan, agent: &Agent, config_name: String) -> Child {
    let shape = pod::Shape {
        role: Role::Agent,
        config_name,
        pod: &agent.pod,
        host_port: agent.host_port,
        spool: None,
        tolerations: vec![Toleration { operator: Some("Exists".to_owned()), ..Toleration::default() }],
        spread: Vec::new(),
    };
    let template = pod::template(plan, &shape);
    let selector =
        LabelSelector { match_labels: Some(labels::selector(&plan.name, Role::Agent)), ..LabelSelector::default() };
    let object = DaemonSet {
        metadata: metadata(plan, Role::Agent, names::role(&plan.name, Role::Agent)),
        spec: Some(DaemonSetSpec {
            selector,
            update_strategy: Some(strategy(&agent.rollout)),
            revision_history_limit: Some(3),
            template,
            ..DaemonSetSpec::default()
        }),
        status: None,
    };
    child(Kind::DaemonSet, Role::Agent, &object)
}

/// A surge of 0 is left out: it is the default.
fn strategy(rollout: &Rollout) -> DaemonSetUpdateStrategy {
    let max_surge = (rollout.max_surge != IntOrString::Int(0)).then(|| rollout.max_surge.clone());
    DaemonSetUpdateStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDaemonSet {
            max_unavailable: Some(rollout.max_unavailable.clone()),
            max_surge,
        }),
    }
}
