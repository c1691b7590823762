//! How many gateways may be evicted at once. Agents are left alone by whoever drains a node.

use crds::config::Role;
use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::{Child, Kind, child, metadata};
use crate::{
    labels, names,
    plan::{Gateway, Plan},
};

pub(super) fn budget(plan: &Plan, gateway: &Gateway) -> Child {
    let labels = labels::selector(&plan.name, Role::Gateway);
    let spec = PodDisruptionBudgetSpec {
        max_unavailable: gateway.disruption_budget.max_unavailable.clone(),
        min_available: gateway.disruption_budget.min_available.clone(),
        selector: Some(LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }),
        ..PodDisruptionBudgetSpec::default()
    };
    let object = PodDisruptionBudget {
        metadata: metadata(plan, Role::Gateway, names::role(&plan.name, Role::Gateway)),
        spec: Some(spec),
        status: None,
    };
    child(Kind::PodDisruptionBudget, Role::Gateway, &object)
}
