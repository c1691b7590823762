//! Comes in: what was decided and what was seen. Goes out: the status, by one chain of checks for each condition.
//!
//! Pure. Must not claim anything of a generation that was not seen rolled out.

use std::time::Duration;

use crds::{
    config::Role,
    v1alpha1::{Endpoints, RoleStatus, Status, condition},
};
use k8s_openapi::{
    api::core::v1::Pod,
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use crate::{
    labels, names,
    plan::{self, Plan},
    validate::Refusal,
};

mod conditions;
pub mod pods;
mod transitions;
mod way;
pub mod workload;

pub use pods::Trouble;
pub use transitions::{Transition, transitions};
pub use way::{Way, Word};
pub use workload::Workload;

/// How this reconcile went.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Every child is written as planned.
    Applied(&'a Plan),
    /// Nothing was written: the spec cannot work, or waits for something.
    Refused(&'a Refusal),
    /// The attempt failed and will be repeated; the text names the operation and its causes.
    Failed { cause: &'a str },
}

/// The right of a resource's collectors to read the cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// None of them asks the API server.
    #[default]
    NotAsked,
    Given,
    /// They ask, and this operator can neither give the right nor see it.
    OfOthers,
    /// The text names the operation and its cause. It will be repeated.
    Failed {
        cause: String,
    },
}

/// What is there of one role.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub role: Role,
    pub workload: Workload,
    /// Pods that are ready and have stayed up long enough to be believed.
    pub steady_pods: i32,
    /// What a person should know of, worst first.
    pub troubles: Vec<Trouble>,
    /// When to look again at what no watch tells of: a pod that only needs to stay up will have done so.
    pub settles_in: Option<Duration>,
    /// What the pods of gateways tell of the way to ClickHouse.
    pub ways: Vec<Way>,
}

impl Observed {
    pub fn new<'a>(role: Role, mut workload: Workload, pods: impl Iterator<Item = &'a Pod>, now: Timestamp) -> Self {
        let pods::Summary { steady, mut troubles, settles_in } = pods::summary(pods, now);
        troubles.append(&mut workload.troubles);
        Self { role, workload, steady_pods: steady, troubles, settles_in, ways: Vec::new() }
    }

    /// Pods are wanted that do not exist, and nothing says why.
    pub fn lacks_pods_for_no_reason(&self) -> bool {
        self.workload.is_believed && self.workload.total < self.workload.desired && self.troubles.is_empty()
    }

    pub fn look_again_in(&mut self, time: Duration) {
        self.settles_in = Some(self.settles_in.map_or(time, |settles_in| settles_in.min(time)));
    }
}

/// What a status is made from.
#[derive(Debug)]
pub struct Input<'a> {
    pub name: &'a str,
    pub namespace: &'a str,
    pub generation: i64,
    pub previous: Option<&'a Status>,
    pub outcome: Outcome<'a>,
    pub observed: &'a [Observed],
    pub access: &'a Access,
    pub now: Timestamp,
}

pub fn status(input: &Input<'_>) -> Status {
    let previous = input.previous.cloned().unwrap_or_default();
    let role = |role| input.observed.iter().find(|seen| seen.role == role).map(|seen| role_status(input.name, seen));
    let endpoints = match &input.outcome {
        Outcome::Applied(plan) => plan.gateway.as_ref().map(|gateway| endpoints(input, &gateway.pod)),
        Outcome::Refused(_) | Outcome::Failed { .. } => previous.endpoints,
    };
    let applied_generation = match &input.outcome {
        Outcome::Applied(_) => Some(input.generation),
        Outcome::Refused(_) | Outcome::Failed { .. } => previous.applied_generation,
    };
    let conditions =
        conditions::of(input, applied_generation).into_iter().map(|fact| dated(fact, &previous.conditions, input));
    Status {
        observed_generation: Some(input.generation),
        applied_generation,
        conditions: conditions.collect(),
        endpoints,
        clickhouse: way::short(input),
        gateway: role(Role::Gateway),
        agent: role(Role::Agent),
        cluster: role(Role::Cluster),
    }
}

/// A condition before it has dates.
#[derive(Clone, Debug, PartialEq)]
struct Fact {
    type_: &'static str,
    /// `True`, `False` or `Unknown`.
    status: &'static str,
    reason: String,
    message: String,
}

/// The time of a condition is the time its status last changed, not the time it was last looked at.
fn dated(fact: Fact, previous: &[Condition], input: &Input<'_>) -> Condition {
    let unchanged = previous.iter().find(|old| old.type_ == fact.type_ && old.status == fact.status);
    Condition {
        type_: fact.type_.to_owned(),
        status: fact.status.to_owned(),
        reason: fact.reason,
        message: fact.message,
        observed_generation: Some(input.generation),
        // Seconds are what the API keeps; a finer time would never equal what is read back.
        last_transition_time: unchanged.map_or_else(
            || Time(Timestamp::from_second(input.now.as_second()).unwrap_or(input.now)),
            |old| old.last_transition_time.clone(),
        ),
    }
}

fn role_status(name: &str, seen: &Observed) -> RoleStatus {
    let Workload { desired, ready, updated, available, revision, .. } = &seen.workload;
    RoleStatus {
        desired: *desired,
        ready: *ready,
        updated: *updated,
        selector: Some(labels::text(&labels::selector(name, seen.role))),
        unavailable: (desired - seen.steady_pods.min(*available)).max(0),
        pods: format!("{ready}/{desired}"),
        revision: revision.clone(),
    }
}

fn endpoints(input: &Input<'_>, pod: &plan::Pod) -> Endpoints {
    let host = names::host(&names::role(input.name, Role::Gateway), input.namespace);
    let scheme = if pod.config.receivers.otlp.tls.is_some() { "https" } else { "http" };
    let plan::Ports { grpc, http, fluent_forward, syslog } = pod.ports;
    Endpoints {
        grpc: format!("{host}:{grpc}"),
        http: format!("{scheme}://{host}:{http}"),
        fluent_forward: fluent_forward.map(|port| format!("{host}:{port}")),
        syslog: syslog.map(|port| format!("{host}:{port}")),
    }
}

#[cfg(test)]
mod tests;
