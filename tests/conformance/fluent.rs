//! Fluent's forward protocol: what its own libraries send, field by field, and when they are told that it is stored.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crds::config::{CollectorConfig, FluentForward, Tls};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::otlp::Rows;
use tests::ports::free_port;
use tests::processes::Process;
use tests::senders::fluent::Sending;
use tests::wait::eventually;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const WITHIN: Duration = Duration::from_secs(30);

fn listening(config: &mut CollectorConfig) {
    let address = ([127, 0, 0, 1], free_port("127.0.0.1").unwrap()).into();
    config.receivers.fluent_forward = Some(FluentForward { address, ..FluentForward::default() });
}

fn sending<'a>(collector: &Collector, run_id: &'a str, count: u64) -> Sending<'a> {
    let address = collector.config.receivers.fluent_forward.as_ref().unwrap().address;
    Sending { address, run_id, count, start_unix_nanos: Rows::new(run_id, 0).start_unix_nanos }
}

async fn stored(sending: Sending<'_>, engine: &ClickHouse, may_repeat: bool) {
    eventually("every row is stored", WITHIN, async || {
        sending.check(engine, may_repeat).await.map_err(|error| format!("{error:#}"))
    })
    .await
    .unwrap();
}

/// The rows that a library in `log` says were acknowledged.
fn acknowledged(log: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[tokio::test]
async fn every_row_of_fluents_libraries_is_stored_as_sent_through_a_gateway_and_an_agent() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, listening).await.unwrap();
    let agent = Collector::agent_with(&gateway.grpc(), listening).await.unwrap();
    for (collector, role) in [(&gateway, "gateway"), (&agent, "agent")] {
        let run_id = &format!("python-{role}");
        let python = sending(collector, run_id, 2000);
        python.run_python().unwrap();
        // Nobody has asked when they are.
        stored(python, &engine, false).await;
        let run_id = &format!("go-{role}");
        let go = sending(collector, run_id, 100);
        go.run_go(&[]).unwrap();
        go.check(&engine, false).await.unwrap();
    }
    let accepted = "otelcol_receiver_accepted_log_records_total{receiver=\"fluentforward\",transport=\"fluent\"}";
    assert_eq!(gateway.metric(accepted).await.unwrap(), 2100.0);
}

#[tokio::test]
async fn nothing_is_acknowledged_while_clickhouse_is_paused_and_everything_once_it_goes_on() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, listening).await.unwrap();
    let warm = sending(&gateway, "warm", 8);
    warm.run_go(&[]).unwrap();
    engine.pause().unwrap();
    let (dir, go) = (tempfile::tempdir().unwrap(), sending(&gateway, "paused", 100));
    let log = dir.path().join("log");
    let mut library = Process::start("library", go.go(&[]).unwrap(), &log).unwrap();
    let read = "clickstack_collector_stream_records_total{receiver=\"fluentforward\"}";
    eventually("a row of each connection is read", WITHIN, async || match gateway.metric(read).await {
        Ok(records) if records >= 16.0 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    // Passing time is the subject: blocks are a tenth of a second old.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(acknowledged(&log).is_empty());
    library.check_running().unwrap();
    engine.resume().unwrap();
    assert!(library.wait(WITHIN).await.unwrap().success(), "{}", library.log_tail());
    assert_eq!(acknowledged(&log).len(), 100);
    // A try that ClickHouse was paused in may have been stored, and its rows sent again by the library.
    go.check(&engine, true).await.unwrap();
}

async fn killed(run_id: &str, change: impl FnOnce(&mut CollectorConfig)) {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let mut gateway = Collector::gateway(&engine, |config| {
        listening(config);
        change(config);
    })
    .await
    .unwrap();
    let (dir, go) = (tempfile::tempdir().unwrap(), sending(&gateway, run_id, 300));
    let log = dir.path().join("log");
    let mut library = Process::start("library", go.go(&[]).unwrap(), &log).unwrap();
    eventually("some rows are acknowledged", WITHIN, async || match acknowledged(&log).len() {
        few @ 0..50 => Err(format!("{few}")),
        _ => Ok(()),
    })
    .await
    .unwrap();
    gateway.process().kill().unwrap();
    let before = acknowledged(&log);
    assert!(before.len() < 300, "it was killed too late");
    gateway.start_again().await.unwrap();
    assert!(library.wait(WITHIN).await.unwrap().success(), "{}", library.log_tail());
    assert_eq!(acknowledged(&log).len(), 300);
    // With a spool an answer comes before the rows.
    stored(go, &engine, true).await;
}

#[tokio::test]
async fn a_killed_gateway_loses_nothing_it_has_acknowledged() {
    killed("killed", |_| {}).await;
}

#[tokio::test]
async fn a_killed_gateway_with_a_spool_loses_nothing_it_has_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let section = serde_json::json!({"directory": dir.path(), "size": "64Mi"});
    let spool = serde_json::from_value(section).unwrap();
    killed("killed-spool", |config| {
        config.limits.request_bytes = "1Mi".parse().ok();
        config.spool = Some(spool);
    })
    .await;
}

