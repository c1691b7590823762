//! What a gateway tells of its way to ClickHouse, while that is away, shut, and back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use crds::destination::{Destination, Kind, PATH, Schema};
use hyper::Method;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::{Http, Response};
use tests::wait::eventually;

async fn asked(gateway: &Collector, headers: &[(&str, &str)]) -> Response {
    Http::default().send(Method::GET, &gateway.probe(PATH), headers, Bytes::new()).await.unwrap()
}

async fn tells(gateway: &Collector, schema: Schema, trouble: Option<Kind>) -> Destination {
    eventually(&format!("{schema:?}, {trouble:?}"), Duration::from_secs(10), async || {
        let told: Destination = serde_json::from_slice(&asked(gateway, &[]).await.body).unwrap();
        let is_it = told.schema == schema && told.trouble.as_ref().map(|trouble| trouble.kind) == trouble;
        if is_it { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_gateway_says_within_ten_seconds_whether_clickhouse_is_there() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    engine.kill().unwrap();
    let gateway = Collector::gateway_unready(&engine, |_| ()).await.unwrap();
    let told = tells(&gateway, Schema::Pending, Some(Kind::Unreachable)).await;
    println!("{told:?}");
    engine.start_again().await.unwrap();
    tells(&gateway, Schema::Current, None).await;
    engine.kill().unwrap();
    tells(&gateway, Schema::Current, Some(Kind::Unreachable)).await;
}

#[tokio::test]
async fn a_gateway_that_is_not_let_in_says_so_until_it_is_and_shows_no_password() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let mut files = None;
    let gateway = Collector::gateway_unready(&engine, |config| {
        files = config.clickhouse.as_ref().and_then(|clickhouse| clickhouse.password_file.clone());
        std::fs::write(files.as_ref().unwrap(), "not-the-password").unwrap();
    });
    let gateway = gateway.await.unwrap();
    let told = tells(&gateway, Schema::Pending, Some(Kind::AuthFailed)).await;
    let trouble = told.trouble.unwrap();
    assert_eq!(trouble.code, Some(516), "{trouble:?}");
    assert!(!trouble.message.contains("not-the-password") && !trouble.message.contains("admin"), "{trouble:?}");
    std::fs::write(files.unwrap(), tests::clickhouse::ADMIN_PASSWORD).unwrap();
    tells(&gateway, Schema::Current, None).await;
}

#[tokio::test]
async fn who_waits_for_news_is_answered_when_there_are_some_and_otherwise_in_the_time_asked_for() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| ()).await.unwrap();
    let first = asked(&gateway, &[]).await;
    let tag = first.header("etag").unwrap().to_owned();

    let begun = Instant::now();
    let none = asked(&gateway, &[("if-none-match", &tag), ("prefer", "wait=1")]).await;
    assert_eq!((none.status.as_u16(), none.header("etag"), none.body.len()), (304, Some(tag.as_str()), 0));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());

    engine.kill().unwrap();
    let begun = Instant::now();
    let news = asked(&gateway, &[("if-none-match", &tag), ("prefer", "wait=20")]).await;
    assert_eq!(news.status, 200);
    assert!(news.text().contains("Unreachable"), "{}", news.text());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
