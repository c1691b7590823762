//! `CUSTOM_OTELCOL_CONFIG_FILE`: the part of an OpenTelemetry Collector's configuration that has a meaning here.
//!
//! Comes in: its text, the variables it names and a gateway's configuration. Goes out: that configuration, changed, and
//! warnings; or every key that would be lost, by its path. Must not pass over what it does not understand: somebody
//! relies on it.

use crds::{
    config::{ClickHouse, CollectorConfig, Receivers},
    problem::Problem,
    quantity,
};
use serde_json::Value;

use super::{Variables, quantities::duration};

mod expand;
mod pipelines;
mod receivers;

use expand::{Flat, Leaf};
use pipelines::Used;
use receivers::SyslogAddresses;

/// What the file says beyond the configuration.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Extras {
    pub(super) log_level: Option<String>,
    /// Share of the memory that is this process's limit, in hundredths.
    pub(super) memory_percent: Option<u64>,
    pub(super) warnings: Vec<String>,
}

/// Keys that are taken and change nothing, because what they ask for is so or has no counterpart to harm.
const WITHOUT_EFFECT: &[&str] = &[
    "processors.memory_limiter.check_interval",
    "processors.memory_limiter.spike_limit_mib",
    "processors.memory_limiter.spike_limit_percentage",
    "receivers.otlp.protocols.grpc.include_metadata",
    "receivers.otlp.protocols.http.include_metadata",
    "exporters.clickhouse.compress",
    "exporters.clickhouse.retry_on_failure.initial_interval",
    "exporters.clickhouse.retry_on_failure.max_interval",
];

const UNKNOWN: &str = "is not supported by this collector, and would be lost; remove it";

/// What is said of ClickHouse beside the file, and may stand in it as well.
const BESIDE: &[(&str, &str)] = &[
    ("exporters.clickhouse.endpoint", "CLICKHOUSE_ENDPOINT"),
    ("exporters.clickhouse.username", "CLICKHOUSE_USER"),
    ("exporters.clickhouse.password", "CLICKHOUSE_PASSWORD"),
];

/// The longest a block is tried: as long as a receiver waits for its outcome.
const LONGEST_TRY: quantity::Duration = quantity::Duration::seconds(60);

/// A sender waits for its block, and SDKs give up after 10 s.
pub(super) const LONGEST_AGE: quantity::Duration = quantity::Duration::seconds(5);

/// The largest block: from 100,000 rows on ClickHouse's cost a row no longer falls.
pub(super) const LARGEST_ROWS: u64 = 1_000_000;

/// Lays the file over the configuration.
pub(super) fn overlay(text: &str, variables: &Variables, config: &mut CollectorConfig) -> Result<Extras, Vec<Problem>> {
    let unreadable = |message: String| vec![Problem::new("CUSTOM_OTELCOL_CONFIG_FILE", message)];
    // Not with the lines around it: a password may stand there.
    let document: Value = serde_saphyr::from_str(text)
        .map_err(|error: serde_saphyr::Error| unreadable(format!("is not YAML: {}", error.without_snippet())))?;
    let Flat { mut leaves, warnings, mut problems } = Flat::of(&document, variables);
    let used = Used::of(&mut leaves, config.receivers.fluent_forward.is_some(), &mut problems);
    let mut overlay = Overlay { variables, leaves: &leaves, extras: Extras { warnings, ..Extras::default() } };
    let Receivers { fluent_forward, syslog, .. } = &mut config.receivers;
    *fluent_forward = used.fluent.as_ref().map(|_| fluent_forward.take().unwrap_or_default());
    *syslog = used.syslog.as_ref().map(|_| syslog.take().unwrap_or_default());
    let mut addresses = SyslogAddresses::default();
    for (path, leaf) in &leaves {
        let taken = match used.plain(path) {
            Err(why) => {
                overlay.extras.warnings.push(format!("{path}: {why}"));
                Ok(())
            }
            Ok(plain) => match plain.strip_prefix("receivers.") {
                Some(key) if !is_limit(key) && !WITHOUT_EFFECT.contains(&plain.as_str()) => {
                    receivers::take(key, leaf, &mut config.receivers, &mut addresses)
                }
                _ => overlay.take(&plain, leaf, config),
            },
        };
        problems.extend(taken.err().map(|message| Problem::new(path, message)));
    }
    let mut extras = overlay.extras;
    extras.warnings.extend(used.warnings.into_iter().chain(addresses.warning()));
    if problems.is_empty() { Ok(extras) } else { Err(problems) }
}

