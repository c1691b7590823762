//! `spec.gateway.ingress`: a way in for senders outside the cluster, such as browsers.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::workload::texts;

/// An Ingress to OTLP/HTTP of the gateways. For OTLP/gRPC an Ingress needs annotations that differ between controllers;
/// use a Service of type LoadBalancer, or a GRPCRoute to the port otlp-grpc.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ingress {
    /// Host name it answers to.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = (
        "self.matches('^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "use a host name in lower case, without scheme, port or path"
    ))]
    pub host: String,
    /// Name of the IngressClass. Absent: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// Secret of type kubernetes.io/tls with the certificate for the host. Absent: no TLS at the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_secret_name: Option<String>,
    /// Annotations, as its controller reads them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "texts")]
    pub annotations: BTreeMap<String, String>,
}