#[tokio::test]
async fn a_library_is_met_over_tls_and_no_other_way() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate_file = file("certificate", certified.cert.pem());
    let key_file = file("key", certified.signing_key.serialize_pem());
    let tls = Tls { certificate_file: certificate_file.clone(), key_file, client_ca_file: None };
    let gateway = Collector::gateway(&engine, |config| {
        listening(config);
        config.receivers.fluent_forward.as_mut().unwrap().tls = Some(tls);
    })
    .await
    .unwrap();
    let go = sending(&gateway, "tls", 20);
    let mut library = go.go(&["-network", "tls"]).unwrap();
    let ended = library.env("SSL_CERT_FILE", certificate_file).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    go.check(&engine, false).await.unwrap();
}

/// A packed message, compressed with gzip, as Fluent Bit sends it where it asks for no ack.
fn compressed(rows: std::ops::Range<u64>) -> Vec<u8> {
    let mut folded = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for row in rows {
        // [0, {"log": a text of 1,000 bytes}]
        folded.write_all(b"\x92\x00\x81\xa3log\xda\x03\xe8").unwrap();
        folded.write_all(format!("{row:01000}").as_bytes()).unwrap();
    }
    let folded = folded.finish().unwrap();
    let length = u32::try_from(folded.len()).unwrap().to_be_bytes();
    // [tag, bytes, {"compressed": "gzip"}]
    [&b"\x93\xa6folded\xc6"[..], &length, &folded, b"\x81\xaacompressed\xa4gzip"].concat()
}

/// Five times what its sender may hold comes of a connection, while ClickHouse is paused for longer than room is waited for
/// where a sender asks.
#[tokio::test]
async fn a_sender_that_asks_for_nothing_waits_through_an_outage_on_one_connection_with_chunks_larger_than_its_share() {
    const ROWS: u64 = 16_000;
    const CHUNK: u64 = 8000;
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |config| {
        listening(config);
        config.limits.request_bytes = "1Mi".parse().ok();
        config.limits.memory_budget = "4Mi".parse().ok();
    })
    .await
    .unwrap();
    engine.pause().unwrap();
    let mut connection =
        TcpStream::connect(gateway.config.receivers.fluent_forward.as_ref().unwrap().address).await.unwrap();
    for first in (0..ROWS).step_by(CHUNK as usize) {
        connection.write_all(&compressed(first..first + CHUNK)).await.unwrap();
    }
    let of = |what: &str| format!("clickstack_collector_stream_{what}{{receiver=\"fluentforward\"}}");
    eventually("it waits for room", WITHIN, async || match gateway.metric(&of("waiting_connections")).await {
        Ok(1.0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    // Passing time is the subject.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(gateway.metric(&of("records_total")).await.unwrap() < CHUNK as f64);
    assert_eq!(gateway.metric(&of("connections")).await.unwrap(), 1.0);
    engine.resume().unwrap();
    let sql = "SELECT count(), uniqExact(toUInt64(Body)), max(toUInt64(Body)) FROM otel.otel_logs \
               WHERE LogAttributes['fluent.tag'] = 'folded'";
    eventually("every row is stored", 4 * WITHIN, async || match engine.query(sql).await {
        Ok(found) if found == format!("{ROWS}\t{ROWS}\t{}", ROWS - 1) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    assert_eq!(gateway.metric(&of("connections")).await.unwrap(), 1.0);
    assert_eq!(gateway.metric(&of("lost_records_total")).await.unwrap(), 0.0);
}
