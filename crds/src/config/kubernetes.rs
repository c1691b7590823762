//! The `kubernetes` section: the cluster a collector runs in, and what it asks of it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Kubernetes {
    /// `k8s.cluster.name` of everything the collector makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Ask the API server for the pods of this node, and add what they say. Absent: nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<KubernetesAttributes>,
    /// The API server. Absent: the one of the cluster the collector runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<KubernetesApi>,
    /// By which one of several collectors of the role `cluster` acts, and where it notes how far it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

/// A Lease of `coordination.k8s.io/v1`. It is made where it is absent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Lease {
    pub name: String,
    pub namespace: String,
    /// The object it goes with. Absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<LeaseOwner>,
}

/// As in an object's `ownerReferences`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LeaseOwner {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
}

/// What of a pod becomes attributes, besides its workload, its service and its containers.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KubernetesAttributes {
    /// Labels of pods, in which `*` stands for any text, as `k8s.pod.label.<label>`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "kubernetes", schemars(length(max = 256), inner(length(min = 1, max = 317))))]
    pub labels: Vec<String>,
    /// Annotations of pods, likewise, as `k8s.pod.annotation.<annotation>`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "kubernetes", schemars(length(max = 256), inner(length(min = 1, max = 317))))]
    pub annotations: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KubernetesApi {
    /// `https://host:port`.
    pub endpoint: String,
    /// A file with the token of a ServiceAccount; read at every request.
    pub token_file: String,
    /// Certificate authorities in PEM; read at every request.
    pub ca_file: String,
}
