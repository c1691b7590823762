//! The conditions, each by its own chain of checks: the first that applies is told. Pure.

use crds::{config::Role, problem::Problem};

use super::{Access, Fact, Input, Observed, Outcome, Trouble, condition, way};
use crate::validate::Refusal;

/// The API's limit is 32768; a person's is less.
const LONGEST_MESSAGE: usize = 2048;

pub(super) fn of(input: &Input<'_>, applied: Option<i64>) -> Vec<Fact> {
    let ready = ready(input, applied);
    let is_stalled = matches!(input.outcome, Outcome::Refused(Refusal::Invalid(_)));
    let mut facts = vec![
        ready.clone(),
        available(input),
        progressing(input),
        degraded(input, applied),
        config_valid(input, applied),
        way::reachable(input),
    ];
    facts.extend(way::forward_reachable(input));
    facts.extend(access(input));
    if is_stalled {
        facts.push(Fact { type_: condition::STALLED, status: "True", ..ready });
    } else if ready.status != "True" && !matches!(input.outcome, Outcome::Refused(Refusal::Paused)) {
        facts.push(Fact { type_: condition::RECONCILING, status: "True", ..ready });
    }
    for fact in &mut facts {
        fact.message = shortened(std::mem::take(&mut fact.message));
    }
    facts
}

fn ready(input: &Input<'_>, applied: Option<i64>) -> Fact {
    let fact = |is_true, reason: &str, message| fact(condition::READY, is_true, reason, message);
    match &input.outcome {
        Outcome::Refused(refusal) => refused(condition::READY, refusal, applied),
        Outcome::Failed { cause } => fact(false, "ReconcileError", failed(cause)),
        Outcome::Applied(_) => match input.observed.iter().find_map(|seen| unready(input, seen)) {
            Some((reason, message)) => fact(false, &reason, message),
            None => fact(true, "AllReady", summary(input.observed)),
        },
    }
}

/// Whether telemetry can be sent, whichever generation takes it.
fn available(input: &Input<'_>) -> Fact {
    let fact = |is_true, reason: &str, message| fact(condition::AVAILABLE, is_true, reason, message);
    if input.observed.is_empty() {
        return fact(false, "NothingRuns", "no role has been started".to_owned());
    }
    let works = |seen: &Observed| seen.steady_pods.min(seen.workload.ready) > 0;
    // Nobody sends to the cluster's collectors.
    let mut takers = input.observed.iter().filter(|seen| seen.role != Role::Cluster);
    match takers.find(|seen| !works(seen)) {
        Some(seen) if seen.workload.desired == 0 => {
            fact(false, "NoPodWanted", format!("no {} pod is wanted", seen.role.as_str()))
        }
        Some(seen) => fact(false, "NoPodReady", format!("no {} pod is ready", seen.role.as_str())),
        None => fact(true, "PodsReady", "every role has a pod that takes telemetry".to_owned()),
    }
}

/// Why a role is not ready, if it is not.
fn unready(input: &Input<'_>, seen: &Observed) -> Option<(String, String)> {
    let reason = match seen.role {
        Role::Gateway => "GatewayNotReady",
        Role::Agent => "AgentNotReady",
        Role::Cluster => "ClusterNotReady",
    };
    let role = seen.role.as_str();
    let workload = &seen.workload;
    if let Some(trouble) = seen.troubles.first() {
        return Some((reason.to_owned(), trouble.message.clone()));
    }
    let ready = workload.ready.min(workload.available).min(seen.steady_pods);
    let is_settled = workload.is_believed && workload.rollout_left().is_none() && ready >= workload.desired;
    // What a gateway cannot reach explains why it is not ready. One that was ready stays so: senders keep what it
    // cannot store.
    if !is_settled
        && seen.role == Role::Gateway
        && let Some(trouble) = way::trouble(input)
    {
        return Some(trouble);
    }
    if !workload.is_believed {
        return Some(("RollingOut".to_owned(), format!("the {role} pods of this generation are being started")));
    }
    if let Some(left) = workload.rollout_left() {
        return Some(("RollingOut".to_owned(), format!("{role}: {left}")));
    }
    (ready < workload.desired)
        .then(|| (reason.to_owned(), format!("{ready} of {} {role} pods are ready", workload.desired)))
}

