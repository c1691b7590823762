//! Forwarding to another gateway: what the collector's own checks of its file cannot see. Pure.

use crds::{config::Role, problem::Problem, v1alpha1::ClickStackCollector};

use crate::{names, plan::Plan};

pub(super) fn problems(resource: &ClickStackCollector, plan: &Plan) -> Vec<Problem> {
    let mut found = Vec::new();
    let Some(gateway) = &resource.spec.gateway else { return found };
    let Some(forward_to) = &gateway.forward_to else { return found };
    if gateway.blocks.is_some() {
        let message = "blocks are made where rows are stored, not by gateways with forwardTo; remove it";
        found.push(Problem::new("spec.gateway.blocks", message));
    }
    if gateway.spool.as_ref().is_some_and(|spool| spool.siblings.is_some()) {
        let message = "gateways with forwardTo make no blocks to hand to siblings; remove it";
        found.push(Problem::new("spec.gateway.spool.siblings", message));
    }
    if is_own(host(&forward_to.endpoint), plan) {
        let message = "these are this resource's own gateways, which would forward to themselves; name another gateway";
        found.push(Problem::new("spec.gateway.forwardTo.endpoint", message));
    }
    found
}

/// Whether a host is a Service of this resource's gateways, in any of the forms a pod may write it in.
fn is_own(host: &str, plan: &Plan) -> bool {
    let Plan { name, namespace, .. } = plan;
    [names::role(name, Role::Gateway), names::gateway_pods(name)].iter().any(|service| {
        let rest = host.strip_prefix(service.as_str());
        rest.is_some_and(|rest| {
            let in_namespace = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(namespace.as_str()));
            rest.is_empty()
                || in_namespace.is_some_and(|rest| rest.is_empty() || rest == ".svc" || rest.starts_with(".svc."))
        })
    })
}

fn host(endpoint: &str) -> &str {
    let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest).trim_end_matches('/');
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Refusal, validate};
    use crate::references::Found;

    fn refused(endpoint: &str) -> bool {
        let resource = json!({
            "apiVersion": "clickstack.io/v1alpha1", "kind": "ClickStackCollector",
            "metadata": {"name": "main", "namespace": "ns", "uid": "u"},
            "spec": {"gateway": {"forwardTo": {"endpoint": endpoint}}},
        });
        let made = validate(&serde_json::from_value(resource).unwrap(), &Found::new(), "r:1");
        match made {
            Ok(_) => false,
            Err(Refusal::Invalid(problems)) => {
                problems.iter().all(|problem| problem.field == "spec.gateway.forwardTo.endpoint")
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn gateways_do_not_forward_to_themselves() {
        for own in [
            "main-gateway",
            "main-gateway.ns:4317",
            "main-gateway-pods.ns.svc:4317",
            "main-gateway.ns.svc.cluster.local",
        ] {
            assert!(refused(&format!("http://{own}")), "{own}");
        }
        for other in [
            "main-gateway.other.svc:4317",
            "main-gateway-2:4317",
            "main-gateway.nsx",
            "main-agent.ns",
            "central.example",
        ] {
            assert!(!refused(&format!("http://{other}")), "{other}");
        }
    }
}
