//! Tables that are there already: as an earlier version, another collector or a person made them.

use std::time::Duration;

use collector::insert::{Client, Login, Secret};
use collector::schema::{Schema, State};
use collector::table::{Layouts, Table};
use crds::config::{ClickHouse as Destination, Retention};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::Http;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;
use tokio::sync::{Notify, watch};

/// The parts of earlier tables that differ from today's: no `EventName`, times in nanoseconds, no window.
const OLD_LOGS: &str = "CREATE TABLE otel.otel_logs (`Timestamp` DateTime64(9), \
    `TimestampTime` DateTime DEFAULT toDateTime(Timestamp), `ServiceName` LowCardinality(String), `Body` String, \
    `Upper` String MATERIALIZED upper(Body), `Lower` String ALIAS lower(Body)) \
    ENGINE = MergeTree PARTITION BY toDate(TimestampTime) ORDER BY (ServiceName, TimestampTime)";
const OLD_GAUGE: &str = "CREATE TABLE otel.otel_metrics_gauge (`MetricName` String, `TimeUnix` DateTime64(9), \
    `Value` Float64) ENGINE = MergeTree ORDER BY (MetricName, TimeUnix)";
const ROLLUP: &str = "CREATE TABLE otel.otel_logs_kv_rollup_15m (`Timestamp` DateTime, `ColumnIdentifier` String, \
    `Key` String, `Value` String, `count` UInt64) ENGINE = SummingMergeTree ORDER BY (ColumnIdentifier, Key, Timestamp, Value)";

/// The collector's schema in this process: its client reads the credentials of the engine from files.
struct Own {
    destination: Destination,
    _dir: tempfile::TempDir,
}

impl Own {
    fn new(engine: &ClickHouse) -> Own {
        let dir = tempfile::tempdir().unwrap();
        let destination = tests::collector::gateway(engine, dir.path()).unwrap().clickhouse.unwrap();
        Own { destination, _dir: dir }
    }

    fn schema(&self) -> Schema {
        let file = |file: &Option<String>| file.as_ref().map(|file| Secret::File(file.into()));
        let Destination { username_file, password_file, .. } = &self.destination;
        let login = Login { username: file(username_file), password: file(password_file) };
        Schema::new(&self.destination, Client::new(&self.destination, login))
    }
}

async fn with(statements: &[&str]) -> ClickHouse {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    engine.query("CREATE DATABASE otel").await.unwrap();
    for statement in statements {
        engine.query(statement).await.unwrap();
    }
    engine
}

async fn created(engine: &ClickHouse, table: &str) -> String {
    let sql = format!("SELECT create_table_query FROM system.tables WHERE database = 'otel' AND name = '{table}'");
    engine.query(&sql).await.unwrap()
}

#[tokio::test]
async fn tables_of_earlier_versions_stay_as_they_are_but_for_the_window() {
    let engine = with(&[OLD_LOGS, OLD_GAUGE, ROLLUP]).await;
    let tables = ["otel_logs", "otel_metrics_gauge", "otel_logs_kv_rollup_15m"];
    let mut before = Vec::new();
    for table in tables {
        before.push(created(&engine, table).await);
    }
    // The view over logs wants columns the old table lacks: a warning, and everything else is made.
    Own::new(&engine).schema().migrate().await.unwrap();
    for (table, before) in tables.into_iter().zip(before) {
        assert_eq!(created(&engine, table).await, before + ", non_replicated_deduplication_window = 1000");
    }
    let names = "SELECT name FROM system.tables WHERE database = 'otel' AND name LIKE '%\\\\_mv'";
    assert_eq!(engine.query(names).await.unwrap(), "otel_traces_kv_rollup_15m_mv");
    assert_eq!(engine.query("SELECT count() FROM system.tables WHERE database = 'otel'").await.unwrap(), "11");
}

