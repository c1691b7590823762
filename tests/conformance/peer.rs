//! Rows of the OpenTelemetry Collector with ClickStack's pipelines, against ours: the same requests into two databases
//! of one ClickHouse, every inserted and materialized column compared as text. Each record has a scope named after
//! what is special about it, which is how the two rows of it are found.
//!
//! Where ours differs on purpose is in [`INTENDED`], and an entry nothing needs fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message;
use serde_json::Value as Json;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::{self, Collector};
use tests::http::Http;
use tests::peers::Peer;
use tests::wait::eventually;

mod intended;
mod logs;
mod metrics;
mod traces;
mod values;

use intended::INTENDED;

const OURS: &str = "otel";
const THEIRS: &str = "peer";
/// Their batch waits 5 s, and their exporter may try an insert a second time 5 s later.
const STORED_WITHIN: Duration = Duration::from_secs(60);

/// One request and how many rows it makes, by table.
struct Request {
    path: &'static str,
    body: Bytes,
    rows: Vec<(&'static str, usize)>,
}

/// The rows of one table: for each scope, in order of time, column to text.
type Rows = BTreeMap<(String, usize), BTreeMap<String, String>>;

#[tokio::test]
async fn every_column_is_what_the_replaced_collector_writes() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    collector::migrate(&engine, THEIRS).await.unwrap();
    let mut peer = Peer::otelcol(&engine, THEIRS).await.unwrap();
    let ours = Collector::gateway(&engine, |_| {}).await.unwrap();
    // Some rows are of 1970; the command is for tables that are there.
    engine.query("SYSTEM STOP TTL MERGES").await.unwrap();

    let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
    let peer_url = format!("http://{}", peer.http);
    for request in [logs::request(), logs::sessions(), traces::request()].into_iter().chain(metrics::requests()) {
        post(&peer_url, &request).await;
        post(&ours.http(), &request).await;
        request.rows.iter().for_each(|(table, rows)| *expected.entry(table).or_default() += rows);
    }
    assert_eq!(expected.len(), 8, "a table without rows");

    let mut differences = Differences::default();
    for (table, rows) in expected {
        for database in [THEIRS, OURS] {
            if let Err(error) = has_rows(&engine, database, table, rows).await {
                differences.unintended.push(format!("{error:#}\n{}", peer.process().log_tail()));
            }
        }
        differences.compare(table, &rows_of(&engine, OURS, table).await, &rows_of(&engine, THEIRS, table).await);
    }
    differences.judge();
}

async fn post(endpoint: &str, request: &Request) {
    let headers = [("content-type", "application/x-protobuf")];
    let url = format!("{endpoint}{}", request.path);
    let answer = Http::default().post(&url, &headers, request.body.clone()).await.unwrap();
    assert!(answer.status.is_success(), "{url}: {} {}", answer.status, answer.text());
    // The answers of all signals have one form.
    let partial = ExportLogsServiceResponse::decode(answer.body).unwrap().partial_success.unwrap_or_default();
    assert_eq!(partial.rejected_log_records, 0, "{url}: {}", partial.error_message);
}

async fn has_rows(engine: &ClickHouse, database: &str, table: &str, rows: usize) -> anyhow::Result<()> {
    let what = format!("{database}.{table} has {rows} rows");
    eventually(&what, STORED_WITHIN, async || {
        let sql = format!("SELECT count() FROM {database}.{table}");
        let count = engine.query(&sql).await.map_err(|error| format!("{error:#}"))?;
        if count == rows.to_string() { Ok(()) } else { Err(count) }
    })
    .await
}

/// Text, since JSON would lose the second of two equal keys of a map.
async fn rows_of(engine: &ClickHouse, database: &str, table: &str) -> Rows {
    let columns = engine
        .query(&format!(
            "SELECT name FROM system.columns WHERE database = '{database}' AND table = '{table}' \
             AND default_kind IN ('', 'MATERIALIZED', 'DEFAULT') ORDER BY position"
        ))
        .await
        .unwrap();
    let time = if table.starts_with("otel_metrics") { "TimeUnix" } else { "Timestamp" };
    // What is not UTF-8 cannot stand in the answer as it is.
    let shown = |name: &str| {
        let text = format!("toString(t.`{name}`)");
        format!("if(isValidUTF8({text}), {text}, concat('not UTF-8: ', hex({text}))) AS `{name}`")
    };
    let list: Vec<String> = columns.lines().map(shown).collect();
    let sql = format!("SELECT {} FROM {database}.{table} AS t ORDER BY t.ScopeName, t.{time}", list.join(", "));
    let mut rows = Rows::new();
    for row in engine.query_rows::<BTreeMap<String, Json>>(&sql).await.unwrap() {
        let row: BTreeMap<String, String> =
            row.into_iter().map(|(name, text)| (name, text.as_str().unwrap_or_default().to_owned())).collect();
        let scope = row["ScopeName"].clone();
        let place = rows.keys().filter(|(name, _)| *name == scope).count();
        rows.insert((scope, place), row);
    }
    rows
}

#[derive(Default)]
struct Differences {
    needed: BTreeSet<usize>,
    unintended: Vec<String>,
}

impl Differences {
    fn compare(&mut self, table: &str, ours: &Rows, theirs: &Rows) {
        let missing = theirs.keys().filter(|key| !ours.contains_key(key));
        self.unintended.extend(missing.map(|(scope, _)| format!("{table} {scope:?}: only theirs")));
        for (key, ours) in ours {
            let Some(theirs) = theirs.get(key) else {
                self.unintended.push(format!("{table} {:?}: only ours", key.0));
                continue;
            };
            for (column, ours) in ours {
                let theirs = &theirs[column];
                if ours != theirs {
                    self.enter(table, &key.0, column, ours, theirs);
                }
            }
        }
    }

    fn enter(&mut self, table: &str, scope: &str, column: &str, ours: &str, theirs: &str) {
        let is_meant = |entry: &intended::Difference| {
            (entry.table, entry.scope, entry.column) == (table, scope, column)
                && (entry.ours, entry.theirs) == (ours, theirs)
        };
        if let Some(place) = INTENDED.iter().position(is_meant) {
            self.needed.insert(place);
        } else {
            self.unintended.push(format!("{table} {scope:?} {column}:\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }

    fn judge(&self) {
        assert!(self.unintended.is_empty(), "differences nobody meant:\n{}", self.unintended.join("\n"));
        let unneeded: Vec<_> =
            INTENDED.iter().enumerate().filter(|(place, _)| !self.needed.contains(place)).map(|(_, e)| e).collect();
        assert!(unneeded.is_empty(), "entries nothing needs:\n{unneeded:#?}");
    }
}
