//! The law of the workload: distinct requests, the records that were asked for, one day.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;

use super::*;
use crate::cases::{Encoding, Transport};

fn case(signal: Signal, records: usize) -> Case {
    Case { signal, transport: Transport::Http, encoding: Encoding::Identity, records }
}

fn records(signal: Signal, body: &[u8]) -> usize {
    let logs = |body| ExportLogsServiceRequest::decode(body).unwrap().resource_logs;
    let spans = |body| ExportTraceServiceRequest::decode(body).unwrap().resource_spans;
    match signal {
        Signal::Logs | Signal::JsonLogs | Signal::Sessions => {
            logs(body).iter().flat_map(|r| &r.scope_logs).map(|s| s.log_records.len()).sum()
        }
        Signal::Traces => spans(body).iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len()).sum(),
        _ => points(body),
    }
}

fn points(body: &[u8]) -> usize {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let scopes = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics);
    let count = |data: &Data| match data {
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::Sum(sum) => sum.data_points.len(),
        Data::Histogram(histogram) => histogram.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        Data::Summary(summary) => summary.data_points.len(),
    };
    scopes.flat_map(|s| &s.metrics).map(|metric| count(metric.data.as_ref().unwrap())).sum()
}

#[test]
fn every_request_is_another_and_has_the_records_it_says() {
    for &signal in Signal::ALL {
        for size in [1, 7, 1_000] {
            let workload = Workload::make(&case(signal, size), size * 10, 1, false).unwrap();
            let all: Vec<&Request> = workload.warm.iter().chain(&workload.timed).collect();
            assert_eq!(all.len(), 12, "{signal:?}");
            assert!(all.iter().all(|request| records(signal, &request.body) == size), "{signal:?} {size}");
            assert_eq!(all.iter().map(|request| &request.body).collect::<BTreeSet<_>>().len(), all.len(), "{signal:?}");
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_records() {
    let of = |seed| message(Signal::Traces, &mut Dice::new(seed, 3_000), DAY, 100);
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}

#[test]
fn all_rows_are_of_one_day() {
    let rows = 1_000_000;
    let start = start_nanos(rows);
    assert_eq!(start / DAY, (start + rows as u64 * ROW_NANOS) / DAY);
}
