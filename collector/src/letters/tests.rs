use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

use super::*;
use crate::{
    delivery::Transport,
    spool::dead::{Letter, Part},
    spool::frame::Kept,
};

fn request(texts: &[&str]) -> Vec<u8> {
    let log_records =
        texts.iter().map(|text| LogRecord { severity_text: (*text).to_owned(), ..Default::default() }).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..Default::default() }] }.encode_to_vec()
}

fn written(spool: &Path, seq: u64, part: Part) {
    let body = request(&["first", "second"]).into();
    let kept = Kept {
        seq,
        signal: Signal::Logs,
        transport: Transport::Http,
        received: 17,
        id: None,
        to: None,
        positions: None,
        body,
    };
    let letter = Letter { kept: &kept, part, table: Some("otel_logs"), reason: "ClickHouse refuses it with code 117" };
    DeadLetters::of(spool).write(&letter).unwrap();
}

async fn said(command: Command, spool: &Path) -> (Result<()>, String) {
    let mut out = Vec::new();
    let done = run(&command, spool, &mut out).await;
    (done, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn a_letter_is_listed_with_its_reason_and_shown_with_its_one_record() {
    let spool = tempfile::tempdir().unwrap();
    written(spool.path(), 5, Part::Record(1));
    let (done, text) = said(Command::List, spool.path()).await;
    done.unwrap();
    assert!(text.contains("0000000000000005-1") && text.contains("otel_logs") && text.contains("code 117"), "{text}");
    let (done, text) = said(Command::Show { name: "0000000000000005-1".to_owned() }, spool.path()).await;
    done.unwrap();
    assert!(text.contains("\"second\"") && !text.contains("\"first\"") && text.contains("\"received\":17"), "{text}");
}

#[tokio::test]
async fn letters_are_exported_one_a_line() {
    let spool = tempfile::tempdir().unwrap();
    written(spool.path(), 5, Part::Record(0));
    written(spool.path(), 6, Part::Whole);
    let which = Which { names: Vec::new(), all: true };
    let (done, text) = said(Command::Export(which), spool.path()).await;
    done.unwrap();
    let records: Vec<_> = text.lines().map(|line| line.matches("severityText").count()).collect();
    assert_eq!(records, [1, 2], "{text}");
}

#[tokio::test]
async fn a_letter_nobody_takes_stays() {
    let spool = tempfile::tempdir().unwrap();
    written(spool.path(), 5, Part::Whole);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let which = Which { names: Vec::new(), all: true };
    let endpoint = format!("http://127.0.0.1:{port}");
    let (done, text) = said(Command::Replay { which, endpoint, token_file: None }, spool.path()).await;
    assert!(done.unwrap_err().to_string().contains("1 of 1"), "{text}");
    assert_eq!(DeadLetters::of(spool.path()).names().unwrap(), ["0000000000000005"]);
}

#[tokio::test]
async fn a_name_is_no_path() {
    let spool = tempfile::tempdir().unwrap();
    let (done, _) = said(Command::Show { name: "../../etc/passwd".to_owned() }, spool.path()).await;
    assert!(format!("{:#}", done.unwrap_err()).contains("spool list"));
}
