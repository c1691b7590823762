//! Ingestion keys that are made in HyperDX: they take effect here, and its API may fail, go and be replaced meanwhile.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use bytes::Bytes;
use crds::config::{ClientTls, CollectorConfig, Opamp};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::{Http, Response};
use tests::ports::free_port;
use tests::wait::eventually;

use crate::insert_tls;

pub mod hyperdx;

use hyperdx::{HyperDx, Mood};

const SOON: Duration = Duration::from_secs(30);
const APPLIED: &str = "clickstack_collector_opamp_config_applied";

/// A gateway that listens, and asks a server at this address every second.
async fn gateway(engine: &ClickHouse, server: &str, change: impl FnOnce(&mut Opamp)) -> Collector {
    let mut opamp = Opamp { interval: "1s".parse().unwrap(), ..Opamp::at(server) };
    change(&mut opamp);
    let change = |config: &mut CollectorConfig| config.receivers.otlp.auth.opamp = Some(opamp);
    Collector::gateway_unready(engine, change).await.unwrap()
}

async fn post(gateway: &Collector, key: Option<&str>) -> Response {
    let mut headers = vec![("content-type", "application/x-protobuf")];
    headers.extend(key.map(|key| ("authorization", key)));
    Http::default().post(&format!("{}/v1/logs", gateway.http()), &headers, Bytes::new()).await.unwrap()
}

async fn call(gateway: &Collector, key: &str) -> tonic::Code {
    use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
    let mut client = LogsServiceClient::connect(gateway.grpc()).await.unwrap();
    let mut request = tonic::Request::new(Default::default());
    request.metadata_mut().insert("authorization", key.parse().unwrap());
    client.export(request).await.map_or_else(|status| status.code(), |_| tonic::Code::Ok)
}

async fn becomes(gateway: &Collector, key: Option<&str>, status: u16) {
    eventually(&format!("{key:?} is answered {status}"), SOON, async || {
        let answer = post(gateway, key).await;
        if answer.status == status { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text())) }
    })
    .await
    .unwrap();
}

async fn fails(gateway: &Collector, reason: &str, times: f64) {
    let metric = format!("clickstack_collector_opamp_failures_total{{reason=\"{reason}\"}}");
    eventually(&format!("{times} failures by {reason}"), SOON, async || {
        let counted = gateway.metric(&metric).await.map_err(|error| format!("{error:#}"))?;
        if counted >= times { Ok(()) } else { Err(counted.to_string()) }
    })
    .await
    .unwrap();
}

async fn probe(gateway: &Collector, path: &str) -> Response {
    Http::default().get(&gateway.probe(path)).await.unwrap()
}

fn kept_in(folder: &Path) -> String {
    folder.join("opamp.json").display().to_string()
}

#[tokio::test]
async fn a_key_made_in_the_ui_is_taken_and_one_removed_there_is_refused() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let server = HyperDx::start().await;
    let mut gateway = gateway(&engine, &server.url(), |_| {}).await;
    gateway.ready().await.unwrap();
    let early = post(&gateway, Some("key-1")).await;
    assert_eq!((early.status.as_u16(), early.header("retry-after")), (503, Some("5")), "{}", early.text());
    assert_eq!(call(&gateway, "key-1").await, tonic::Code::Unavailable, "nobody has signed up");

    server.teams(&["key-1"], false);
    becomes(&gateway, None, 200).await;
    server.teams(&["key-1"], true);
    becomes(&gateway, None, 401).await;
    for known in ["key-1", "Bearer key-1"] {
        assert_eq!(post(&gateway, Some(known)).await.status, 200, "{known}");
        assert_eq!(call(&gateway, known).await, tonic::Code::Ok, "{known}");
    }
    assert_eq!(call(&gateway, "key-2").await, tonic::Code::Unauthenticated);
    server.teams(&["key-2", "key-3"], true);
    becomes(&gateway, Some("key-2"), 200).await;
    assert_eq!(post(&gateway, Some("key-3")).await.status, 200);
    assert_eq!(post(&gateway, Some("key-1")).await.status, 401, "it was removed");

    assert_eq!(gateway.metric(APPLIED).await.unwrap(), 1.0);
    assert!(gateway.metric("clickstack_collector_opamp_last_exchange_timestamp_seconds").await.unwrap() > 1.7e9);
    let log = gateway.process().log();
    let ignored = "connectors, exporters, receivers.fluentforward, receivers.prometheus";
    assert_eq!(log.matches(ignored).count(), 4, "once for each of four configurations: {log}");
    assert!(!log.contains("key-"), "{log}");
    gateway.stop().await.unwrap();
    let heard = server.heard();
    assert!(heard.iter().zip(1..).all(|(report, number)| report.sequence_num == number), "{heard:?}");
    assert!(heard.iter().all(|report| report.instance_uid == heard[0].instance_uid && report.capabilities & 3 == 3));
    assert!(heard.iter().all(|report| report.health.is_some_and(|health| health.healthy)));
    let mut told: Vec<_> = heard.iter().filter_map(|report| report.config.clone()).collect();
    assert!(told.iter().all(|config| config.status == 1 && config.hash.len() == 32), "{told:?}");
    told.dedup();
    assert_eq!(told.len(), 4, "each configuration is reported");
    assert!(heard.last().unwrap().disconnect.is_some() && heard[0].disconnect.is_none());
}

