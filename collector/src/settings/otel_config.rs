//! `CUSTOM_OTELCOL_CONFIG_FILE`: the part of an OpenTelemetry Collector's configuration that has a meaning here.
//!
//! Comes in: its text and a gateway's configuration. Goes out: that configuration, changed; or every key that would
//! be lost, by its path. Must not pass over what it does not understand: somebody relies on it.

use crds::{config::CollectorConfig, problem::Problem, quantity};
use serde_json::Value;

use super::quantities::duration;

/// What the file says beyond the configuration.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Extras {
    pub(super) log_level: Option<String>,
    /// Share of the memory that is this process's limit, in hundredths.
    pub(super) memory_percent: Option<u64>,
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

/// The longest a block is tried: as long as a receiver waits for its outcome.
const LONGEST_TRY: quantity::Duration = quantity::Duration::seconds(60);

/// Lays the file over the configuration.
pub(super) fn overlay(text: &str, config: &mut CollectorConfig) -> Result<Extras, Vec<Problem>> {
    let unreadable = |message: String| vec![Problem::new("CUSTOM_OTELCOL_CONFIG_FILE", message)];
    let document: Value = serde_saphyr::from_str(text).map_err(|error| unreadable(format!("is not YAML: {error}")))?;
    let mut leaves = Vec::new();
    flatten("", &document, &mut leaves);
    let (mut extras, mut problems) = (Extras::default(), Vec::new());
    for (path, value) in leaves {
        // The names ClickStack gives its own components.
        let plain = path.replace("otlp/hyperdx", "otlp");
        let taken =
            if WITHOUT_EFFECT.contains(&plain.as_str()) { Ok(()) } else { take(&plain, value, config, &mut extras) };
        problems.extend(taken.err().map(|message| Problem::new(path, message)));
    }
    if problems.is_empty() { Ok(extras) } else { Err(problems) }
}

/// Every value that is no map, with its path; an empty map asks for nothing.
fn flatten<'a>(path: &str, value: &'a Value, leaves: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, leaves);
            }
        }
        Value::Null => {}
        leaf => leaves.push((path.to_owned(), leaf)),
    }
}

fn take(path: &str, value: &Value, config: &mut CollectorConfig, extras: &mut Extras) -> Result<(), String> {
    let mut clickhouse = config.clickhouse.as_mut();
    let otlp = &mut config.receivers.otlp;
    match (path, &mut clickhouse) {
        ("processors.batch.send_batch_size", _) => {
            config.blocks.max_rows = rows(value)?.unwrap_or(config.blocks.max_rows);
        }
        ("processors.batch.send_batch_max_size", _) => {
            config.blocks.max_rows =
                rows(value)?.map_or(config.blocks.max_rows, |most| most.min(config.blocks.max_rows));
        }
        ("processors.batch.timeout", _) => {
            config.blocks.max_age =
                time(value)?.clamp(quantity::Duration::milliseconds(1), quantity::Duration::seconds(5));
        }
        // It limits the process; the budget is the part of it that requests get.
        ("processors.memory_limiter.limit_mib", _) => {
            config.limits.memory_budget = Some(quantity::ByteSize((whole(value)? << 20) / 5 * 2));
        }
        ("processors.memory_limiter.limit_percentage", _) => extras.memory_percent = Some(whole(value)?.clamp(1, 100)),
        ("receivers.otlp.protocols.grpc.endpoint", _) => otlp.grpc = address(value)?,
        ("receivers.otlp.protocols.http.endpoint", _) => otlp.http = address(value)?,
        ("receivers.otlp.protocols.grpc.max_recv_msg_size_mib", _) => {
            config.limits.request_bytes = Some(quantity::ByteSize::mebibytes(whole(value)?));
        }
        ("receivers.otlp.protocols.http.max_request_body_size", _) => {
            config.limits.request_bytes = Some(quantity::ByteSize(whole(value)?));
        }
        ("extensions.health_check.endpoint", _) => config.admin.health = address(value)?,
        ("service.telemetry.metrics.address", _) => config.admin.metrics = address(value)?,
        ("service.telemetry.logs.level", _) => extras.log_level = Some(text(value)?.to_lowercase()),
        ("exporters.clickhouse.database", Some(clickhouse)) => clickhouse.database = text(value)?.to_owned(),
        ("exporters.clickhouse.ttl", Some(clickhouse)) => {
            let (ttl, sessions) = (time(value)?, clickhouse.retention.sessions);
            clickhouse.retention = crds::config::Retention { sessions, ..crds::config::Retention::of(ttl) };
        }
        ("exporters.clickhouse/rrweb.ttl", Some(clickhouse)) => clickhouse.retention.sessions = time(value)?,
        ("exporters.clickhouse.timeout", Some(clickhouse)) => clickhouse.timeout = time(value)?,
        ("exporters.clickhouse.create_schema", Some(clickhouse)) => {
            clickhouse.schema.manage = value.as_bool().ok_or("is neither true nor false")?;
        }
        ("exporters.clickhouse.retry_on_failure.max_elapsed_time", Some(clickhouse)) => {
            clickhouse.retry_for = time(value)?.min(LONGEST_TRY);
        }
        ("exporters.clickhouse.async_insert", _) if value == &Value::Bool(false) => {}
        ("exporters.clickhouse.retry_on_failure.enabled", _) if value == &Value::Bool(true) => {}
        _ => return Err("is not supported by this collector, and would be lost; remove it".to_owned()),
    }
    Ok(())
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "is not a text".to_owned())
}

