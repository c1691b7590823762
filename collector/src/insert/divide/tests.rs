use super::*;
use crate::ack::Answer;

fn outcome(answer: Answer) -> Outcome {
    futures::executor::block_on(answer.outcome())
}

fn part(rows: Range<u64>, fate: Fate) -> Part {
    Part { rows, fate }
}

#[test]
fn a_part_is_halved_between_requests_and_inside_one_where_only_that_is_left() {
    let ends = [10, 90, 95, 100];
    for (rows, wanted) in
        [(0..100, 10), (10..100, 90), (90..100, 95), (10..90, 50), (0..10, 5), (95..97, 96), (8..12, 10)]
    {
        assert_eq!(middle(&rows, &ends), wanted, "{rows:?}");
    }
}

#[test]
fn everybody_is_told_of_their_own_rows() {
    let ends = [10, 20, 30, 40, 41];
    let parts = [
        part(0..10, Fate::Stored),
        part(10..14, Fate::Stored),
        part(14..15, Fate::Refused),
        part(15..20, Fate::Stored),
        part(20..25, Fate::Refused),
        part(25..32, Fate::Refused),
        part(32..36, Fate::Again(Duration::from_secs(3))),
        part(36..41, Fate::Stored),
    ];
    let (acks, answers): (Vec<_>, Vec<_>) = ends.iter().map(|_| Ack::unbacked()).unzip();
    answer(acks, &ends, &parts);
    let outcomes: Vec<_> = answers.into_iter().map(outcome).collect();
    assert_eq!(outcomes[0], Outcome::Delivered { rejected: 0 });
    assert_eq!(outcomes[1], Outcome::Delivered { rejected: 1 });
    assert!(matches!(outcomes[2], Outcome::Reject(_)), "{:?}", outcomes[2]);
    assert_eq!(outcomes[3], Outcome::Retry { after: Duration::from_secs(3) }, "of these some are refused too");
    assert_eq!(outcomes[4], Outcome::Delivered { rejected: 0 });
}

#[test]
fn what_nobody_has_looked_at_is_refused_only_with_a_code_that_speaks_of_the_bytes() {
    let (constraint, data) = (469, 117);
    assert_eq!(Fate::given_up(constraint, 1), Fate::Again(RETRY_AFTER));
    assert_eq!(Fate::given_up(data, 1), Fate::Refused);
}
