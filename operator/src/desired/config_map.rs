//! A role's configuration as an immutable object named after its content: a pod can never read a half-changed one,
//! and a workload that goes back to an old revision finds it.

use crds::config::CollectorConfig;
use k8s_openapi::api::core::v1::ConfigMap;

use super::{Child, Kind, child, hash, metadata};
use crate::{names, plan::Plan};

pub(super) const KEY: &str = "collector.yaml";

/// The object, and its name for the pods.
pub(super) fn config_map(plan: &Plan, config: &CollectorConfig) -> (Child, String) {
    // The document is made of strings, numbers and structs, which YAML can always write.
    let text = serde_saphyr::to_string(config).unwrap_or_default();
    let name = names::config_map(&plan.name, config.role, &hash(&text, 10));
    let object = ConfigMap {
        metadata: metadata(plan, config.role, name.clone()),
        data: Some([(KEY.to_owned(), text)].into()),
        immutable: Some(true),
        ..ConfigMap::default()
    };
    (child(Kind::ConfigMap, config.role, &object), name)
}
