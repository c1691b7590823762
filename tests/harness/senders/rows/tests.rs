//! The comparison itself: a table that is not what was sent must not pass.

use super::*;
use crate::senders::{Protocol, SIGNALS};

fn sending() -> Sending<'static> {
    Sending {
        sdk: Sdk::Java,
        protocol: Protocol::Grpc,
        endpoint: "",
        signals: SIGNALS,
        run_id: "r",
        service: "shop",
        first: 2,
        count: 4,
        start_unix_nanos: 0,
    }
}

fn stored(table: &Table) -> Vec<Json> {
    (2..6).map(|row| Json::Object(sending().shared(table, row))).collect()
}

#[test]
fn what_was_sent_passes_for_every_table() {
    for table in TABLES {
        sending().compare(table, &stored(table)).unwrap();
    }
}

#[test]
fn a_row_that_is_missing_twice_or_different_is_found() {
    for table in TABLES {
        let mut missing = stored(table);
        missing.pop();
        let mut twice = stored(table);
        twice.push(twice[0].clone());
        let mut different = stored(table);
        different[1]["ServiceName"] = "another".into();
        for wrong in [missing, twice, different] {
            assert!(sending().compare(table, &wrong).is_err(), "{}: {wrong:?}", table.name);
        }
    }
}

#[test]
fn numbers_are_compared_by_their_value() {
    assert!(is_same(&json!([3.0, 1]), &json!([3, 1])));
    assert!(!is_same(&json!(18_446_744_073_709_551_614_u64), &json!(18_446_744_073_709_551_615_u64)));
    assert!(!is_same(&json!([1]), &json!([1, 2])));
}
