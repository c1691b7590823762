use futures::FutureExt;

use super::*;
use crate::ack::Answer;

/// Where the answer is there.
fn told(answer: Answer) -> Option<Outcome> {
    answer.outcome().now_or_never()
}

fn senders(ends: &[u64]) -> (Senders, Vec<Answer>) {
    let (acks, answers): (Vec<_>, Vec<_>) = ends.iter().map(|_| Ack::unbacked()).unzip();
    (Senders::new(acks, ends.to_vec()), answers)
}

#[test]
fn everybody_is_told_of_their_own_rows() {
    let (mut senders, answers) = senders(&[10, 20, 30, 40, 41, 50, 60]);
    let after = Duration::from_secs(3);
    for (rows, fate) in [
        (36..41, Fate::Stored),
        (0..10, Fate::Stored),
        (10..14, Fate::Stored),
        (14..15, Fate::Refused),
        (15..20, Fate::Stored),
        (20..32, Fate::Refused),
        (32..36, Fate::Again(after)),
        (41..52, Fate::Unseen),
        (52..60, Fate::Stored),
    ] {
        senders.decide(&rows, fate);
    }
    assert_eq!(senders.total.rows(), 60);
    senders.tell();
    let mut outcomes = answers.into_iter().map(|answer| told(answer).unwrap());
    assert_eq!(outcomes.next(), Some(Outcome::Delivered { rejected: 0 }));
    assert_eq!(outcomes.next(), Some(Outcome::Delivered { rejected: 1 }));
    assert!(matches!(outcomes.next(), Some(Outcome::Reject(_))), "all of its rows are refused");
    assert_eq!(outcomes.next(), Some(Outcome::Retry { after }), "of these some are refused too");
    assert_eq!(outcomes.next(), Some(Outcome::Delivered { rejected: 0 }));
    assert_eq!(outcomes.next(), Some(Outcome::retry()), "nobody has looked, and nothing is stored");
    assert_eq!(outcomes.next(), Some(Outcome::Delivered { rejected: 2 }), "sent again, eight would be stored again");
}

#[test]
fn nobody_waits_for_rows_of_others() {
    let (mut senders, mut answers) = senders(&[10, 20, 30]);
    senders.decide(&(0..15), Fate::Stored);
    senders.tell();
    assert_eq!(told(answers.remove(0)), Some(Outcome::Delivered { rejected: 0 }));
    assert_eq!(told(answers.remove(1)), None);
    let left = senders.into_acks();
    assert_eq!(left.len(), 2);
    drop(left);
    assert_eq!(told(answers.remove(0)), Some(Outcome::retry()));
}

#[test]
fn a_request_of_which_another_block_has_stored_a_part_is_not_refused() {
    let (whole, answer) = Ack::unbacked();
    let (here, elsewhere) = (whole.part(), whole.part());
    whole.settle(Outcome::Delivered { rejected: 0 });
    let mut senders = Senders::new(vec![here], vec![5]);
    senders.decide(&(0..5), Fate::Refused);
    senders.tell();
    elsewhere.stored();
    assert_eq!(told(answer), Some(Outcome::Delivered { rejected: 5 }));
}
