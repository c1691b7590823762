use tonic::Status;

use super::*;

fn refused() -> Failure {
    Status::unauthenticated("send a valid token").into()
}

fn silent() -> Failure {
    Failure::Timeout(Duration::from_secs(4))
}

fn trouble(reach: &Reach) -> Option<Trouble> {
    reach.told().borrow().trouble.clone()
}

fn kind(reach: &Reach) -> Option<Kind> {
    trouble(reach).map(|trouble| trouble.kind)
}

#[test]
fn a_ping_that_fails_once_is_nobodys_business() {
    let reach = Reach::default();
    reach.pinged(Some(&silent()));
    assert_eq!(kind(&reach), None);
    reach.pinged(None);
    reach.pinged(Some(&silent()));
    assert_eq!(kind(&reach), None);
    reach.pinged(Some(&silent()));
    assert_eq!(kind(&reach), Some(Kind::Unreachable));
    reach.pinged(None);
    assert_eq!(kind(&reach), None);
}

#[test]
fn it_is_reached_once_something_was_taken_and_stays_so() {
    let reach = Reach::default();
    let is_reached = || reach.told().borrow().schema == Schema::Current;
    for _ in 0..2 {
        reach.pinged(Some(&refused()));
    }
    assert!(!is_reached());
    assert_eq!(kind(&reach), Some(Kind::AuthFailed));
    reach.delivered();
    assert!(is_reached());
    assert_eq!(kind(&reach), None);
    for _ in 0..2 {
        reach.pinged(Some(&silent()));
    }
    assert!(is_reached());
}

#[test]
fn gateways_that_fail_in_turn_make_no_news() {
    let reach = Reach::default();
    for failure in [refused(), silent()] {
        reach.pinged(Some(&failure));
    }
    let (first, mut news) = (trouble(&reach), reach.told());
    news.borrow_and_update();
    for failure in [refused(), silent(), refused(), silent()] {
        reach.pinged(Some(&failure));
    }
    assert!(!news.has_changed().unwrap());
    assert_eq!(trouble(&reach), first);
    reach.pinged(Some(&silent()));
    reach.pinged(Some(&refused()));
    reach.pinged(Some(&refused()));
    assert_eq!(kind(&reach), Some(Kind::AuthFailed), "what lasts is told");
}

#[test]
fn deliveries_that_a_gateway_gives_back_are_told_until_one_is_taken() {
    let reach = Reach::default();
    reach.pinged(Some(&silent()));
    for failure in [refused(), silent()] {
        reach.held_up(&failure);
        assert_eq!(kind(&reach), None, "pings tell");
    }
    reach.pinged(None);
    reach.held_up(&silent());
    assert_eq!(kind(&reach), Some(Kind::InsertsFail), "pings are taken, and deliveries are not");
    reach.delivered();
    let busy: Failure = Status::with_details(tonic::Code::Unavailable, "not stored yet", PATIENCE.into()).into();
    reach.held_up(&busy);
    let told = trouble(&reach).unwrap();
    assert_eq!(told.kind, Kind::InsertsFail);
    assert!(told.message.contains("not stored yet"), "{}", told.message);
    reach.pinged(None);
    assert_eq!(kind(&reach), Some(Kind::InsertsFail), "a ping has nothing to store");
    reach.delivered();
    assert_eq!(kind(&reach), None);
}

/// google.rpc.Status { code: 14, details: [RetryInfo { retry_delay: 1 s }] }
const PATIENCE: &[u8] = b"\x08\x0e\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01";
