//! Connections and datagrams as senders make them.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value, logs::v1::LogRecord,
};
use prometheus_client::registry::Registry;
use prost::Message as _;
use tokio::{io::AsyncWriteExt, sync::mpsc};

use super::*;
use crate::{ack::Outcome, budget::Budget, delivery::Delivery, metrics::Pipeline};

fn syslog(budget: usize) -> (Syslog, mpsc::Receiver<Delivery>, Registry) {
    let (deliver, deliveries) = mpsc::channel(64);
    let mut registry = Registry::default();
    let pipeline = Arc::new(Pipeline::new(&mut registry));
    let metrics = Arc::new(Metrics::new(&mut registry));
    let intake = Intake::new(deliver, Budget::new(budget), Budget::new(1 << 24), 4 << 20, pipeline);
    (Syslog { intake, metrics }, deliveries, registry)
}

fn records(delivery: &Delivery) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(&delivery.body[..]).unwrap();
    request.resource_logs.into_iter().flat_map(|group| group.scope_logs).flat_map(|scope| scope.log_records).collect()
}

fn text(record: &LogRecord) -> String {
    match record.body.clone().and_then(|body| body.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_connection_are_sent_until_they_are_stored_the_last_without_its_end_too() {
    let (syslog, mut deliveries, _) = syslog(1 << 20);
    let (mut sender, socket) = tokio::io::duplex(1 << 10);
    let (_stop, stopping) = watch::channel(false);
    let served = tokio::spawn(syslog.serve(Box::new(socket), [10, 0, 0, 1].into(), stopping));
    sender.write_all(b"<11>app: one\n\n9 <13>a\ntwo<14>three").await.unwrap();
    drop(sender);
    let first = deliveries.recv().await.unwrap();
    let repeated = first.body.clone();
    first.ack.settle(Outcome::retry());
    let mut found = Vec::new();
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let delivery = deliveries.recv().await.unwrap();
        assert_eq!(delivery.transport, Transport::Syslog);
        bodies.push(delivery.body.clone());
        found.extend(records(&delivery));
        delivery.ack.settle(Outcome::Delivered { rejected: 0 });
    }
    assert!(bodies.contains(&repeated));
    found.sort_by_key(|record| std::cmp::Reverse(record.severity_number));
    assert_eq!(found.iter().map(text).collect::<Vec<_>>(), ["one", "a\ntwo", "three"]);
    let severities: Vec<_> = found.iter().map(|record| (record.severity_number, &*record.severity_text)).collect();
    assert_eq!(severities, [(17, "err"), (10, "notice"), (9, "info")]);
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tries_that_nobody_is_told_of_are_not_counted_as_refused_and_the_last_word_is() {
    let (syslog, mut deliveries, registry) = syslog(1 << 20);
    let refused = || {
        let text = crate::metrics::text(&registry);
        let line = text.lines().find(|line| line.starts_with("otelcol_receiver_refused_log_records_total"));
        line.map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned())
    };
    for (last, wanted) in [(Outcome::Delivered { rejected: 0 }, None), (Outcome::Reject("no".into()), Some("1"))] {
        let (mut sender, socket) = tokio::io::duplex(1 << 10);
        let (_stop, stopping) = watch::channel(false);
        let served = tokio::spawn(syslog.clone().serve(Box::new(socket), [10, 0, 0, 1].into(), stopping));
        sender.write_all(b"<11>app: one\n").await.unwrap();
        drop(sender);
        for outcome in [Outcome::retry(), Outcome::retry(), last] {
            deliveries.recv().await.unwrap().ack.settle(outcome);
        }
        served.await.unwrap();
        assert_eq!(refused().as_deref(), wanted);
    }
}

/// A device that says a line and no end of it is still there; and where it is in the way, the line is worth something.
#[tokio::test(start_paused = true)]
async fn a_line_without_its_end_is_waited_for_and_stored_as_it_is_where_others_need_its_room() {
    let (syslog, mut deliveries, registry) = syslog(1 << 20);
    let budget = syslog.intake.budget.clone();
    let (mut sender, socket) = tokio::io::duplex(1 << 10);
    let (_stop, stopping) = watch::channel(false);
    let served = tokio::spawn(syslog.serve(Box::new(socket), [10, 0, 0, 1].into(), stopping));
    sender.write_all(b"<13>on").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(600), deliveries.recv()).await.is_err());
    sender.write_all(b"e\n<13>two").await.unwrap();
    let mut found = Vec::new();
    let mut next = async || {
        let delivery = deliveries.recv().await.unwrap();
        found.extend(records(&delivery).iter().map(text));
        delivery.ack.settle(Outcome::Delivered { rejected: 0 });
    };
    next().await;
    let _held = budget.admit(900 << 10);
    next().await;
    assert_eq!(found, ["one", "two"]);
    served.await.unwrap();
    let text = crate::metrics::text(&registry);
    assert!(text.contains("closed_connections_total{receiver=\"syslog\",reason=\"broken\"} 1"), "{text}");
}

#[tokio::test]
async fn datagrams_are_messages_and_what_finds_no_room_is_counted() {
    for (budget, is_taken) in [(1 << 20, true), (1 << 10, false)] {
        let (syslog, mut deliveries, registry) = syslog(budget);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let served = tokio::spawn(syslog.receive(socket, stopping));
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let long = format!("<13>1 - - app - - - {}", "x".repeat(2000));
        sender.send_to(long.as_bytes(), address).await.unwrap();
        if is_taken {
            let delivery = deliveries.recv().await.unwrap();
            assert_eq!(text(&records(&delivery)[0]).len(), 2000);
            delivery.ack.settle(Outcome::Delivered { rejected: 0 });
        } else {
            let counted = "turned_away_requests_total{transport=\"syslog\",reason=\"budget\"} 1";
            let lost = async {
                while !crate::metrics::text(&registry).contains(counted) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), lost).await.unwrap();
        }
        stop.send_replace(true);
        served.await.unwrap();
    }
}
