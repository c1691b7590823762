//! What is read of the cluster as a whole: the sections of `receivers` that the role `cluster` has.

use serde::{Deserialize, Serialize};

/// The events of all namespaces, as log records.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterEvents {}
