use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::InstrumentationScope,
    logs::v1::{LogRecord as Record, ResourceLogs, ScopeLogs},
};
use prometheus_client::registry::Registry;
use prost::Message;

use super::*;
use crate::{
    ack::{Ack, Answer},
    budget::Budget,
    delivery::Transport,
    signal::Signal,
    table::Table,
};

mod cell;
mod cut;
mod equality;
mod kept;
mod native;
mod oracle;

const DAY: u64 = 86_400_000_000_000;

fn assembler(rows: usize) -> Assembler {
    let limits = Limits {
        rows,
        bytes: 64 << 20,
        age: Duration::from_secs(1),
        patience: Duration::from_secs(1),
        open: usize::MAX,
        days: DAYS_KEPT,
    };
    let (_, layouts) = watch::channel(Layouts::default());
    Assembler::new(limits, layouts, Arc::new(Pipeline::new(&mut Registry::default())))
}

fn request(times: &[u64]) -> Vec<u8> {
    let log_records = times.iter().map(|time| Record { time_unix_nano: *time, ..Default::default() }).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..Default::default() }] }.encode_to_vec()
}

fn delivery(body: Vec<u8>) -> (Delivery, Answer) {
    let (ack, answer) = Ack::new(Budget::new(1 << 20).admit(1).unwrap());
    (Delivery::new(Signal::Logs, body.into(), Transport::Http, ack), answer)
}

fn outcome(answer: Answer) -> Outcome {
    futures::executor::block_on(answer.outcome())
}

#[test]
fn a_block_is_sealed_when_it_has_its_rows() {
    let mut assembler = assembler(3);
    let now = Instant::now();
    assert!(assembler.take(delivery(request(&[1, 2])).0, &mut (), now).is_empty());
    let blocks = assembler.take(delivery(request(&[3])).0, &mut (), now);
    assert_eq!(blocks.iter().map(|block| (block.rows, block.acks.len())).collect::<Vec<_>>(), [(3, 2)]);
}

#[test]
fn a_block_is_sealed_when_its_first_row_is_old_enough() {
    let mut assembler = assembler(100);
    let now = Instant::now();
    assembler.take(delivery(request(&[1])).0, &mut (), now);
    assert!(assembler.due(now + Duration::from_millis(999)).is_empty());
    assert_eq!(assembler.deadline(), Some(now + Duration::from_secs(1)));
    assert_eq!(assembler.due(now + Duration::from_secs(1)).len(), 1);
    assert_eq!(assembler.deadline(), None);
}

#[test]
fn rows_of_different_days_go_to_different_blocks_and_the_sender_waits_for_all() {
    let mut assembler = assembler(100);
    let (delivery, answer) = delivery(request(&[1, DAY + 1, 2, 2 * DAY]));
    assembler.take(delivery, &mut (), Instant::now());
    let mut blocks = assembler.finish(Instant::now());
    assert_eq!(blocks.iter().map(|block| block.rows).collect::<Vec<_>>(), [2, 1, 1]);
    let lost = blocks.pop().unwrap();
    for block in blocks {
        block.acks.into_iter().for_each(|ack| ack.settle(Outcome::Delivered { rejected: 0 }));
    }
    drop(lost);
    assert_eq!(outcome(answer), Outcome::retry());
}

#[test]
fn a_clock_gone_mad_opens_no_more_blocks_than_allowed() {
    let mut assembler = assembler(1_000_000);
    for day in 0..1_000 {
        let sealed = assembler.take(delivery(request(&[day * DAY])).0, &mut (), Instant::now());
        assert_eq!(sealed.len(), usize::from(day >= days::OPEN_DAYS as u64), "{day}");
    }
}

