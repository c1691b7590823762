//! The receivers' side of the bargain: every encoding on both transports, and answers a sender and a browser can read.

use std::io::Write;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Method;
use prost::Message;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::{Http, Response};
use tests::otlp::Rows;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const LIMIT: usize = 64 << 10;

async fn small_gateway(engine: &ClickHouse) -> Collector {
    let change = |config: &mut crds::config::CollectorConfig| config.limits.request_bytes = "64Ki".parse().ok();
    Collector::gateway(engine, change).await.unwrap()
}

async fn post(gateway: &Collector, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    Http::default().post(&format!("{}/v1/logs", gateway.http()), headers, body.into()).await.unwrap()
}

/// The status of a call, and the encodings it is told to use.
async fn call(gateway: &Collector, encoding: &str, message: &[u8]) -> (String, Option<String>) {
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).http2_only(true).build_http();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let frame = [&[1], &length[..], message].concat();
    let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let request = hyper::Request::post(format!("{}{path}", gateway.grpc()))
        .header("content-type", "application/grpc+proto")
        .header("grpc-encoding", encoding)
        .body(Full::new(Bytes::from(frame)))
        .unwrap();
    let response = client.request(request).await.unwrap();
    let headers = response.headers().clone();
    let trailers = response.into_body().collect().await.unwrap().trailers().cloned().unwrap_or_default();
    let text = |name: &str| headers.get(name).or(trailers.get(name)).map(|value| value.to_str().unwrap().to_owned());
    (text("grpc-status").unwrap(), text("grpc-accept-encoding"))
}

/// A body under each of the names senders use.
fn packed(plain: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let level = flate2::Compression::default();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    let mut framed = snap::write::FrameEncoder::new(Vec::new());
    let writers: [&mut dyn Write; 4] = [&mut gzip, &mut zlib, &mut lz4, &mut framed];
    for writer in writers {
        writer.write_all(plain).unwrap();
    }
    let (gzip, zlib, framed) = (gzip.finish().unwrap(), zlib.finish().unwrap(), framed.into_inner().unwrap());
    vec![
        ("identity", plain.to_vec()),
        ("GZip", gzip),
        ("zlib", zlib.clone()),
        ("deflate", zlib),
        ("zstd", zstd::stream::encode_all(plain, 3).unwrap()),
        ("snappy", snap::raw::Encoder::new().compress_vec(plain).unwrap()),
        ("snappy", framed.clone()),
        ("x-snappy-framed", framed),
        ("lz4", lz4.finish().unwrap()),
    ]
}

#[tokio::test]
async fn every_encoding_is_stored_over_both_transports() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let mut sent = 0;
    for (name, body) in packed(&Rows::new("encodings", 1).request(0..50).encode_to_vec()) {
        let answer = post(&gateway, &[PROTOBUF, ("content-encoding", name)], body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{name}");
        assert_eq!(call(&gateway, name, &body).await.0, "0", "{name}");
        sent += 100;
    }
    assert_eq!(engine.query("SELECT count() FROM otel.otel_logs").await.unwrap(), sent.to_string());
    let received = gateway.metric("clickstack_collector_received_bytes_total{transport=\"grpc\"}").await;
    assert!(received.unwrap() > 9.0 * 1000.0);
}

#[tokio::test]
async fn a_bomb_in_any_encoding_is_413_and_resource_exhausted() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    for (name, body) in packed(&vec![0; LIMIT * 16]).into_iter().filter(|(_, body)| body.len() < LIMIT) {
        let answer = post(&gateway, &[PROTOBUF, ("content-encoding", name)], body.clone()).await;
        assert_eq!(answer.status, 413, "{name}");
        assert_eq!(call(&gateway, name, &body).await.0, "8", "{name}");
    }
    let used = gateway.metric("clickstack_collector_budget_used_bytes").await.unwrap();
    assert!(used < 1024.0, "{used} bytes are still held");
    let refused = "clickstack_collector_turned_away_requests_total{transport=\"http\",reason=\"too_large\"}";
    assert!(gateway.metric(refused).await.unwrap() >= 5.0);
}

#[tokio::test]
async fn an_unknown_encoding_is_told_which_are_known() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    for unknown in ["br", "gzip, gzip"] {
        let answer = post(&gateway, &[PROTOBUF, ("content-encoding", unknown)], "x").await;
        assert_eq!(answer.status, 415, "{unknown}");
        assert!(answer.header("accept-encoding").unwrap().contains("zstd"), "{unknown}");
        let (status, accepted) = call(&gateway, unknown, b"x").await;
        assert_eq!(status, "12", "{unknown}");
        assert!(accepted.unwrap().contains("zstd"), "{unknown}");
    }
    for name in ["gzip", "zstd", "deflate", "snappy", "lz4"] {
        let answer = post(&gateway, &[PROTOBUF, ("content-encoding", name)], "no such thing").await;
        assert_eq!(answer.status, 400, "{name}");
        assert_eq!(call(&gateway, name, b"no such thing").await.0, "3", "{name}");
    }
}

