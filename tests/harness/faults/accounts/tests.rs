//! The law of accounts: every row is accounted for once, and each kind of wrong is found.

use super::*;

const ID: Id = Id { sender: 3, number: 7 };

fn request(told: Told, unknown: u64) -> Request {
    Request { id: ID, rows: 100, told, unknown }
}

fn found(times: u64, rows: u64) -> Stored {
    Stored { id: ID, times, rows }
}

fn account(told: Told, unknown: u64, stored: &[Stored]) -> Account {
    let account = settle(&[request(told, unknown)], stored);
    let Account { sent, stored, rejected, unacked, acked_lost, .. } = account;
    assert_eq!(sent, stored + rejected + unacked + acked_lost);
    account
}

const ACKED: Told = Told::Acked { rejected: 0 };

#[test]
fn what_was_acknowledged_and_is_there_once_breaks_nothing() {
    let account = account(ACKED, 0, &[found(1, 100)]);
    assert_eq!((account.acked, account.stored), (100, 100));
    assert_eq!(account.broken(true), Vec::<String>::new());
}

#[test]
fn an_acknowledged_row_that_is_missing_is_lost() {
    let account = account(ACKED, 0, &[found(1, 97)]);
    assert_eq!(account.acked_lost, 3);
    assert_eq!(account.broken(false).len(), 1);
}

#[test]
fn a_row_of_a_request_that_was_never_acknowledged_may_be_there_or_not() {
    assert_eq!(account(Told::Nothing, 1, &[found(1, 40)]).unacked, 60);
    assert_eq!(account(Told::Nothing, 1, &[found(1, 40)]).acked_lost, 0);
}

#[test]
fn a_copy_is_the_collectors_unless_an_answer_was_missing() {
    assert_eq!(account(ACKED, 0, &[found(2, 10), found(1, 90)]).duplicated, 10);
    let excused = account(ACKED, 1, &[found(2, 10), found(1, 90)]);
    assert_eq!((excused.duplicated, excused.ambiguous), (0, 10));
    let one_too_many = account(ACKED, 1, &[found(3, 10), found(1, 90)]);
    assert_eq!((one_too_many.duplicated, one_too_many.ambiguous), (10, 10));
    assert_eq!(one_too_many.broken(true).len(), 1);
    assert_eq!(account(Told::Nothing, 1, &[found(2, 100)]).duplicated, 100);
}

#[test]
fn a_rejected_row_is_told_and_no_loss() {
    let partly = account(Told::Acked { rejected: 5 }, 0, &[found(1, 94)]);
    assert_eq!((partly.rejected, partly.acked_lost, partly.acked), (5, 1, 95));
    let refused = account(Told::Refused, 0, &[found(1, 2)]);
    assert_eq!((refused.rejected, refused.refused_and_stored), (98, 2));
}

#[test]
fn a_row_nobody_sent_is_invented() {
    assert_eq!(settle(&[], &[found(1, 4)]).invented, 4);
    assert_eq!(account(ACKED, 0, &[found(1, 101)]).invented, 1);
}
