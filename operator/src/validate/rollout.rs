//! How many pods may be missing, and how many there may be too many of: the spec's, or the role's own. Pure.

use crds::{
    problem::Problem,
    v1alpha1::{DisruptionBudget, UpdateStrategy},
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::plan::{self, Plan, Rollout};

/// A new gateway first, so that there are never fewer than asked for. Whoever wants no new one first must miss one.
pub(super) fn of_gateways(wanted: Option<&UpdateStrategy>) -> Rollout {
    let UpdateStrategy { max_unavailable, max_surge } = wanted.cloned().unwrap_or_default();
    let max_surge = max_surge.unwrap_or(IntOrString::Int(1));
    let least = i32::from(is_none(&max_surge));
    Rollout { max_unavailable: max_unavailable.unwrap_or(IntOrString::Int(least)), max_surge }
}

/// A tenth at a time, rounded up by Kubernetes, so at least one; or a second one beside each first.
pub(super) fn of_agents(wanted: Option<&UpdateStrategy>) -> Rollout {
    let UpdateStrategy { max_unavailable, max_surge } = wanted.cloned().unwrap_or_default();
    let max_surge = max_surge.unwrap_or(IntOrString::Int(0));
    let missing = if is_none(&max_surge) { IntOrString::String("10%".to_owned()) } else { IntOrString::Int(0) };
    Rollout { max_unavailable: max_unavailable.unwrap_or(missing), max_surge }
}

pub(super) fn budget(wanted: Option<&DisruptionBudget>) -> plan::DisruptionBudget {
    let DisruptionBudget { max_unavailable, min_available } = wanted.cloned().unwrap_or_default();
    let is_empty = max_unavailable.is_none() && min_available.is_none();
    let max_unavailable = if is_empty { Some(IntOrString::Int(1)) } else { max_unavailable };
    plan::DisruptionBudget { max_unavailable, min_available }
}

/// What Kubernetes would refuse, or never finish.
pub(super) fn problems(plan: &Plan) -> Vec<Problem> {
    let mut found = Vec::new();
    let has_some = |rollout: &Rollout| (!is_none(&rollout.max_unavailable), !is_none(&rollout.max_surge));
    if let Some(gateway) = &plan.gateway
        && has_some(&gateway.rollout) == (false, false)
    {
        let message = "maxUnavailable and maxSurge are both 0, so no pod could be replaced; raise one of them";
        found.push(Problem::new("spec.gateway.updateStrategy", message));
    }
    let Some(agent) = &plan.agent else { return found };
    let field = "spec.agent.updateStrategy";
    match has_some(&agent.rollout) {
        (false, false) => {
            let message = "maxUnavailable and maxSurge are both 0, so no pod could be replaced; raise one of them";
            found.push(Problem::new(field, message));
        }
        (true, true) => {
            let message = "a node has one agent, so one of maxUnavailable and maxSurge must be 0; set one of them to 0";
            found.push(Problem::new(field, message));
        }
        (false, true) if agent.host_port => {
            let message = "two agents cannot share the ports of a node; remove it, or set hostPort: false";
            found.push(Problem::new(format!("{field}.maxSurge"), message));
        }
        (false, true) if agent.pod.config.spool.is_some() => {
            let message = "two agents cannot share the spool of a node; remove it";
            found.push(Problem::new(format!("{field}.maxSurge"), message));
        }
        _ => {}
    }
    found
}

fn is_none(pods: &IntOrString) -> bool {
    match pods {
        IntOrString::Int(number) => *number == 0,
        IntOrString::String(share) => share.trim_end_matches('%').parse() == Ok(0),
    }
}
