use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data},
};
use prost::Message;

use super::*;

fn logs(groups: &[&[u64]]) -> ExportLogsServiceRequest {
    let resource_logs = groups.iter().enumerate().map(|(which, times)| {
        let log_records = times.iter().map(|time| LogRecord { time_unix_nano: *time, ..Default::default() }).collect();
        let scope_logs = vec![ScopeLogs { log_records, schema_url: format!("scope-{which}"), ..Default::default() }];
        ResourceLogs { scope_logs, schema_url: format!("resource-{which}"), ..Default::default() }
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }
}

#[test]
fn a_record_keeps_its_resource_and_scope_and_loses_its_neighbours() {
    let all = logs(&[&[1, 2], &[], &[3, 4, 5]]);
    let cut = cut(Signal::Logs, &all.encode_to_vec(), 3).unwrap();
    let one = ExportLogsServiceRequest::decode(cut.as_slice()).unwrap();
    let mut wanted = all.resource_logs[2].clone();
    wanted.scope_logs[0].log_records.remove(2);
    wanted.scope_logs[0].log_records.remove(0);
    assert_eq!(one.resource_logs, [wanted]);
}

#[test]
fn a_point_keeps_its_metric() {
    let points = |times: &[u64]| {
        times.iter().map(|time| NumberDataPoint { time_unix_nano: *time, ..Default::default() }).collect::<Vec<_>>()
    };
    let gauge = Data::Gauge(Gauge { data_points: points(&[1, 2]) });
    let sum = Data::Sum(Sum { data_points: points(&[3, 4]), aggregation_temporality: 2, is_monotonic: true });
    let metric = |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Default::default() };
    let scope_metrics =
        vec![ScopeMetrics { metrics: vec![metric("one", gauge), metric("two", sum)], ..Default::default() }];
    let all =
        ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics, ..Default::default() }] };
    let cut = cut(Signal::Metrics, &all.encode_to_vec(), 3).unwrap();
    let one = ExportMetricsServiceRequest::decode(cut.as_slice()).unwrap();
    let metrics = &one.resource_metrics[0].scope_metrics[0].metrics;
    let data = Data::Sum(Sum { data_points: points(&[4]), aggregation_temporality: 2, is_monotonic: true });
    assert_eq!(metrics, &[metric("two", data)]);
}

#[test]
fn a_record_that_is_not_there_is_not_found() {
    let all = logs(&[&[1, 2]]).encode_to_vec();
    assert_eq!(cut(Signal::Logs, &all, 2), None);
    assert_eq!(cut(Signal::Logs, &all[..all.len() - 1], 0), None);
}
