//! The `receivers.hostMetrics` section: what is measured of the node itself.

use serde::{Deserialize, Serialize};

use crate::quantity::Duration;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HostMetrics {
    /// Between two measurements.
    pub interval: Duration,
    /// Where the node's root is seen.
    pub root_directory: String,
}

impl Default for HostMetrics {
    fn default() -> Self {
        Self { interval: Duration::seconds(30), root_directory: "/hostfs".to_owned() }
    }
}
