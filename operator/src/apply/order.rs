//! Which workload waits for which: agents, and whoever else sends to gateways, are changed once those have been. Pure.
//!
//! Gateways must understand what newer agents send, and a revision that cannot run is found out by gateways, which are
//! replaced only by what is ready, before it reaches the nodes.

use crds::config::Role;

use super::is_current;
use crate::{desired::Child, resolve::Live, status::workload};

/// Whether `child` is to be left as it is for now. `has_written` says that gateways were changed a moment ago, which
/// `live` does not show yet.
pub(super) fn waits(child: &Child, live: &[Live], has_written: bool) -> bool {
    let there = live.iter().find(|live| live.kind == child.kind && live.name == child.name);
    let is_to_change = there.is_some_and(|there| !is_current(&child.object, &there.object));
    child.role != Role::Gateway && is_to_change && (has_written || !are_gateways_rolled_out(live))
}

fn are_gateways_rolled_out(live: &[Live]) -> bool {
    let workloads = live.iter().filter_map(|live| workload::read(live.kind, &live.object));
    workloads.filter(|(role, _)| *role == Role::Gateway).all(|(_, workload)| workload.is_rolled_out())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::desired::Kind;

    fn gateway(ready: u8) -> Live {
        let object = json!({
            "metadata": {"generation": 2}, "spec": {"replicas": 2, "selector": {}, "template": {}},
            "status": {
                "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready,
                "availableReplicas": ready,
            },
        });
        Live { kind: Kind::Deployment, name: "g".to_owned(), object }
    }

    fn agent(object: Value) -> Live {
        Live { kind: Kind::DaemonSet, name: "a".to_owned(), object }
    }

    fn wanted(object: Value) -> Child {
        Child { kind: Kind::DaemonSet, name: "a".to_owned(), role: Role::Agent, scale: None, object }
    }

    #[test]
    fn agents_that_are_to_change_wait_for_gateways_that_are_changing() {
        let (old, new) = (json!({"spec": {"x": 1}}), json!({"spec": {"x": 2}}));
        let changed = wanted(new.clone());
        assert!(waits(&changed, &[gateway(1), agent(old.clone())], false));
        assert!(waits(&changed, &[gateway(2), agent(old.clone())], true));
        assert!(!waits(&changed, &[gateway(2), agent(old)], false));
    }

    #[test]
    fn new_agents_and_agents_that_stay_as_they_are_wait_for_nobody() {
        let object = json!({"spec": {"x": 1}});
        assert!(!waits(&wanted(object.clone()), &[gateway(0)], true));
        assert!(!waits(&wanted(object.clone()), &[gateway(0), agent(object)], true));
    }
}
