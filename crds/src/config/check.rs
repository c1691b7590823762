//! The meaning of a `CollectorConfig`: what the types cannot rule out.
//!
//! Comes in: a parsed document. Goes out: every [`Problem`] in it, in the order of the document, so that a
//! person mends the file once. Must not stop at the first.

use super::{Blocks, ClickHouse, ClientTls, CollectorConfig, Forward, Retention, Role, Transform};
use crate::{
    problem::Problem,
    quantity::{ByteSize, Duration},
};

mod cluster;
mod container_logs;
pub(super) mod receivers;
mod scrapes;

/// The longest a sender may be held: SDKs give up after 10 s by default.
const LONGEST_BLOCK_AGE: Duration = Duration::seconds(5);

/// A block is compressed in pieces, but its indexes are 32 bits wide and its memory is real.
const LARGEST_BLOCK: ByteSize = ByteSize::mebibytes(1024);

/// More addresses than replicas of one shard ever are; each is tried in turn when the one before fails.
const LARGEST_ENDPOINTS: usize = 16;

pub(super) fn problems(config: &CollectorConfig) -> Vec<Problem> {
    let mut found = Vec::new();
    outlets(config, &mut found);
    receivers::problems(config, &mut found);
    container_logs::problems(config, &mut found);
    scrapes::problems(config, &mut found);
    cluster::problems(config, &mut found);
    if let Some(clickhouse) = &config.clickhouse {
        destination(clickhouse, &mut found);
    }
    if let Some(forward) = &config.forward {
        found.extend(self::forward("forward", forward));
    }
    kubernetes(config, &mut found);
    if config.transform != Transform::default() && config.clickhouse.is_none() {
        let message = "only a gateway that stores rows opens them; remove it, and set it there";
        found.push(Problem::new("transform", message));
    }
    blocks(&config.blocks, &mut found);
    if let Some(spool) = &config.spool {
        found.extend(spool.problems(config));
    }
    limits(config, &mut found);
    found
}

/// Other collectors, named by this field.
pub(super) fn forward(field: &str, forward: &Forward) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(endpoint_problem(&format!("{field}.endpoint"), &forward.endpoint, Forward::SCHEMES));
    if let Some(tls) = &forward.tls {
        client_tls(&format!("{field}.tls"), is_secure(&forward.endpoint), tls, &mut found);
    }
    positive(&format!("{field}.timeout"), forward.timeout, &mut found);
    found
}

impl Forward {
    const SCHEMES: &'static [&'static str] = &["http", "https"];
}

impl ClickHouse {
    const SCHEMES: &'static [&'static str] = &["http", "https"];
}

impl Blocks {
    /// The checks of a `blocks` section on its own, for whoever offers the same section elsewhere.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        blocks(self, &mut found);
        found
    }
}

/// What is wrong with the address of a ClickHouse server, if anything.
pub fn clickhouse_endpoint_problem(field: &str, endpoint: &str) -> Option<Problem> {
    endpoint_problem(field, endpoint, ClickHouse::SCHEMES)
}

/// What is wrong with the name of a database, if anything.
pub fn database_problem(field: &str, database: &str) -> Option<Problem> {
    let mut letters = database.chars();
    let starts_well = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    (!starts_well || !goes_on_well || database.len() > 64).then(|| {
        Problem::new(
            field,
            format!("{database:?} is not a plain ClickHouse identifier; use letters, digits and _, at most 64 of them"),
        )
    })
}

