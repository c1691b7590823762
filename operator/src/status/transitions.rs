//! What is worth an event: comes in the status before and after, goes out what changed for a person. Pure.
//!
//! A state that lasts is told once; steps of a rollout are not told.

use crds::v1alpha1::{Status, condition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// One event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transition {
    pub is_warning: bool,
    pub reason: String,
    pub note: String,
}

pub fn transitions(before: Option<&Status>, after: &Status) -> Vec<Transition> {
    let (was_degraded, is_degraded) = (of(before, condition::DEGRADED), of(Some(after), condition::DEGRADED));
    let (was_ready, is_ready) = (of(before, condition::READY), of(Some(after), condition::READY));
    let mut found = Vec::new();
    if let Some(now) = is_degraded
        && was_degraded.is_none_or(|was| kind(&was.reason) != kind(&now.reason))
    {
        found.push(Transition { is_warning: true, reason: now.reason.clone(), note: now.message.clone() });
    }
    if let (Some(now), None) = (is_ready, was_ready) {
        found.push(Transition { is_warning: false, reason: "Ready".to_owned(), note: now.message.clone() });
    } else if let (Some(was), None) = (was_degraded, is_degraded) {
        let note = format!("{} is over", was.reason);
        found.push(Transition { is_warning: false, reason: "Recovered".to_owned(), note });
    }
    found
}

/// A condition that is true.
fn of<'a>(status: Option<&'a Status>, type_: &str) -> Option<&'a Condition> {
    let holds = |condition: &&Condition| condition.type_ == type_ && condition.status == "True";
    status?.conditions.iter().find(holds)
}

/// A crash loop goes round through these states; it has begun once.
fn kind(reason: &str) -> &str {
    if matches!(reason, "ContainerExited" | "ContainerRestarted") { "CrashLoopBackOff" } else { reason }
}
