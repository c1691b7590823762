//! The way to ClickHouse as the gateways see it. Comes in: what each pod told. Goes out: a condition, the trouble a
//! person should know of, and the short form for the status. Pure.

use crds::{
    config::Role,
    destination::{Destination, Kind, Schema, Trouble},
    v1alpha1::ClickHouseStatus,
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

use super::{Fact, Input, Observed, Outcome, condition};
use crate::plan::Mount;

/// One gateway, and its word.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    pub pod: String,
    pub word: Word,
}

/// What a gateway told last.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Word {
    /// It is being asked. Until it tells, what the status says already stands: a new operator knows nothing else.
    #[default]
    NotYet,
    /// It was asked in vain.
    Silent,
    Says(Destination),
}

impl Word {
    const fn told(&self) -> Option<&Destination> {
        match self {
            Self::Says(destination) => Some(destination),
            Self::NotYet | Self::Silent => None,
        }
    }
}

/// Whether ClickHouse can be reached, by the words of those gateways that have told.
pub(super) fn reachable(input: &Input<'_>) -> Fact {
    let fact = |status: &'static str, reason: &str, message| Fact {
        type_: condition::CLICKHOUSE_REACHABLE,
        status,
        reason: reason.to_owned(),
        message,
    };
    if let Some(before) = remembered(input, condition::CLICKHOUSE_REACHABLE) {
        let status = ["True", "False"].into_iter().find(|status| *status == before.status).unwrap_or("Unknown");
        return fact(status, &before.reason, before.message.clone());
    }
    if let Some((pod, trouble)) = worst(input.observed).filter(|(_, trouble)| trouble.kind.is_of_the_way()) {
        return fact("False", trouble.kind.reason(), sentence(input, pod, trouble));
    }
    let told: Vec<_> = ways(input.observed).filter_map(|way| way.word.told()).collect();
    let reached = told.iter().filter(|told| told.schema == Schema::Current).count();
    if reached == 0 {
        return fact("Unknown", "NotToldYet", "no gateway has said yet that it reaches ClickHouse".to_owned());
    }
    let noun = if reached == 1 { "gateway reaches" } else { "gateways reach" };
    fact("True", "Reached", format!("{reached} {noun} ClickHouse, and the tables are in place"))
}

/// The worst that a gateway tells, as reason and sentence.
pub(super) fn trouble(input: &Input<'_>) -> Option<(String, String)> {
    if let Some(before) = remembered(input, condition::DEGRADED) {
        let is_of_the_way = Kind::ALL.iter().any(|kind| kind.reason() == before.reason);
        return is_of_the_way.then(|| (before.reason.clone(), before.message.clone()));
    }
    let (pod, trouble) = worst(input.observed)?;
    Some((trouble.kind.reason().to_owned(), sentence(input, pod, trouble)))
}

/// The short form; nothing while no gateway has told.
pub(super) fn short(input: &Input<'_>) -> Option<ClickHouseStatus> {
    let observed = input.observed;
    if is_outstanding(observed) {
        return input.previous.and_then(|previous| previous.clickhouse.clone());
    }
    let told: Vec<_> = ways(observed).filter_map(|way| way.word.told()).collect();
    let is_current = told.iter().any(|told| told.schema == Schema::Current);
    let is_cut_off = worst(observed).is_some_and(|(_, trouble)| trouble.kind.is_of_the_way());
    (!told.is_empty()).then(|| ClickHouseStatus {
        reachable: is_current && !is_cut_off,
        schema: if is_current { "Current" } else { "Pending" }.to_owned(),
    })
}

/// What the status said of it, while a gateway is still being asked.
fn remembered<'a>(input: &'a Input<'_>, type_: &str) -> Option<&'a Condition> {
    let before = input.previous?.conditions.iter().find(|condition| condition.type_ == type_);
    before.filter(|_| is_outstanding(input.observed))
}

fn is_outstanding(observed: &[Observed]) -> bool {
    ways(observed).any(|way| way.word == Word::NotYet)
}

fn ways(observed: &[Observed]) -> impl Iterator<Item = &Way> {
    observed.iter().filter(|seen| seen.role == Role::Gateway).flat_map(|seen| &seen.ways)
}

/// Of equal ones the oldest, so that the same is told until it is over.
fn worst(observed: &[Observed]) -> Option<(&str, &Trouble)> {
    let troubles = ways(observed).filter_map(|way| Some((way.pod.as_str(), way.word.told()?.trouble.as_ref()?)));
    troubles.min_by_key(|(pod, trouble)| (trouble.kind, trouble.since, *pod))
}

fn sentence(input: &Input<'_>, pod: &str, trouble: &Trouble) -> String {
    let since = i64::try_from(trouble.since).ok().and_then(|second| Timestamp::from_second(second).ok());
    let since = since.map_or_else(String::new, |since| format!(" since {since}"));
    let told = &trouble.message;
    let credentials = match &input.outcome {
        Outcome::Applied(plan) => {
            plan.pod(Role::Gateway).and_then(|pod| pod.mounts.iter().find(|mount| mount.name == Mount::CREDENTIALS))
        }
        Outcome::Refused(_) | Outcome::Failed { .. } => None,
    };
    match trouble.kind {
        Kind::Unreachable => format!(
            "pod {pod} gets no answer from ClickHouse{since} ({told}); senders are told to send again until it is back"
        ),
        Kind::AuthFailed => format!("ClickHouse does not let pod {pod} in{since} ({told}); {}", from(credentials)),
        Kind::Credentials => format!("pod {pod} cannot log in{since}: {told}; {}", from(credentials)),
        Kind::AccessDenied => {
            format!("ClickHouse denies pod {pod} a right{since}: {told}; grant it to the user of this resource")
        }
        Kind::Schema => format!("pod {pod} does not find the tables in place{since}: {told}"),
        Kind::InsertsFail | Kind::Other => {
            format!("pod {pod}: {told}{since}; senders are told to send again meanwhile")
        }
    }
}

/// Where a person has to look.
fn from(credentials: Option<&Mount>) -> String {
    let Some(Mount { referent, files, .. }) = credentials else {
        return "spec.clickhouse.credentials names no Secret".to_owned();
    };
    let keys: Vec<_> = files.iter().map(|(key, _)| key.as_str()).collect();
    let (kind, name) = (referent.kind(), referent.name());
    format!("user and password come from {kind} {name}, keys {}: mend them there", keys.join(" and "))
}