fn outlets(config: &CollectorConfig, found: &mut Vec<Problem>) {
    let role = config.role.as_str();
    let mut told = |field: &str, message: String| found.push(Problem::new(field, message));
    match (config.role, config.clickhouse.is_some(), config.forward.is_some()) {
        (Role::Gateway, false, false) => {
            let message = "role gateway has nowhere to send; say where ClickHouse is, or which gateway it forwards to";
            told("clickhouse", message.to_owned());
        }
        (Role::Gateway, true, true) => {
            let message = "role gateway either stores or forwards, and there is a ClickHouse too; remove one of both";
            told("forward", message.to_owned());
        }
        (Role::Gateway, ..) => {}
        (Role::Agent | Role::Cluster, has_clickhouse, has_forward) => {
            if !has_forward {
                told("forward", format!("role {role} needs it; add forward.endpoint"));
            }
            if has_clickhouse {
                told("clickhouse", format!("role {role} does not use it; remove the section"));
            }
        }
    }
}

fn kubernetes(config: &CollectorConfig, found: &mut Vec<Problem>) {
    let Some(kubernetes) = &config.kubernetes else { return };
    let unused =
        |field: &str| Problem::new(field, format!("role {} does not use it; remove the section", config.role.as_str()));
    match config.role {
        Role::Gateway => found.push(unused("kubernetes")),
        Role::Cluster if kubernetes.attributes.is_some() => found.push(unused("kubernetes.attributes")),
        Role::Cluster | Role::Agent => {}
    }
    if kubernetes.cluster_name.as_ref().is_some_and(String::is_empty) {
        found.push(Problem::new("kubernetes.clusterName", "is empty; name the cluster, or remove it"));
    }
    if let Some(api) = &kubernetes.api {
        found.extend(endpoint_problem("kubernetes.api.endpoint", &api.endpoint, ClickHouse::SCHEMES));
    }
}

fn destination(clickhouse: &ClickHouse, found: &mut Vec<Problem>) {
    addresses(clickhouse, found);
    if let Some(tls) = &clickhouse.tls {
        client_tls("clickhouse.tls", clickhouse.addresses().any(is_secure), tls, found);
    }
    found.extend(database_problem("clickhouse.database", &clickhouse.database));
    if clickhouse.password_file.is_some() && clickhouse.username_file.is_none() {
        found.push(Problem::new("clickhouse.passwordFile", "a password without a user; add clickhouse.usernameFile"));
    }
    positive("clickhouse.timeout", clickhouse.timeout, found);
    let Retention { logs, traces, metrics, sessions } = clickhouse.retention;
    for (signal, time) in [("logs", logs), ("traces", traces), ("metrics", metrics), ("sessions", sessions)] {
        if time.0.as_secs() == 0 {
            let field = format!("clickhouse.retention.{signal}");
            found.push(Problem::new(field, "rows would be deleted as they arrive; use at least 1s"));
        }
    }
    found.extend(clickhouse.schema.problems("clickhouse.schema"));
}

pub(super) fn is_secure(endpoint: &str) -> bool {
    endpoint.starts_with("https://")
}

fn addresses(clickhouse: &ClickHouse, found: &mut Vec<Problem>) {
    match (&clickhouse.endpoint, clickhouse.endpoints.len()) {
        (None, 0) => found.push(Problem::new("clickhouse.endpoint", "it is missing; add it, or clickhouse.endpoints")),
        (Some(_), 1..) => {
            found.push(Problem::new("clickhouse.endpoints", "stands beside clickhouse.endpoint; remove one of both"));
        }
        (None, count) if count > LARGEST_ENDPOINTS => {
            let message = format!("{count} addresses; use at most {LARGEST_ENDPOINTS}");
            found.push(Problem::new("clickhouse.endpoints", message));
        }
        _ => {}
    }
    if let Some(endpoint) = &clickhouse.endpoint {
        found.extend(clickhouse_endpoint_problem("clickhouse.endpoint", endpoint));
    }
    for (index, endpoint) in clickhouse.endpoints.iter().enumerate() {
        found.extend(clickhouse_endpoint_problem(&format!("clickhouse.endpoints[{index}]"), endpoint));
    }
}

