//! Comes in: the resource as read and what it points at. Goes out: a [`Plan`], or why there is none.
//!
//! The configuration is checked by the collector's own checks, on the very document that would be written, and
//! every complaint is told in the words of the spec. Pure: must not read anything.

use crds::{
    config::{self, CollectorConfig, Forward, Receivers, Role},
    problem::Problem,
    v1alpha1::{ClickHouse, ClickStackCollector, Credentials, Gateway},
};
use kube::{Resource as _, ResourceExt as _};

use crate::{
    names,
    plan::{self, Plan},
    resolve::Secret,
};

mod image;
mod resources;

/// Where the credentials Secret is mounted in gateways.
pub const CREDENTIALS_DIRECTORY: &str = "/etc/clickstack-credentials";

/// Why a resource is not acted on. What runs already keeps running.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Only a change of the spec can help.
    Invalid(Vec<Problem>),
    /// Something the spec points at does not exist yet.
    SecretMissing { message: String },
}

/// # Errors
/// The whole list of problems, or the one thing that is waited for.
pub fn validate(resource: &ClickStackCollector, secret: &Secret, default_image: &str) -> Result<Plan, Refusal> {
    let plan = plan(resource, default_image);
    let problems = problems(resource, &plan);
    if !problems.is_empty() {
        return Err(Refusal::Invalid(problems));
    }
    match resource.spec.clickhouse.credentials.as_ref().and_then(|wanted| missing(wanted, secret)) {
        Some(message) => Err(Refusal::SecretMissing { message }),
        None => Ok(plan),
    }
}

fn plan(resource: &ClickStackCollector, default_image: &str) -> Plan {
    let spec = &resource.spec;
    let name = resource.name_any();
    let namespace = resource.namespace().unwrap_or_default();
    let gateway = spec.gateway.as_ref().map(|gateway| plan::Gateway {
        replicas: gateway.replicas,
        config: gateway_config(&spec.clickhouse, gateway),
        credentials: spec.clickhouse.credentials.as_ref().map(credentials),
        resources: resources::of(Role::Gateway, gateway.resources.as_ref()),
    });
    let agent = spec.agent.as_ref().map(|agent| plan::Agent {
        config: agent_config(&name, &namespace),
        host_port: agent.host_port,
        resources: resources::of(Role::Agent, agent.resources.as_ref()),
    });
    let owner = resource.controller_owner_ref(&()).unwrap_or_default();
    Plan { image: image::of(spec.image.as_ref(), default_image), name, namespace, owner, gateway, agent }
}

fn gateway_config(clickhouse: &ClickHouse, gateway: &Gateway) -> CollectorConfig {
    let file = |name: &str| clickhouse.credentials.is_some().then(|| format!("{CREDENTIALS_DIRECTORY}/{name}"));
    let destination = config::ClickHouse {
        database: clickhouse.database.clone(),
        username_file: file("username"),
        password_file: file("password"),
        ..config::ClickHouse::at(&clickhouse.endpoint)
    };
    CollectorConfig {
        clickhouse: Some(destination),
        blocks: gateway.blocks.unwrap_or_default(),
        ..empty_config(Role::Gateway)
    }
}

fn agent_config(name: &str, namespace: &str) -> CollectorConfig {
    let host = names::host(&names::gateway_pods(name), namespace);
    CollectorConfig { forward: Some(Forward::to(format!("http://{host}:4317"))), ..empty_config(Role::Agent) }
}

fn empty_config(role: Role) -> CollectorConfig {
    CollectorConfig {
        role,
        receivers: Receivers::default(),
        clickhouse: None,
        forward: None,
        blocks: config::Blocks::default(),
        limits: config::Limits::default(),
        admin: config::Admin::default(),
        shutdown: config::Shutdown::default(),
    }
}

fn credentials(wanted: &Credentials) -> plan::Credentials {
    plan::Credentials {
        secret: wanted.secret_name.clone(),
        username_key: wanted.username_key.clone(),
        password_key: wanted.password_key.clone(),
    }
}

fn problems(resource: &ClickStackCollector, plan: &Plan) -> Vec<Problem> {
    let mut found: Vec<_> = names::problem(&plan.name).into_iter().collect();
    found.extend(roles(plan));
    found.extend(image::problem(resource.spec.image.as_ref()));
    if let Some(gateway) = &plan.gateway {
        if !(0..=1000).contains(&gateway.replicas) {
            found.push(Problem::new("spec.gateway.replicas", format!("{} is outside 0 … 1000", gateway.replicas)));
        }
        found.extend(gateway.config.problems().into_iter().map(in_words_of_the_spec));
        found.extend(resources::problems("spec.gateway.resources", &gateway.resources));
    }
    if let Some(agent) = &plan.agent {
        found.extend(agent.config.problems().into_iter().map(|problem| problem.under("spec.agent")));
        found.extend(resources::problems("spec.agent.resources", &agent.resources));
    }
    found
}

/// The rules the schema also states, for resources stored before it did.
fn roles(plan: &Plan) -> Option<Problem> {
    match (&plan.gateway, &plan.agent) {
        (None, None) => Some(Problem::new("spec", "no role is on; add gateway: {} and, for the nodes, agent: {}")),
        (None, Some(_)) => Some(Problem::new("spec.agent", "agents need a gateway to send to; add gateway: {}")),
        _ => None,
    }
}

/// `clickhouse` is a block of its own in the spec; everything else of a gateway's file is below `gateway`.
fn in_words_of_the_spec(problem: Problem) -> Problem {
    if problem.field.starts_with("clickhouse") { problem.under("spec") } else { problem.under("spec.gateway") }
}

fn missing(wanted: &Credentials, secret: &Secret) -> Option<String> {
    let name = &wanted.secret_name;
    let Secret::Found { keys } = secret else {
        return Some(format!(
            "Secret {name} does not exist; create it with the keys {} and {}",
            wanted.username_key, wanted.password_key
        ));
    };
    let absent: Vec<_> =
        [&wanted.username_key, &wanted.password_key].into_iter().filter(|key| !keys.contains(*key)).cloned().collect();
    (!absent.is_empty()).then(|| format!("Secret {name} has no key {}; add it", absent.join(" and no key ")))
}

#[cfg(test)]
mod tests;
