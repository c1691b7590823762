//! What is wrong is told to whom it belongs, and costs nobody else a row.

use bytes::Bytes;
use hyper::Method;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::{self, Collector};
use tests::http::{Http, Response};
use tests::ledger::{Ledger, Mode};
use tests::otlp::{Answer, OtlpGrpc, OtlpHttp, Rows};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GRPC: (&str, &str) = ("content-type", "application/grpc");
const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

async fn small_gateway(engine: &ClickHouse) -> Collector {
    let change = |config: &mut crds::config::CollectorConfig| config.limits.request_bytes = "64Ki".parse().ok();
    Collector::gateway(engine, change).await.unwrap()
}

async fn post(gateway: &Collector, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    Http::default().post(&format!("{}/v1/logs", gateway.http()), headers, body.into()).await.unwrap()
}

/// A gRPC request with any bytes for its frame; answers the status of the call.
async fn grpc(gateway: &Collector, path: &str, frame: Vec<u8>) -> String {
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).http2_only(true).build_http();
    let request = hyper::Request::post(format!("{}{path}", gateway.grpc()))
        .header(GRPC.0, GRPC.1)
        .body(http_body_util::Full::new(Bytes::from(frame)))
        .unwrap();
    let response = client.request(request).await.unwrap();
    response.headers()["grpc-status"].to_str().unwrap().to_owned()
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

#[tokio::test]
async fn a_malformed_message_is_400_and_invalid_argument() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let broken = [0x0a, 0x7f, 1, 2, 3];
    assert_eq!(post(&gateway, &[PROTOBUF], broken.to_vec()).await.status, 400);
    assert_eq!(grpc(&gateway, EXPORT, frame(&broken)).await, "3");
    assert_eq!(grpc(&gateway, EXPORT, vec![0, 0]).await, "3", "a frame without a message");
}

#[tokio::test]
async fn an_oversized_message_is_413_and_resource_exhausted_and_not_to_be_repeated() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let request = Rows::new("oversize", 1).request(0..2_000);
    for answer in [
        OtlpHttp::new(&gateway.http()).send(&request).await,
        OtlpGrpc::new(&gateway.grpc()).unwrap().send(&request).await,
    ] {
        let Answer::Permanent { code, .. } = &answer else { panic!("{answer:?}") };
        assert!(code == "413" || code == "ResourceExhausted", "{answer:?}");
    }
}

#[tokio::test]
async fn a_compressed_message_is_measured_after_decompression() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let gzip = ("content-encoding", "gzip");
    let (small, large) = (Rows::new("gzip", 1).request(0..10), Rows::new("gzip", 1).request(0..2_000));
    assert_eq!(post(&gateway, &[PROTOBUF, gzip], gzipped(&small)).await.status, 200);
    assert_eq!(engine.query("SELECT count() FROM otel.otel_logs").await.unwrap(), "10");
    assert!(gzipped(&large).len() < 64 << 10, "it must be the unfolded size that counts");
    assert_eq!(post(&gateway, &[PROTOBUF, gzip], gzipped(&large)).await.status, 413);
    assert_eq!(post(&gateway, &[PROTOBUF, gzip], "no gzip").await.status, 400);
    assert_eq!(post(&gateway, &[PROTOBUF, ("content-encoding", "br")], "x").await.status, 415);
}

/// Compressible enough that a large request fits the limit while it is compressed.
fn gzipped(request: &ExportLogsServiceRequest) -> Vec<u8> {
    let mut message = request.encode_to_vec();
    // An unknown field full of zeros: valid, ignored, and large.
    if message.len() > 64 << 10 {
        message.truncate(0);
        prost::encoding::encode_key(15, prost::encoding::WireType::LengthDelimited, &mut message);
        prost::encoding::encode_varint(1 << 20, &mut message);
        message.resize(message.len() + (1 << 20), 0);
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &message).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_wrong_path_method_or_content_type_is_404_405_415() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let http = Http::default();
    assert_eq!(
        http.post(&format!("{}/v1/nothing", gateway.http()), &[PROTOBUF], Bytes::new()).await.unwrap().status,
        404
    );
    let wrong_method =
        http.send(Method::PUT, &format!("{}/v1/logs", gateway.http()), &[PROTOBUF], Bytes::new()).await.unwrap();
    assert_eq!((wrong_method.status.as_u16(), wrong_method.header("allow")), (405, Some("POST")));
    assert_eq!(post(&gateway, &[("content-type", "text/plain")], "x").await.status, 415);
    assert_eq!(grpc(&gateway, "/opentelemetry.proto.collector.logs.v1.LogsService/Import", frame(b"")).await, "12");
}

