//! `Plan`: everything `desired` may know. Made by `validate` alone, so a plan that exists can work.

use crds::config::{CollectorConfig, Role};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::apis::meta::v1::OwnerReference};

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
    pub replicas: i32,
    pub pod: Pod,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    pub host_port: bool,
    pub pod: Pod,
}

/// What the pods of a role are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub config: CollectorConfig,
    pub ports: Ports,
    pub mounts: Vec<Mount>,
    /// Every object the pods depend on, in its version; none when they depend on none.
    pub dependencies: Vec<Dependency>,
    pub resources: ResourceRequirements,
}

/// Under which numbers the ports of OTLP are reached from outside the pod. Inside they never change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ports {
    pub grpc: u16,
    pub http: u16,
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

/// An object and the version of it that was looked at.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Dependency {
    pub referent: Referent,
    pub version: String,
}

impl Ports {
    /// The numbers OTLP has by convention, and always has inside a pod.
    pub const GRPC: u16 = 4317;
    pub const HTTP: u16 = 4318;
}

impl Plan {
    pub fn pod(&self, role: Role) -> Option<&Pod> {
        match role {
            Role::Gateway => self.gateway.as_ref().map(|gateway| &gateway.pod),
            Role::Agent => self.agent.as_ref().map(|agent| &agent.pod),
        }
    }
}
