//! What of an object cannot be changed once it is there. Pure.

use serde_json::Value;

use super::current::is_within;
use crate::desired::Kind;

/// Of a StatefulSet, all but these fields may change; no other kind of ours has such a field that changes.
const OF_STATEFUL_SET: [&str; 4] = ["volumeClaimTemplates", "serviceName", "podManagementPolicy", "selector"];

/// Whether the object has to be made anew to become what is wanted.
pub(super) fn is_in_the_way(kind: Kind, desired: &Value, live: &Value) -> bool {
    kind == Kind::StatefulSet
        && OF_STATEFUL_SET.iter().any(|field| !is_within(field, &desired["spec"][field], &live["spec"][field]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_claim_needs_another_set_and_another_number_does_not() {
        let of = |storage: &str, replicas: u8| {
            let claim =
                json!({"metadata": {"name": "spool"}, "spec": {"resources": {"requests": {"storage": storage}}}});
            json!({"spec": {"replicas": replicas, "volumeClaimTemplates": [claim]}})
        };
        let mut live = of("1Gi", 2);
        live["spec"]["volumeClaimTemplates"][0]["status"] = json!({"phase": "Pending"});
        assert!(!is_in_the_way(Kind::StatefulSet, &of("1024Mi", 3), &live));
        assert!(is_in_the_way(Kind::StatefulSet, &of("2Gi", 2), &live));
        assert!(!is_in_the_way(Kind::Deployment, &of("2Gi", 2), &live));
    }
}
