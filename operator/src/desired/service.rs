//! The Services: how senders reach a role.

use crds::config::Role;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{Child, Kind, child, metadata, pod};
use crate::{labels, names, plan::Plan};

/// One address for the whole role, balanced over connections.
pub(super) fn gateway(plan: &Plan) -> Child {
    let spec = ServiceSpec { type_: Some("ClusterIP".to_owned()), ..spec(plan, Role::Gateway, vec![grpc(), http()]) };
    service(plan, Role::Gateway, names::role(&plan.name, Role::Gateway), spec)
}

/// Every ready gateway by its own address, for agents, which balance by themselves: one HTTP/2 connection through
/// the other Service would stay with one gateway for ever.
pub(super) fn gateway_pods(plan: &Plan) -> Child {
    let spec = ServiceSpec { cluster_ip: Some("None".to_owned()), ..spec(plan, Role::Gateway, vec![grpc()]) };
    service(plan, Role::Gateway, names::gateway_pods(&plan.name), spec)
}

/// Reaches the agent of the sender's own node.
pub(super) fn agent(plan: &Plan) -> Child {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        internal_traffic_policy: Some("Local".to_owned()),
        ..spec(plan, Role::Agent, vec![grpc(), http()])
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

/// Meshes and gateways need to be told that this is HTTP/2 without TLS.
fn grpc() -> ServicePort {
    ServicePort { app_protocol: Some("kubernetes.io/h2c".to_owned()), ..port(pod::OTLP_GRPC) }
}

fn http() -> ServicePort {
    port(pod::OTLP_HTTP)
}

fn port((name, number): (&str, i32)) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
