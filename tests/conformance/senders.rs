//! Senders that others wrote, against the collector and a real ClickHouse: every row of every signal, field by field.

use std::time::Duration;

use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::otlp::Rows;
use tests::senders::relay::Relay;
use tests::senders::{Protocol, SIGNALS, Sdk, Sending, telemetrygen};
use tests::wait::eventually;

/// Fewer points of a metric than the SDKs' limit of 2000, and more than one batch of logs and spans (512).
const ROWS: u64 = 600;

fn sending<'a>(sdk: Sdk, protocol: Protocol, endpoint: &'a str, run_id: &'a str) -> Sending<'a> {
    let start_unix_nanos = Rows::new(run_id, 0).start_unix_nanos;
    Sending {
        sdk,
        protocol,
        endpoint,
        signals: SIGNALS,
        run_id,
        service: "shop",
        first: 0,
        count: ROWS,
        start_unix_nanos,
    }
}

async fn sdk_over(sdk: Sdk, protocols: &[Protocol]) {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let (grpc, http) = (gateway.grpc(), gateway.http());
    for &protocol in protocols {
        let run_id = &format!("{sdk:?}-{protocol:?}");
        let endpoint = if protocol == Protocol::Grpc { &grpc } else { &http };
        let sending = sending(sdk, protocol, endpoint, run_id);
        sending.run().unwrap();
        sending.check(&engine, "otel").await.unwrap();
    }
}

#[tokio::test]
async fn every_row_of_the_python_sdk_is_stored_as_sent_over_grpc_and_http() {
    sdk_over(Sdk::Python, &[Protocol::Grpc, Protocol::HttpProtobuf]).await;
}

#[tokio::test]
async fn every_row_of_the_java_sdk_is_stored_as_sent_over_grpc_and_http() {
    sdk_over(Sdk::Java, &[Protocol::Grpc, Protocol::HttpProtobuf]).await;
}

#[tokio::test]
async fn every_row_of_the_node_sdk_is_stored_as_sent_over_grpc_and_http() {
    sdk_over(Sdk::Node, &[Protocol::Grpc, Protocol::HttpProtobuf]).await;
}

#[tokio::test]
async fn every_row_of_the_sdks_is_stored_as_sent_through_an_agent() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let agent = Collector::agent(&gateway.grpc()).await.unwrap();
    for (sdk, protocol, endpoint) in [
        (Sdk::Python, Protocol::Grpc, agent.grpc()),
        (Sdk::Java, Protocol::HttpProtobuf, agent.http()),
        (Sdk::Node, Protocol::HttpProtobuf, agent.http()),
    ] {
        let run_id = &format!("agent-{sdk:?}");
        let sending = sending(sdk, protocol, &endpoint, run_id);
        sending.run().unwrap();
        sending.check(&engine, "otel").await.unwrap();
    }
}

#[tokio::test]
async fn every_row_an_opentelemetry_collector_passes_on_is_stored_as_sent() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    for (protocol, compressions) in
        [(Protocol::Grpc, &["none", "gzip"][..]), (Protocol::HttpProtobuf, &["none", "gzip"])]
    {
        for compression in compressions {
            let endpoint = if protocol == Protocol::Grpc { gateway.grpc() } else { gateway.http() };
            let relay = Relay::start(&endpoint, protocol, compression).await.unwrap();
            let run_id = &format!("relay-{protocol:?}-{compression}");
            let sending = sending(Sdk::Python, Protocol::Grpc, &relay.endpoint, run_id);
            sending.run().unwrap();
            eventually(run_id, Duration::from_secs(30), async || {
                sending.check(&engine, "otel").await.map_err(|error| format!("{error:#}"))
            })
            .await
            .unwrap();
        }
    }
}

/// It numbers nothing, and only its batches of logs and points are sure to be sent whole.
#[tokio::test]
async fn what_telemetrygen_sends_is_stored() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    for (is_http, endpoint) in [(false, gateway.grpc()), (true, gateway.http())] {
        let run_id = &format!("telemetrygen-{is_http}");
        let send = |kind, more: &[&str]| telemetrygen::send(kind, &endpoint, is_http, run_id, more).unwrap();
        send("logs", &["--logs", "500", "--body", "order placed"]);
        send("traces", &["--traces", "50", "--child-spans", "3"]);
        for kind in ["Gauge", "Sum", "Histogram", "ExponentialHistogram"] {
            send("metrics", &["--metrics", "50", "--metric-type", kind]);
        }
        for (table, attributes, rows) in [
            ("otel_logs", "LogAttributes", "500"),
            ("otel_traces", "SpanAttributes", "200"),
            ("otel_metrics_gauge", "Attributes", "50"),
            ("otel_metrics_sum", "Attributes", "50"),
            ("otel_metrics_histogram", "Attributes", "50"),
            ("otel_metrics_exponential_histogram", "Attributes", "50"),
        ] {
            let sql = format!("SELECT count() FROM otel.{table} WHERE {attributes}['run.id'] = '{run_id}'");
            assert_eq!(engine.query(&sql).await.unwrap(), rows, "{table} of {run_id}");
        }
    }
}