fn whole(value: &Value) -> Result<u64, String> {
    value.as_u64().filter(|number| *number < 1 << 40).ok_or_else(|| "is not a whole number".to_owned())
}

/// 0 is "no limit".
fn rows(value: &Value) -> Result<Option<u32>, String> {
    let rows = whole(value)?;
    Ok((rows > 0).then(|| rows.min(1_000_000) as u32))
}

fn time(value: &Value) -> Result<quantity::Duration, String> {
    duration(text(value)?).map(quantity::Duration)
}

fn address(value: &Value) -> Result<std::net::SocketAddr, String> {
    let wrong = |_| "is not an address and a port, such as 0.0.0.0:4317".to_owned();
    text(value)?.replace("localhost:", "127.0.0.1:").parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> CollectorConfig {
        CollectorConfig::gateway(crds::config::ClickHouse::at("http://ch:8123"))
    }

    #[test]
    fn the_supported_part_changes_the_configuration() {
        let text = "
processors:
  batch: {send_batch_size: 50000, send_batch_max_size: 0, timeout: 2s}
  memory_limiter: {limit_mib: 1000, limit_percentage: 50, check_interval: 1s}
receivers:
  otlp/hyperdx:
    protocols:
      grpc: {endpoint: '0.0.0.0:14317', max_recv_msg_size_mib: 16}
      http: {endpoint: 'localhost:14318', include_metadata: true}
exporters:
  clickhouse: {ttl: 48h, timeout: 10s, async_insert: false, retry_on_failure: {enabled: true, max_elapsed_time: 300s}}
  clickhouse/rrweb: {ttl: 24h}
extensions: {health_check: {endpoint: '0.0.0.0:13134'}}
service: {telemetry: {logs: {level: DEBUG}, metrics: {address: '0.0.0.0:18888'}}}
";
        let mut config = gateway();
        let extras = overlay(text, &mut config).unwrap();
        assert_eq!(extras, Extras { log_level: Some("debug".into()), memory_percent: Some(50) });
        assert_eq!(config.problems(), []);
        assert_eq!((config.blocks.max_rows, config.blocks.max_age.to_string().as_str()), (50_000, "2s"));
        assert_eq!(config.limits.memory_budget, Some(quantity::ByteSize(419_430_400)));
        assert_eq!(config.limits.request_bytes, Some(quantity::ByteSize::mebibytes(16)));
        assert_eq!((config.receivers.otlp.grpc.port(), config.receivers.otlp.http.port()), (14317, 14318));
        assert_eq!((config.admin.health.port(), config.admin.metrics.port()), (13134, 18888));
        let clickhouse = config.clickhouse.unwrap();
        assert_eq!(clickhouse.retry_for, LONGEST_TRY);
        let kept = clickhouse.retention;
        assert_eq!((kept.logs.to_string(), kept.sessions.to_string()), ("2d".into(), "1d".into()));
    }

    #[test]
    fn every_key_that_would_be_lost_is_named() {
        let text = "
receivers: {hostmetrics: {scrapers: {cpu: {}}, collection_interval: 30s}}
processors: {batch: {timeout: soon}, attributes/x: {actions: [{key: a, action: delete}]}}
service: {pipelines: {traces: {processors: [batch]}}}
";
        let problems = overlay(text, &mut gateway()).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "processors.attributes/x.actions",
                "processors.batch.timeout",
                "receivers.hostmetrics.collection_interval",
                "service.pipelines.traces.processors",
            ]
        );
        assert!(overlay("a: [", &mut gateway()).is_err());
        assert_eq!(overlay("", &mut gateway()), Ok(Extras::default()));
    }
}
