use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Goes by the search as ClickHouse would answer that refuses these rows. Gives what is stored, refused and not looked at.
fn searched(search: &mut Search, is_bad: impl Fn(u64) -> bool) -> [BTreeSet<u64>; 3] {
    let [mut stored, mut refused] = [BTreeSet::new(), BTreeSet::new()];
    while let Some(rows) = search.next() {
        let is_refused = rows.clone().any(&is_bad);
        if !is_refused {
            search.stored();
            assert!(rows.clone().all(|row| stored.insert(row)), "{rows:?} twice");
        } else if rows.end - rows.start == 1 {
            assert!(refused.insert(rows.start), "{rows:?} twice");
        } else {
            search.refused(rows);
        }
    }
    [stored, refused, search.give_up().into_iter().flatten().collect()]
}

proptest! {
    #[test]
    fn every_row_is_spoken_of_once(count in 2..2_000_u64, bad in prop::collection::btree_set(0..2_000_u64, 0..40)) {
        let mut search = Search::new(count, vec![count / 3, count]);
        let [stored, refused, unseen] = searched(&mut search, |row| bad.contains(&row));
        prop_assert!(stored.iter().all(|row| !bad.contains(row)) && refused.is_subset(&bad));
        prop_assert_eq!((stored.len() + refused.len() + unseen.len()) as u64, count);
        let all: BTreeSet<_> = [stored, refused, unseen].into_iter().flatten().collect();
        prop_assert_eq!(all, (0..count).collect());
        prop_assert!(search.sent() <= MOST_PARTS);
    }
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
fn one_bad_row_among_100_000_takes_34_parts() {
    let mut search = Search::new(100_000, vec![100_000]);
    let [stored, refused, unseen] = searched(&mut search, |row| row == 68_351);
    assert_eq!((stored.len(), refused.len(), unseen.len()), (99_999, 1, 0));
    assert_eq!(search.sent(), 34);
}

#[test]
fn bad_rows_in_every_eighth_cost_themselves_alone() {
    let mut search = Search::new(1_000, (1..=100).map(|request| request * 10).collect());
    let [stored, refused, unseen] = searched(&mut search, |row| row % 125 == 60);
    assert_eq!((stored.len(), refused.len(), unseen.len()), (992, 8, 0));
}

#[test]
fn rows_are_to_blame_though_every_second_one_is_bad_or_every_last_one_of_a_request() {
    for period in [2, 4, 8, 10, 16] {
        let mut search = Search::new(1_024, (1..=1_024 / period).map(|request| request * period).collect());
        searched(&mut search, |row| row % period == period - 1);
        assert!(search.has_stored(), "{period}");
    }
}

#[test]
fn where_nothing_can_be_stored_little_is_tried() {
    let mut search = Search::new(1_000, vec![1_000]);
    let [stored, refused, unseen] = searched(&mut search, |_| true);
    assert_eq!((stored.len(), refused.len(), unseen.len(), search.sent()), (0, SAMPLES, 1_000 - SAMPLES, 14));
}
