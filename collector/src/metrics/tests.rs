use super::*;
use crate::budget::Budget;

fn block(table: Table, rows: u64) -> Block {
    Block {
        table,
        rows,
        body: vec![],
        raw_bytes: 10,
        columns: "".into(),
        layout: None,
        acks: vec![],
        ends: vec![],
        day: 0,
        since: Instant::now(),
        deliveries: None,
        receipt: None,
        room: None,
    }
}

#[test]
fn every_name_a_dashboard_knows_is_there_for_every_signal() {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ProcessReadings::starting_now()));
    registry.register_collector(Box::new(BudgetGauge {
        held: Budget::new(1024),
        ahead: Budget::new(1024),
        blocks: Budget::new(1024),
    }));
    let metrics = Pipeline::new(&mut registry);
    metrics.queue_capacity(16);
    for signal in Signal::ALL {
        metrics.accepted(signal, Transport::Http, 7);
        metrics.rejected(signal, Transport::Grpc, 2);
    }
    metrics.refused(Signal::Logs, Transport::Http, 5);
    metrics.refused(Signal::Logs, Transport::Http, 0);
    metrics.triggered(Trigger::Size, 2);
    metrics.triggered(Trigger::Time, 0);
    let _held = metrics.in_hand(&block(Table::Traces, 3), Duration::from_secs(1));
    metrics.finished(&block(Table::Traces, 3), &Outcome::Delivered { rejected: 0 });
    metrics.finished(&block(Table::Gauge, 4), &Outcome::retry());
    metrics.answered(Signal::Logs, Transport::Grpc, &Outcome::TooLarge, Duration::from_millis(20));
    let text = text(&registry);
    for line in [
        "otelcol_receiver_accepted_log_records_total{receiver=\"otlp\",transport=\"http\"} 7",
        "otelcol_receiver_accepted_spans_total{receiver=\"otlp\",transport=\"http\"} 7",
        "otelcol_receiver_accepted_metric_points_total{receiver=\"otlp\",transport=\"http\"} 7",
        "otelcol_receiver_refused_spans_total{receiver=\"otlp\",transport=\"grpc\"} 2",
        "otelcol_receiver_refused_log_records_total{receiver=\"otlp\",transport=\"http\"} 6",
        "otelcol_processor_batch_batch_size_trigger_send_total{processor=\"batch\"} 2",
        "otelcol_processor_batch_timeout_trigger_send_total{processor=\"batch\"} 0",
        "otelcol_exporter_sent_spans_total{exporter=\"clickhouse\"} 3",
        "otelcol_exporter_send_failed_metric_points_total{exporter=\"clickhouse\"} 4",
        "otelcol_exporter_queue_size{exporter=\"clickhouse\"} 1",
        "otelcol_exporter_queue_capacity{exporter=\"clickhouse\"} 16",
        "otelcol_processor_batch_batch_send_size_count{processor=\"batch\"} 1",
        "clickstack_collector_answer_seconds_count{transport=\"grpc\"} 1",
        "clickstack_collector_answers_total{signal=\"log_records\",transport=\"grpc\",outcome=\"too_large\"} 1",
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_start_time_seconds ",
        "clickstack_collector_budget_limit_bytes 1024",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}\n{text}");
    }
}

#[test]
fn a_line_that_falls_silent_and_a_block_that_never_ends_stand_still() {
    let now = Instant::now();
    let progress = Arc::new(Progress::new(now));
    assert_eq!(progress.standstill(now + Duration::from_secs(59)), None);
    assert!(progress.standstill(now + Duration::from_secs(61)).unwrap().contains("61 s"));
    let held = Progress::take(&progress, now + Duration::from_secs(1), Gauge::default());
    assert_eq!(progress.standstill(now + Duration::from_secs(60)), None);
    let early = now.checked_sub(Duration::from_secs(100)).unwrap();
    let late = Progress::take(&progress, early, Gauge::default());
    assert!(progress.standstill(now).unwrap().contains("1 inserts"));
    drop((held, late));
    assert_eq!(progress.standstill(now), None);
}
