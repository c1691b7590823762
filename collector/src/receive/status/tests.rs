use super::*;

#[test]
fn nothing_rejected_is_an_empty_message_in_both_formats() {
    for signal in Signal::ALL {
        assert_eq!(export_response(Format::Protobuf, signal, 0), "");
        assert_eq!(export_response(Format::Json, signal, 0), "{}");
    }
}

#[test]
fn rejected_records_have_one_number_and_three_names() {
    for (signal, name) in [
        (Signal::Logs, "rejectedLogRecords"),
        (Signal::Metrics, "rejectedDataPoints"),
        (Signal::Traces, "rejectedSpans"),
    ] {
        let message = ExportResponse::decode(export_response(Format::Protobuf, signal, 7)).unwrap();
        let told = message.partial_success.unwrap();
        assert_eq!(told.rejected, 7);
        assert!(
            ["valid OTLP record", "refused by ClickHouse"].iter().all(|why| told.error_message.contains(why)),
            "{told:?}"
        );
        let json: serde_json::Value = serde_json::from_slice(&export_response(Format::Json, signal, 7)).unwrap();
        assert_eq!(json["partialSuccess"][name], "7", "64 bits are a string in JSON");
    }
}

#[test]
fn the_numbers_that_are_told_are_those_that_are_kept_to() {
    use crate::assemble::{DAYS_AWAITED, DAYS_KEPT, LAST_DAY};
    let last = crate::rfc3339::micro_time(LAST_DAY * 86_400 * 1_000_000_000);
    let last = last.get(..10).unwrap();
    let days = format!("first {DAYS_AWAITED} of its request (with a spool {DAYS_KEPT}), or after {last},");
    assert!(REJECTED.contains(&days), "{days}");
}

#[test]
fn the_time_to_wait_is_in_the_details_and_only_there() {
    let json = status(Format::Json, Code::Unavailable, "later", Some(Duration::from_millis(1500)));
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["code"], 14);
    assert_eq!(json["details"], json!([{ "@type": RETRY_INFO, "retryDelay": "1.5s" }]));
    let message = Status::decode(&status(Format::Protobuf, Code::ResourceExhausted, "no", None)[..]).unwrap();
    assert_eq!((message.code, message.details.len()), (8, 0));
}
