//! Inserts when a table or a server of ClickHouse is not what it should be.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{Answer, OtlpHttp, Rows};
use tests::wait::eventually;

/// A request whose rows go to two tables: every second one is a session's.
fn of_both(
    rows: &Rows,
    numbers: std::ops::Range<u64>,
) -> opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest {
    let mut request = rows.request(numbers);
    let records =
        request.resource_logs.iter_mut().flat_map(|logs| &mut logs.scope_logs).flat_map(|logs| &mut logs.log_records);
    for record in records.step_by(2) {
        let value = Some(AnyValue { value: Some(Value::StringValue("1".into())) });
        record.attributes.push(KeyValue { key: "rr-web.event".into(), value, ..Default::default() });
    }
    request
}

async fn count(engine: &ClickHouse, table: &str) -> String {
    engine.query(&format!("SELECT count() FROM otel.{table}")).await.unwrap()
}

/// No row may be like this.
async fn forbid(engine: &ClickHouse, table: &str, like: &str) {
    engine.query(&format!("ALTER TABLE otel.{table} ADD CONSTRAINT forbidden CHECK NOT ({like})")).await.unwrap();
}

#[tokio::test]
async fn a_table_that_fails_for_longer_than_the_usual_time_duplicates_no_other() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let change = |config: &mut crds::config::CollectorConfig| {
        // Longer than a busy machine needs for the other half, shorter than the pauses between five tries.
        config.clickhouse.as_mut().unwrap().retry_for = "2s".parse().unwrap();
    };
    let gateway = Collector::gateway(&engine, change).await.unwrap();
    engine.query("ALTER TABLE otel.hyperdx_sessions ADD CONSTRAINT never CHECK 0").await.unwrap();
    let (rows, sender) = (Rows::new("half", 1), OtlpHttp::new(&gateway.http()));
    let request = of_both(&rows, 0..100);
    let (answer, ()) = tokio::join!(sender.send(&request), async {
        eventually("the other half is stored and this one is repeated", Duration::from_secs(20), async || {
            let repeated = "clickstack_collector_repeated_inserts_total{table=\"hyperdx_sessions\"}";
            let tries = gateway.metric(repeated).await.map_err(|error| format!("{error:#}"))?;
            if tries >= 5.0 { Ok(()) } else { Err(format!("{tries} tries")) }
        })
        .await
        .unwrap();
        engine.query("ALTER TABLE otel.hyperdx_sessions DROP CONSTRAINT never").await.unwrap();
    });
    assert!(answer.is_accepted(), "{answer:?}");
    assert_eq!(
        (count(&engine, "otel_logs").await, count(&engine, "hyperdx_sessions").await),
        ("50".into(), "50".into())
    );
    let errors = gateway.metric("clickstack_collector_clickhouse_errors_total{code=\"469\"}").await.unwrap();
    assert!(errors >= 3.0, "{errors}");
}

#[tokio::test]
async fn a_table_that_never_works_holds_up_no_other() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    engine.query("ALTER TABLE otel.hyperdx_sessions ADD CONSTRAINT never CHECK 0").await.unwrap();
    let (rows, sender) = (Rows::new("beside", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("beside", Mode::ExactlyOnce);
    // More blocks than the table has slots, one after another and all at once.
    let broken = futures::future::join_all((0..12_u64).map(|turn| {
        let (mut only, sender) = (of_both(&Rows::new("broken", 1), turn * 2..turn * 2 + 1), sender.clone());
        only.resource_logs[0].scope_logs[0].log_records.truncate(1);
        async move {
            tokio::time::sleep(Duration::from_millis(turn * 150)).await;
            sender.send(&only).await
        }
    }));
    let good = async {
        for turn in 0..10_u64 {
            let numbers = turn * 10..turn * 10 + 10;
            let took = std::time::Instant::now();
            let answer = sender.send(&rows.request(numbers.clone())).await;
            assert!(answer.is_accepted() && took.elapsed() < Duration::from_secs(5), "{answer:?} {:?}", took.elapsed());
            ledger.enter(numbers, &answer);
        }
    };
    let (answers, ()) = tokio::join!(broken, good);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Retry { .. })), "{answers:?}");
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
    let turned_back = "clickstack_collector_turned_back_blocks_total{table=\"hyperdx_sessions\"}";
    assert!(gateway.metric(turned_back).await.unwrap() >= 1.0);
}

