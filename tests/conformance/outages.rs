//! ClickHouse or a gateway away: senders are told to send again, nothing answered OK is missing, and it mends itself.

use std::time::Duration;

use prost::Message;
use tests::clickhouse::{ADMIN, ADMIN_PASSWORD, ClickHouse, Options, User};
use tests::collector::Collector;
use tests::http::Http;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{Answer, OtlpGrpc, OtlpHttp, Rows};
use tests::wait::eventually;

fn impatient(config: &mut crds::config::CollectorConfig) {
    if let Some(clickhouse) = &mut config.clickhouse {
        clickhouse.retry_for = "500ms".parse().unwrap();
    }
}

async fn recovers(sender: &OtlpHttp, rows: &Rows, numbers: std::ops::Range<u64>, ledger: &mut Ledger) {
    let request = rows.request(numbers.clone());
    eventually("the collector recovers", Duration::from_secs(30), async || {
        let answer = sender.send(&request).await;
        ledger.enter(numbers.clone(), &answer);
        if answer.is_accepted() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn started_while_clickhouse_is_down_it_stays_up_answers_retry_and_recovers_by_itself() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    engine.kill().unwrap();
    let mut gateway = Collector::gateway_unready(&engine, impatient).await.unwrap();
    let (rows, sender) = (Rows::new("down", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("down", Mode::ExactlyOnce);

    let http = sender.send(&rows.request(0..10)).await;
    let Answer::Retry { after: Some(_), .. } = http else { panic!("{http:?}") };
    let grpc = OtlpGrpc::new(&gateway.grpc()).unwrap().send(&rows.request(0..10)).await;
    let Answer::Retry { after: Some(_), .. } = grpc else { panic!("{grpc:?}") };
    assert_eq!(Http::default().get(&gateway.probe("/ready")).await.unwrap().status, 503);
    assert_eq!(Http::default().get(&gateway.probe("/live")).await.unwrap().status, 200);

    engine.start_again().await.unwrap();
    gateway.ready().await.unwrap();
    recovers(&sender, &rows, 0..10, &mut ledger).await;
    gateway.process().check_running().unwrap();
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
}

#[tokio::test]
async fn clickhouse_killed_under_load_loses_no_row_that_was_answered_ok() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, impatient).await.unwrap();
    let (rows, sender) = (Rows::new("killed", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("killed", Mode::AtLeastOnce);
    for turn in 0..30_u64 {
        let numbers = turn * 1_000..turn * 1_000 + 1_000;
        let request = rows.request(numbers.clone());
        let answer = match turn {
            // In the middle of a request, so that an insert may be half done.
            10 => {
                let (answer, ()) = tokio::join!(sender.send(&request), async {
                    tokio::time::sleep(Duration::from_millis(110)).await;
                    engine.kill().unwrap();
                });
                answer
            }
            _ => sender.send(&request).await,
        };
        assert!(answer.is_accepted() || answer.is_retryable(), "{answer:?}");
        ledger.enter(numbers, &answer);
        if turn == 15 {
            engine.start_again().await.unwrap();
        }
    }
    recovers(&sender, &rows, 30_000..31_000, &mut ledger).await;
    let account = ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert!(account.stored >= 20_000, "{account:?}");
}

#[tokio::test]
async fn a_rotated_password_takes_effect_without_a_restart() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let mut password = None;
    let gateway = Collector::gateway_unready(&engine, |config| {
        impatient(config);
        password = config.clickhouse.as_ref().and_then(|clickhouse| clickhouse.password_file.clone());
        std::fs::write(password.as_ref().unwrap(), "wrong").unwrap();
    })
    .await
    .unwrap();
    let sender = OtlpHttp::new(&gateway.http());
    let answer = sender.send(&Rows::new("rotated", 1).request(0..10)).await;
    assert!(matches!(answer, Answer::Retry { .. }), "{answer:?}");
    let told = Http::default().get(&gateway.probe("/ready")).await.unwrap().text();
    assert!(told.contains("516"), "{told}");
    std::fs::write(password.unwrap(), tests::clickhouse::ADMIN_PASSWORD).unwrap();
    gateway.ready().await.unwrap();
    assert!(sender.send(&Rows::new("rotated", 1).request(0..10)).await.is_accepted());
}

#[tokio::test]
async fn a_dropped_table_is_made_again() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    engine.query("DROP TABLE otel.otel_logs SYNC").await.unwrap();
    let mut ledger = Ledger::new("dropped", Mode::ExactlyOnce);
    recovers(&OtlpHttp::new(&gateway.http()), &Rows::new("dropped", 1), 0..10, &mut ledger).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
}

#[tokio::test]
async fn an_agent_without_a_gateway_answers_retry_and_recovers_by_itself() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let endpoint = gateway.grpc();
    let agent = Collector::agent(&endpoint).await.unwrap();
    let (rows, sender) = (Rows::new("agent", 1), OtlpHttp::new(&agent.http()));
    let mut ledger = Ledger::new("agent", Mode::ExactlyOnce);
    recovers(&sender, &rows, 0..100, &mut ledger).await;

    let config = gateway.config.clone();
    assert!(gateway.stop().await.unwrap().success());
    let answer = sender.send(&rows.request(100..200)).await;
    assert!(matches!(answer, Answer::Retry { .. }), "{answer:?}");
    ledger.enter(100..200, &answer);

    let again = |new: &mut crds::config::CollectorConfig| new.receivers = config.receivers.clone();
    let _gateway = Collector::gateway(&engine, again).await.unwrap();
    recovers(&sender, &rows, 100..200, &mut ledger).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
}

#[tokio::test]
async fn sigterm_answers_everything_that_was_taken() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |config| config.blocks.max_age = "2s".parse().unwrap()).await.unwrap();
    let (rows, sender) = (Rows::new("sigterm", 1), OtlpHttp::new(&gateway.http()));
    let request = rows.request(0..1_000);
    let accepted = "otelcol_receiver_accepted_log_records_total{receiver=\"otlp\",transport=\"http\"}";
    let (answer, ended) = tokio::join!(sender.send(&request), async {
        eventually("the rows are taken", Duration::from_secs(10), async || match gateway.metric(accepted).await {
            Ok(1_000.0) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await
        .unwrap();
        gateway.stop().await.unwrap()
    });
    assert!(answer.is_accepted() && ended.success(), "{answer:?} {ended}");
    let mut ledger = Ledger::new("sigterm", Mode::ExactlyOnce);
    ledger.enter(0..1_000, &answer);
    assert_eq!(ledger.check(&engine, "otel.otel_logs").await.unwrap().stored, 1_000);
}

#[tokio::test]
async fn a_full_budget_is_answered_retry_and_never_grows() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |config| {
        config.limits.request_bytes = "1Mi".parse().ok();
        config.limits.memory_budget = "1Mi".parse().ok();
    })
    .await
    .unwrap();
    engine.kill().unwrap();
    let (rows, sender) = (Rows::new("budget", 1), OtlpHttp::new(&gateway.http()));
    let requests: Vec<_> = (0..16).map(|turn| rows.request(turn * 1_000..turn * 1_000 + 1_000)).collect();
    // What is asked for does not fit, or nothing would be shown.
    assert!(requests.iter().map(Message::encoded_len).sum::<usize>() > 2 << 20);
    let is_done = std::cell::Cell::new(false);
    let sending = async {
        let answers = futures::future::join_all(requests.iter().map(|request| sender.send(request))).await;
        is_done.set(true);
        answers
    };
    let watching = async {
        let mut most = 0.0_f64;
        while !is_done.get() {
            most = most.max(gateway.metric("clickstack_collector_budget_used_bytes").await.unwrap());
            tokio::task::yield_now().await;
        }
        most
    };
    let (answers, most) = tokio::join!(sending, watching);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Retry { after: Some(_), .. })), "{answers:?}");
    assert!(most > 100_000.0 && most <= 1_048_576.0, "{most} bytes were held");
    let turned_away = "clickstack_collector_turned_away_requests_total{transport=\"http\",reason=\"budget\"}";
    let turned_away = gateway.metric(turned_away).await.unwrap();
    assert!(turned_away > 0.0 && turned_away < 16.0, "{turned_away}");
    // Those that were opened count as their records, those that were turned away as one each.
    let refused = "otelcol_receiver_refused_log_records_total{receiver=\"otlp\",transport=\"http\"}";
    assert_eq!(gateway.metric(refused).await.unwrap(), turned_away + (16.0 - turned_away) * 1_000.0);
}

