//! `status`: written by the operator alone, for decisions.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What the operator saw at its last look.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Generation of the spec that was last put to work. It keeps running while a newer one cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// Ready, Available, Progressing, Degraded, ConfigValid, ClickHouseReachable; ForwardReachable where gateways forward
    /// to another one; AccessGranted where collectors ask the API server; and, while they hold, Reconciling and Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
    /// Where to send telemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// ClickHouse, as the gateways see it; absent until one has told, and where they forward to another gateway.
    #[serde(default, rename = "clickhouse", skip_serializing_if = "Option::is_none")]
    pub clickhouse: Option<ClickHouseStatus>,
    /// The gateways, when the role is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<RoleStatus>,
    /// The agents, when the role is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<RoleStatus>,
    /// The collectors that read the cluster, when the role is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<RoleStatus>,
}

/// Addresses inside the cluster.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// OTLP/gRPC.
    pub grpc: String,
    /// OTLP/HTTP.
    pub http: String,
    /// Fluent's forward protocol, where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fluent_forward: Option<String>,
    /// Syslog, where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<String>,
}

/// What the gateways tell of ClickHouse.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClickHouseStatus {
    /// A gateway reaches it with these credentials, and none is cut off.
    pub reachable: bool,
    /// `Current` when the tables are in place, otherwise `Pending`.
    pub schema: String,
}

/// The pods of one role.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleStatus {
    /// Pods there should be.
    pub desired: i32,
    /// Pods that are ready, of any revision.
    pub ready: i32,
    /// Pods of the current revision.
    pub updated: i32,
    /// Labels that select the pods, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Pods that are wanted and cannot be relied on: not there, not ready, or restarted just now.
    pub unavailable: i32,
    /// `ready/desired`, for `kubectl get`.
    pub pods: String,
    /// Name of the configuration the pods of the current revision run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// The condition of a resource that the operator has not looked at. The time is one that is always past.
pub(super) fn not_seen_yet() -> Condition {
    Condition {
        type_: condition::RECONCILING.to_owned(),
        status: "True".to_owned(),
        reason: "NotSeenYet".to_owned(),
        message: "the operator has not looked at this resource yet; if this stays, see whether it runs".to_owned(),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

/// Types of conditions; see <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>
/// for the last two.
pub mod condition {
    /// The observed generation is rolled out and every pod is ready.
    pub const READY: &str = "Ready";
    /// Every role that is on has a pod that works, of whichever generation: telemetry can be sent.
    pub const AVAILABLE: &str = "Available";
    /// ClickHouse answers the gateways and lets them in. Unknown where they forward to another gateway.
    pub const CLICKHOUSE_REACHABLE: &str = "ClickHouseReachable";
    /// The gateway that is forwarded to answers and lets these in. Absent where gateways store themselves.
    pub const FORWARD_REACHABLE: &str = "ForwardReachable";
    /// Collectors may read what they ask the API server for. Absent where they ask for nothing.
    pub const ACCESS_GRANTED: &str = "AccessGranted";
    /// The spec can work, or names the field that cannot.
    pub const CONFIG_VALID: &str = "ConfigValid";
    /// Pods are being replaced or added.
    pub const PROGRESSING: &str = "Progressing";
    /// Something is wrong that will not mend itself; the message says what to do.
    pub const DEGRADED: &str = "Degraded";
    /// Present while the operator has work to do.
    pub const RECONCILING: &str = "Reconciling";
    /// Present while the operator waits for a person.
    pub const STALLED: &str = "Stalled";
}
