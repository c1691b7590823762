//! An object of the cluster, as much of it as is measured. Comes in: the API server's JSON, of any of the kinds that are
//! followed; what is not named here is passed over while it is read. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};

use crate::cluster::{Metadata, follow::Identified};

/// Kinds agree in what a name means, so one type is enough for all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Object {
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
    pub(super) status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) replicas: Option<i64>,
    pub(super) completions: Option<i64>,
    pub(super) parallelism: Option<i64>,
    pub(super) min_replicas: Option<i64>,
    pub(super) max_replicas: Option<i64>,
    pub(super) node_name: String,
    pub(super) containers: Vec<Container>,
    pub(super) init_containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) resources: Resources,
    /// Of an init container: `Always`, where it runs beside the others.
    pub(super) restart_policy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    pub(super) limits: Quantities,
    pub(super) requests: Quantities,
}

/// By the name of what there is a quantity of. A quantity is written as a text, and may be a number.
pub(super) type Quantities = BTreeMap<String, serde_json::Value>;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) phase: String,
    pub(super) replicas: Option<i64>,
    pub(super) available_replicas: Option<i64>,
    pub(super) ready_replicas: Option<i64>,
    pub(super) current_replicas: Option<i64>,
    pub(super) updated_replicas: Option<i64>,
    pub(super) desired_replicas: Option<i64>,
    pub(super) current_number_scheduled: Option<i64>,
    pub(super) desired_number_scheduled: Option<i64>,
    pub(super) number_misscheduled: Option<i64>,
    pub(super) number_ready: Option<i64>,
    pub(super) active: Option<Active>,
    pub(super) failed: Option<i64>,
    pub(super) succeeded: Option<i64>,
    pub(super) hard: Quantities,
    pub(super) used: Quantities,
    pub(super) conditions: Vec<Condition>,
    pub(super) container_statuses: Vec<ContainerStatus>,
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

/// Pods of a Job, and Jobs of a CronJob.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Active {
    Pods(i64),
    Jobs(Vec<IgnoredAny>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    pub(super) ready: bool,
    pub(super) restart_count: i64,
    /// `containerd://…`; empty before it runs.
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
}

impl Identified for Object {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    fn version(&self) -> &str {
        &self.metadata.resource_version
    }
}
