//! CPU and memory of a role: the spec's, or the defaults; and whether the API server would refuse them. Pure.

use std::collections::BTreeMap;

use crds::{config::Role, problem::Problem, v1alpha1::Resources};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};

use crate::desired::amount;

pub(super) fn of(role: Role, wanted: Option<&Resources>) -> ResourceRequirements {
    wanted.cloned().map_or_else(|| defaults(role), ResourceRequirements::from)
}

/// A request above its limit would be refused pod by pod, long after the spec was accepted.
pub(super) fn problems(field: &str, resources: &ResourceRequirements) -> Vec<Problem> {
    let mut found = Vec::new();
    for (part, quantities) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        for (name, quantity) in quantities.iter().flatten() {
            if amount::of(&quantity.0).is_none() {
                let message = format!("{:?} is not a quantity; use a form like 100m, 0.5, 128Mi or 2Gi", quantity.0);
                found.push(Problem::new(format!("{field}.{part}.{name}"), message));
            }
        }
    }
    for (name, request) in resources.requests.iter().flatten() {
        let Some(limit) = resources.limits.as_ref().and_then(|limits| limits.get(name)) else { continue };
        if amount::of(&request.0) > amount::of(&limit.0) {
            let message = format!("{} is more than the limit of {}; lower it or raise the limit", request.0, limit.0);
            found.push(Problem::new(format!("{field}.requests.{name}"), message));
        }
    }
    found
}

/// No CPU limit: throttling a collector delays every sender. The memory limit sets what it accepts at once.
fn defaults(role: Role) -> ResourceRequirements {
    let (cpu, memory, limit) = match role {
        Role::Gateway => ("100m", "128Mi", "512Mi"),
        Role::Agent => ("50m", "64Mi", "256Mi"),
        Role::Cluster => ("20m", "64Mi", "256Mi"),
    };
    let quantities = |pairs: &[(&str, &str)]| -> BTreeMap<_, _> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Quantity((*value).to_owned()))).collect()
    };
    ResourceRequirements {
        requests: Some(quantities(&[("cpu", cpu), ("memory", memory)])),
        limits: Some(quantities(&[("memory", limit)])),
        claims: None,
    }
}
