//! The way out as the gateways see it: to ClickHouse, or to the gateway they forward to. Comes in: what each pod told.
//! Goes out: conditions, the trouble a person should know of, and the short form for the status. Pure.

use crds::{
    config::Role,
    destination::{Destination, Kind, Schema, Server, Trouble},
    v1alpha1::ClickHouseStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{Fact, Input, Observed, Outcome, condition};

mod sentence;

use sentence::{forwarded_to, sentence};

/// Why nothing is known of ClickHouse where gateways forward.
const ELSEWHERE: &str = "ForwardsElsewhere";

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
    if forwards(input) {
        let message = format!("the gateways store nothing: they forward to {}", forwarded_to(input));
        return fact(condition::CLICKHOUSE_REACHABLE, "Unknown", ELSEWHERE, message);
    }
    reached(input, condition::CLICKHOUSE_REACHABLE, Server::ClickHouse)
}

/// Whether the gateway that is forwarded to can be reached, likewise. Absent where none is.
pub(super) fn forward_reachable(input: &Input<'_>) -> Option<Fact> {
    forwards(input).then(|| reached(input, condition::FORWARD_REACHABLE, Server::Gateway))
}

fn reached(input: &Input<'_>, type_: &'static str, server: Server) -> Fact {
    if let Some(before) = remembered(input, type_).filter(|before| before.reason != ELSEWHERE) {
        let status = ["True", "False"].into_iter().find(|status| *status == before.status).unwrap_or("Unknown");
        return fact(type_, status, &before.reason, before.message.clone());
    }
    // Of ClickHouse a right may lack for one table; who is denied access to a gateway can do nothing there.
    let is_denied = |kind| server == Server::Gateway && kind == Kind::AccessDenied;
    let of_the_way = |(_, told, trouble): &(&str, &Destination, &Trouble)| {
        told.server == server && (trouble.kind.is_of_the_way() || is_denied(trouble.kind))
    };
    if let Some((pod, told, trouble)) = worst(input.observed, &of_the_way) {
        return fact(type_, "False", trouble.kind.reason(told.server), sentence(input, pod, told.server, trouble));
    }
    let reached = told(input.observed, server).filter(|told| told.schema == Schema::Current).count();
    let whom = match server {
        Server::ClickHouse => "ClickHouse".to_owned(),
        Server::Gateway => forwarded_to(input),
    };
    if reached == 0 {
        return fact(type_, "Unknown", "NotToldYet", format!("no gateway has said yet that it reaches {whom}"));
    }
    let noun = if reached == 1 { "gateway reaches" } else { "gateways reach" };
    let what = match server {
        Server::ClickHouse => "and the tables are in place",
        Server::Gateway => "and it lets them in",
    };
    fact(type_, "True", "Reached", format!("{reached} {noun} {whom}, {what}"))
}

/// Whether the gateways of this resource pass on what they take. Without a plan those that run have the word, and
/// until they have told, what was said before.
fn forwards(input: &Input<'_>) -> bool {
    match &input.outcome {
        Outcome::Applied(plan) => plan.pod(Role::Gateway).is_some_and(|pod| pod.config.forward.is_some()),
        Outcome::Refused(_) | Outcome::Failed { .. } => {
            let has_told = ways(input.observed).any(|way| way.word.told().is_some());
            let mut before = input.previous.iter().flat_map(|previous| &previous.conditions);
            let mut said = || before.any(|said| said.type_ == condition::FORWARD_REACHABLE);
            if has_told { told(input.observed, Server::Gateway).next().is_some() } else { said() }
        }
    }
}

/// The worst that a gateway tells, as reason and sentence.
pub(super) fn trouble(input: &Input<'_>) -> Option<(String, String)> {
    if let Some(before) = remembered(input, condition::DEGRADED) {
        let mut reasons = Server::ALL.into_iter().flat_map(|server| Kind::ALL.map(|kind| kind.reason(server)));
        let is_of_the_way = reasons.any(|reason| reason == before.reason);
        return is_of_the_way.then(|| (before.reason.clone(), before.message.clone()));
    }
    let (pod, told, trouble) = worst(input.observed, &|_| true)?;
    Some((trouble.kind.reason(told.server).to_owned(), sentence(input, pod, told.server, trouble)))
}

/// The short form; nothing while no gateway has told, and where none stores anything.
pub(super) fn short(input: &Input<'_>) -> Option<ClickHouseStatus> {
    let observed = input.observed;
    if forwards(input) {
        return None;
    }
    if is_outstanding(observed) {
        return input.previous.and_then(|previous| previous.clickhouse.clone());
    }
    let mut all = told(observed, Server::ClickHouse).peekable();
    all.peek()?;
    let is_current = all.any(|told| told.schema == Schema::Current);
    let of_the_way = |(_, told, trouble): &(&str, &Destination, &Trouble)| {
        told.server == Server::ClickHouse && trouble.kind.is_of_the_way()
    };
    let is_cut_off = worst(observed, &of_the_way).is_some();
    Some(ClickHouseStatus {
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

/// What those gateways have told that speak of such a server.
fn told(observed: &[Observed], server: Server) -> impl Iterator<Item = &Destination> {
    ways(observed).filter_map(|way| way.word.told()).filter(move |told| told.server == server)
}

/// Of equal ones the oldest, so that the same is told until it is over.
fn worst<'a>(
    observed: &'a [Observed],
    is_meant: &dyn Fn(&(&'a str, &'a Destination, &'a Trouble)) -> bool,
) -> Option<(&'a str, &'a Destination, &'a Trouble)> {
    let troubles = ways(observed).filter_map(|way| {
        let told = way.word.told()?;
        Some((way.pod.as_str(), told, told.trouble.as_ref()?))
    });
    troubles.filter(is_meant).min_by_key(|(pod, _, trouble)| (trouble.kind, trouble.since, *pod))
}

fn fact(type_: &'static str, status: &'static str, reason: &str, message: String) -> Fact {
    Fact { type_, status, reason: reason.to_owned(), message }
}
