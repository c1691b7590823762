use super::*;

const MIB: usize = 1 << 20;

async fn fill(lanes: &Lanes, table: Table, bytes: usize) -> Vec<Slot> {
    let mut slots = Vec::new();
    for _ in 0..=SHARED_OF_ONE {
        slots.push(lanes.admit(table, bytes).await.unwrap());
    }
    slots
}

#[tokio::test(start_paused = true)]
async fn every_table_has_a_slot_whatever_the_others_do() {
    let lanes = Lanes::new(100 * MIB);
    let mut held = Vec::new();
    for table in [Table::Logs, Table::Traces] {
        held.extend(fill(&lanes, table, MIB).await);
    }
    for table in [Table::Gauge, Table::Sum, Table::Summary] {
        held.push(lanes.admit(table, MIB).await.unwrap());
    }
    assert_eq!(held.len(), 11);
    held.push(lanes.admit(Table::Sessions, MIB).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_busy_table_waits_for_its_slot_and_one_in_trouble_does_not() {
    let lanes = Lanes::new(100 * MIB);
    let mut slots = fill(&lanes, Table::Logs, MIB).await;
    let done = slots.remove(0);
    let (next, ()) = tokio::join!(lanes.admit(Table::Logs, MIB), async {
        tokio::time::sleep(LONGEST_WAIT / 2).await;
        drop(done);
    });
    slots.push(next.unwrap());

    let start = tokio::time::Instant::now();
    let (none, ()) = tokio::join!(lanes.admit(Table::Logs, MIB), async { slots[0].repeated(true) });
    assert!(none.is_none() && start.elapsed().is_zero(), "told at once when trouble begins");
    assert!(lanes.admit(Table::Logs, MIB).await.is_none() && start.elapsed().is_zero(), "and while it lasts");
    slots.clear();
    assert!(lanes.admit(Table::Logs, MIB).await.is_some(), "trouble ends with its block");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_table_costs_the_others_one_wait_and_not_one_for_each_block() {
    let lanes = Lanes::new(100 * MIB);
    let slots = fill(&lanes, Table::Logs, MIB).await;
    let start = tokio::time::Instant::now();
    for _ in 0..5 {
        assert!(lanes.admit(Table::Logs, MIB).await.is_none());
    }
    assert_eq!(start.elapsed(), LONGEST_WAIT);
    slots[0].stored();
    let start = tokio::time::Instant::now();
    assert!(lanes.admit(Table::Logs, MIB).await.is_none());
    assert_eq!(start.elapsed(), LONGEST_WAIT, "what moves is waited for again");
}

#[tokio::test(start_paused = true)]
async fn a_table_in_trouble_holds_no_more_than_its_share_and_always_one_block() {
    let lanes = Lanes::new(3 * MIB);
    let mut first = lanes.admit(Table::Logs, 4 * MIB).await.unwrap();
    first.repeated(true);
    assert!(lanes.admit(Table::Logs, MIB).await.is_none(), "above the share");
    assert!(lanes.admit(Table::Traces, MIB).await.is_some(), "which is each table's own");
    drop(first);
    let mut small = lanes.admit(Table::Logs, MIB).await.unwrap();
    small.repeated(true);
    assert!(lanes.admit(Table::Logs, MIB).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_table_that_gets_too_much_is_tried_less_and_less_often() {
    let lanes = Lanes::new(MIB);
    let slot = lanes.admit(Table::Logs, 1).await.unwrap();
    let other = lanes.admit(Table::Logs, 1).await.unwrap();
    let mut now = Instant::now();
    slot.slow_down(now);
    other.slow_down(now);
    assert_eq!(other.pause(now), PACE.0, "two blocks that fail together slow down once");
    for wanted in [1_000, 2_000, 4_000, 8_000, 8_000] {
        now += slot.pause(now);
        slot.slow_down(now);
        assert_eq!(slot.pause(now).as_millis(), wanted);
    }
    slot.stored();
    assert_eq!(slot.pause(now), Duration::ZERO);
}
