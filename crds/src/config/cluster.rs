//! What is read of the cluster as a whole: the sections of `receivers` that the role `cluster` has.

use serde::{Deserialize, Serialize};

use crate::quantity::Duration;

/// The events of all namespaces, as log records.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterEvents {}

/// The state of its objects, as metrics.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterMetrics {
    /// Between two measurements.
    pub interval: Duration,
}

impl Default for ClusterMetrics {
    fn default() -> Self {
        Self { interval: Duration::seconds(30) }
    }
}
