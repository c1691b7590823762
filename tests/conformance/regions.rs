//! A gateway that forwards to a central one: whose rows come through once, and what it says of its way there.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use crds::config::Auth;
use crds::destination::{Destination, Kind, PATH, Schema, Server};
use hyper::Method;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::Http;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::ports::free_port;
use tests::wait::eventually;

fn write(dir: &Path, name: &str, text: &str) -> String {
    let file = dir.join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

async fn tells(gateway: &Collector, schema: Schema, trouble: Option<Kind>) -> Destination {
    eventually(&format!("{schema:?}, {trouble:?}"), Duration::from_secs(12), async || {
        let asked = Http::default().send(Method::GET, &gateway.probe(PATH), &[], Bytes::new()).await.unwrap();
        let told: Destination = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(told.server, Server::Gateway);
        let is_it = told.schema == schema && told.trouble.as_ref().map(|trouble| trouble.kind) == trouble;
        if is_it { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await
    .unwrap()
}

async fn readiness(gateway: &Collector) -> (u16, String) {
    let answer = Http::default().get(&gateway.probe("/ready")).await.unwrap();
    (answer.status.as_u16(), answer.text())
}

#[tokio::test]
async fn rows_of_a_region_are_stored_once_by_the_central_gateway_and_a_wrong_token_is_told() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let tokens = write(dir.path(), "tokens", "of-the-region\n");
    let central = Collector::gateway(&engine, |config| {
        config.receivers.otlp.auth = Auth { token_files: vec![tokens], ..Auth::default() };
    });
    let central = central.await.unwrap();
    let shown = write(dir.path(), "shown", "wrong\n");
    let endpoint = central.grpc();
    let regional = Collector::regional_with(&endpoint, |config| {
        let forward = config.forward.as_mut().unwrap();
        forward.token_file = Some(shown);
        forward.retry_for = "1s".parse().unwrap();
    });
    let regional = regional.await.unwrap();
    let agent = Collector::agent(&regional.grpc()).await.unwrap();

    let told = tells(&regional, Schema::Pending, Some(Kind::AuthFailed)).await;
    let message = told.trouble.unwrap().message;
    assert!(message.contains("Unauthenticated") && !message.contains("wrong"), "{message}");
    let (status, reason) = readiness(&regional).await;
    assert!(status == 503 && reason.contains("Unauthenticated"), "{status} {reason}");

    let (rows, mut ledger) = (Rows::new("regions", 0), Ledger::new("regions", Mode::ExactlyOnce));
    let refused = OtlpHttp::new(&regional.http()).send(&rows.request(0..10)).await;
    assert!(refused.is_retryable(), "a wrong token is no reason to lose rows: {refused:?}");
    ledger.enter(0..10, &refused);
    write(dir.path(), "shown", "of-the-region\n");
    regional.ready().await.unwrap();
    tells(&regional, Schema::Current, None).await;
    for (from, sender) in [&regional, &agent].into_iter().enumerate() {
        for request in 0..10 {
            let first = (from * 10 + request) as u64 * 100;
            let taken = OtlpHttp::new(&sender.http()).send(&rows.request(first..first + 100)).await;
            assert!(taken.is_accepted(), "{taken:?}");
            ledger.enter(first..first + 100, &taken);
        }
    }
    let account = ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert_eq!(account.stored, 2_000, "{account:?}");
}

#[tokio::test]
async fn a_region_says_when_its_central_gateway_is_away_and_when_that_takes_nothing() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    let port = free_port("127.0.0.1").unwrap();
    let endpoint = format!("http://127.0.0.1:{port}");
    let regional = Collector::regional_with(&endpoint, |config| {
        config.forward.as_mut().unwrap().retry_for = "1s".parse().unwrap();
    });
    let regional = regional.await.unwrap();
    let told = tells(&regional, Schema::Pending, Some(Kind::Unreachable)).await;
    let message = told.trouble.unwrap().message;
    assert!(!message.contains("127.0.0.1"), "gateways take turns, and what is told does not: {message}");
    assert_eq!(readiness(&regional).await.0, 503);

    let central = Collector::gateway(&engine, |config| {
        config.receivers.otlp.grpc = ([127, 0, 0, 1], port).into();
        config.clickhouse.as_mut().unwrap().retry_for = "500ms".parse().unwrap();
    });
    let central = central.await.unwrap();
    regional.ready().await.unwrap();
    tells(&regional, Schema::Current, None).await;

    engine.kill().unwrap();
    let rows = Rows::new("regions-away", 0);
    let kept = OtlpHttp::new(&regional.http()).send(&rows.request(0..10)).await;
    assert!(kept.is_retryable(), "{kept:?}");
    let told = tells(&regional, Schema::Current, Some(Kind::InsertsFail)).await;
    println!("{told:?}");
    engine.start_again().await.unwrap();
    eventually("the rows are taken", Duration::from_secs(20), async || {
        let answer = OtlpHttp::new(&regional.http()).send(&rows.request(0..10)).await;
        if answer.is_accepted() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await
    .unwrap();
    tells(&regional, Schema::Current, None).await;
    assert!(central.stop().await.unwrap().success());
    tells(&regional, Schema::Current, Some(Kind::Unreachable)).await;
    assert_eq!(readiness(&regional).await.0, 200, "once reached counts as reached");
}
