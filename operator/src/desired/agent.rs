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
    plan::{Agent, Plan},
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
    let shape = pod::Shape { role: Role::Agent, config_name, pod: &agent.pod, host_port: agent.host_port };
    let mut template = pod::template(plan, &shape);
    if let Some(pod) = &mut template.spec {
        pod.tolerations = Some(vec![Toleration { operator: Some("Exists".to_owned()), ..Toleration::default() }]);
    }
    let selector =
        LabelSelector { match_labels: Some(labels::selector(&plan.name, Role::Agent)), ..LabelSelector::default() };
    let object = DaemonSet {
        metadata: metadata(plan, Role::Agent, names::role(&plan.name, Role::Agent)),
        spec: Some(DaemonSetSpec {
            selector,
            update_strategy: Some(a_tenth_at_a_time()),
            revision_history_limit: Some(3),
            template,
            ..DaemonSetSpec::default()
        }),
        status: None,
    };
    child(Kind::DaemonSet, Role::Agent, &object)
}

/// Rounded up by Kubernetes, so at least one.
fn a_tenth_at_a_time() -> DaemonSetUpdateStrategy {
    DaemonSetUpdateStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDaemonSet {
            max_unavailable: Some(IntOrString::String("10%".to_owned())),
            ..RollingUpdateDaemonSet::default()
        }),
    }
}