#[tokio::test]
async fn a_server_that_fails_or_is_away_leaves_the_last_keys_in_force_also_over_a_restart() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = HyperDx::start().await;
    let address = server.address;
    server.teams(&["key-1"], true);
    let mut gateway = gateway(&engine, &server.url(), |opamp| opamp.state_file = Some(kept_in(folder.path()))).await;
    becomes(&gateway, Some("key-1"), 200).await;
    // Keys are in force before they are on the disk: a slow one holds up no removal.
    let kept = eventually("the answer is kept", SOON, async || {
        std::fs::read_to_string(kept_in(folder.path())).map_err(|error| error.to_string())
    });
    let kept = kept.await.unwrap();
    assert!(!kept.contains("key-1"), "{kept}");
    let mode = std::fs::metadata(kept_in(folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    server.mood(Mood::Broken);
    fails(&gateway, "status", 3.0).await;
    assert_eq!(post(&gateway, Some("key-1")).await.status, 200);
    assert_eq!(post(&gateway, Some("key-2")).await.status, 401);
    for path in ["/", "/live", "/ready"] {
        eventually("it is well", SOON, async || {
            let answer = probe(&gateway, path).await;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await
        .unwrap();
    }

    drop(server);
    gateway.process().kill().unwrap();
    gateway.start_again().await.unwrap();
    assert_eq!(post(&gateway, Some("key-2")).await.status, 401, "nobody waits for the server");
    becomes(&gateway, Some("key-1"), 200).await;
    fails(&gateway, "unreachable", 2.0).await;
    gateway.ready().await.unwrap();
    assert_eq!(gateway.metric(APPLIED).await.unwrap(), 1.0);

    let server = HyperDx::start_at(address, None).await;
    server.teams(&["key-2"], true);
    becomes(&gateway, Some("key-2"), 200).await;
    assert_eq!(post(&gateway, Some("key-1")).await.status, 401);
    assert!(!gateway.process().log().contains("key-"), "{}", gateway.process().log());
}

#[tokio::test]
async fn before_the_first_answer_senders_are_told_to_send_again_and_the_process_lives() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let address: SocketAddr = ([127, 0, 0, 1], free_port("127.0.0.1").unwrap()).into();
    let mut gateway = gateway(&engine, &format!("http://{address}"), |_| {}).await;
    for key in [None, Some("key-1")] {
        let answer = post(&gateway, key).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")), "{}", answer.text());
    }
    assert_eq!(call(&gateway, "key-1").await, tonic::Code::Unavailable);
    let away = "clickstack_collector_turned_away_requests_total{transport=\"http\",reason=\"opamp_server_away\"}";
    assert_eq!(gateway.metric(away).await.unwrap(), 2.0);
    fails(&gateway, "unreachable", 3.0).await;
    for path in ["/", "/live"] {
        assert_eq!(probe(&gateway, path).await.status, 200, "{path}");
    }
    let unready = probe(&gateway, "/ready").await;
    assert_eq!(unready.status, 503);
    assert!(unready.text().contains(&address.to_string()), "{}", unready.text());
    assert_eq!(gateway.metric(APPLIED).await.unwrap(), 0.0);
    gateway.process().check_running().unwrap();

    let server = HyperDx::start_at(address, None).await;
    server.mood(Mood::Broken);
    fails(&gateway, "status", 2.0).await;
    assert_eq!(post(&gateway, Some("key-1")).await.status, 503);
    server.teams(&["key-1"], true);
    server.mood(Mood::Well);
    becomes(&gateway, Some("key-1"), 200).await;
    gateway.ready().await.unwrap();
}

#[tokio::test]
async fn garbage_from_the_server_is_counted_and_changes_nothing() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let server = HyperDx::start().await;
    server.teams(&["key-1"], true);
    let mut gateway = gateway(&engine, &server.url(), |_| {}).await;
    becomes(&gateway, Some("key-1"), 200).await;
    server.teams(&["key-2"], false);
    server.mood(Mood::Garbled);
    fails(&gateway, "malformed", 2.0).await;
    server.mood(Mood::Confused);
    fails(&gateway, "config", 1.0).await;
    let refused = eventually("the refusal is reported", SOON, async || {
        let last = server.heard().pop().and_then(|report| report.config);
        last.filter(|config| config.status == 3).ok_or_else(|| "nothing yet".to_owned())
    });
    let refused = refused.await.unwrap();
    assert!(refused.error.contains("service.pipelines") && !refused.error.contains("key-"), "{}", refused.error);
    assert_eq!(gateway.metric(APPLIED).await.unwrap(), 0.0);
    assert_eq!(post(&gateway, Some("key-1")).await.status, 200);
    assert_eq!(post(&gateway, None).await.status, 401);
    server.mood(Mood::Well);
    becomes(&gateway, None, 200).await;
    assert!(!gateway.process().log().contains("key-"), "{}", gateway.process().log());
}

#[tokio::test]
async fn a_server_over_tls_is_believed_by_its_authority_alone() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (ours, name) = (insert_tls::authority(), "app.internal");
    let server = HyperDx::start_at("127.0.0.1:0".parse().unwrap(), Some(insert_tls::acceptor(&ours, name))).await;
    server.teams(&["key-1"], true);
    let [trusted, other] = ["trusted", "other"].map(|file| folder.path().join(file));
    std::fs::write(&trusted, ours.pem()).unwrap();
    std::fs::write(&other, insert_tls::authority().pem()).unwrap();
    let tls = |file: &Path| {
        let (ca_file, server_name) = (Some(file.display().to_string()), Some(name.to_owned()));
        Some(ClientTls { ca_file, server_name, ..ClientTls::default() })
    };
    let believing = gateway(&engine, &server.url(), |opamp| opamp.tls = tls(&trusted)).await;
    becomes(&believing, Some("key-1"), 200).await;
    let doubting = gateway(&engine, &server.url(), |opamp| opamp.tls = tls(&other)).await;
    fails(&doubting, "unreachable", 2.0).await;
    assert_eq!(post(&doubting, Some("key-1")).await.status, 503);
    assert!(probe(&doubting, "/ready").await.text().contains("certificate"), "it is said why");
}
