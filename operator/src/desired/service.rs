//! The Services: how senders reach a role.

use crds::config::Role;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{Child, Kind, child, metadata, pod};
use crate::{
    labels, names,
    plan::{self, Plan},
};

/// One address for the whole role, balanced over connections.
pub(super) fn gateway(plan: &Plan, gateway: &plan::Gateway) -> Child {
    let ports = otlp(&gateway.pod);
    let spec = ServiceSpec { type_: Some("ClusterIP".to_owned()), ..spec(plan, Role::Gateway, ports) };
    service(plan, Role::Gateway, names::role(&plan.name, Role::Gateway), spec)
}

/// Every ready gateway by its own address, for agents, which balance by themselves: one HTTP/2 connection through
/// the other Service would stay with one gateway for ever.
pub(super) fn gateway_pods(plan: &Plan, gateway: &plan::Gateway) -> Child {
    let spec =
        ServiceSpec { cluster_ip: Some("None".to_owned()), ..spec(plan, Role::Gateway, vec![to_pods(&gateway.pod)]) };
    service(plan, Role::Gateway, names::gateway_pods(&plan.name), spec)
}

/// Reaches the agent of the sender's own node.
pub(super) fn agent(plan: &Plan, agent: &plan::Agent) -> Child {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        internal_traffic_policy: Some("Local".to_owned()),
        ..spec(plan, Role::Agent, otlp(&agent.pod))
    };
    service(plan, Role::Agent, names::role(&plan.name, Role::Agent), spec)
}

fn service(plan: &Plan, role: Role, name: String, spec: ServiceSpec) -> Child {
    let object = Service { metadata: metadata(plan, role, name), spec: Some(spec), ..Service::default() };
    child(Kind::Service, role, &object)
}

fn spec(plan: &Plan, role: Role, ports: Vec<ServicePort>) -> ServiceSpec {
    ServiceSpec { selector: Some(labels::selector(&plan.name, role)), ports: Some(ports), ..ServiceSpec::default() }
}

fn otlp(pod: &plan::Pod) -> Vec<ServicePort> {
    vec![grpc(pod, pod.ports.grpc), port(pod::OTLP_HTTP.0, pod.ports.http)]
}

/// Behind a headless Service a port is that of the pods.
fn to_pods(pod: &plan::Pod) -> ServicePort {
    grpc(pod, pod::OTLP_GRPC.1)
}

/// Meshes and gateways need to be told that this is HTTP/2 without TLS.
fn grpc(pod: &plan::Pod, number: u16) -> ServicePort {
    let app_protocol = pod.config.receivers.otlp.tls.is_none().then(|| "kubernetes.io/h2c".to_owned());
    ServicePort { app_protocol, ..port(pod::OTLP_GRPC.0, number) }
}

fn port(name: &str, number: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number.into(),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
