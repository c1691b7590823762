//! This machine, measured through agent and gateway into ClickHouse, beside what its own files say.

use std::fs;
use std::time::Duration;

use serde::Deserialize;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::wait::eventually;

/// Metric, unit, whether it is a monotonic sum (none: a gauge), and the attributes of its points.
type Expected = (&'static str, &'static str, Option<bool>, &'static [&'static str]);

/// What is always there, whatever the machine has.
const EXPECTED: [Expected; 15] = [
    ("system.cpu.load_average.15m", "{thread}", None, &[]),
    ("system.cpu.load_average.1m", "{thread}", None, &[]),
    ("system.cpu.load_average.5m", "{thread}", None, &[]),
    ("system.cpu.logical.count", "{cpu}", Some(false), &[]),
    ("system.cpu.time", "s", Some(true), &["cpu", "state"]),
    ("system.disk.io", "By", Some(true), &["device", "direction"]),
    ("system.disk.io_time", "s", Some(true), &["device"]),
    ("system.filesystem.usage", "By", Some(false), &["device", "mode", "mountpoint", "state", "type"]),
    ("system.memory.usage", "By", Some(false), &["state"]),
    ("system.network.errors", "{error}", Some(true), &["device", "direction"]),
    ("system.network.io", "By", Some(true), &["device", "direction"]),
    ("system.paging.faults", "{fault}", Some(true), &["type"]),
    ("system.paging.operations", "{operation}", Some(true), &["direction", "type"]),
    ("system.processes.count", "{process}", Some(false), &["status"]),
    ("system.processes.created", "{process}", Some(true), &[]),
];

#[derive(Debug, Deserialize)]
struct Stored {
    name: String,
    unit: String,
    monotonic: Option<bool>,
    attributes: Vec<String>,
}

async fn stored(engine: &ClickHouse) -> Vec<Stored> {
    let columns = "MetricName AS name, any(MetricUnit) AS unit, arraySort(groupUniqArrayArray(mapKeys(Attributes))) AS attributes";
    let sql = format!(
        "SELECT {columns}, CAST(NULL AS Nullable(Bool)) AS monotonic FROM otel.otel_metrics_gauge GROUP BY name UNION ALL \
         SELECT {columns}, any(IsMonotonic)::Nullable(Bool) AS monotonic FROM otel.otel_metrics_sum \
         WHERE AggregationTemporality = 2 GROUP BY name"
    );
    engine.query_rows(&format!("SELECT * FROM ({sql}) ORDER BY name")).await.unwrap()
}

async fn number(engine: &ClickHouse, sql: &str) -> f64 {
    engine.query(sql).await.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn every_metric_of_the_host_is_stored_with_its_kind_and_its_value() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let wanted = "role: agent\nreceivers: {hostMetrics: {interval: 1s, rootDirectory: /}}";
    let wanted = crds::config::CollectorConfig::from_yaml(wanted).unwrap();
    let agent = Collector::agent_with(&gateway.grpc(), |config| {
        config.receivers.host_metrics = wanted.receivers.host_metrics;
        config.kubernetes = Some(crds::config::Kubernetes { cluster_name: Some("eu".into()), ..Default::default() });
    })
    .await
    .unwrap();
    eventually("two measurements are stored", Duration::from_secs(60), async || {
        let times = "SELECT uniqExact(TimeUnix) FROM otel.otel_metrics_sum WHERE MetricName = 'system.network.io'";
        let times = engine.query(times).await.map_err(|error| error.to_string())?;
        if times.trim().parse::<u32>().is_ok_and(|times| times >= 2) { Ok(()) } else { Err(times) }
    })
    .await
    .unwrap();

    let stored = stored(&engine).await;
    for (name, unit, monotonic, attributes) in EXPECTED {
        let found = stored.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{name} is not stored"));
        assert_eq!((found.unit.as_str(), found.monotonic), (unit, monotonic), "{name}");
        assert_eq!(found.attributes, attributes, "{name}");
    }
    let resources = "SELECT DISTINCT ResourceAttributes['k8s.cluster.name'], ResourceAttributes['os.type'], \
                     ResourceAttributes['host.name'] != '' FROM otel.otel_metrics_sum FORMAT TSV";
    assert_eq!(engine.query(resources).await.unwrap(), "eu\tlinux\t1");
    values(&engine).await;
    assert!(
        agent.metric("otelcol_scraper_scraped_metric_points_total{receiver=\"host_metrics\"}").await.unwrap() > 0.0
    );
    assert!(agent.stop().await.unwrap().success());
}

/// What does not change in the meantime, or only grows.
async fn values(engine: &ClickHouse) {
    let sum = |what: &str, of: &str| format!("SELECT {what} FROM otel.otel_metrics_sum WHERE MetricName = '{of}'");
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total: f64 = meminfo.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    let one = sum("sum(Value)", "system.memory.usage") + " GROUP BY TimeUnix LIMIT 1";
    assert_eq!(number(engine, &one).await, total * 1024.0);

    let stat = fs::read_to_string("/proc/stat").unwrap();
    let after = |name: &str| -> f64 {
        let line = stat.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_ascii_whitespace().next().unwrap().parse().unwrap()
    };
    let begin = number(engine, &sum("toUnixTimestamp(any(StartTimeUnix))", "system.cpu.time")).await;
    assert_eq!(begin, after("btime "));
    let user = sum("max(Value)", "system.cpu.time") + " AND Attributes['state'] = 'user'";
    let user = number(engine, &(user + " AND Attributes['cpu'] = 'cpu0'")).await;
    let now = after("cpu0 ") / 100.0;
    assert!(user <= now && user > now - 60.0, "{user} s of {now} s");
    let created = number(engine, &sum("max(Value)", "system.processes.created")).await;
    assert!(created <= after("processes ") && created > 0.0, "{created}");
    let root =
        sum("sum(Value)", "system.filesystem.usage") + " AND Attributes['mountpoint'] = '/' GROUP BY TimeUnix LIMIT 1";
    assert!(number(engine, &root).await > 0.0);
}
