use super::*;
use crate::budget::Budget;

fn duty() -> (Ack, Answer, Budget) {
    let budget = Budget::new(1024);
    let (ack, answer) = Ack::new(budget.admit(1024).unwrap());
    (ack, answer, budget)
}

fn answered(answer: Answer) -> Outcome {
    let mut answer = answer.0;
    answer.try_recv().unwrap().0
}

#[test]
fn a_delivery_dropped_unanswered_is_answered_retry() {
    let (ack, answer, _) = duty();
    drop(ack);
    assert_eq!(answered(answer), Outcome::retry());
}

#[test]
fn a_part_dropped_unanswered_outweighs_every_part_that_was_delivered() {
    let (ack, answer, _) = duty();
    let lost = ack.part();
    ack.settle(Outcome::Delivered { rejected: 0 });
    drop(lost);
    assert_eq!(answered(answer), Outcome::retry());
}

#[test]
fn nothing_is_answered_before_the_last_part() {
    let (ack, answer, _) = duty();
    let last = ack.part();
    ack.count(7);
    ack.settle(Outcome::Delivered { rejected: 1 });
    let mut answer = answer.0;
    assert!(answer.try_recv().is_err());
    last.settle(Outcome::Delivered { rejected: 2 });
    assert_eq!(answer.try_recv(), Ok((Outcome::Delivered { rejected: 3 }, 7)));
}

#[test]
fn a_retry_wins_over_a_rejection_whatever_the_order() {
    let reject = Outcome::Reject("no".into());
    for (first, second) in [(reject.clone(), Outcome::retry()), (Outcome::retry(), reject)] {
        assert_eq!(first.and(second), Outcome::retry());
    }
}

#[test]
fn the_budget_is_held_until_the_answer() {
    let (ack, answer, budget) = duty();
    let part = ack.part();
    ack.settle(Outcome::Delivered { rejected: 0 });
    assert!(budget.admit(1).is_none());
    drop(part);
    assert!(budget.admit(1024).is_some());
    drop(answer);
}

#[test]
fn a_part_is_half_of_something_while_another_is_stored_and_somebody_waits() {
    let (ack, answer, _) = duty();
    let (stored, late) = (ack.part(), ack.part());
    ack.settle(Outcome::Delivered { rejected: 1 });
    assert!(!late.is_half_stored(), "decoded is not stored");
    stored.stored();
    assert!(late.is_half_stored());
    drop(answer);
    assert!(!late.is_half_stored(), "its sender has gone");

    let (ack, _answer, _) = duty();
    let (stored, late) = (ack.part(), ack.part());
    stored.stored();
    drop(ack);
    assert!(!late.is_half_stored(), "it will be sent again in any case");
}

#[test]
fn a_delivery_is_refused_only_where_no_part_of_it_is_stored() {
    for is_stored in [true, false] {
        let (ack, answer, _) = duty();
        let (refused, other) = (ack.part(), ack.part());
        ack.settle(Outcome::Delivered { rejected: 1 });
        refused.refused(4, "no");
        if is_stored {
            other.stored();
        } else {
            other.refused(2, "no");
        }
        let wanted = if is_stored { Outcome::Delivered { rejected: 5 } } else { Outcome::Reject("no".into()) };
        assert_eq!(answered(answer), wanted);
    }
    let (ack, answer, _) = duty();
    ack.part().refused(4, "no");
    drop(ack);
    assert_eq!(answered(answer), Outcome::retry(), "of the rest nothing is known");
}
