//! The Services: how senders reach a role.

use crds::config::Role;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use super::{Child, Kind, child, metadata, pod};
use crate::{
    labels, names,
    plan::{self, Plan},
};

/// One address for the whole role, balanced over connections.
pub(super) fn gateway(plan: &Plan, gateway: &plan::Gateway) -> Child {
    of_role(plan, Role::Gateway, &gateway.pod, spec(plan, Role::Gateway, receivers(&gateway.pod)))
}

/// Every ready gateway by its own address, for agents, which balance by themselves: one HTTP/2 connection through
/// the other Service would stay with one gateway for ever.
pub(super) fn gateway_pods(plan: &Plan, gateway: &plan::Gateway) -> Child {
    let spec = spec(plan, Role::Gateway, vec![to_pods(&gateway.pod)]);
    let object = Service {
        metadata: metadata(plan, Role::Gateway, names::gateway_pods(&plan.name)),
        spec: Some(ServiceSpec { cluster_ip: Some("None".to_owned()), ..spec }),
        ..Service::default()
    };
    child(Kind::Service, Role::Gateway, &object)
}

/// Reaches the agent of the sender's own node.
pub(super) fn agent(plan: &Plan, agent: &plan::Agent) -> Child {
    let spec = spec(plan, Role::Agent, receivers(&agent.pod));
    let spec = ServiceSpec { internal_traffic_policy: Some("Local".to_owned()), ..spec };
    of_role(plan, Role::Agent, &agent.pod, spec)
}

/// The Service people send to, as they want it.
fn of_role(plan: &Plan, role: Role, pod: &plan::Pod, spec: ServiceSpec) -> Child {
    let wanted = &pod.settings.service;
    let annotations = (!wanted.annotations.is_empty()).then(|| wanted.annotations.clone());
    let object = Service {
        metadata: ObjectMeta { annotations, ..metadata(plan, role, names::role(&plan.name, role)) },
        spec: Some(ServiceSpec {
            type_: Some(wanted.type_.to_owned()),
            load_balancer_class: wanted.load_balancer_class.clone(),
            ..spec
        }),
        ..Service::default()
    };
    child(Kind::Service, role, &object)
}

fn spec(plan: &Plan, role: Role, ports: Vec<ServicePort>) -> ServiceSpec {
    ServiceSpec { selector: Some(labels::selector(&plan.name, role)), ports: Some(ports), ..ServiceSpec::default() }
}

fn receivers(pod: &plan::Pod) -> Vec<ServicePort> {
    let fluent = pod.ports.fluent_forward.map(|number| port(pod::FLUENT_FORWARD.0, number));
    let stream = pod.ports.syslog.map(|number| port(pod::SYSLOG_TCP.0, number));
    let datagrams = pod.ports.syslog.filter(|_| pod.takes_datagrams());
    let datagrams =
        datagrams.map(|number| ServicePort { protocol: Some("UDP".to_owned()), ..port(pod::SYSLOG_UDP.0, number) });
    let otlp = [grpc(pod, pod.ports.grpc), port(pod::OTLP_HTTP.0, pod.ports.http)];
    otlp.into_iter().chain(fluent).chain(stream).chain(datagrams).collect()
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