#[test]
fn a_malformed_request_is_refused_and_leaves_no_row_with_the_others() {
    let mut assembler = assembler(1_000);
    assembler.take(delivery(request(&[1, 2, DAY])).0, &mut (), Instant::now());
    let mut body = request(&[3, 4, 5, DAY, 9 * DAY]);
    body.extend_from_slice(&[0x0a, 0x7f]);
    let (broken, answer) = delivery(body);
    assembler.take(broken, &mut (), Instant::now());
    assert!(matches!(outcome(answer), Outcome::Reject(_)));
    assembler.take(delivery(request(&[6])).0, &mut (), Instant::now());
    assert_eq!(assembler.finish(Instant::now()).iter().map(|block| block.rows).collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn an_empty_request_is_delivered_at_once() {
    let mut assembler = assembler(1_000);
    let (empty, answer) = delivery(Vec::new());
    assert!(assembler.take(empty, &mut (), Instant::now()).is_empty());
    assert_eq!(outcome(answer), Outcome::Delivered { rejected: 0 });
}

#[test]
fn a_request_of_years_is_stored_and_of_more_days_the_surplus_is_refused_and_told() {
    let mut assembler = assembler(1_000_000);
    let now = Instant::now();
    let year: Vec<_> = (0..2 * DAYS_KEPT as u64).map(|record| record / 2 * DAY).collect();
    let mut blocks = assembler.take(delivery(request(&year)).0, &mut (), now);
    assert_eq!(blocks.len(), DAYS_KEPT - days::OPEN_DAYS, "what is open stays bounded");
    blocks.extend(assembler.finish(now));
    assert!(blocks.iter().all(|block| block.rows == 2) && blocks.len() == DAYS_KEPT);

    let days: Vec<_> = (0..20_000).map(|day| day * DAY).collect();
    let (wide, answer) = delivery(request(&days));
    let mut blocks = assembler.take(wide, &mut (), now);
    blocks.extend(assembler.finish(now));
    assert_eq!(blocks.len(), DAYS_KEPT);
    blocks.into_iter().flat_map(|block| block.acks).for_each(Ack::stored);
    assert_eq!(outcome(answer), Outcome::Delivered { rejected: 20_000 - DAYS_KEPT as u64 });
}

#[test]
fn a_wide_request_seals_no_block_of_others_that_has_more_rows() {
    let mut assembler = assembler(1_000_000);
    let busy = delivery(request(&[20_000 * DAY; 3])).0;
    assembler.take(busy, &mut (), Instant::now());
    let days: Vec<_> = (0..100).map(|day| day * DAY).collect();
    let sealed = assembler.take(delivery(request(&days)).0, &mut (), Instant::now());
    assert!(sealed.iter().all(|block| block.rows == 1) && sealed.len() == 101 - days::OPEN_DAYS, "{}", sealed.len());
}

#[test]
fn a_time_that_no_table_can_hold_costs_its_record_alone() {
    let mut assembler = assembler(1_000);
    let last = (days::LAST_DAY + 1) * DAY - 1;
    assert!(last / 1_000_000_000 <= u64::from(u32::MAX) && (last + DAY) / 1_000_000_000 > u64::from(u32::MAX));
    let (mixed, answer) = delivery(request(&[last, last + 1, u64::MAX, 1]));
    assembler.take(mixed, &mut (), Instant::now());
    let blocks = assembler.finish(Instant::now());
    assert_eq!(blocks.iter().map(|block| (block.day, block.rows)).collect::<Vec<_>>(), [(days::LAST_DAY, 1), (0, 1)]);
    blocks.into_iter().flat_map(|block| block.acks).for_each(Ack::stored);
    assert_eq!(outcome(answer), Outcome::Delivered { rejected: 2 });
}

/// Rows find their scope and resource though every record lies on another day than the one before.
#[test]
fn scopes_and_resources_reach_the_rows_of_every_day() {
    let scope = |name: &str, times: &[u64]| ScopeLogs {
        scope: Some(InstrumentationScope { name: name.into(), ..Default::default() }),
        log_records: times.iter().map(|time| Record { time_unix_nano: *time, ..Default::default() }).collect(),
        ..Default::default()
    };
    let group = |name: &str, scope_logs| ResourceLogs { schema_url: name.into(), scope_logs, ..Default::default() };
    let resource_logs = vec![
        group("first", vec![scope("a", &[0, DAY, 0]), scope("b", &[DAY, 0])]),
        group("second", vec![scope("c", &[0]), scope("d", &[DAY])]),
    ];
    let mut assembler = assembler(1_000);
    let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    assembler.take(delivery(body).0, &mut (), Instant::now());
    let text = |row: &cell::Row, name: &str| format!("{:?}", row[name]);
    let read = |block: &Block| {
        let rows = native::read(block).rows.into_iter();
        rows.map(|row| text(&row, "ResourceSchemaUrl") + &text(&row, "ScopeName")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        assembler.finish(Instant::now()).iter().map(read).collect::<Vec<_>>(),
        [r#""first""a" "first""a" "first""b" "second""c""#, r#""first""a" "first""b" "second""d""#]
    );
}

#[test]
fn a_record_that_cannot_be_read_costs_itself_alone() {
    let mut assembler = assembler(1_000);
    // In a scope: a good record, one whose time is a string, a good one.
    let good = [0x12, 0x09, 0x09, 1, 0, 0, 0, 0, 0, 0, 0];
    let bad = [0x12, 0x03, 0x0a, 0x01, b'x'];
    let scope = [&good[..], &bad, &good].concat();
    let resource = [&[0x12, scope.len() as u8][..], &scope].concat();
    let body = [&[0x0a, resource.len() as u8][..], &resource].concat();
    let (mixed, answer) = delivery(body);
    assembler.take(mixed, &mut (), Instant::now());
    let blocks = assembler.finish(Instant::now());
    assert_eq!(blocks.iter().map(|block| block.rows).collect::<Vec<_>>(), [2]);
    blocks.into_iter().flat_map(|block| block.acks).for_each(|ack| ack.settle(Outcome::Delivered { rejected: 0 }));
    assert_eq!(outcome(answer), Outcome::Delivered { rejected: 1 });
}

#[test]
fn a_session_goes_to_its_own_table_and_a_changed_layout_closes_what_was_begun() {
    use crate::table::Layout;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
    let limits = Limits {
        rows: 100,
        bytes: 64 << 20,
        age: Duration::from_secs(1),
        patience: Duration::from_secs(1),
        open: usize::MAX,
        days: DAYS_KEPT,
    };
    let (sender, layouts) = watch::channel(Layouts::default());
    let mut assembler = Assembler::new(limits, layouts, Arc::new(Pipeline::new(&mut Registry::default())));
    let value = Some(AnyValue { value: Some(Value::IntValue(3)) });
    let attributes = vec![KeyValue { key: "rr-web.event".into(), value, ..Default::default() }];
    let log_records = vec![Record { attributes, ..Default::default() }, Record::default()];
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let logs = ResourceLogs { scope_logs, ..Default::default() };
    let body = ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec();
    assembler.take(delivery(body.clone()).0, &mut (), Instant::now());

    let narrow = Layout::new([("Timestamp".to_owned(), "DateTime64(9)".to_owned())]);
    sender.send_modify(|layouts| layouts.set(Table::Logs, narrow));
    let old = assembler.adopt_layouts(Instant::now());
    assert_eq!(
        old.iter().map(|block| (block.table, block.layout.is_none())).collect::<Vec<_>>(),
        [(Table::Logs, true)]
    );
    assert!(old[0].columns.contains("`EventName`"), "{}", old[0].columns);
    assembler.take(delivery(body).0, &mut (), Instant::now());
    let blocks = assembler.finish(Instant::now());
    let columns: Vec<_> = blocks.iter().map(|block| (block.table, block.rows, block.columns.to_string())).collect();
    assert_eq!(columns[0], (Table::Logs, 1, "`Timestamp`".to_owned()));
    assert_eq!((columns[1].0, columns[1].1), (Table::Sessions, 2));
    assert!(!columns[1].2.contains("EventName"), "{}", columns[1].2);
}

#[test]
fn a_small_request_cannot_ask_for_large_columns() {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, KeyValue, any_value::Value},
        resource::v1::Resource,
    };
    let value = Some(AnyValue { value: Some(Value::StringValue("x".repeat(64 << 10))) });
    let attributes = vec![KeyValue { key: "large".into(), value, ..Default::default() }];
    let scope_logs = vec![ScopeLogs { log_records: vec![Record::default(); 200_000], ..Default::default() }];
    let logs = ResourceLogs {
        resource: Some(Resource { attributes, ..Default::default() }),
        scope_logs,
        ..Default::default()
    };
    let (bomb, answer) = delivery(ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec());
    let mut assembler = assembler(1_000_000);
    assembler.take(delivery(request(&[1])).0, &mut (), Instant::now());
    assembler.take(bomb, &mut (), Instant::now());
    assert_eq!(outcome(answer), Outcome::TooLarge);
    assert_eq!(assembler.finish(Instant::now()).iter().map(|block| block.rows).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_record_of_more_attributes_than_anybody_has_costs_itself_alone() {
    let mut assembler = assembler(1_000);
    let few = Record { time_unix_nano: 1, ..Default::default() };
    let many = Record { attributes: vec![Default::default(); 70_000], ..Default::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![few, many], ..Default::default() }];
    let logs = ResourceLogs { scope_logs, ..Default::default() };
    let (mixed, answer) = delivery(ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec());
    assembler.take(mixed, &mut (), Instant::now());
    let blocks = assembler.finish(Instant::now());
    assert_eq!(blocks.iter().map(|block| block.rows).collect::<Vec<_>>(), [1]);
    blocks.into_iter().flat_map(|block| block.acks).for_each(|ack| ack.settle(Outcome::Delivered { rejected: 0 }));
    assert_eq!(outcome(answer), Outcome::Delivered { rejected: 1 });
}
