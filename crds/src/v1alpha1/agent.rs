//! `spec.agent`: the collectors on every node.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{AgentSpool, Auth, Authority, ClientTls, FluentForward, Otlp, PodSettings, Syslog, UpdateStrategy};
use crate::{
    config::{KubernetesAttributes, Limits, Namespaces, Shutdown, StartAt},
    quantity::{ByteSize, Duration},
};

/// Agents: a DaemonSet, and a Service that always reaches the agent of the sender's own node.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Also listen on ports 4317 and 4318 of the node itself, and on those of fluentForward and syslog where they are on.
    #[serde(default = "yes")]
    pub host_port: bool,
    /// What is taken over OTLP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Otlp>,
    /// What Fluentd and Fluent Bit send. Present: on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fluent_forward: Option<FluentForward>,
    /// What speaks syslog. Present: on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<Syslog>,
    /// Who may send over OTLP. Absent: everybody who reaches the ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Read the logs of the node's containers. Present: on. Agents then run as root without capabilities, since the
    /// files are root's, and see the node's /var/log/pods and a folder of /var/lib/clickstack for their positions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_logs: Option<ContainerLogs>,
    /// Measure what the node does: processors, memory, disks, filesystems, network, processes. Present: on. Agents then
    /// see the whole filesystem of the node, mounted read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_metrics: Option<HostMetrics>,
    /// Ask the node's kubelet what its pods, containers and volumes use. Present: on. The operator lets the agents'
    /// ServiceAccount read the statistics of nodes (nodes/stats); one that is limited to namespaces cannot, and the
    /// chart's `podReaders` does. With kubernetesAttributes, also in relation to limits and requests, by workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet_metrics: Option<KubeletMetrics>,
    /// Ask the API server for the pods of the node, and add what they say to their container logs and to the OTLP they send
    /// to their agent: workload, service, image, and the labels and annotations named here. Present: on. The operator lets
    /// the agents' ServiceAccount list and watch the pods of all namespaces; one that is limited to namespaces cannot, and
    /// the chart's `podReaders` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_attributes: Option<KubernetesAttributes>,
    /// How deliveries are passed on to gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// Keep deliveries on the node's disk until a gateway has answered for them. Absent: senders wait for the gateway.
    /// Needs spec.gateway.spool. Agents then run as root without capabilities, since a folder of the node is root's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool: Option<AgentSpool>,
    /// What an agent holds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// How an agent ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
    /// How agents are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<UpdateStrategy>,
    #[serde(flatten)]
    pub pod: PodSettings,
}

/// Which container logs are read, and how.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContainerLogs {
    /// Names of namespaces, in which `*` stands for any text. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// What becomes of logs that are there when an agent runs on a node for the first time. Absent: end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<StartAt>,
    /// The longest text of a record; what is beyond is dropped, and its length told in the record. Absent: 256Ki.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_line_bytes: Option<ByteSize>,
}

/// How the node is measured.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HostMetrics {
    /// Between two measurements, 1s … 1h. Absent: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
}

/// How kubelets are asked.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.ca) || !has(self.insecureSkipVerify) || !self.insecureSkipVerify",
    "insecureSkipVerify would ignore ca; remove one of both"
))]
pub struct KubeletMetrics {
    /// Between two measurements, 1s … 1h. Absent: 20s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Authorities that may have signed the kubelets' certificates. Absent: that of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Authority>,
    /// Take any certificate: kubelets sign their own unless serverTLSBootstrap is set. Whoever is between an agent and
    /// its node reads the agent's token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

/// How agents pass deliveries on.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Forward {
    /// How agents know gateways that speak TLS, and how they show who they are. A token of the gateways' auth.tokens,
    /// the first, is shown by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Longest time of one attempt. Absent: 15s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long a delivery is tried, over all gateways, before its sender is told to send again later. Absent: 8s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_for: Option<Duration>,
    /// With a spool: how long a delivery that a gateway may have, because it was under way when one of both was killed,
    /// waits for that gateway before another gets it, which may store it a second time. Absent: 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_gateway_for: Option<Duration>,
}

const fn yes() -> bool {
    true
}