/// Limits of a receiver are limits of the collector.
fn is_limit(key: &str) -> bool {
    ["otlp.protocols.grpc.max_recv_msg_size_mib", "otlp.protocols.http.max_request_body_size"].contains(&key)
}

struct Overlay<'a> {
    variables: &'a Variables,
    leaves: &'a [(String, Leaf)],
    extras: Extras,
}

impl Overlay<'_> {
    fn warn(&mut self, path: &str, what: &str) {
        self.extras.warnings.push(format!("{path}: {what}"));
    }

    fn take(&mut self, path: &str, leaf: &Leaf, config: &mut CollectorConfig) -> Result<(), String> {
        if WITHOUT_EFFECT.contains(&path) {
            return Ok(());
        }
        match path {
            "processors.batch.send_batch_size" => {
                config.blocks.max_rows = self.rows(path, leaf)?.unwrap_or(config.blocks.max_rows);
            }
            "processors.batch.send_batch_max_size" => {
                let most = self.rows(path, leaf)?.unwrap_or(config.blocks.max_rows);
                config.blocks.max_rows = most.min(config.blocks.max_rows);
            }
            "processors.batch.timeout" => {
                let age = time(leaf)?;
                if age > LONGEST_AGE {
                    self.warn(path, "senders wait for the block, so it is 5s old at most; 5s is used");
                }
                config.blocks.max_age = age.clamp(quantity::Duration::milliseconds(1), LONGEST_AGE);
            }
            // It limits the process; the budget is the part of it that requests get. 0 says nothing, as there.
            "processors.memory_limiter.limit_mib" => {
                let limit = Some(whole(leaf)?).filter(|limit| *limit > 0);
                let budget = limit.map(|limit| quantity::ByteSize((limit << 20) / 5 * 2));
                config.limits.memory_budget = budget.or(config.limits.memory_budget);
            }
            "processors.memory_limiter.limit_percentage" => {
                let percent = whole(leaf)?;
                if percent > 100 {
                    return Err("is more than 100; write a share of the memory in hundredths".to_owned());
                }
                self.extras.memory_percent = (percent > 0).then_some(percent);
            }
            "receivers.otlp.protocols.grpc.max_recv_msg_size_mib" => {
                self.request_limit(path, quantity::ByteSize::mebibytes(whole(leaf)?), config);
            }
            "receivers.otlp.protocols.http.max_request_body_size" => {
                self.request_limit(path, quantity::ByteSize(whole(leaf)?), config);
            }
            "extensions.health_check.endpoint" => config.admin.health = address(leaf)?,
            "service.telemetry.metrics.address" => config.admin.metrics = address(leaf)?,
            "service.telemetry.logs.level" => self.extras.log_level = Some(text(leaf)?.to_lowercase()),
            "service.extensions" => extensions(leaf)?,
            _ => match (&mut config.clickhouse, path.strip_prefix("exporters.")) {
                (Some(clickhouse), Some(key)) => self.exporter(path, key, leaf, clickhouse)?,
                _ => return Err(UNKNOWN.to_owned()),
            },
        }
        Ok(())
    }

    /// Who could send so much to one of both still can.
    fn request_limit(&mut self, path: &str, said: quantity::ByteSize, config: &mut CollectorConfig) {
        let other = config.limits.request_bytes.unwrap_or(said);
        if said != other {
            self.warn(path, "gRPC and HTTP have one limit here, of unpacked requests; the larger of both is used");
        }
        config.limits.request_bytes = Some(said.max(other));
    }

    fn exporter(&mut self, path: &str, key: &str, leaf: &Leaf, clickhouse: &mut ClickHouse) -> Result<(), String> {
        if let Some((_, variable)) = BESIDE.iter().find(|(beside, _)| *beside == path) {
            let is_said = self.variables.get(*variable).map(String::as_str) == leaf.text();
            let elsewhere =
                || format!("is not taken from this file; set {variable}, and remove it or write ${{env:{variable}}}");
            return is_said.then_some(()).ok_or_else(elsewhere);
        }
        match key {
            "clickhouse.database" => clickhouse.database = text(leaf)?.to_owned(),
            // There it is about tables that the exporter makes, which it is told not to; taken for the tables of
            // ClickStack it could delete rows.
            "clickhouse.ttl" | "clickhouse/rrweb.ttl" => {
                time(leaf)?;
                self.warn(path, "no effect; set HYPERDX_OTEL_EXPORTER_TABLES_TTL, or …_SESSIONS_TTL for replays");
            }
            "clickhouse.timeout" => clickhouse.timeout = time(leaf)?,
            // There it is about tables of another form, and false by default; those of ClickStack are made in any case,
            // before the collector starts. They are made here.
            "clickhouse.create_schema" => match leaf.value.as_bool() {
                Some(true) => {
                    self.warn(path, "absent tables are made as ClickStack's; tables of another form are used");
                }
                Some(false) => {}
                None => return Err("is neither true nor false".to_owned()),
            },
            "clickhouse.retry_on_failure.max_elapsed_time" => {
                let longest = time(leaf)?;
                // 0 is "for ever".
                if longest > LONGEST_TRY || longest.0.is_zero() {
                    self.warn(path, "a block is tried for 60s at most, then its senders send again; 60s is used");
                }
                clickhouse.retry_for = if longest.0.is_zero() { LONGEST_TRY } else { longest.min(LONGEST_TRY) };
            }
            "clickhouse.async_insert" if leaf.value == Value::Bool(false) => {}
            "clickhouse.retry_on_failure.enabled" if leaf.value == Value::Bool(true) => {}
            "clickhouse.logs_table_name" if leaf.text() == Some("otel_logs") => {}
            "clickhouse.traces_table_name" if leaf.text() == Some("otel_traces") => {}
            "clickhouse/rrweb.logs_table_name" if leaf.text() == Some("hyperdx_sessions") => {}
            _ => return self.same_for_replays(key, leaf),
        }
        Ok(())
    }

    /// Both exporters are one here.
    fn same_for_replays(&self, key: &str, leaf: &Leaf) -> Result<(), String> {
        let Some(key) = key.strip_prefix("clickhouse/rrweb.") else { return Err(UNKNOWN.to_owned()) };
        let path = format!("exporters.clickhouse.{key}");
        if self.leaves.contains(&(path.clone(), leaf.clone())) {
            return Ok(());
        }
        Err(format!("is another than {path}, and one exporter writes all tables here; give both the same value"))
    }

    /// 0 is "no limit".
    fn rows(&mut self, path: &str, leaf: &Leaf) -> Result<Option<u32>, String> {
        let rows = whole(leaf)?;
        if rows > LARGEST_ROWS {
            self.warn(path, "a block has 1000000 rows at most; that many are used");
        }
        Ok((rows > 0).then(|| rows.min(LARGEST_ROWS) as u32))
    }
}

