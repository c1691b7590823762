//! A way to the gateways' OTLP/HTTP from outside the cluster.

use crds::config::Role;
use k8s_openapi::{
    api::networking::v1::{
        HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend,
        IngressSpec, IngressTLS, ServiceBackendPort,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{Child, Kind, child, metadata, pod};
use crate::{
    names,
    plan::{self, Plan},
};

pub(super) fn ingress(plan: &Plan, wanted: &plan::Ingress) -> Child {
    let name = names::role(&plan.name, Role::Gateway);
    let annotations = (!wanted.annotations.is_empty()).then(|| wanted.annotations.clone());
    let tls = wanted
        .tls_secret
        .as_ref()
        .map(|secret| vec![IngressTLS { hosts: Some(vec![wanted.host.clone()]), secret_name: Some(secret.clone()) }]);
    let object = Ingress {
        metadata: ObjectMeta { annotations, ..metadata(plan, Role::Gateway, name.clone()) },
        spec: Some(IngressSpec {
            ingress_class_name: wanted.class.clone(),
            rules: Some(vec![rule(wanted.host.clone(), name)]),
            tls,
            ..IngressSpec::default()
        }),
        status: None,
    };
    child(Kind::Ingress, Role::Gateway, &object)
}

/// Every path: which there are is for the gateways to know.
fn rule(host: String, service: String) -> IngressRule {
    let port = ServiceBackendPort { name: Some(pod::OTLP_HTTP.0.to_owned()), ..ServiceBackendPort::default() };
    let service = IngressServiceBackend { name: service, port: Some(port) };
    let path = HTTPIngressPath {
        backend: IngressBackend { service: Some(service), resource: None },
        path: Some("/".to_owned()),
        path_type: "Prefix".to_owned(),
    };
    IngressRule { host: Some(host), http: Some(HTTPIngressRuleValue { paths: vec![path] }) }
}
