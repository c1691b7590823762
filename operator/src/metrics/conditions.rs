//! The conditions of all resources, read from the caches when somebody scrapes: nothing has to be kept up to date, and
//! a resource that is gone is gone here too. Unknown is neither 0 nor 1 and is left out.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use kube::{ResourceExt as _, runtime::reflector::Store};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
};

use crate::watch::Guarded;

/// The caches of all scopes.
#[derive(Clone, Default)]
pub(super) struct Conditions(Arc<Mutex<Vec<Store<Guarded>>>>);

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Labels {
    namespace: String,
    name: String,
    condition: String,
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditions").finish_non_exhaustive()
    }
}

impl Conditions {
    pub(super) fn of(&self, resources: Store<Guarded>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(resources);
    }
}

impl Collector for Conditions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Conditions of resources: 1 is True, 0 is False";
        let mut family = encoder.encode_descriptor("condition", help, None, MetricType::Gauge)?;
        let scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for resource in scopes.iter().flat_map(Store::state) {
            let Some(status) = resource.0.as_ref().ok().and_then(|resource| resource.status.as_ref()) else { continue };
            for condition in &status.conditions {
                let value = match &*condition.status {
                    "True" => 1,
                    "False" => 0,
                    _ => continue,
                };
                let namespace = resource.namespace().unwrap_or_default();
                let labels = Labels { namespace, name: resource.name_any(), condition: condition.type_.clone() };
                ConstGauge::<i64>::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kube::{core::DeserializeGuard, runtime::reflector};
    use serde_json::json;

    use crate::metrics::Metrics;

    #[test]
    fn every_condition_that_is_known_is_told_by_resource() {
        let (store, mut writer) = reflector::store();
        let condition = |type_: &str, status: &str| {
            let time = "2026-01-01T00:00:00Z";
            json!({"type": type_, "status": status, "reason": "R", "message": "m", "lastTransitionTime": time})
        };
        let resource = json!({
            "apiVersion": "clickstack.io/v1alpha1", "kind": "ClickStackCollector",
            "metadata": {"name": "main", "namespace": "ns"}, "spec": {"clickhouse": {"endpoint": "http://c:8123"}},
            "status": {"conditions": [
                condition("Ready", "True"), condition("Degraded", "False"), condition("ClickHouseReachable", "Unknown"),
            ]},
        });
        let resource: DeserializeGuard<_> = serde_json::from_value(resource).unwrap();
        writer.apply_watcher_event(&kube::runtime::watcher::Event::Apply(resource));
        let metrics = Metrics::default();
        metrics.conditions_of(store);
        let text = metrics.text();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("clickstack_operator_condition{")).collect();
        let of = |condition: &str, value: i32| {
            format!("clickstack_operator_condition{{namespace=\"ns\",name=\"main\",condition=\"{condition}\"}} {value}")
        };
        assert_eq!(lines, [of("Ready", 1), of("Degraded", 0)]);
    }
}
