use super::*;
use crate::making::{ALL_RECORDS, ENCODER, Name};

fn block(table: Table, number: u64) -> Making {
    let name = Name { writer: 1, number };
    Making { name, table, day: 0, deliveries: 1..=1, records: ALL_RECORDS, rows: 1, encoder: ENCODER }
}

fn numbers(called: &[Making]) -> Vec<u64> {
    called.iter().map(|making| making.name.number).collect()
}

#[test]
fn of_a_table_in_trouble_only_the_oldest_block_is_tried_and_less_and_less_often() {
    let (mut parked, now) = (Parked::default(), Instant::now());
    for number in [5, 3, 4] {
        parked.park(block(Table::Logs, number), now);
    }
    assert!(parked.due(now).is_empty());
    let mut at = now + PAUSE.0;
    for pause in [2, 4, 8, 16, 30, 30] {
        let called = parked.due(at);
        assert_eq!(numbers(&called), [3]);
        parked.park(called[0].clone(), at);
        assert!(parked.due(at + Duration::from_secs(pause) - Duration::from_millis(1)).is_empty(), "{pause}");
        at += Duration::from_secs(pause);
    }
}

#[test]
fn a_stored_block_calls_the_next_ones_of_its_table_and_no_other() {
    let (mut parked, now) = (Parked::default(), Instant::now());
    for number in 1..=6 {
        parked.park(block(Table::Logs, number), now);
    }
    parked.park(block(Table::Traces, 7), now);
    assert_eq!(numbers(&parked.stored(Table::Logs)), [1, 2, 3, 4]);
    assert_eq!(numbers(&parked.stored(Table::Logs)), [5, 6]);
    assert_eq!(numbers(&parked.stored(Table::Gauge)), [0_u64; 0]);
    assert_eq!(parked.count(), 1);
}