#[tokio::test]
async fn the_columns_an_insert_may_name_are_published_and_followed() {
    let engine = with(&[OLD_LOGS, OLD_GAUGE]).await;
    let (stale, (state, mut states), (layouts, mut seen)) =
        (std::sync::Arc::new(Notify::new()), watch::channel(State::Unknown), watch::channel(Layouts::default()));
    let own = Own::new(&engine);
    let keeping = tokio::spawn(own.schema().keep(stale.clone(), state, layouts));
    states.wait_for(|state| *state == State::Reached).await.unwrap();

    let found = seen.borrow_and_update().clone();
    let logs = found.of(Table::Logs).unwrap();
    assert_eq!(logs.type_of("Timestamp"), Some("DateTime64(9)"));
    assert!(logs.has("TimestampTime") && !logs.has("EventName") && !logs.has("Upper") && !logs.has("Lower"));
    assert_eq!(found.of(Table::Gauge).unwrap().type_of("TimeUnix"), Some("DateTime64(9)"));
    assert_eq!(found.of(Table::Sum).unwrap().type_of("TimeUnix"), Some("DateTime"));
    assert!(Table::ALL.iter().all(|table| found.of(*table).is_some()), "{found:?}");

    engine.query("ALTER TABLE otel.otel_logs ADD COLUMN EventName String").await.unwrap();
    stale.notify_one();
    let added = |found: &Layouts| found.of(Table::Logs).is_some_and(|logs| logs.has("EventName"));
    tokio::time::timeout(Duration::from_secs(10), seen.wait_for(added)).await.unwrap().unwrap();

    engine.query("DROP TABLE otel.otel_metrics_gauge SYNC").await.unwrap();
    stale.notify_one();
    let is_new = |found: &Layouts| found.of(Table::Gauge).is_some_and(|gauge| gauge.has("Exemplars.Value"));
    tokio::time::timeout(Duration::from_secs(10), seen.wait_for(is_new)).await.unwrap().unwrap();
    keeping.abort();
}

#[tokio::test]
async fn rows_go_into_a_table_of_an_earlier_version() {
    let engine = with(&[OLD_LOGS]).await;
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let answer = OtlpHttp::new(&gateway.http()).send(&Rows::new("old", 1).request(0..10)).await;
    assert!(answer.is_accepted(), "{answer:?}");
    let sql = "SELECT count(), countIf(TimestampTime = toDateTime(Timestamp)), countIf(Body != '') FROM otel.otel_logs";
    assert_eq!(engine.query(sql).await.unwrap(), "10\t10\t10");
}

