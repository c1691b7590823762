//! The rows of a fault run: comes in which request and how many rows, goes out a message whose every row says which
//! one it is. Must not depend on anything else: a repetition is the same bytes.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::faults::accounts::Id;

impl Id {
    /// Its rows share a trace id: the sender in the first half, the number in the second. All zeros would be none.
    pub fn trace(self) -> Vec<u8> {
        let halves = [u64::from(self.sender) + 1, u64::from(self.number) + 1];
        halves.iter().flat_map(|half| half.to_be_bytes()).collect()
    }

    /// The id of 32 hexadecimal digits as ClickHouse has it.
    pub fn of_trace(text: &str) -> Option<Id> {
        let (sender, number) = text.split_at_checked(16)?;
        let half = |digits: &str| u32::try_from(u64::from_str_radix(digits, 16).ok()?.checked_sub(1)?).ok();
        Some(Id { sender: half(sender)?, number: half(number)? })
    }
}

/// The request `id` with its rows, made at `nanos`. A row's place in it is its span id.
pub fn request(id: Id, rows: u64, nanos: u64) -> ExportLogsServiceRequest {
    let trace_id = id.trace();
    let log_records = (0..rows).map(|row| record(id, &trace_id, row, nanos)).collect();
    let scope = InstrumentationScope { name: "faults".into(), version: "1".into(), ..Default::default() };
    let scope_logs = ScopeLogs { scope: Some(scope), log_records, ..Default::default() };
    let attributes = vec![text("service.name", "checkout"), text("host.name", &format!("node-{}", id.sender))];
    let resource = Resource { attributes, ..Default::default() };
    let logs = ResourceLogs { resource: Some(resource), scope_logs: vec![scope_logs], ..Default::default() };
    ExportLogsServiceRequest { resource_logs: vec![logs] }
}

fn record(id: Id, trace_id: &[u8], row: u64, nanos: u64) -> LogRecord {
    let Id { sender, number } = id;
    let dice = (u64::from(number) << 32 | row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let body = format!(
        "sender {sender} request {number} row {row}: GET /api/cart/{:08x} answered 200 in {} ms after 3 queries",
        dice >> 32,
        dice % 977
    );
    LogRecord {
        time_unix_nano: nanos + row,
        observed_time_unix_nano: nanos + row,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
        attributes: vec![
            text("http.request.method", "GET"),
            text("thread.name", &format!("worker-{}", dice % 16)),
            text("enduser.id", &format!("user-{}", dice % 50_000)),
        ],
        trace_id: trace_id.to_vec(),
        span_id: (row + 1).to_be_bytes().to_vec(),
        flags: 1,
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_found_again_by_its_trace_id() {
        let id = Id { sender: 0, number: 70_000 };
        let text: String = id.trace().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Id::of_trace(&text), Some(id));
        assert_eq!(Id::of_trace(&"0".repeat(32)), None);
    }

    #[test]
    fn a_repetition_is_the_same_and_every_row_another() {
        let id = Id { sender: 1, number: 2 };
        let rows = |request: ExportLogsServiceRequest| request.resource_logs[0].scope_logs[0].log_records.clone();
        assert_eq!(request(id, 50, 9), request(id, 50, 9));
        let spans: std::collections::BTreeSet<Vec<u8>> =
            rows(request(id, 50, 9)).into_iter().map(|row| row.span_id).collect();
        assert_eq!(spans.len(), 50);
    }
}