#[tokio::test]
async fn bad_requests_between_good_ones_cost_nobody_else_a_row() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let (rows, sender) = (Rows::new("beside", 3), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("beside", Mode::ExactlyOnce);
    for turn in 0..40_u64 {
        let numbers = turn * 100..turn * 100 + 100;
        let request = rows.request(numbers.clone());
        // The same rows, cut inside the last record: a hundred rows are read before the fault shows.
        let mut cut = rows.request(1_000_000..1_000_100).encode_to_vec();
        cut.extend_from_slice(&[0x0a, 0x7f]);
        let (good, bad) = tokio::join!(sender.send(&request), post(&gateway, &[PROTOBUF], cut));
        assert!(good.is_accepted(), "{good:?}");
        assert_eq!(bad.status, 400);
        ledger.enter(numbers, &good);
    }
    assert_eq!(ledger.check(&engine, "otel.otel_logs").await.unwrap().stored, 4_000);
}

#[tokio::test]
async fn a_sender_with_a_broken_clock_costs_nobody_else_a_row() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let sender = OtlpHttp::new(&gateway.http());
    let mut mad = Rows::new("mad", 1).request(0..500);
    // Into the future: what is older than the retention goes as it comes.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    for (day, record) in mad.resource_logs[0].scope_logs[0].log_records.iter_mut().enumerate() {
        record.time_unix_nano = now + day as u64 * 86_400_000_000_000;
    }
    let sane = Rows::new("sane", 1).request(0..500);
    let (mad, sane) = tokio::join!(sender.send(&mad), sender.send(&sane));
    // As many days as ClickHouse takes in one insert fit into one request; of more the surplus is refused and told.
    assert!(matches!(mad, Answer::Accepted { rejected: 400, .. }) && sane.is_accepted(), "{mad:?} {sane:?}");
    let counts = "SELECT countIf(LogAttributes['run.id'] = 'sane'), countIf(LogAttributes['run.id'] = 'mad') FROM otel.otel_logs";
    assert_eq!(engine.query(counts).await.unwrap(), "500\t100");
}

#[test]
fn an_unknown_field_in_the_file_is_a_named_error_and_exit_code_2() {
    for (file, named) in [
        ("role: gateway\nclickhouse: {endpoint: 'http://c:8123', databse: x}\n", "databse"),
        ("role: agent\n", "forward: role agent needs it"),
        ("role: gateway\nclickhouse: {endpoint: 'http://u:hunter2@c:8123'}\n", "clickhouse.endpoint"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("collector.yaml");
        std::fs::write(&path, file).unwrap();
        for command in ["run", "check-config", "migrate"] {
            let mut child = std::process::Command::new(collector::binary().unwrap());
            let ended = child.arg(command).arg("--config").arg(&path).output().unwrap();
            let told = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(2), "{command}: {told}");
            assert!(told.contains(named), "{command}: {told}");
            assert!(!told.contains("hunter2") || !named.contains("endpoint"), "a secret is told");
        }
    }
}

#[tokio::test]
async fn senders_that_fall_silent_hold_no_budget() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    let mut silent = Vec::new();
    // Together they claim more than is read ahead.
    for _ in 0..300 {
        let mut socket = tokio::net::TcpStream::connect(gateway.config.receivers.otlp.http).await.unwrap();
        let head = "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 60000\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.unwrap();
        silent.push(socket);
    }
    assert!(OtlpHttp::new(&gateway.http()).send(&Rows::new("heard", 1).request(0..10)).await.is_accepted());
    let used = gateway.metric("clickstack_collector_budget_used_bytes").await.unwrap();
    assert!(used <= 300.0 * 1024.0, "{used}: a claimed length reserves nothing");
    assert!(gateway.stop().await.unwrap().success(), "silent senders do not hold up the end");
}

#[tokio::test]
async fn a_sender_of_too_much_gets_its_413_although_it_is_still_sending() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = small_gateway(&engine).await;
    for _ in 0..5 {
        assert_eq!(post(&gateway, &[PROTOBUF], vec![0; 8 << 20]).await.status, 413);
    }
}

#[tokio::test]
async fn a_compressed_request_fits_a_budget_of_just_one_request() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let change = |config: &mut crds::config::CollectorConfig| {
        config.limits.request_bytes = "1Mi".parse().ok();
        config.limits.memory_budget = "1Mi".parse().ok();
    };
    let gateway = Collector::gateway(&engine, change).await.unwrap();
    // An unknown field of zeros: valid, ignored, and with its key exactly as large as a request may be.
    let mut message = vec![0x7a, 0xfc, 0xff, 0x3f];
    message.resize(1 << 20, 0);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &message).unwrap();
    let gzip = ("content-encoding", "gzip");
    assert_eq!(post(&gateway, &[PROTOBUF, gzip], encoder.finish().unwrap()).await.status, 200);
    assert_eq!(post(&gateway, &[PROTOBUF], message).await.status, 200);
}
