//! What the SDKs send, as it must stand in ClickHouse: comes in a run that was sent, goes out "equal" or the first row
//! that is not. Must not ask the collector: every row is computed from its number.

use serde_json::{Value as Json, json};

use super::{Sdk, Sending};
use crate::clickhouse::ClickHouse;

/// The parent of every span, and what it links to.
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID: &str = "b7ad6b7169203331";

/// A table, the column that holds `run.id` and `row.id`, the columns to compare, and what row `n` has in them.
struct Table {
    signal: &'static str,
    name: &'static str,
    attributes: &'static str,
    columns: &'static str,
    row: fn(&Sending<'_>, u64) -> Json,
}

const METRIC: &str = "Attributes";
const TABLES: &[Table] = &[
    Table {
        signal: "logs",
        name: "otel_logs",
        attributes: "LogAttributes",
        columns: "toUnixTimestamp64Nano(Timestamp) AS time, SeverityText, SeverityNumber, Body, TraceId, SpanId",
        row: log,
    },
    Table {
        signal: "traces",
        name: "otel_traces",
        attributes: "SpanAttributes",
        columns: "toUnixTimestamp64Nano(Timestamp) AS time, Duration, TraceId, length(SpanId) AS idLength, ParentSpanId, \
                  TraceState, SpanName, SpanKind, StatusCode, StatusMessage, Events.Name AS eventNames, \
                  arrayMap(time -> toUnixTimestamp64Nano(time), Events.Timestamp) AS eventTimes, \
                  Events.Attributes AS eventAttributes, Links.TraceId AS linkTraces, Links.SpanId AS linkSpans, \
                  Links.Attributes AS linkAttributes",
        row: span,
    },
    Table {
        signal: "metrics",
        name: "otel_metrics_gauge",
        attributes: METRIC,
        columns: "Value",
        row: |run, row| run.point("row.gauge", "By", "a gauge", json!({"Value": row as f64 + 0.5})),
    },
    Table {
        signal: "metrics",
        name: "otel_metrics_sum",
        attributes: METRIC,
        columns: "Value, IsMonotonic, AggregationTemporality",
        row: |run, row| {
            let fields = json!({"Value": row + 1, "IsMonotonic": true, "AggregationTemporality": 2});
            run.point("row.sum", "1", "a sum", fields)
        },
    },
    Table {
        signal: "metrics",
        name: "otel_metrics_histogram",
        attributes: METRIC,
        columns: "Count, Sum, Min, Max, BucketCounts, ExplicitBounds, AggregationTemporality",
        row: |run, _| {
            let fields = json!({"Count": 3, "Sum": 555, "Min": 5, "Max": 500, "BucketCounts": [1, 1, 1],
                                "ExplicitBounds": [10, 100], "AggregationTemporality": 2});
            run.point("row.histogram", "", "", fields)
        },
    },
    Table {
        signal: "metrics",
        name: "otel_metrics_exponential_histogram",
        attributes: METRIC,
        // The scale is the SDK's choice, and with it the number of buckets.
        columns: "Count, Sum, Min, Max, ZeroCount, AggregationTemporality, \
                  arraySum(PositiveBucketCounts) AS positive, arraySum(NegativeBucketCounts) AS negative",
        row: |run, _| {
            let fields = json!({"Count": 3, "Sum": 7, "Min": 1, "Max": 4, "ZeroCount": 0, "AggregationTemporality": 2,
                                "positive": 3, "negative": 0});
            run.point("row.exponential", "", "", fields)
        },
    },
];

/// What stands in every metrics table. The clock is the SDK's.
const POINT: &str = "MetricName, MetricUnit, MetricDescription, \
    StartTimeUnix <= TimeUnix AND abs(dateDiff('second', TimeUnix, now())) < 600 AS isRecent";

impl Sending<'_> {
    /// Every row of every signal is in `database`, once, and field by field what was sent.
    pub async fn check(&self, engine: &ClickHouse, database: &str) -> anyhow::Result<()> {
        for table in TABLES.iter().filter(|table| self.signals.split(',').any(|signal| signal == table.signal)) {
            self.compare(table, &engine.query_rows(&table.query(database, self.run_id)).await?)?;
        }
        Ok(())
    }

