//! What may reach a role's pods, and what they may reach: nothing but what their work needs.
//!
//! Ports are those of pods: policies are applied to what Services have translated already.

use std::collections::BTreeSet;

use crds::config::{KubeletMetrics, Role};
use k8s_openapi::{
    api::networking::v1::{
        NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
        NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{Child, Kind, child, metadata, pod};
use crate::{
    labels, names,
    plan::{self, Plan},
};

pub(super) fn policy(plan: &Plan, role: Role, wanted: &plan::NetworkPolicy) -> Child {
    let mut ingress = vec![ports_in([pod::HEALTH.1, pod::METRICS.1])];
    if role != Role::Cluster {
        ingress.insert(0, senders(plan, role, wanted));
    }
    ingress.extend(wanted.ingress.iter().cloned());
    let mut egress = vec![names_out()];
    egress.extend(outlet(plan, role));
    egress.extend(wanted.egress.iter().cloned());
    let object = NetworkPolicy {
        metadata: metadata(plan, role, names::role(&plan.name, role)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods(plan, role)),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress),
            egress: Some(egress),
        }),
    };
    child(Kind::NetworkPolicy, role, &object)
}

/// Whoever belongs to the same resource always may send to its gateways, and gateways with a spool to each other.
fn senders(plan: &Plan, role: Role, wanted: &plan::NetworkPolicy) -> NetworkPolicyIngressRule {
    let mut from = wanted.senders.clone();
    if !from.is_empty() && role == Role::Gateway {
        let own = [Role::Agent, Role::Cluster].into_iter().filter(|role| plan.pod(*role).is_some());
        let own = own.chain(has_siblings(plan).then_some(Role::Gateway));
        from.extend(own.map(|role| peer(plan, role)));
    }
    let wanted = plan.pod(role);
    let fluent = wanted.and_then(|pod| pod.ports.fluent_forward).map(|_| pod::FLUENT_FORWARD.1);
    let syslog = wanted.and_then(|pod| pod.ports.syslog).map(|_| pod::SYSLOG_TCP.1);
    let streams = [pod::OTLP_GRPC.1, pod::OTLP_HTTP.1].into_iter().chain(fluent).chain(syslog);
    let mut ports: Vec<_> = streams.map(|number| port("TCP", number)).collect();
    ports.extend(wanted.filter(|pod| pod.takes_datagrams()).map(|_| port("UDP", pod::SYSLOG_UDP.1)));
    NetworkPolicyIngressRule { from: (!from.is_empty()).then_some(from), ports: Some(ports) }
}

fn has_siblings(plan: &Plan) -> bool {
    plan.pod(Role::Gateway).and_then(|pod| pod.config.spool.as_ref()).is_some_and(|spool| spool.siblings.is_some())
}

fn ports_in(numbers: [u16; 2]) -> NetworkPolicyIngressRule {
    let ports = numbers.map(|number| port("TCP", number)).into();
    NetworkPolicyIngressRule { ports: Some(ports), from: None }
}

/// To anywhere: where names are asked differs between clusters.
fn names_out() -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { ports: Some(vec![port("UDP", 53), port("TCP", 53)]), to: None }
}

fn outlet(plan: &Plan, role: Role) -> Vec<NetworkPolicyEgressRule> {
    let mut rules = Vec::new();
    if role != Role::Gateway || has_siblings(plan) {
        let to = Some(vec![peer(plan, Role::Gateway)]);
        rules.push(NetworkPolicyEgressRule { ports: Some(vec![port("TCP", pod::OTLP_GRPC.1)]), to });
    }
    let Some(config) = plan.pod(role).map(|pod| &pod.config) else { return rules };
    let clickhouse = config.clickhouse.iter().flat_map(crds::config::ClickHouse::addresses);
    let issuer = config.receivers.otlp.auth.oidc.iter().map(|oidc| oidc.issuer.as_str());
    // The API server behind its Service listens on one of these, almost everywhere.
    let api_server = plan.pod(role).filter(|pod| pod.asks_api_server()).map_or(&[][..], |_| &[443, 6443]);
    let kubelet = plan.pod(role).filter(|pod| pod.asks_kubelet()).map(|_| KubeletMetrics::PORT);
    let numbers = clickhouse.chain(issuer).filter_map(port_of);
    // Those an agent sends to are pods, named above.
    let forward = config.forward.iter().filter(|_| role == Role::Gateway);
    let forward = forward.map(|forward| stated_port(&forward.endpoint).unwrap_or(plan::Ports::GRPC));
    let numbers: BTreeSet<_> = numbers.chain(forward).chain(api_server.iter().copied()).chain(kubelet).collect();
    if !numbers.is_empty() {
        let ports = numbers.into_iter().map(|number| port("TCP", number)).collect();
        rules.push(NetworkPolicyEgressRule { ports: Some(ports), to: None });
    }
    rules
}

fn stated_port(address: &str) -> Option<u16> {
    address.parse::<http::Uri>().ok()?.port_u16()
}

/// The port of an address, or that of its scheme.
fn port_of(address: &str) -> Option<u16> {
    stated_port(address).or(match address.parse::<http::Uri>().ok()?.scheme_str()? {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })
}

fn port(protocol: &str, number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number.into())),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    }
}

fn peer(plan: &Plan, role: Role) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(pods(plan, role)), ..NetworkPolicyPeer::default() }
}

fn pods(plan: &Plan, role: Role) -> LabelSelector {
    LabelSelector { match_labels: Some(labels::selector(&plan.name, role)), ..LabelSelector::default() }
}