#[tokio::test]
async fn a_column_dropped_under_a_running_gateway_is_left_out_and_no_row_is_lost() {
    let engine = with(&[]).await;
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let (rows, sender) = (Rows::new("dropped", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("dropped", Mode::ExactlyOnce);
    let answer = sender.send(&rows.request(0..10)).await;
    ledger.enter(0..10, &answer);
    assert!(answer.is_accepted(), "{answer:?}");
    engine.query("ALTER TABLE otel.otel_logs DROP COLUMN EventName").await.unwrap();
    // Well before the minute after which the tables are looked at in any case.
    let (begin, request) = (std::time::Instant::now(), rows.request(10..20));
    eventually("rows are stored without the column", Duration::from_secs(20), async || {
        let answer = sender.send(&request).await;
        ledger.enter(10..20, &answer);
        if answer.is_accepted() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await
    .unwrap();
    assert!(begin.elapsed() < Duration::from_secs(30));
    // 16 is NO_SUCH_COLUMN_IN_TABLE: ClickHouse has said so, and was believed.
    assert!(gateway.metric("clickstack_collector_clickhouse_errors_total{code=\"16\"}").await.unwrap() >= 1.0);
    assert_eq!(ledger.check(&engine, "otel.otel_logs").await.unwrap().stored, 20);
}

#[tokio::test]
async fn the_table_for_promql_is_made_on_request() {
    let engine = with(&[]).await;
    let mut own = Own::new(&engine);
    let is_there = "EXISTS TABLE otel.metrics_ts";
    own.schema().migrate().await.unwrap();
    assert_eq!(engine.query(is_there).await.unwrap(), "0");
    own.destination.schema.promql = true;
    own.schema().migrate().await.unwrap();
    assert_eq!(engine.query(is_there).await.unwrap(), "1");
}

#[tokio::test]
async fn retention_of_a_plain_rule_follows_the_configuration_and_any_other_is_left_alone() {
    let engine = with(&[]).await;
    let mut own = Own::new(&engine);
    own.schema().migrate().await.unwrap();
    engine
        .query("ALTER TABLE otel.otel_metrics_sum MODIFY TTL toDateTime(TimeUnix) + toIntervalMonth(1)")
        .await
        .unwrap();
    own.destination.retention = Retention::of("60d".parse().unwrap());
    own.destination.retention.traces = "36h".parse().unwrap();

    own.schema().migrate().await.unwrap();
    let unchanged = created(&engine, "otel_logs").await;
    assert!(unchanged.contains("TTL toDateTime(Timestamp) + toIntervalDay(30)"), "{unchanged}");

    own.destination.schema.reconcile_retention = true;
    own.schema().migrate().await.unwrap();
    for (table, ttl) in [
        ("otel_logs", "toDateTime(Timestamp) + toIntervalDay(60)"),
        ("otel_logs_kv_rollup_15m", "Timestamp + toIntervalDay(60)"),
        ("hyperdx_sessions", "TimestampTime + toIntervalDay(60)"),
        ("otel_traces", "toDate(Timestamp) + toIntervalHour(36)"),
        ("otel_traces_kv_rollup_15m", "Timestamp + toIntervalHour(36)"),
        ("otel_metrics_gauge", "toDateTime(TimeUnix) + toIntervalDay(60)"),
        ("otel_metrics_sum", "toDateTime(TimeUnix) + toIntervalMonth(1)"),
    ] {
        let created = created(&engine, table).await;
        assert!(created.contains(&format!(" TTL {ttl} SETTINGS")), "{created}");
    }
}

#[tokio::test]
async fn rows_that_were_to_go_early_stay_once_retention_is_longer() {
    let engine = with(&[]).await;
    let mut own = Own::new(&engine);
    own.destination.retention = Retention::of("1d".parse().unwrap());
    own.schema().migrate().await.unwrap();
    let old = "INSERT INTO otel.otel_logs (Timestamp, Body) SETTINGS async_insert = 0 VALUES (now() - toIntervalHour(20), 'a')";
    engine.query(old).await.unwrap();
    let delete_at = "SELECT max(delete_ttl_info_max) > now() + toIntervalDay(20) FROM system.parts \
                     WHERE database = 'otel' AND table = 'otel_logs' AND active";
    assert_eq!(engine.query(delete_at).await.unwrap(), "0");

    own.destination.retention = Retention::of("30d".parse().unwrap());
    own.destination.schema.reconcile_retention = true;
    own.schema().migrate().await.unwrap();
    eventually("the rows that are there learn the new retention", Duration::from_secs(30), async || {
        match engine.query(delete_at).await {
            Ok(later) if later == "1" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_block_sent_twice_counts_once_in_the_table_and_in_the_rollup() {
    // As the replaced collector leaves them: everything is there, and nothing remembers blocks.
    let engine = with(&[]).await;
    let mut own = Own::new(&engine);
    own.destination.schema.deduplication_window = Some(0);
    own.schema().migrate().await.unwrap();
    let bucket = engine.query("SELECT toStartOfFifteenMinutes(now())").await.unwrap();
    let insert = |token: &str| {
        format!(
            "INSERT INTO otel.otel_logs (Timestamp, ServiceName, SeverityText, ResourceAttributes) \
             SETTINGS async_insert = 0, insert_deduplication_token = '{token}', \
             deduplicate_blocks_in_dependent_materialized_views = 1 \
             SELECT toDateTime64('{bucket}', 9) + toIntervalMinute(7), 'shop', if(number < 30, 'error', 'info'), \
             map('k8s.pod.name', 'pod-1') FROM numbers(100)"
        )
    };
    let counts = "SELECT Timestamp, Key, Value, sum(count) FROM otel.otel_logs_kv_rollup_15m \
                  WHERE ColumnIdentifier = 'NativeColumn' AND Value != '' GROUP BY ALL ORDER BY ALL";
    let rows = "SELECT count() FROM otel.otel_logs";
    for _ in 0..2 {
        engine.query(&insert("before")).await.unwrap();
    }
    assert_eq!(engine.query(rows).await.unwrap(), "200", "this is what a table without a window does");

    own.destination.schema.deduplication_window = None;
    own.schema().migrate().await.unwrap();
    engine.query("TRUNCATE TABLE otel.otel_logs").await.unwrap();
    engine.query("TRUNCATE TABLE otel.otel_logs_kv_rollup_15m").await.unwrap();
    for _ in 0..2 {
        engine.query(&insert("after")).await.unwrap();
    }
    assert_eq!(engine.query(rows).await.unwrap(), "100");
    let all = "SELECT uniqExact(Key), sum(count) FROM otel.otel_logs_kv_rollup_15m";
    assert_eq!(engine.query(all).await.unwrap(), "14\t1400", "empty values count as well");
    assert_eq!(
        engine.query(counts).await.unwrap(),
        [
            ("ServiceName", "shop", 100),
            ("SeverityText", "error", 30),
            ("SeverityText", "info", 70),
            ("__hdx_materialized_k8s.pod.name", "pod-1", 100)
        ]
        .map(|(key, value, count)| format!("{bucket}\t{key}\t{value}\t{count}"))
        .join("\n")
    );
}

/// As the exporter of the replaced collector makes them with its flag `json`.
const JSON_TABLES: [&str; 3] = [
    "CREATE TABLE otel.otel_logs (`Timestamp` DateTime64(9), `ServiceName` LowCardinality(String), `Body` String, \
        `ResourceAttributes` JSON, `ResourceAttributesKeys` Array(LowCardinality(String)), `ScopeAttributes` JSON, \
        `LogAttributes` JSON) ENGINE = MergeTree ORDER BY (ServiceName, Timestamp)",
    "CREATE TABLE otel.otel_traces (`Timestamp` DateTime64(9), `ResourceAttributes` JSON, `SpanAttributes` JSON, \
        `Events` Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes JSON)) \
        ENGINE = MergeTree ORDER BY Timestamp",
    "CREATE TABLE otel.otel_metrics_gauge (`ResourceAttributes` JSON, `Attributes` JSON(max_dynamic_paths=4), \
        `TimeUnix` DateTime64(9), `Value` Float64, `Exemplars` Nested (FilteredAttributes JSON, Value Float64)) \
        ENGINE = MergeTree ORDER BY TimeUnix",
];

#[tokio::test]
async fn tables_of_the_json_type_take_the_attributes_of_every_signal() {
    let engine = with(&JSON_TABLES).await;
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    // ClickHouse refuses the whole block where a path stands twice.
    let attributes = r#"[{"key":"k.x","value":{"stringValue":"1"}},{"key":"k.x","value":{"stringValue":"2"}},{"key":"k","value":{"intValue":3}}]"#;
    let resource = format!(r#""resource":{{"attributes":{attributes}}}"#);
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let logs = format!(r#""timeUnixNano":{time},"body":{{"stringValue":"b"}},"attributes":{attributes}"#);
    let event = format!(r#"{{"timeUnixNano":{time},"name":"e","attributes":{attributes}}}"#);
    let spans = format!(r#""startTimeUnixNano":{time},"attributes":{attributes},"events":[{event},{event}]"#);
    let exemplar = format!(r#"{{"asDouble":1,"filteredAttributes":{attributes}}}"#);
    let point = format!(r#"{{"timeUnixNano":{time},"asDouble":2,"attributes":{attributes},"exemplars":[{exemplar}]}}"#);
    for (signal, body) in [
        ("logs", format!(r#"{{"resourceLogs":[{{{resource},"scopeLogs":[{{"logRecords":[{{{logs}}}]}}]}}]}}"#)),
        ("traces", format!(r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{{{spans}}}]}}]}}]}}"#)),
        (
            "metrics",
            format!(
                r#"{{"resourceMetrics":[{{{resource},"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{point}]}}}}]}}]}}]}}"#
            ),
        ),
    ] {
        let url = format!("{}/v1/{signal}", gateway.http());
        let answer = Http::default().post(&url, &[("content-type", "application/json")], body.into()).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{}"[..]), "{signal}");
    }
    for (table, columns) in [
        ("otel_logs", "ResourceAttributes.k.x, LogAttributes.k.x, LogAttributes.k"),
        ("otel_traces", "ResourceAttributes.k.x, SpanAttributes.k.x, Events.Attributes[2].k"),
        ("otel_metrics_gauge", "ResourceAttributes.k.x, Attributes.k.x, Exemplars.FilteredAttributes[1].k"),
    ] {
        let sql = format!("SELECT {columns} FROM otel.{table}");
        assert_eq!(engine.query(&sql).await.unwrap(), "2\t2\t3", "{table}");
    }
}
