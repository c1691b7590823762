//! Rows as they stand in ClickHouse, against what was sent: a record with everything and a bare one, for every table.

use std::collections::BTreeMap;

use crds::config::{CollectorConfig, Retention};
use crds::quantity::Duration;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use serde_json::Value as Json;
use tests::clickhouse::ClickHouse;
use tests::collector::Collector;
use tests::http::Http;

mod logs;
mod metrics;
mod old_tables;
mod sessions;
mod traces;

/// A gateway to tables that keep the rows of these tests, whose times are written down here, for as long as they are
/// run: a merge drops what is older than the retention.
async fn gateway(engine: &ClickHouse) -> Collector {
    let keep = |config: &mut CollectorConfig| {
        let years: Duration = "175200h".parse().unwrap();
        if let Some(clickhouse) = &mut config.clickhouse {
            clickhouse.retention = Retention { logs: years, traces: years, metrics: years, sessions: years };
        }
    };
    Collector::gateway(engine, keep).await.unwrap()
}

fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn pair(key: &str, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: key.into(), value, ..Default::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, any(Value::StringValue(value.into())))
}

fn int(key: &str, value: i64) -> KeyValue {
    pair(key, any(Value::IntValue(value)))
}

fn resource() -> Option<Resource> {
    let attributes = vec![text("service.name", "shop"), text("rum.sessionId", "s-1"), text("k8s.pod.name", "shop-0")];
    Some(Resource { attributes, dropped_attributes_count: 9, ..Default::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "lib".into(),
        version: "1.2".into(),
        attributes: vec![text("scope.key", "s")],
        dropped_attributes_count: 3,
    })
}

/// The fields of one row and of another, whose ones count.
fn merged(mut row: Json, other: &Json) -> Json {
    row.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    row
}

/// Sends a request of a signal, which is taken; the body of the answer.
async fn post(gateway: &Collector, signal: &str, request: &impl Message) -> Vec<u8> {
    let url = format!("{}/v1/{signal}", gateway.http());
    let headers = [("content-type", "application/x-protobuf")];
    let answer = Http::default().post(&url, &headers, request.encode_to_vec().into()).await.unwrap();
    assert!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
    answer.body.to_vec()
}

/// The rows of a query, column by column; a number is equal to itself whether or not it has a point.
async fn same_rows(engine: &ClickHouse, sql: &str, expected: Vec<Json>) {
    let rows: Vec<BTreeMap<String, Json>> = engine.query_rows(sql).await.unwrap();
    assert_eq!(rows.len(), expected.len(), "{sql}");
    for (stored, expected) in rows.into_iter().zip(expected) {
        let expected: BTreeMap<String, Json> = serde_json::from_value(expected).unwrap();
        let names = |row: &BTreeMap<String, Json>| row.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&stored), names(&expected), "{sql}");
        for (name, cell) in stored {
            assert_eq!(plain(&cell), plain(&expected[&name]), "{name} of {sql}");
        }
    }
}

fn plain(cell: &Json) -> Json {
    match cell {
        Json::Array(cells) => cells.iter().map(plain).collect(),
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 => (float as i64).into(),
            _ => cell.clone(),
        },
        other => other.clone(),
    }
}
