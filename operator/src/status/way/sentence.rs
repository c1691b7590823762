//! A trouble of a gateway's way out, for a person: who sees it, since when, and where to look. Pure.

use crds::{
    config::Role,
    destination::{Kind, Server, Trouble},
};
use k8s_openapi::jiff::Timestamp;

use super::super::{Input, Outcome};
use crate::plan::{Mount, Pod};

pub(super) fn sentence(input: &Input<'_>, pod: &str, server: Server, trouble: &Trouble) -> String {
    let since = i64::try_from(trouble.since).ok().and_then(|second| Timestamp::from_second(second).ok());
    let since = since.map_or_else(String::new, |since| format!(" since {since}"));
    match server {
        Server::ClickHouse => of_clickhouse(input, pod, &since, trouble),
        Server::Gateway => of_a_gateway(input, pod, &since, trouble),
    }
}

/// Whom the gateways of this resource forward to, where it is known.
pub(super) fn forwarded_to(input: &Input<'_>) -> String {
    let endpoint = gateway(input).and_then(|pod| pod.config.forward.as_ref()).map(|forward| forward.endpoint.clone());
    endpoint.unwrap_or_else(|| "another gateway".to_owned())
}

fn of_clickhouse(input: &Input<'_>, pod: &str, since: &str, trouble: &Trouble) -> String {
    let (told, meanwhile, credentials) = (&trouble.message, meanwhile(input), mount(input, Mount::CREDENTIALS));
    match trouble.kind {
        Kind::Unreachable => format!("pod {pod} gets no answer from ClickHouse{since} ({told}); {meanwhile}"),
        Kind::AuthFailed => format!("ClickHouse does not let pod {pod} in{since} ({told}); {}", from(credentials)),
        Kind::Credentials => format!("pod {pod} cannot log in{since}: {told}; {}", from(credentials)),
        Kind::AccessDenied => {
            format!("ClickHouse denies pod {pod} a right{since}: {told}; grant it to the user of this resource")
        }
        Kind::Schema => format!("pod {pod} does not find the tables in place{since}: {told}"),
        Kind::InsertsFail | Kind::Other => format!("pod {pod}: {told}{since}; {meanwhile}"),
    }
}

fn of_a_gateway(input: &Input<'_>, pod: &str, since: &str, trouble: &Trouble) -> String {
    let (told, endpoint, meanwhile) = (&trouble.message, forwarded_to(input), meanwhile(input));
    match trouble.kind {
        Kind::Unreachable => format!("pod {pod} gets no answer from {endpoint}{since} ({told}); {meanwhile}"),
        Kind::AuthFailed => {
            let token = match mount(input, Mount::TOKEN) {
                Some(mount) => format!("the token comes from {}: mend it there", source(mount)),
                None => "spec.gateway.forwardTo.auth names no token".to_owned(),
            };
            format!("{endpoint} does not let pod {pod} in{since} ({told}); {token}")
        }
        Kind::Credentials => {
            // The words name a file, and a person knows the object it comes from.
            let mounts = gateway(input).map_or(&[][..], |pod| &pod.mounts);
            let file = mounts.iter().find(|mount| told.contains(&mount.directory));
            let file =
                file.map_or_else(String::new, |mount| format!("; it comes from {}: mend it there", source(mount)));
            format!("pod {pod} cannot show {endpoint} who it is{since}: {told}{file}")
        }
        Kind::AccessDenied => format!("{endpoint} denies pod {pod} the right to send{since}: {told}"),
        Kind::Schema | Kind::InsertsFail | Kind::Other => {
            format!("{endpoint} does not take what pod {pod} forwards{since}: {told}; {meanwhile}")
        }
    }
}

/// What becomes of telemetry until it is over.
fn meanwhile(input: &Input<'_>) -> &'static str {
    match gateway(input).map(|pod| &pod.config.spool) {
        Some(Some(_)) => "what is sent waits in the spool, and once that is full with its senders",
        _ => "senders are told to send again meanwhile",
    }
}

/// Where a person has to look.
fn from(credentials: Option<&Mount>) -> String {
    credentials.map_or_else(
        || "spec.clickhouse.credentials names no Secret".to_owned(),
        |mount| format!("user and password come from {}: mend them there", source(mount)),
    )
}

fn source(mount: &Mount) -> String {
    let keys: Vec<_> = mount.files.iter().map(|(key, _)| key.as_str()).collect();
    let noun = if keys.len() == 1 { "key" } else { "keys" };
    format!("{} {}, {noun} {}", mount.referent.kind(), mount.referent.name(), keys.join(" and "))
}

fn mount<'a>(input: &'a Input<'_>, name: &str) -> Option<&'a Mount> {
    gateway(input)?.mounts.iter().find(|mount| mount.name == name)
}

/// The pods as they were planned.
fn gateway<'a>(input: &'a Input<'_>) -> Option<&'a Pod> {
    match &input.outcome {
        Outcome::Applied(plan) => plan.pod(Role::Gateway),
        Outcome::Refused(_) | Outcome::Failed { .. } => None,
    }
}
