//! Log records: lines of a web shop of about 138 bytes with six attributes; the same as JSON objects of twelve keys;
//! and chunks of a session's replay.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;

use super::shared::{METHODS, ROUTES, STATUSES, groups, int, resource, scope, string, text};
use super::{Dice, ROW_NANOS};
use crate::cases::Signal;

const LEVELS: [(&str, i32); 8] =
    [("INFO", 9), ("INFO", 9), ("INFO", 9), ("INFO", 9), ("DEBUG", 5), ("DEBUG", 5), ("WARN", 13), ("ERROR", 17)];
const STORES: [&str; 4] = ["postgres-primary:5432", "postgres-replica:5432", "redis-cart:6379", "kafka-orders:9092"];

pub fn message(signal: Signal, dice: &mut Dice, nanos: u64, records: usize) -> Vec<u8> {
    let mut nanos = nanos;
    // A request of few records is of any of the resources.
    let shift = dice.below(20) as usize;
    let of_resource = |(group, count): (usize, usize)| {
        let log_records = (0..count).map(|_| {
            nanos += ROW_NANOS;
            match signal {
                Signal::JsonLogs => json(dice, nanos),
                Signal::Sessions => replay(dice, nanos),
                _ => line(dice, nanos),
            }
        });
        let scope_logs = ScopeLogs { log_records: log_records.collect(), scope: scope(group), ..Default::default() };
        let resource = resource((group + shift) % super::shared::RESOURCES);
        ResourceLogs { resource, scope_logs: vec![scope_logs], ..Default::default() }
    };
    let resource_logs = groups(records).map(of_resource).collect();
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn record(dice: &mut Dice, nanos: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: nanos,
        observed_time_unix_nano: nanos + 1_500,
        trace_id: dice.trace_id(),
        span_id: dice.span_id(),
        flags: 1,
        ..Default::default()
    }
}

fn attributes(dice: &mut Dice) -> Vec<KeyValue> {
    vec![
        text("http.request.method", dice.pick(&METHODS)),
        text("http.route", dice.pick(&ROUTES)),
        int("http.response.status_code", dice.pick(&STATUSES)),
        text("client.address", format!("10.{}.{}.{}", dice.below(4), dice.below(256), dice.below(256))),
        text("thread.name", format!("worker-{}", dice.below(16))),
        text("enduser.id", format!("user-{}", dice.below(50_000))),
    ]
}

fn line(dice: &mut Dice, nanos: u64) -> LogRecord {
    let (severity_text, severity_number) = dice.pick(&LEVELS);
    let body = format!(
        "{} {} answered {} in {} ms after {} queries of {}; cart {:08x} has {} items, total {}.{:02} EUR",
        dice.pick(&METHODS),
        dice.pick(&ROUTES),
        dice.pick(&STATUSES),
        dice.below(2_000),
        dice.below(30),
        dice.pick(&STORES),
        dice.roll() as u32,
        dice.below(12),
        dice.below(900),
        dice.below(100),
    );
    LogRecord {
        severity_text: severity_text.into(),
        severity_number,
        body: string(body),
        attributes: attributes(dice),
        ..record(dice, nanos)
    }
}

fn json(dice: &mut Dice, nanos: u64) -> LogRecord {
    let (level, _) = dice.pick(&LEVELS);
    let body = format!(
        "{{\"level\":\"{}\",\"msg\":\"request completed\",\"logger\":\"shop.http\",\"caller\":\"server/http.go:{}\",\
         \"request_id\":\"{:016x}\",\"duration_ms\":{}.{},\"retry\":{},\
         \"http\":{{\"method\":\"{}\",\"route\":\"{}\",\"status\":{}}},\"user\":{{\"id\":{},\"plan\":\"{}\"}}}}",
        level.to_lowercase(),
        dice.below(900),
        dice.roll(),
        dice.below(2_000),
        dice.below(1_000),
        dice.once_in(20),
        dice.pick(&METHODS),
        dice.pick(&ROUTES),
        dice.pick(&STATUSES),
        dice.below(50_000),
        dice.pick(&["free", "pro", "team"]),
    );
    LogRecord { body: string(body), attributes: vec![text("log.iostream", "stdout")], ..record(dice, nanos) }
}

fn replay(dice: &mut Dice, nanos: u64) -> LogRecord {
    let millis = nanos / 1_000_000;
    let body = format!(
        "{{\"type\":3,\"data\":{{\"source\":1,\"positions\":[{{\"x\":{},\"y\":{},\"id\":{},\"timeOffset\":-{}}},\
         {{\"x\":{},\"y\":{},\"id\":{},\"timeOffset\":0}}]}},\"timestamp\":{millis}}}",
        dice.below(1_920),
        dice.below(1_080),
        dice.below(4_000),
        dice.below(500),
        dice.below(1_920),
        dice.below(1_080),
        dice.below(4_000),
    );
    let attributes = vec![
        text("rr-web.event", "3"),
        int("rr-web.offset", dice.below(100_000) as i64),
        int("rr-web.chunk", 1),
        int("rr-web.total-chunks", 1),
        text("session.id", format!("{:032x}", dice.below(500))),
    ];
    LogRecord { body: string(body), attributes, ..record(dice, nanos) }
}