#[tokio::test]
async fn content_types_have_parameters_and_no_case_and_an_empty_request_is_a_success() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    for content_type in ["application/x-protobuf", "Application/X-Protobuf; charset=utf-8"] {
        assert_eq!(post(&gateway, &[("content-type", content_type)], "").await.status, 200, "{content_type}");
    }
    assert_eq!(post(&gateway, &[], "").await.status, 415, "no content type");
    assert_eq!(post(&gateway, &[PROTOBUF, ("content-encoding", "gzip")], "").await.status, 200);
}

#[tokio::test]
async fn json_is_stored_as_protobuf_would_be_and_answered_in_json() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let body = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
        "scopeLogs":[{"logRecords":[{"timeUnixNano":"NOW","severityText":"INFO","body":{"stringValue":"hi"},
        "traceId":"5b8aa5a2d2c872e8321cf37308d69df2","spanId":"051581bf3cb55c13"}]}]}]}"#;
    // Of this hour: ClickHouse deletes what is older than the table keeps.
    let body = body.replace("NOW", &Rows::new("json", 1).start_unix_nanos.to_string());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let json = ("content-type", "application/json; charset=utf-8");
    for answer in [
        post(&gateway, &[json], body.clone()).await,
        post(&gateway, &[json, ("content-encoding", "gzip")], gzip).await,
        post(&gateway, &[json], "{}").await,
        post(&gateway, &[json], "").await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "{}".to_owned()));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let rows = engine
        .query("SELECT count(), any(ServiceName), any(Body), any(TraceId), any(SpanId) FROM otel.otel_logs FORMAT CSV")
        .await
        .unwrap();
    assert_eq!(rows, r#"2,"shop","hi","5b8aa5a2d2c872e8321cf37308d69df2","051581bf3cb55c13""#);
}

#[tokio::test]
async fn a_large_body_is_unpacked_beside_the_small_ones() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let request = Rows::new("large", 1).request(0..20_000).encode_to_vec();
    for (name, body) in packed(&request) {
        assert!(body.len() > 128 << 10, "{name}: {} bytes are not large", body.len());
        assert_eq!(post(&gateway, &[PROTOBUF, ("content-encoding", name)], body).await.status, 200, "{name}");
    }
    assert_eq!(engine.query("SELECT count() FROM otel.otel_logs").await.unwrap(), "180000");
    assert_eq!(gateway.metric("clickstack_collector_budget_used_bytes").await.unwrap(), 0.0);
}

#[tokio::test]
async fn errors_are_in_the_format_of_the_request() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    for answer in [
        post(&gateway, &[JSON], "{ no JSON").await,
        post(&gateway, &[JSON, ("content-encoding", "br")], "x").await,
        Http::default().post(&format!("{}/v1/nothing", gateway.http()), &[JSON], Bytes::new()).await.unwrap(),
    ] {
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        let status: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(status["code"], 3, "{status}");
        assert!(status["message"].as_str().is_some_and(|message| !message.is_empty()), "{status}");
    }
    let answer = post(&gateway, &[PROTOBUF], vec![0x0a, 0x7f]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, Some("application/x-protobuf")));
}

#[tokio::test]
async fn a_browser_may_send_and_read_every_answer() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let (url, origin) = (format!("{}/v1/logs", gateway.http()), ("origin", "https://shop.example"));
    let asked = [
        origin,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let preflight = Http::default().send(Method::OPTIONS, &url, &asked, Bytes::new()).await.unwrap();
    assert_eq!(preflight.status, 204);
    for (name, wanted) in [
        ("access-control-allow-origin", "https://shop.example"),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "authorization,content-type"),
        ("access-control-max-age", "7200"),
    ] {
        assert_eq!(preflight.header(name), Some(wanted), "{name}");
    }
    assert!(preflight.header("vary").unwrap().contains("Origin"));
    for (headers, status) in [(vec![origin, PROTOBUF], 200), (vec![origin], 415)] {
        let answer = post(&gateway, &headers, "").await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"), "{status}");
    }
    let plain = Http::default().send(Method::OPTIONS, &url, &[], Bytes::new()).await.unwrap();
    assert_eq!((plain.status.as_u16(), plain.header("allow")), (405, Some("POST")), "no preflight");
}
