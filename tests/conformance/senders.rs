//! Senders that others wrote, against the collector and a real ClickHouse: every row of every signal, field by field.

use std::time::Duration;

use bytes::Bytes;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::Http;
use tests::otlp::Rows;
use tests::senders::browser::Page;
use tests::senders::relay::Relay;
use tests::senders::{Protocol, SIGNALS, Sdk, Sending, clickstack, telemetrygen};
use tests::wait::eventually;

/// Fewer points of a metric than the SDKs' limit of 2000, and more than one batch of logs and spans (512).
const ROWS: u64 = 600;
const KEY: &str = "ingestion-key";

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
async fn every_row_of_the_node_sdk_is_stored_as_sent_over_grpc_http_and_json() {
    sdk_over(Sdk::Node, &[Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson]).await;
}

#[tokio::test]
async fn every_row_of_the_sdks_is_stored_as_sent_through_an_agent() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let agent = Collector::agent(&gateway.grpc()).await.unwrap();
    for (sdk, protocol, endpoint) in [
        (Sdk::Python, Protocol::Grpc, agent.grpc()),
        (Sdk::Java, Protocol::HttpProtobuf, agent.http()),
        (Sdk::Node, Protocol::HttpJson, agent.http()),
    ] {
        let run_id = &format!("agent-{sdk:?}");
        let sending = sending(sdk, protocol, &endpoint, run_id);
        sending.run().unwrap();
        sending.check(&engine, "otel").await.unwrap();
    }
}

#[tokio::test]
async fn every_row_an_opentelemetry_collector_passes_on_is_stored_as_sent_in_any_compression() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    for (protocol, compressions) in [
        (Protocol::Grpc, &["none", "gzip", "zstd", "snappy"][..]),
        (Protocol::HttpProtobuf, &["none", "gzip", "zstd", "snappy", "lz4", "zlib", "deflate"]),
        (Protocol::HttpJson, &["gzip", "zstd"]),
    ] {
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

/// A gateway that lets in who knows the key, and the folder the key is in.
async fn locked_gateway(engine: &ClickHouse) -> (Collector, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    std::fs::write(&file, KEY).unwrap();
    let lock = |config: &mut crds::config::CollectorConfig| {
        config.receivers.otlp.auth.token_files = vec![file.display().to_string()];
    };
    let gateway = Collector::gateway(engine, lock).await.unwrap();
    let unknown = Http::default().post(&format!("{}/v1/logs", gateway.http()), &[], Bytes::new()).await.unwrap();
    assert_eq!(unknown.status, 401);
    (gateway, dir)
}

#[tokio::test]
async fn every_row_of_clickstacks_own_sdks_is_stored_with_the_ingestion_key_they_send() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let (gateway, _key) = locked_gateway(&engine).await;
    for (protocol, endpoint) in [(Protocol::Grpc, gateway.grpc()), (Protocol::HttpProtobuf, gateway.http())] {
        for sdk in ["python", "node"] {
            let run_id = &format!("{sdk}-{protocol:?}");
            let (endpoint, service) = (endpoint.as_str(), sdk);
            let sending = clickstack::Sending { protocol, endpoint, key: KEY, service, run_id, count: 100 };
            if sdk == "python" {
                sending.run_python().unwrap();
            } else {
                sending.run_node().unwrap();
            }
            for (table, attributes, content) in [
                // The SDK for Node sends the arguments of `console.log` as JSON, the transform takes it apart.
                (
                    "otel_logs",
                    "LogAttributes",
                    format!("Body LIKE '%row ' || id || ' of {run_id}%' AND SeverityText = 'info'"),
                ),
                ("otel_traces", "SpanAttributes", "SpanName = 'row'".into()),
                ("otel_metrics_sum", "Attributes", "Value = toUInt64(id) + 1".into()),
            ] {
                let sql = format!(
                    "WITH {attributes}['row.id'] AS id SELECT count(), uniqExact(id), countIf({content}) FROM otel.{table} \
                     WHERE {attributes}['run.id'] = '{run_id}' AND ServiceName = '{sdk}'"
                );
                assert_eq!(engine.query(&sql).await.unwrap(), "100\t100\t100", "{table} of {run_id}");
            }
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

/// The preflight carries no key, and a browser that may not read the answer sends everything again.
#[tokio::test]
async fn a_session_recorded_in_a_browser_is_stored_once_and_apart_from_the_logs() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let (gateway, _key) = locked_gateway(&engine).await;
    let page = Page::open(&gateway.http(), KEY, "shop", "visit").await.unwrap();
    let replay = "SELECT count(), uniqExact(LogAttributes['rr-web.offset']), uniqExact(ResourceAttributes['rum.sessionId']), \
                  countIf(isValidJSON(Body)), countIf(JSONExtractInt(Body, 'type') IN (2, 4)) \
                  FROM otel.hyperdx_sessions WHERE ServiceName = 'shop' AND LogAttributes['rr-web.event'] != ''";
    eventually("the session is stored", Duration::from_secs(40), async || {
        let stored = engine.query(replay).await.map_err(|error| error.to_string())?;
        let counts: Vec<u64> = stored.split('\t').map(|count| count.parse().unwrap()).collect();
        // The page's address and its full picture, and what changed since.
        if counts[0] >= 3 && counts[..2] == [counts[0]; 2] && counts[2..] == [1, counts[0], 2] {
            Ok(())
        } else {
            Err(stored)
        }
    })
    .await
    .unwrap();
    let spans = "SELECT count() FROM otel.otel_traces WHERE SpanName = 'ordered' AND SpanAttributes['row.id'] = '7' \
                 AND `__hdx_materialized_rum.sessionId` = (SELECT any(ResourceAttributes['rum.sessionId']) FROM otel.hyperdx_sessions)";
    eventually("the action is stored", Duration::from_secs(20), async || {
        let stored = engine.query(spans).await.map_err(|error| error.to_string())?;
        if stored == "1" { Ok(()) } else { Err(stored) }
    })
    .await
    .unwrap();
    drop(page);
    assert_eq!(engine.query("SELECT count() FROM otel.otel_logs").await.unwrap(), "0");
}
