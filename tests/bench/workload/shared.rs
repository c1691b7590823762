//! What every signal carries: resources, scopes, values. 20 resources of a small shop on Kubernetes.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

pub const RESOURCES: usize = 20;
/// Fewer than this of one resource are rare in a request that carries many.
const RECORDS_A_RESOURCE: usize = 50;

pub const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];
pub const ROUTES: [&str; 12] = [
    "/api/cart/{id}",
    "/api/cart/{id}/items",
    "/api/checkout",
    "/api/orders/{id}",
    "/api/products",
    "/api/products/{id}",
    "/api/recommendations",
    "/api/reviews/{product}",
    "/api/search",
    "/api/sessions",
    "/api/shipping/quote",
    "/healthz",
];
pub const STATUSES: [i64; 8] = [200, 200, 200, 200, 201, 304, 404, 503];

const SERVICES: [&str; 10] =
    ["ad", "cart", "checkout", "currency", "frontend", "inventory", "payment", "recommendation", "search", "shipping"];
const LANGUAGES: [&str; 4] = ["go", "java", "nodejs", "python"];

pub fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

pub fn string(text: impl Into<String>) -> Option<AnyValue> {
    any(Value::StringValue(text.into()))
}

pub fn text(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue { key: key.into(), value: string(value), ..Default::default() }
}

pub fn int(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.into(), value: any(Value::IntValue(value)), ..Default::default() }
}

/// Numbers of records of a request by resource: up to 20 groups, as a collector on the way makes them.
pub fn groups(records: usize) -> impl Iterator<Item = (usize, usize)> {
    let groups = records.div_ceil(RECORDS_A_RESOURCE).clamp(1, RESOURCES);
    (0..groups).map(move |group| (group, records * (group + 1) / groups - records * group / groups))
}

/// Fourteen attributes, the same for the same number.
pub fn resource(number: usize) -> Option<Resource> {
    let service = SERVICES[number % SERVICES.len()];
    let pod = format!("{service}-6f9c7d5b8-{:05x}", 0x1a2b3 + number * 7919);
    let attributes = vec![
        text("service.name", service),
        text("service.namespace", "shop"),
        text("service.version", format!("2.{}.1", number % 7)),
        text("service.instance.id", format!("627cc493-f310-47de-96bd-7141{number:08x}")),
        text("deployment.environment.name", "production"),
        text("k8s.cluster.name", "eu-central-1a"),
        text("k8s.namespace.name", "shop"),
        text("k8s.node.name", format!("ip-10-12-{}-{}.internal", number % 4, 10 + number % 6)),
        text("k8s.pod.name", pod),
        text("k8s.pod.uid", format!("9b1d3f7a-0c52-4c1e-8f0e-{number:012x}")),
        text("k8s.container.name", service),
        text("k8s.deployment.name", service),
        text("host.arch", "amd64"),
        text("telemetry.sdk.language", LANGUAGES[number % LANGUAGES.len()]),
    ];
    Some(Resource { attributes, ..Default::default() })
}

pub fn scope(number: usize) -> Option<InstrumentationScope> {
    let name = ["io.shop.http", "io.shop.store", "io.shop.queue"][number % 3];
    Some(InstrumentationScope { name: name.into(), version: "1.12.0".into(), ..Default::default() })
}
