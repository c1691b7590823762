//! `/metrics` as dashboards of OpenTelemetry collectors and Prometheus read it.

use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::Http;
use tests::otlp::{OtlpGrpc, OtlpHttp, Rows};

#[tokio::test]
async fn what_was_taken_stored_and_answered_is_counted_under_the_names_dashboards_know() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let rows = Rows::new("metrics", 1);
    assert!(OtlpHttp::new(&gateway.http()).send(&rows.request(0..30)).await.is_accepted());
    assert!(OtlpGrpc::new(&gateway.grpc()).unwrap().send(&rows.request(30..50)).await.is_accepted());
    let scraped = Http::default().get(&format!("http://{}/metrics", gateway.config.admin.metrics)).await.unwrap();
    assert!(scraped.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for (line, value) in [
        ("otelcol_receiver_accepted_log_records_total{receiver=\"otlp\",transport=\"http\"}", 30.0),
        ("otelcol_receiver_accepted_log_records_total{receiver=\"otlp\",transport=\"grpc\"}", 20.0),
        ("otelcol_exporter_sent_log_records_total{exporter=\"clickhouse\"}", 50.0),
        ("otelcol_exporter_queue_size{exporter=\"clickhouse\"}", 0.0),
        ("otelcol_exporter_queue_capacity{exporter=\"clickhouse\"}", 16.0),
        ("otelcol_processor_batch_batch_send_size_sum{processor=\"batch\"}", 50.0),
        ("clickstack_collector_inserted_rows_total{table=\"otel_logs\"}", 50.0),
        ("clickstack_collector_budget_used_bytes", 0.0),
    ] {
        assert_eq!(gateway.metric(line).await.unwrap(), value, "{line}");
    }
    for line in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "clickstack_collector_budget_limit_bytes",
        "clickstack_collector_insert_seconds_count",
        "clickstack_collector_inserted_raw_bytes_total{table=\"otel_logs\"}",
        "clickstack_collector_block_age_seconds_count",
    ] {
        assert!(gateway.metric(line).await.unwrap() > 0.0, "{line}\n{}", scraped.text());
    }
}
