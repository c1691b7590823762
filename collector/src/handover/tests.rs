use super::*;

pub fn sealed(rows: u64) -> Block {
    Block {
        table: Table::Logs,
        rows,
        body: vec![Bytes::from_static(b"frame one "), Bytes::from_static(b"frame two")],
        raw_bytes: 1000,
        columns: "`Timestamp`,`Events.Name`".into(),
        layout: None,
        acks: Vec::new(),
        ends: Vec::new(),
        day: 20_000,
        since: std::time::Instant::now(),
        deliveries: Some(4..=9),
        receipt: None,
        room: None,
    }
}

const NAME: Name = Name { writer: 7, number: 3 };

#[test]
fn a_block_comes_out_as_it_went_in_and_under_its_name() {
    let body = pack(&sealed(5), NAME);
    let (heading, making, frames) = open(&body).unwrap();
    assert_eq!((making.name, making.table, making.day, making.rows), (NAME, Table::Logs, 20_000, 5));
    assert_eq!(frames, "frame one frame two");
    let again = block(&heading, frames, Receipt::to_nobody(making));
    assert_eq!((again.columns.as_ref(), again.raw_bytes, again.rows), ("`Timestamp`,`Events.Name`", 1000, 5));
    assert_eq!(pack(&again, NAME), body);
}

#[test]
fn bytes_that_would_have_clickhouse_told_something_else_are_refused() {
    let body = pack(&sealed(5), NAME);
    let text = String::from_utf8(body.to_vec()).unwrap();
    for (from, to, error) in [
        ("otel_logs", "users", HandoverError::Table),
        ("`Timestamp`", "`Timestamp`) SELECT 1 --", HandoverError::Columns),
        ("`Timestamp`", "`a` b`", HandoverError::Columns),
        ("-3\"", "-3&user=x\"", HandoverError::Token),
        ("-3\"", "-03\"", HandoverError::Token),
        ("\"rows\":5", "\"rows\":0", HandoverError::Size),
        ("frame one frame two", "", HandoverError::Size),
        ("frame two", "frame twO", HandoverError::Damaged),
        ("\"rows\":5", "\"rows\":18446744073709551615", HandoverError::Size),
        ("\n", "", HandoverError::Heading),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_eq!(open(&Bytes::from(changed)).unwrap_err(), error, "{from} {to}");
    }
}