/// `field` is the section's name, `is_used` whether an address of it asks for TLS.
pub(super) fn client_tls(field: &str, is_used: bool, tls: &ClientTls, found: &mut Vec<Problem>) {
    if !is_used {
        found.push(Problem::new(field, "no endpoint is https://, so it would be ignored; remove it"));
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(_), None) => {
            found.push(Problem::new(format!("{field}.certFile"), "a certificate without its key; add keyFile"));
        }
        (None, Some(_)) => {
            found.push(Problem::new(format!("{field}.keyFile"), "a key without its certificate; add certFile"));
        }
        _ => {}
    }
    let is_name = |name: &String| !name.is_empty() && !name.contains(['/', ':']) && !name.contains(char::is_whitespace);
    if tls.server_name.as_ref().is_some_and(|name| !is_name(name)) {
        let message = "is not a host name; use the name in the certificate";
        found.push(Problem::new(format!("{field}.serverName"), message));
    }
    if tls.insecure_skip_verify && tls.ca_file.is_some() {
        let message = "insecureSkipVerify would ignore it; remove one of both";
        found.push(Problem::new(format!("{field}.caFile"), message));
    }
}

fn blocks(blocks: &Blocks, found: &mut Vec<Problem>) {
    if blocks.max_rows == 0 || blocks.max_rows > 1_000_000 {
        found.push(Problem::new("blocks.maxRows", format!("{} is outside 1 … 1000000", blocks.max_rows)));
    }
    if blocks.max_bytes < ByteSize::mebibytes(1) || blocks.max_bytes > LARGEST_BLOCK {
        found.push(Problem::new("blocks.maxBytes", format!("{} is outside 1Mi … {LARGEST_BLOCK}", blocks.max_bytes)));
    }
    if blocks.max_age > LONGEST_BLOCK_AGE {
        let message = format!(
            "{} holds senders longer than the 10s after which SDKs send again; use at most {LONGEST_BLOCK_AGE}",
            blocks.max_age
        );
        found.push(Problem::new("blocks.maxAge", message));
    }
    positive("blocks.maxAge", blocks.max_age, found);
}

fn limits(config: &CollectorConfig, found: &mut Vec<Problem>) {
    let request = config.limits.request_bytes.unwrap_or(ByteSize::mebibytes(64));
    if request.0 == 0 || request > LARGEST_BLOCK {
        found.push(Problem::new("limits.requestBytes", format!("{request} is outside 1 … {LARGEST_BLOCK}")));
    }
    if let Some(budget) = config.limits.memory_budget.filter(|budget| *budget < request) {
        let message = format!(
            "{budget} is smaller than one request of limits.requestBytes ({request}), which could never be accepted"
        );
        found.push(Problem::new("limits.memoryBudget", message));
    }
}

fn positive(field: &str, duration: Duration, found: &mut Vec<Problem>) {
    if duration.0.is_zero() {
        found.push(Problem::new(field, "must be longer than 0"));
    }
}

/// A scheme of the list, a host, and nothing that would be ignored (a path, a query, credentials).
fn endpoint_problem(field: &str, endpoint: &str, schemes: &[&str]) -> Option<Problem> {
    let form = schemes.iter().map(|scheme| format!("{scheme}://host:port")).collect::<Vec<_>>().join(" or ");
    let wrong = |what: &str| Some(Problem::new(field, format!("{what}; use {form}")));
    // First, and never printed back: what stands before the @ is a secret.
    if endpoint.contains('@') {
        return Some(Problem::new(field, "holds credentials; put them in a Secret and reference it"));
    }
    let Some((scheme, rest)) = endpoint.split_once("://") else {
        return wrong(&format!("{endpoint:?} has no scheme"));
    };
    if !schemes.contains(&scheme) {
        return wrong(&format!("scheme {scheme:?} is not supported"));
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let has_extra = authority.contains(['/', '?', '#']) || authority.chars().any(char::is_whitespace);
    let (host, port) = split_port(authority);
    if has_extra || host.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return wrong(&format!("{endpoint:?} is not just a scheme, a host and a port"));
    }
    None
}

/// `host:port`, `[v6]:port` or either without the port.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}
