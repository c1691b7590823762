//! An event of Kubernetes as a log record. Pure.
//!
//! Comes in: an event of `events.k8s.io/v1`, as the API server has it. Goes out: an `ExportLogsServiceRequest` with it
//! alone. The record has both shapes that are in use: what HyperDX looks for (`k8s.resource.name` and the whole `object`,
//! as the OpenTelemetry Collector's `k8sobjects` receiver watches them), and a text with a severity for people, with the
//! attributes of its `k8s_events` receiver. Must not judge what an event means.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::rfc3339::nanoseconds;

const SCOPE: &str = "clickstack-collector/cluster-events";

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    #[serde(default)]
    pub(super) metadata: ListMetadata,
    #[serde(default)]
    pub(super) items: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    pub(super) next: String,
}

/// A line of a watch: of an event, of a version alone, or of an error.
#[derive(Debug, Deserialize)]
pub(super) struct Change {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) object: Value,
}

impl ListMetadata {
    /// 0 where the server tells none.
    pub(super) fn version(&self) -> u64 {
        self.resource_version.parse().unwrap_or(0)
    }
}

/// The version of an object. Versions of one kind grow, and may be compared as numbers.
pub(super) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// `kind` is that of the change, `now` in nanoseconds since the Unix epoch.
pub(super) fn request(kind: &str, event: &mut Value, cluster: Option<&str>, now: u64) -> Vec<u8> {
    if let Some(event) = event.as_object_mut() {
        // In lists an object does not say what it is.
        event.entry("apiVersion").or_insert_with(|| json!("events.k8s.io/v1"));
        event.entry("kind").or_insert_with(|| json!("Event"));
        // Who wrote which field: half of the object, and of use to the API server alone.
        if let Some(metadata) = event.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    }
    let event = &*event;
    let (severity, severity_text) = severity(text(&event["type"]));
    let record = LogRecord {
        time_unix_nano: time(event).unwrap_or(now),
        observed_time_unix_nano: now,
        severity_number: severity.into(),
        severity_text: severity_text.to_owned(),
        body: Some(value(text(&event["note"]))),
        attributes: attributes(kind, event),
        ..LogRecord::default()
    };
    let scope = InstrumentationScope {
        name: SCOPE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    let of_resource = ResourceLogs {
        resource: Some(Resource { attributes: resource(event, cluster), ..Resource::default() }),
        scope_logs: vec![ScopeLogs { scope: Some(scope), log_records: vec![record], ..ScopeLogs::default() }],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest { resource_logs: vec![of_resource] }.encode_to_vec()
}

fn attributes(kind: &str, event: &Value) -> Vec<KeyValue> {
    let count = event["series"]["count"].as_i64().or(event["deprecatedCount"].as_i64()).unwrap_or(0);
    let object = event.to_string();
    let name = text(&event["metadata"]["name"]);
    let count = if count > 0 { count.to_string() } else { String::new() };
    named([
        ("k8s.resource.name", "events"),
        ("event.domain", "k8s"),
        ("event.name", name),
        ("type", kind),
        ("object", &object),
        ("k8s.event.reason", text(&event["reason"])),
        ("k8s.event.action", text(&event["action"])),
        ("k8s.event.name", name),
        ("k8s.event.uid", text(&event["metadata"]["uid"])),
        ("k8s.event.count", &count),
        ("k8s.event.start_time", text(&event["metadata"]["creationTimestamp"])),
    ])
}

/// What the event is of.
fn resource(event: &Value, cluster: Option<&str>) -> Vec<KeyValue> {
    let regarding = &event["regarding"];
    named([
        ("k8s.cluster.name", cluster.unwrap_or_default()),
        ("k8s.namespace.name", text(&event["metadata"]["namespace"])),
        ("k8s.node.name", text(&event["deprecatedSource"]["host"])),
        ("k8s.object.kind", text(&regarding["kind"])),
        ("k8s.object.name", text(&regarding["name"])),
        ("k8s.object.uid", text(&regarding["uid"])),
        ("k8s.object.fieldpath", text(&regarding["fieldPath"])),
        ("k8s.object.api_version", text(&regarding["apiVersion"])),
    ])
}

/// When it happened last.
fn time(event: &Value) -> Option<u64> {
    let told = [
        &event["series"]["lastObservedTime"],
        &event["deprecatedLastTimestamp"],
        &event["eventTime"],
        &event["deprecatedFirstTimestamp"],
        &event["metadata"]["creationTimestamp"],
    ];
    told.into_iter().find_map(|time| nanoseconds(time.as_str()?.as_bytes()))
}

/// Kubernetes knows two types and allows more.
const fn severity(kind: &str) -> (SeverityNumber, &str) {
    match kind.as_bytes() {
        b"Warning" => (SeverityNumber::Warn, "warn"),
        b"Error" => (SeverityNumber::Error, "error"),
        _ => (SeverityNumber::Info, "info"),
    }
}

/// What is empty is not said.
fn named<const N: usize>(all: [(&str, &str); N]) -> Vec<KeyValue> {
    let said = all.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(key, text)| KeyValue { key: key.to_owned(), value: Some(value(text)), ..KeyValue::default() }).collect()
}

fn value(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