/// What is there is there in any case.
fn extensions(leaf: &Leaf) -> Result<(), String> {
    const KNOWN: [&str; 3] = ["health_check", "bearertokenauth/hyperdx", "oidc/hyperdx"];
    let Value::Array(names) = &leaf.value else { return Err("is not a list of names".to_owned()) };
    match names.iter().find(|name| !name.as_str().is_some_and(|name| KNOWN.contains(&name))) {
        Some(name) => Err(format!("{name} is not here; only {} are, remove it", KNOWN.join(", "))),
        None => Ok(()),
    }
}

fn text(leaf: &Leaf) -> Result<&str, String> {
    leaf.text().ok_or_else(|| "is not a text".to_owned())
}

fn whole(leaf: &Leaf) -> Result<u64, String> {
    leaf.value.as_u64().filter(|number| *number < 1 << 40).ok_or_else(|| "is not a whole number".to_owned())
}

fn time(leaf: &Leaf) -> Result<quantity::Duration, String> {
    duration(text(leaf)?).map(quantity::Duration)
}

fn address(leaf: &Leaf) -> Result<std::net::SocketAddr, String> {
    let wrong = |_| "is not an address and a port, such as 0.0.0.0:4317".to_owned();
    text(leaf)?.replace("localhost:", "127.0.0.1:").parse().map_err(wrong)
}

#[cfg(test)]
mod tests;
