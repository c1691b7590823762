//! `Plan`: everything `desired` may know. Made by `validate` alone, so a plan that exists can work.

use crds::config::CollectorConfig;
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::apis::meta::v1::OwnerReference};

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
    pub config: CollectorConfig,
    pub credentials: Option<Credentials>,
    pub resources: ResourceRequirements,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    pub config: CollectorConfig,
    pub host_port: bool,
    pub resources: ResourceRequirements,
}

/// A Secret and the keys mounted from it. Values never come this far.
#[derive(Clone, Debug, PartialEq)]
pub struct Credentials {
    pub secret: String,
    pub username_key: String,
    pub password_key: String,
}
