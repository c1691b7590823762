//! Comes in: the resource as read and what it points at. Goes out: a [`Plan`], or why there is none.
//!
//! The configuration is checked by the collector's own checks, on the very document that would be written, and
//! every complaint is told in the words of the spec. Pure: must not read anything.

use crds::{
    config::Role,
    problem::Problem,
    v1alpha1::{ClickStackCollector, Cluster, FluentForward, Otlp, PodSettings, Syslog},
};
use kube::{Resource as _, ResourceExt as _};

use crate::{
    names,
    plan::{self, Plan},
    references::{Found, Reference, references},
};

mod collector;
mod forward_to;
mod image;
mod missing;
mod pod;
mod resources;
mod rollout;
mod scaling;
mod spool;
mod strict;
mod words;

use collector::Files;

/// Why a resource is not acted on. What runs already keeps running.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Only a change of the spec can help.
    Invalid(Vec<Problem>),
    /// Something the spec points at does not exist yet, or lacks a key; `kind` is what it is.
    Missing { kind: &'static str, message: String },
    /// A person wants nothing to be changed.
    Paused,
}

/// # Errors
/// The whole list of problems, or what is waited for.
pub fn validate(resource: &ClickStackCollector, found: &Found, default_image: &str) -> Result<Plan, Refusal> {
    let wanted = references(&resource.spec);
    let plan = plan(resource, &wanted, found, default_image);
    let problems = problems(resource, &plan);
    if !problems.is_empty() {
        return Err(Refusal::Invalid(problems));
    }
    match missing::refusal(&wanted, found) {
        Some(refusal) => Err(refusal),
        None if resource.spec.paused => Err(Refusal::Paused),
        None => Ok(plan),
    }
}

fn plan(resource: &ClickStackCollector, wanted: &[Reference], found: &Found, default_image: &str) -> Plan {
    let spec = &resource.spec;
    let name = resource.name_any();
    let namespace = resource.namespace().unwrap_or_default();
    let pod = |role: Role, files: Files, ports: plan::Ports, settings: &PodSettings| plan::Pod {
        config: files.config,
        ports,
        mounts: files.mounts,
        node_folders: files.node_folders,
        dependencies: missing::dependencies(wanted.iter().filter(|wanted| wanted.role == role), found),
        settings: pod::settings(role, settings),
    };
    let gateway = spec.gateway.as_ref().map(|gateway| {
        let files = collector::gateway(&name, &namespace, spec, gateway);
        plan::Gateway {
            replicas: scaling::of(gateway),
            rollout: rollout::of_gateways(gateway.update_strategy.as_ref()),
            ingress: gateway.ingress.clone().map(|wanted| plan::Ingress {
                host: wanted.host,
                class: wanted.class_name,
                tls_secret: wanted.tls_secret_name,
                annotations: wanted.annotations,
            }),
            spool: gateway.spool.as_ref().map(spool::of_pod),
            disruption_budget: rollout::budget(gateway.disruption_budget.as_ref()),
            pod: pod(
                Role::Gateway,
                files,
                ports(gateway.otlp.as_ref(), gateway.fluent_forward.as_ref(), gateway.syslog.as_ref()),
                &gateway.pod,
            ),
        }
    });
    let agent = spec.agent.as_ref().map(|agent| {
        let files = collector::agent(&name, &namespace, spec, agent);
        plan::Agent {
            host_port: agent.host_port,
            rollout: rollout::of_agents(agent.update_strategy.as_ref()),
            pod: pod(
                Role::Agent,
                files,
                ports(agent.otlp.as_ref(), agent.fluent_forward.as_ref(), agent.syslog.as_ref()),
                &agent.pod,
            ),
        }
    });
    let owner = resource.controller_owner_ref(&()).unwrap_or_default();
    let cluster = spec.cluster.as_ref().map(|cluster| {
        let files = collector::cluster(&name, &namespace, &owner, spec, cluster);
        plan::Cluster {
            replicas: cluster.replicas,
            pod: pod(Role::Cluster, files, ports(None, None, None), &cluster.pod()),
        }
    });
    let network_policy = spec.network_policy.clone().map(|wanted| plan::NetworkPolicy {
        senders: wanted.senders,
        ingress: wanted.ingress,
        egress: wanted.egress,
    });
    Plan {
        image: image::of(spec.image.as_ref(), default_image),
        name,
        namespace,
        owner,
        gateway,
        agent,
        cluster,
        network_policy,
    }
}

