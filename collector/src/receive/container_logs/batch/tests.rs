use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use prost::Message as _;

use super::*;

fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(value.into())) })
}

fn pair(name: &str, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: name.into(), value, ..KeyValue::default() }
}

#[test]
fn the_official_decoder_reads_what_is_written() {
    let mut resource = Resource::default();
    resource.add("k8s.pod.name", "cart");
    let attributes = FileAttributes::new("/var/log/pods/x/0.log");
    let mut batch = Batch::default();
    batch.begin(&resource);
    let long = "x".repeat(70_000);
    for (time, stream, body, cut) in
        [(7, Stream::Stdout, "hello", 0), (8, Stream::Stderr, &long, 300), (9, Stream::Stdout, "", 0)]
    {
        let joined = Joined { time, stream, text: Cow::Borrowed(body.as_bytes()), cut };
        batch.joined(&joined, &attributes, 100);
    }
    batch.end();
    batch.begin(&Resource::default());
    batch.unreadable(b"\xff\xfe binary", 0, &attributes, 200);
    assert_eq!(batch.records, 4);

    let request = ExportLogsServiceRequest::decode(&*batch.finish()).unwrap();
    let groups = &request.resource_logs;
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0].resource.as_ref().unwrap().attributes, [pair("k8s.pod.name", text("cart"))]);
    let records = &groups[0].scope_logs[0].log_records;
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.time_unix_nano, record.observed_time_unix_nano, record.body.clone()))
        .collect();
    assert_eq!(seen, [(7, 100, text("hello")), (8, 100, text(&long)), (9, 100, text(""))]);
    let path = pair("log.file.path", text("/var/log/pods/x/0.log"));
    let cut = pair("log.cut_bytes", Some(AnyValue { value: Some(Value::IntValue(300)) }));
    let tag = pair("logtag", text("F"));
    assert_eq!(records[1].attributes, [path.clone(), pair("log.iostream", text("stderr")), tag, cut]);
    let binary = &groups[1].scope_logs[0].log_records[0];
    assert_eq!((binary.time_unix_nano, &binary.body), (200, &text("\u{fffd}\u{fffd} binary")));
    assert_eq!(binary.attributes, [path]);
}
