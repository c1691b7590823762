//! `Plan`: everything `desired` may know. Made by `validate` alone, so a plan that exists can work.

use std::collections::BTreeMap;

use crds::config::{CollectorConfig, Role};
use k8s_openapi::{
    api::{
        core::v1::{Affinity, EnvVar, ResourceRequirements, Toleration, TopologySpreadConstraint, Volume, VolumeMount},
        networking::v1::{NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer},
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::OwnerReference, util::intstr::IntOrString},
};
use serde_json::Value;

use crate::references::Referent;

/// One resource, checked and with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub name: String,
    pub namespace: String,
    /// What every child says of its owner.
    pub owner: OwnerReference,
    pub image: Image,
    pub gateway: Option<Gateway>,
    pub agent: Option<Agent>,
    pub cluster: Option<Cluster>,
    pub network_policy: Option<NetworkPolicy>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// `repository:tag`.
    pub reference: String,
    pub pull_policy: &'static str,
    pub pull_secrets: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    pub replicas: Replicas,
    pub rollout: Rollout,
    pub disruption_budget: DisruptionBudget,
    pub ingress: Option<Ingress>,
    pub spool: Option<Spool>,
    pub pod: Pod,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    pub host_port: bool,
    pub rollout: Rollout,
    pub pod: Pod,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    pub replicas: i32,
    pub pod: Pod,
}

/// What the pods of a role are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub config: CollectorConfig,
    pub ports: Ports,
    pub mounts: Vec<Mount>,
    /// Folders of the node that the pods see.
    pub node_folders: Vec<NodeFolder>,
    /// Every object the pods depend on, in its version; none when they depend on none.
    pub dependencies: Vec<Dependency>,
    pub settings: Settings,
}

/// What a person says of a role's pods, with defaults where every role has the same. An absent list of tolerations or
/// constraints means the role's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub resources: ResourceRequirements,
    pub node_selector: BTreeMap<String, String>,
    pub tolerations: Option<Vec<Toleration>>,
    pub affinity: Option<Affinity>,
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    pub priority_class_name: Option<String>,
    pub env: Vec<EnvVar>,
    pub volumes: Vec<Volume>,
    pub volume_mounts: Vec<VolumeMount>,
    /// Laid over the pod template.
    pub overlay: Option<Value>,
    pub service: Service,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub type_: &'static str,
    pub annotations: BTreeMap<String, String>,
    pub load_balancer_class: Option<String>,
}

/// A way in from outside the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Ingress {
    pub host: String,
    pub class: Option<String>,
    pub tls_secret: Option<String>,
    pub annotations: BTreeMap<String, String>,
}

/// The volume of a gateway's spool.
#[derive(Clone, Debug, PartialEq)]
pub struct Spool {
    pub directory: String,
    pub volume: Quantity,
    /// None: an emptyDir.
    pub claim: Option<Claim>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub storage_class: Option<String>,
}

/// How many pods there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Replicas {
    Fixed(i32),
    /// Somebody else decides.
    Scaled(Scale),
}

/// Bounds, and shares of what is requested, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub least: i32,
    pub most: i32,
    pub cpu: Option<i32>,
    pub memory: Option<i32>,
}

/// What may come in and go out beside what every pod of a role needs.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy {
    pub senders: Vec<NetworkPolicyPeer>,
    pub ingress: Vec<NetworkPolicyIngressRule>,
    pub egress: Vec<NetworkPolicyEgressRule>,
}

/// How pods are replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    pub max_unavailable: IntOrString,
    pub max_surge: IntOrString,
}

/// Either of both.
#[derive(Clone, Debug, PartialEq)]
pub struct DisruptionBudget {
    pub max_unavailable: Option<IntOrString>,
    pub min_available: Option<IntOrString>,
}

/// Under which numbers the receivers' ports are reached from outside the pod. Inside they never change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ports {
    pub grpc: u16,
    pub http: u16,
    /// None: the receiver is off.
    pub fluent_forward: Option<u16>,
    /// TCP, and UDP where it speaks no TLS.
    pub syslog: Option<u16>,
}

/// Keys of an object as files. Values never come this far.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    /// Of the volume.
    pub name: String,
    pub directory: String,
    pub referent: Referent,
    /// Key, and the name of its file.
    pub files: Vec<(String, String)>,
}

/// A folder of the node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFolder {
    /// Of the volume.
    pub name: &'static str,
    pub on_node: String,
    pub in_pod: String,
    /// The pods write into it, and it is made where it is absent.
    pub is_written: bool,
    /// Only root can read what is in it, so the pods are root's.
    pub is_roots: bool,
    /// The pods see what is mounted below it later.
    pub follows_mounts: bool,
}

/// An object and the version of it that was looked at.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Dependency {
    pub referent: Referent,
    pub version: String,
}

impl Mount {
    /// The volume with the user's name and password for ClickHouse.
    pub const CREDENTIALS: &str = "credentials";
    /// The volume with the token for the gateway that is forwarded to.
    pub const TOKEN: &str = "forward-token";
}

impl Ports {
    /// The numbers OTLP has by convention, and always has inside a pod.
    pub const GRPC: u16 = 4317;
    pub const HTTP: u16 = 4318;
    /// That of ClickStack's own collector.
    pub const FLUENT_FORWARD: u16 = 24225;
    pub const SYSLOG: u16 = 5140;

    /// Each with what it is called in the spec.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u16)> {
        let fluent = self.fluent_forward.map(|port| ("fluentForward.port", port));
        let syslog = self.syslog.map(|port| ("syslog.port", port));
        [("otlp.grpc.port", self.grpc), ("otlp.http.port", self.http)].into_iter().chain(fluent).chain(syslog)
    }
}

impl Gateway {
    /// Whether each of them has a volume of its own.
    pub fn has_claims(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| spool.claim.is_some())
    }
}

impl Pod {
    /// Whether the collector has to show who it is, to the API server or to a kubelet. Only then it gets a token.
    pub fn has_token(&self) -> bool {
        self.asks_api_server() || self.asks_kubelet()
    }

    pub fn asks_api_server(&self) -> bool {
        self.config.kubernetes.as_ref().is_some_and(|asked| asked.attributes.is_some() || asked.lease.is_some())
    }

    /// Whether syslog is taken over UDP.
    pub fn takes_datagrams(&self) -> bool {
        self.config.receivers.syslog.as_ref().is_some_and(|syslog| syslog.tls.is_none())
    }

    pub fn asks_kubelet(&self) -> bool {
        self.config.receivers.kubelet_metrics.is_some()
    }
}

impl Plan {
    pub fn pod(&self, role: Role) -> Option<&Pod> {
        match role {
            Role::Gateway => self.gateway.as_ref().map(|gateway| &gateway.pod),
            Role::Agent => self.agent.as_ref().map(|agent| &agent.pod),
            Role::Cluster => self.cluster.as_ref().map(|cluster| &cluster.pod),
        }
    }
}