    /// `stored` is in the order of the rows' numbers, so a row that is missing or stands twice moves all after it.
    fn compare(&self, table: &Table, stored: &[Json]) -> anyhow::Result<()> {
        for (row, stored) in (self.first..).zip(stored) {
            let expected = self.shared(table, row);
            let wrong = expected.iter().find(|(column, value)| !is_same(&stored[column.as_str()], value));
            anyhow::ensure!(wrong.is_none(), "{}, row {row}: {wrong:?} is not in {stored}", table.name);
        }
        anyhow::ensure!(stored.len() as u64 == self.count, "{}: {} rows stored", table.name, stored.len());
        Ok(())
    }

    fn shared(&self, table: &Table, row: u64) -> serde_json::Map<String, Json> {
        let language = match self.sdk {
            Sdk::Python => "python",
            Sdk::Node => "nodejs",
            Sdk::Java => "java",
        };
        let mut fields = (table.row)(self, row).as_object().cloned().unwrap_or_default();
        fields.entry(table.attributes).or_insert_with(|| self.identity(row));
        for (column, value) in
            [("ServiceName", self.service), ("ScopeName", "senders"), ("ScopeVersion", "1"), ("language", language)]
        {
            fields.insert(column.into(), value.into());
        }
        fields
    }

    fn identity(&self, row: u64) -> Json {
        json!({"run.id": self.run_id, "row.id": row.to_string()})
    }

    fn time(&self, row: u64) -> u64 {
        self.start_unix_nanos + row * 1_000_001
    }

    fn point(&self, name: &str, unit: &str, description: &str, mut fields: Json) -> Json {
        fields["MetricName"] = name.into();
        fields["MetricUnit"] = unit.into();
        fields["MetricDescription"] = description.into();
        fields["isRecent"] = 1.into();
        fields
    }
}

impl Table {
    fn query(&self, database: &str, run_id: &str) -> String {
        let Table { name, attributes, columns, .. } = self;
        let more = if *attributes == METRIC { format!("{POINT}, ") } else { String::new() };
        format!(
            "SELECT {columns}, {more}{attributes}, ServiceName, ScopeName, ScopeVersion, \
             ResourceAttributes['telemetry.sdk.language'] AS language FROM {database}.{name} \
             WHERE {attributes}['run.id'] = '{run_id}' ORDER BY toUInt64({attributes}['row.id']) \
             SETTINGS output_format_json_quote_64bit_integers = 0"
        )
    }
}

fn log(run: &Sending<'_>, row: u64) -> Json {
    let is_odd = row % 2 == 1;
    let mut attributes = run.identity(row);
    attributes["row.number"] = row.to_string().into();
    attributes["row.half"] = (row as f64 / 2.0 + 0.25).to_string().into();
    attributes["row.odd"] = is_odd.to_string().into();
    attributes["row.tags.0"] = "a".into();
    attributes["row.tags.1"] = "b".into();
    json!({
        "time": run.time(row),
        "SeverityText": if is_odd { "warn" } else { "info" },
        "SeverityNumber": if is_odd { 13 } else { 9 },
        "Body": format!("row {row} of {}", run.run_id),
        "LogAttributes": attributes,
        "TraceId": "",
        "SpanId": "",
    })
}

fn span(run: &Sending<'_>, row: u64) -> Json {
    let (kind, status, message) = match row % 3 {
        0 => ("Server", "Unset", String::new()),
        1 => ("Client", "Ok", String::new()),
        _ => ("Internal", "Error", format!("bad {row}")),
    };
    json!({
        "time": run.time(row),
        "Duration": 1000 * (row + 1),
        "TraceId": TRACE_ID,
        "idLength": 16,
        "ParentSpanId": PARENT_ID,
        "TraceState": "vendor=1",
        "SpanName": format!("span {}", row % 3),
        "SpanKind": kind,
        "StatusCode": status,
        "StatusMessage": message,
        "eventNames": ["checkpoint"],
        "eventTimes": [run.time(row) + 1],
        "eventAttributes": [{"step": row.to_string()}],
        "linkTraces": [TRACE_ID],
        "linkSpans": [PARENT_ID],
        "linkAttributes": [{"why": "test"}],
    })
}

/// 3 and 3.0 are the same number.
fn is_same(stored: &Json, expected: &Json) -> bool {
    match (stored, expected) {
        (Json::Number(stored), Json::Number(expected)) => {
            stored == expected || (stored.is_f64() || expected.is_f64()) && stored.as_f64() == expected.as_f64()
        }
        (Json::Array(stored), Json::Array(expected)) => {
            stored.len() == expected.len() && stored.iter().zip(expected).all(|(one, other)| is_same(one, other))
        }
        _ => stored == expected,
    }
}

#[cfg(test)]
mod tests;
