//! The ledger finds each way a row can go wrong.

use super::*;

fn accepted(rejected: u64) -> Answer {
    Answer::Accepted { rejected, message: String::new() }
}

fn retry() -> Answer {
    Answer::Retry { after: None, reason: String::new() }
}

fn permanent() -> Answer {
    Answer::Permanent { code: "400".into(), reason: String::new() }
}

fn judge(mode: Mode, entries: &[(Range<u64>, Answer)], stored: &[(u64, u64)]) -> Result<Account, String> {
    let mut ledger = Ledger::new("run", mode);
    for (rows, answer) in entries {
        ledger.enter(rows.clone(), answer);
    }
    ledger.compare(&stored.iter().copied().collect()).map_err(|error| error.to_string())
}

#[test]
fn rows_answered_ok_and_stored_once_hold() {
    let account =
        judge(Mode::ExactlyOnce, &[(0..2, retry()), (0..2, accepted(0)), (2..3, permanent())], &[(0, 1), (1, 1)]);
    assert_eq!(account, Ok(Account { sent: 3, stored: 2, rejected: 1, still_owned: 0 }));
}

#[test]
fn a_row_answered_ok_and_missing_is_found() {
    let wrong = judge(Mode::AtLeastOnce, &[(0..2, accepted(0))], &[(0, 1)]).unwrap_err();
    assert!(wrong.contains("answered OK and missing: 1 rows, such as 1"), "{wrong}");
}

#[test]
fn a_double_row_is_found_unless_allowed() {
    let entries = [(0..1, retry()), (0..1, accepted(0))];
    assert!(judge(Mode::ExactlyOnce, &entries, &[(0, 2)]).unwrap_err().contains("more than once"));
    assert!(judge(Mode::AtLeastOnce, &entries, &[(0, 2)]).is_ok());
}

#[test]
fn a_refused_row_must_not_be_stored() {
    let wrong = judge(Mode::AtLeastOnce, &[(0..1, permanent())], &[(0, 1)]).unwrap_err();
    assert!(wrong.contains("refused for good and stored"), "{wrong}");
}

#[test]
fn an_invented_row_is_found() {
    assert!(judge(Mode::AtLeastOnce, &[], &[(5, 1)]).unwrap_err().contains("never sent"));
}

#[test]
fn partly_rejected_rows_are_counted() {
    let entries = [(0..3, accepted(1))];
    assert_eq!(judge(Mode::ExactlyOnce, &entries, &[(0, 1), (1, 1)]).map(|a| a.rejected), Ok(1));
    assert!(judge(Mode::ExactlyOnce, &entries, &[(0, 1)]).is_err());
}
