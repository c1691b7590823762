//! Numbered log rows: comes in a run, a seed and numbers, goes out the same request every time. Must
//! not use a clock: two makings of one range are equal byte for byte.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;

const SEVERITIES: [(&str, i32); 4] = [("DEBUG", 5), ("INFO", 9), ("WARN", 13), ("ERROR", 17)];
const MILLISECOND: u64 = 1_000_000;

/// A supply of rows; a row is found again by its attributes `run.id` and `row.id`.
#[derive(Debug, Clone)]
pub struct Rows {
    pub run_id: String,
    pub service: String,
    pub seed: u64,
    /// The time of row 0; each row is a millisecond later.
    pub start_unix_nanos: u64,
}

impl Rows {
    /// Rows of this hour, so that no table drops them as too old.
    pub fn new(run_id: &str, seed: u64) -> Rows {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let start_unix_nanos = now.as_secs() / 3600 * 3600 * 1_000_000_000;
        Rows { run_id: run_id.into(), service: "checkout".into(), seed, start_unix_nanos }
    }

    /// One request with the rows `numbers`.
    pub fn request(&self, numbers: std::ops::Range<u64>) -> ExportLogsServiceRequest {
        let scope = InstrumentationScope { name: "harness".into(), version: "1".into(), ..Default::default() };
        let log_records = numbers.map(|number| self.record(number)).collect();
        let scope_logs = ScopeLogs { scope: Some(scope), log_records, ..Default::default() };
        let attributes = vec![text("service.name", &self.service), text("host.name", "node-1")];
        let resource = Resource { attributes, ..Default::default() };
        let logs = ResourceLogs { resource: Some(resource), scope_logs: vec![scope_logs], ..Default::default() };
        ExportLogsServiceRequest { resource_logs: vec![logs] }
    }

    fn record(&self, number: u64) -> LogRecord {
        let dice = scramble(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (severity_text, severity_number) = SEVERITIES[(dice % 4) as usize];
        let time_unix_nano = self.start_unix_nanos + number * MILLISECOND;
        let body = format!("order {number} took {} ms in {dice:016x}", dice % 977);
        LogRecord {
            time_unix_nano,
            observed_time_unix_nano: time_unix_nano + MILLISECOND,
            severity_number,
            severity_text: severity_text.into(),
            body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
            attributes: vec![text("run.id", &self.run_id), text("row.id", &number.to_string())],
            trace_id: [dice.to_be_bytes(), scramble(dice).to_be_bytes()].concat(),
            span_id: scramble(number).to_be_bytes().to_vec(),
            flags: 1,
            ..Default::default()
        }
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..Default::default() }
}

/// One step of splitmix64: the same number for the same seed on every machine.
fn scramble(seed: u64) -> u64 {
    let a = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (b ^ (b >> 31)) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_same_in_every_request() {
        let rows = Rows::new("run", 7);
        let of = |request: ExportLogsServiceRequest| request.resource_logs[0].scope_logs[0].log_records.clone();
        assert_eq!(of(rows.request(0..10))[4..6], of(rows.request(4..6))[..]);
        assert_ne!(of(rows.request(0..1)), of(rows.request(1..2)));
    }
}
