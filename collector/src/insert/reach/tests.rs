use http::StatusCode;

use super::*;

fn exception(code: u32) -> InsertError {
    InsertError::Exception { code, name: "NAME".to_owned() }
}

fn kind(reach: &Reach) -> Option<Kind> {
    reach.told().borrow().trouble.as_ref().map(|trouble| trouble.kind)
}

fn unreachable() -> InsertError {
    InsertError::Unreachable("refused".to_owned())
}

#[test]
fn a_ping_that_fails_once_is_nobodys_business() {
    let reach = Reach::default();
    reach.pinged(Some(&unreachable()));
    assert_eq!(kind(&reach), None);
    reach.pinged(None);
    reach.pinged(Some(&unreachable()));
    assert_eq!(kind(&reach), None);
    reach.pinged(Some(&InsertError::Status(StatusCode::BAD_GATEWAY)));
    assert_eq!(kind(&reach), Some(Kind::Unreachable));
    reach.pinged(None);
    assert_eq!(kind(&reach), None);
}

#[test]
fn who_is_not_let_in_is_told_until_an_answer_says_otherwise() {
    let reach = Reach::default();
    for code in [192, 193, 194, 516] {
        reach.answered(Some(&exception(code)));
        assert_eq!(kind(&reach), Some(Kind::AuthFailed), "{code}");
        reach.pinged(None);
        assert_eq!(kind(&reach), Some(Kind::AuthFailed), "a ping needs no password");
        reach.answered(None);
        assert_eq!(kind(&reach), None);
    }
    reach.answered(Some(&exception(60)));
    assert_eq!(kind(&reach), None, "a table that is gone is no refusal");
}

#[test]
fn one_table_that_takes_blocks_does_not_hide_another() {
    let reach = Reach::default();
    reach.gave_up(Table::Logs, &exception(252));
    reach.inserted(Table::Traces);
    let told = reach.told().borrow().trouble.clone().unwrap();
    assert_eq!((told.kind, told.code), (Kind::InsertsFail, Some(252)));
    assert!(told.message.contains("otel_logs"), "{}", told.message);
    reach.inserted(Table::Logs);
    assert_eq!(kind(&reach), None);
    reach.gave_up(Table::Logs, &exception(497));
    assert_eq!(kind(&reach), Some(Kind::AccessDenied));
}

#[test]
fn blocks_without_an_answer_are_forgotten_when_somebody_answers_again() {
    let reach = Reach::default();
    reach.gave_up(Table::Logs, &unreachable());
    for failure in [Some(&unreachable()), Some(&unreachable()), None] {
        reach.pinged(failure);
    }
    assert_eq!(kind(&reach), None);
}

#[test]
fn the_worst_is_told_and_keeps_its_beginning() {
    let reach = Reach::default();
    reach.schema(Some((Some(159), "cannot create otel_logs".to_owned())));
    assert_eq!((kind(&reach), reach.told().borrow().schema), (Some(Kind::Schema), Schema::Pending));
    let (first, news) = (reach.told().borrow().clone(), reach.told());
    reach.schema(Some((Some(159), "cannot create otel_logs".to_owned())));
    assert_eq!(*reach.told().borrow(), first);
    assert!(!news.has_changed().unwrap(), "the same trouble is no news");
    reach.answered(Some(&exception(516)));
    assert_eq!(kind(&reach), Some(Kind::AuthFailed));
    reach.answered(None);
    reach.schema(None);
    assert_eq!(*reach.told().borrow(), Destination { schema: Schema::Current, ..Destination::default() });
}
