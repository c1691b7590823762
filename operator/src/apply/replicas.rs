//! How many pods a workload has while somebody else decides it. Pure.
//!
//! Whoever stops saying a field by server-side apply takes it away, unless another has set it since: the number would
//! fall to 1. So what is there is said again whenever the workload is written, within the bounds. It is no reason to
//! write: what is wanted does not say it.

use serde_json::{Value, json};

use crate::desired::Child;

pub(super) fn with_replicas(child: &Child, live: Option<&Value>) -> Value {
    let mut object = child.object.clone();
    if let Some(scale) = child.scale {
        let there = live.and_then(|live| live["spec"]["replicas"].as_i64()).unwrap_or(0);
        object["spec"]["replicas"] = json!(there.max(scale.least.into()).min(scale.most.into()));
    }
    object
}

#[cfg(test)]
mod tests {
    use crds::config::Role;

    use super::*;
    use crate::{desired::Kind, plan::Scale};

    fn said(scale: Option<Scale>, live: Option<i32>) -> Value {
        let object = json!({"spec": {}});
        let child = Child { kind: Kind::Deployment, name: "g".to_owned(), role: Role::Gateway, scale, object };
        let live = live.map(|number| json!({"spec": {"replicas": number}}));
        with_replicas(&child, live.as_ref())["spec"]["replicas"].clone()
    }

    #[test]
    fn the_number_that_is_there_stays_within_the_bounds() {
        let scale = Some(Scale { least: 2, most: 5, cpu: None, memory: None });
        for (live, wanted) in [(None, 2), (Some(1), 2), (Some(4), 4), (Some(9), 5)] {
            assert_eq!(said(scale, live), wanted, "{live:?}");
        }
        assert_eq!(said(None, Some(4)), Value::Null);
    }
}