fn ports(otlp: Option<&Otlp>, fluent: Option<&FluentForward>, syslog: Option<&Syslog>) -> plan::Ports {
    let grpc = otlp.and_then(|otlp| otlp.grpc.as_ref()).and_then(|grpc| grpc.port);
    let http = otlp.and_then(|otlp| otlp.http.as_ref()).and_then(|http| http.port);
    plan::Ports {
        grpc: grpc.unwrap_or(plan::Ports::GRPC),
        http: http.unwrap_or(plan::Ports::HTTP),
        fluent_forward: fluent.map(|fluent| fluent.port.unwrap_or(plan::Ports::FLUENT_FORWARD)),
        syslog: syslog.map(|syslog| syslog.port.unwrap_or(plan::Ports::SYSLOG)),
    }
}

fn problems(resource: &ClickStackCollector, plan: &Plan) -> Vec<Problem> {
    let mut found: Vec<_> = names::problem(&plan.name).into_iter().collect();
    found.extend(roles(plan));
    found.extend(image::problem(resource.spec.image.as_ref()));
    found.extend(plan.gateway.as_ref().and_then(|gateway| scaling::problem(&gateway.replicas)));
    found.extend(rollout::problems(plan));
    found.extend(resource.spec.gateway.as_ref().and_then(spool::problem));
    found.extend(spool::agent_problem(&resource.spec));
    found.extend(forward_to::problems(resource, plan));
    let spec = &resource.spec;
    let of_cluster = spec.cluster.as_ref().map(Cluster::pod);
    let settings = [
        (Role::Gateway, spec.gateway.as_ref().map(|gateway| &gateway.pod)),
        (Role::Agent, spec.agent.as_ref().map(|agent| &agent.pod)),
        (Role::Cluster, of_cluster.as_ref()),
    ];
    for (role, settings) in settings {
        found.extend(plan.pod(role).zip(settings).into_iter().flat_map(|(pod, settings)| of_pod(role, pod, settings)));
    }
    found
}

fn of_pod(role: Role, pod: &plan::Pod, settings: &PodSettings) -> Vec<Problem> {
    let told = |problem| words::of_the_spec(role, problem);
    let mut found: Vec<_> = pod.config.problems().into_iter().map(told).collect();
    let field = |name: &str| format!("spec.{}.{name}", role.as_str());
    let ports: Vec<_> = pod.ports.all().collect();
    for (index, (name, number)) in ports.iter().enumerate() {
        if let Some((other, _)) = ports[..index].iter().find(|(_, earlier)| earlier == number) {
            found.push(Problem::new(field(name), format!("is {other} too; use two")));
        }
    }
    found.extend(resources::problems(&field("resources"), &pod.settings.resources));
    found.extend(pod::problems(&format!("spec.{}", role.as_str()), settings, pod));
    found
}

/// The rules the schema also states, for resources stored before it did.
fn roles(plan: &Plan) -> Option<Problem> {
    let has_oidc = |gateway: &plan::Gateway| gateway.pod.config.receivers.otlp.auth.oidc.is_some();
    match (&plan.gateway, &plan.agent) {
        (None, _) if plan.cluster.is_some() => {
            Some(Problem::new("spec.cluster", "the role cluster needs a gateway to send to; add gateway: {}"))
        }
        (None, None) => Some(Problem::new("spec", "no role is on; add gateway: {} and, for the nodes, agent: {}")),
        (None, Some(_)) => Some(Problem::new("spec.agent", "agents need a gateway to send to; add gateway: {}")),
        (Some(gateway), agent) if has_oidc(gateway) && (agent.is_some() || plan.cluster.is_some()) => {
            Some(Problem::new(
                "spec.gateway.auth.oidc",
                "agents have no token of an issuer to show to their gateways, nor has the role cluster; use \
                 gateway.auth.tokens, or make gateways for outside senders with a resource of their own",
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