#[tokio::test]
async fn a_record_that_clickhouse_refuses_costs_itself_alone_while_senders_wait() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    engine
        .query("ALTER TABLE otel.otel_logs ADD CONSTRAINT no_poison CHECK NOT startsWith(Body, 'order 137 took ')")
        .await
        .unwrap();
    let (rows, sender) = (Rows::new("poison", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("poison", Mode::ExactlyOnce);
    // Of one block, or of two where the machine is busy.
    let requests: Vec<_> = (0..20_u64).map(|number| rows.request(number * 10..number * 10 + 10)).collect();
    let answers = futures::future::join_all(requests.iter().map(|request| sender.send(request))).await;
    for (number, answer) in (0..).zip(&answers) {
        let wanted = u64::from(number == 13);
        assert!(matches!(answer, Answer::Accepted { rejected, .. } if *rejected == wanted), "{number}: {answer:?}");
        ledger.enter(number * 10..number * 10 + 10, answer);
    }
    assert_eq!(ledger.check(&engine, "otel.otel_logs").await.unwrap().stored, 199);
}

#[tokio::test]
async fn a_request_with_more_bad_rows_than_are_looked_for_stores_its_good_ones_once() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    forbid(&engine, "otel_logs", "toUInt64OrZero(LogAttributes['row.id']) >= 500").await;
    let (rows, sender) = (Rows::new("many", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("many", Mode::ExactlyOnce);
    let answer = sender.send(&rows.request(0..1_000)).await;
    assert!(
        matches!(answer, Answer::Accepted { rejected: 500, .. }),
        "sent again it would be stored again: {answer:?}"
    );
    ledger.enter(0..1_000, &answer);
    assert_eq!(ledger.check(&engine, "otel.otel_logs").await.unwrap().stored, 500);
}

#[tokio::test]
async fn who_has_no_bad_row_does_not_wait_until_those_of_others_are_found() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |config| {
        config.clickhouse.as_mut().unwrap().retry_for = "2s".parse().unwrap();
        config.blocks.max_age = "300ms".parse().unwrap();
    })
    .await
    .unwrap();
    // All parts that are sent take longer together than anybody waits.
    forbid(&engine, "otel_logs", "toUInt64OrZero(LogAttributes['row.id']) < 200 OR sleep(0.05) = 1").await;
    let (rows, url) = (Rows::new("innocent", 1), gateway.http());
    let (bad, sender) = (OtlpHttp::new(&url), OtlpHttp::patient(&url, Duration::from_secs(5)));
    let requests: Vec<_> = (0..4_u64).map(|number| rows.request(400 + number * 10..410 + number * 10)).collect();
    let answers = futures::future::join_all(requests.iter().map(|request| sender.send(request)));
    let of_both = rows.request(0..400);
    let (of_bad, answers) = tokio::join!(bad.send(&of_both), answers);
    let mut ledger = Ledger::new("innocent", Mode::ExactlyOnce);
    for (number, answer) in (0..).zip(&answers) {
        assert!(matches!(answer, Answer::Accepted { rejected: 0, .. }), "{number}: {answer:?}");
        ledger.enter(400 + number * 10..410 + number * 10, answer);
    }
    assert!(matches!(of_bad, Answer::Accepted { rejected: 200, .. }), "{of_bad:?}");
    ledger.enter(0..400, &of_bad);
    assert_eq!(ledger.check(&engine, "otel.otel_logs").await.unwrap().stored, 240);
}

#[tokio::test]
async fn a_request_is_not_refused_of_which_another_table_has_rows() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    forbid(&engine, "hyperdx_sessions", "toUInt64OrZero(LogAttributes['row.id']) < 10").await;
    let (rows, sender) = (Rows::new("tables", 1), OtlpHttp::new(&gateway.http()));
    let (bad, good) = (of_both(&rows, 0..10), of_both(&rows, 10..20));
    let (bad, good) = tokio::join!(sender.send(&bad), sender.send(&good));
    assert!(matches!(bad, Answer::Accepted { rejected: 5, .. }), "{bad:?}");
    assert!(matches!(good, Answer::Accepted { rejected: 0, .. }), "{good:?}");
    assert_eq!(
        (count(&engine, "otel_logs").await, count(&engine, "hyperdx_sessions").await),
        ("10".into(), "5".into())
    );
}

#[tokio::test]
async fn the_next_server_takes_over_when_one_is_gone() {
    let mut first = ClickHouse::start(Options::default()).await.unwrap();
    let second = ClickHouse::start(Options::default()).await.unwrap();
    let both = vec![first.url(), second.url()];
    let gateway = Collector::gateway(&first, |config| {
        let clickhouse = config.clickhouse.as_mut().unwrap();
        clickhouse.endpoint = None;
        clickhouse.endpoints = both;
    })
    .await
    .unwrap();
    let (rows, sender) = (Rows::new("failover", 1), OtlpHttp::new(&gateway.http()));
    assert!(sender.send(&rows.request(0..10)).await.is_accepted());
    first.kill().unwrap();
    let request = rows.request(10..20);
    eventually("the second server stores", Duration::from_secs(30), async || {
        let answer = sender.send(&request).await;
        if answer.is_accepted() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await
    .unwrap();
    assert_eq!(count(&second, "otel_logs").await, "10", "and makes its tables");
    first.start_again().await.unwrap();
    assert_eq!(count(&first, "otel_logs").await, "10");
    assert!(sender.send(&rows.request(20..30)).await.is_accepted());
    assert_eq!(count(&second, "otel_logs").await, "20", "there is no way back without need");
}