#[tokio::test]
async fn without_the_right_to_create_it_writes_to_a_table_that_is_there_and_names_one_that_is_not() {
    let grants = ["GRANT SELECT, INSERT ON otel.*"];
    let users = vec![User::admin(ADMIN, ADMIN_PASSWORD), User::limited("writer", "w", &grants)];
    let engine = ClickHouse::start(Options { users, ..Options::default() }).await.unwrap();
    let writer = |config: &mut crds::config::CollectorConfig| {
        let clickhouse = config.clickhouse.as_ref().unwrap();
        std::fs::write(clickhouse.username_file.as_ref().unwrap(), "writer").unwrap();
        std::fs::write(clickhouse.password_file.as_ref().unwrap(), "w").unwrap();
    };
    let gateway = Collector::gateway_unready(&engine, writer).await.unwrap();
    eventually("readiness names the right that is missing", Duration::from_secs(10), async || {
        let told = Http::default().get(&gateway.probe("/ready")).await.map_err(|error| format!("{error:#}"))?.text();
        if told.contains("ACCESS_DENIED") { Ok(()) } else { Err(told) }
    })
    .await
    .unwrap();
    drop(Collector::gateway(&engine, |_| {}).await.unwrap());
    gateway.ready().await.unwrap();
    assert!(OtlpHttp::new(&gateway.http()).send(&Rows::new("denied", 1).request(0..10)).await.is_accepted());
}