/// Absent where nobody asks the API server.
fn access(input: &Input<'_>) -> Option<Fact> {
    let fact = |is_true, reason: &str, message| fact(condition::ACCESS_GRANTED, is_true, reason, message);
    match input.access {
        Access::NotAsked => None,
        Access::Given => Some(fact(true, "Bound", "collectors may read what they ask the API server for".to_owned())),
        Access::Failed { cause } => Some(fact(false, "NotBound", failed(cause))),
        Access::OfOthers => {
            let message = "collectors ask the API server for objects of all namespaces. This operator looks after some \
                           namespaces and can neither give that right nor see it: the chart's podReaders and \
                           clusterReaders give it";
            Some(Fact { status: "Unknown", ..fact(false, "NotOurs", message.to_owned()) })
        }
    }
}

fn config_valid(input: &Input<'_>, applied: Option<i64>) -> Fact {
    match &input.outcome {
        Outcome::Refused(refusal @ Refusal::Invalid(_)) => refused(condition::CONFIG_VALID, refusal, applied),
        _ => fact(condition::CONFIG_VALID, true, "Accepted", "the spec can work".to_owned()),
    }
}

fn progressing(input: &Input<'_>) -> Fact {
    let fact = |is_true, reason: &str, message| fact(condition::PROGRESSING, is_true, reason, message);
    match &input.outcome {
        Outcome::Refused(Refusal::Invalid(_)) => {
            fact(false, "ConfigInvalid", "waits for a change of the spec".to_owned())
        }
        Outcome::Refused(Refusal::Missing { kind, .. }) => {
            fact(false, &format!("{kind}Missing"), format!("waits for the {kind}"))
        }
        Outcome::Refused(Refusal::Paused) => fact(false, "Paused", "nothing is changed".to_owned()),
        Outcome::Failed { cause } => fact(true, "Retrying", failed(cause)),
        Outcome::Applied(_) => {
            let rolling = input.observed.iter().find_map(|seen| {
                let left = seen.workload.rollout_left();
                let left = left.or_else(|| (!seen.workload.is_believed).then(|| "not started yet".to_owned()));
                left.map(|left| format!("{}: {left}", seen.role.as_str()))
            });
            match rolling {
                Some(message) => fact(true, "RollingOut", message),
                None => fact(false, "RolledOut", "every pod is of this generation".to_owned()),
            }
        }
    }
}

fn degraded(input: &Input<'_>, applied: Option<i64>) -> Fact {
    match &input.outcome {
        Outcome::Refused(Refusal::Paused) => {
            fact(condition::DEGRADED, false, "Paused", "nothing is changed".to_owned())
        }
        Outcome::Refused(refusal) => {
            let refused = refused(condition::DEGRADED, refusal, applied);
            Fact { status: "True", ..refused }
        }
        Outcome::Failed { cause } => fact(condition::DEGRADED, true, "ReconcileError", failed(cause)),
        Outcome::Applied(_) => match input.observed.iter().flat_map(|seen| &seen.troubles).next() {
            Some(Trouble { reason, message, .. }) => fact(condition::DEGRADED, true, reason, message.clone()),
            None => match way::trouble(input) {
                Some((reason, message)) => fact(condition::DEGRADED, true, &reason, message),
                None => match input.access {
                    Access::Failed { cause } => fact(condition::DEGRADED, true, "AccessNotGranted", failed(cause)),
                    _ => fact(condition::DEGRADED, false, "AsDesired", "nothing is wrong".to_owned()),
                },
            },
        },
    }
}

fn refused(type_: &'static str, refusal: &Refusal, applied: Option<i64>) -> Fact {
    let (reason, message) = match refusal {
        Refusal::Invalid(problems) => {
            ("ConfigInvalid".to_owned(), problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))
        }
        Refusal::Missing { kind, message } => (format!("{kind}Missing"), message.clone()),
        Refusal::Paused => ("Paused".to_owned(), "spec.paused is true, so nothing is changed".to_owned()),
    };
    let still = applied.map_or_else(String::new, |generation| format!("; generation {generation} keeps running"));
    fact(type_, false, &reason, message + &still)
}

fn failed(cause: &str) -> String {
    format!("{cause}; it is tried again")
}

fn summary(observed: &[Observed]) -> String {
    let roles = observed.iter().map(|seen| {
        let noun = if seen.workload.desired == 1 { "pod is" } else { "pods are" };
        format!("{} {} {noun} ready", seen.workload.desired, seen.role.as_str())
    });
    roles.collect::<Vec<_>>().join(", ")
}

fn fact(type_: &'static str, is_true: bool, reason: &str, message: String) -> Fact {
    Fact { type_, status: if is_true { "True" } else { "False" }, reason: reason.to_owned(), message }
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{} …", &message[..end]),
        None => message,
    }
}
