//! Deliveries that a spool keeps: when they are answered, and what is made of them again.

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::*;
use crate::{
    decode::otlp::tests::generate,
    making::{ALL_RECORDS, ENCODER, Name},
};

/// Deliveries that are kept, in memory.
#[derive(Default)]
struct Kept(Vec<(Signal, Vec<u8>)>);

impl Source for Kept {
    fn next(&mut self, _wait: Duration) -> Next {
        Next::End
    }

    fn read(&mut self, making: &Making, each: &mut dyn FnMut(Signal, &[u8], bool)) -> bool {
        for seq in making.deliveries.clone() {
            let (signal, body) = &self.0[seq as usize];
            if *signal == making.table.signal() {
                each(*signal, body, false);
            }
        }
        true
    }
}

impl Kept {
    fn keep(&mut self, body: Vec<u8>) -> (Delivery, Answer) {
        self.keep_of(Signal::Logs, body)
    }

    fn keep_of(&mut self, signal: Signal, body: Vec<u8>) -> (Delivery, Answer) {
        let (delivery, answer) = delivery(body.clone());
        let seq = self.0.len() as u64;
        self.0.push((signal, body));
        (Delivery { signal, kept: Some(seq), ..delivery }, answer)
    }
}

/// Requests of every signal, the same each time.
fn generated(count: usize) -> Vec<(Signal, Vec<u8>)> {
    let mut runner = TestRunner::deterministic();
    let mut draw = |which: usize| match which % 3 {
        0 => (Signal::Logs, generate::logs().new_tree(&mut runner).unwrap().current().encode_to_vec()),
        1 => (Signal::Metrics, generate::metrics().new_tree(&mut runner).unwrap().current().encode_to_vec()),
        _ => (Signal::Traces, generate::traces().new_tree(&mut runner).unwrap().current().encode_to_vec()),
    };
    (0..count).map(&mut draw).collect()
}

fn making_of(block: &Block) -> Making {
    Making {
        name: Name { writer: 1, number: 1 },
        table: block.table,
        day: block.day,
        deliveries: block.deliveries.clone().unwrap(),
        records: ALL_RECORDS,
        rows: block.rows,
        encoder: ENCODER,
    }
}

#[test]
fn a_kept_delivery_is_answered_before_its_block_is_sealed() {
    let (mut assembler, mut kept) = (assembler(100), Kept::default());
    let (delivery, answer) = kept.keep(request(&[1, 2]));
    assert!(assembler.take(delivery, &mut kept, Instant::now()).is_empty());
    assert_eq!(outcome(answer), Outcome::Delivered { rejected: 0 });
    let blocks = assembler.finish(Instant::now());
    assert_eq!((blocks[0].deliveries.clone(), blocks[0].acks.len()), (Some(0..=0), 0));
}

#[test]
fn a_block_is_made_again_byte_for_byte() {
    let (mut assembler, mut kept) = (assembler(usize::MAX), Kept::default());
    for (index, (signal, body)) in generated(400).into_iter().enumerate() {
        // Every fifth is broken half-way, and leaves entries in dictionaries.
        let length = if index % 5 == 4 { body.len() * 2 / 3 } else { body.len() };
        let (delivery, _) = kept.keep_of(signal, body[..length].to_vec());
        assembler.take(delivery, &mut kept, Instant::now());
    }
    let blocks = assembler.finish(Instant::now());
    assert!(blocks.len() > 1 && blocks.iter().any(|block| block.rows > 20), "{} blocks", blocks.len());
    for block in blocks {
        let again = assembler.again(&making_of(&block), &mut kept, Instant::now()).unwrap();
        let is_same = again.body.concat() == block.body.concat();
        assert!(is_same, "{:?} of day {} has other bytes", block.table, block.day);
        assert_eq!((again.rows, again.day, again.columns), (block.rows, block.day, block.columns));
    }
}

#[test]
fn a_part_of_a_block_has_the_records_that_were_asked_for() {
    let (mut assembler, mut kept) = (assembler(usize::MAX), Kept::default());
    let (delivery, _) = kept.keep(request(&[1, DAY, 2, 3, DAY + 1]));
    assembler.take(delivery, &mut kept, Instant::now());
    let blocks = assembler.finish(Instant::now());
    let rows = |assembler: &mut Assembler, kept: &mut Kept, block: usize, records| {
        let making = Making { records, ..making_of(&blocks[block]) };
        assembler.again(&making, kept, Instant::now()).map_or(0, |block| block.rows)
    };
    assert_eq!(rows(&mut assembler, &mut kept, 0, 0..=2), 2);
    assert_eq!(rows(&mut assembler, &mut kept, 0, 3..=3), 1);
    assert_eq!(rows(&mut assembler, &mut kept, 0, 4..=4), 0);
    assert_eq!(rows(&mut assembler, &mut kept, 1, 1..=1), 1);
}

/// A dead letter holds the record that was refused: what is selected here by its number is cut out by it elsewhere.
#[test]
fn a_record_has_the_number_it_is_cut_out_by() {
    let (mut assembler, mut kept) = (assembler(usize::MAX), Kept::default());
    let long = |field: u8, bytes: &[u8]| [&[field << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let name = |name: &[u8]| long(1, name);
    let point = |flags: u8| long(1, &[8 << 3, flags]);
    let metrics = [
        long(2, &name(b"no data")),
        long(2, &[name(b"first"), long(5, &[point(1), long(1, &[0]), point(2)].concat())].concat()),
        long(2, &[0]),
        long(2, &[name(b"last"), long(5, &point(3))].concat()),
    ];
    let body = long(1, &long(2, &metrics.concat()));
    let (delivery, _) = kept.keep_of(Signal::Metrics, body.clone());
    assembler.take(delivery, &mut kept, Instant::now());
    let making = making_of(&assembler.finish(Instant::now())[0]);
    let rows = |block: Option<Block>| block.map_or(Vec::new(), |block| native::read(&block).rows);
    let mut found = 0;
    for index in 0..6 {
        let selected =
            rows(assembler.again(&Making { records: index..=index, ..making.clone() }, &mut kept, Instant::now()));
        let cut = crate::record::cut::cut(Signal::Metrics, &body, index).unwrap_or_default();
        let alone = Delivery { signal: Signal::Metrics, ..super::delivery(cut).0 };
        assembler.take(alone, &mut (), Instant::now());
        assert_eq!(selected, rows(assembler.finish(Instant::now()).pop()), "{index}");
        found += selected.len();
    }
    assert_eq!(found, 3);
}

#[test]
fn kept_deliveries_and_others_never_share_a_block() {
    let (mut assembler, mut kept) = (assembler(100), Kept::default());
    assembler.take(delivery(request(&[1])).0, &mut kept, Instant::now());
    let (second, _) = kept.keep(request(&[2]));
    let sealed = assembler.take(second, &mut kept, Instant::now());
    assert_eq!((sealed.len(), sealed[0].acks.len(), sealed[0].deliveries.clone()), (1, 1, None));
    let sealed = assembler.take(delivery(request(&[3])).0, &mut kept, Instant::now());
    assert_eq!((sealed.len(), sealed[0].acks.len(), sealed[0].deliveries.clone()), (1, 0, Some(0..=0)));
}

#[test]
fn what_is_looked_through_counts_as_what_is_assembled() {
    let mut assembler = assembler(usize::MAX);
    let mut bodies = generated(60);
    bodies.push((Signal::Logs, request(&(0..1_500).map(|day| day * 50 * DAY).collect::<Vec<_>>())));
    bodies.push((Signal::Logs, b"\x0a\xff".to_vec()));
    for (signal, body) in bodies {
        let checked = check(signal, &body);
        let (delivery, answer) = delivery(body);
        let mut blocks = assembler.take(Delivery { signal, ..delivery }, &mut (), Instant::now());
        blocks.extend(assembler.finish(Instant::now()));
        for block in blocks {
            block.acks.into_iter().for_each(Ack::stored);
        }
        match (checked, outcome(answer)) {
            (Ok(checked), Outcome::Delivered { rejected }) => assert_eq!(checked.rejected, rejected),
            (Err(_), Outcome::Reject(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_block_that_fills_fast_waits_longer_where_nobody_waits_for_it() {
    let mut assembler = assembler(16);
    assembler.limits.patience = Duration::from_secs(3);
    let now = Instant::now();
    assembler.take(delivery(request(&[1])).0, &mut (), now);
    assert_eq!(assembler.deadline(), Some(now + Duration::from_secs(1)));
    assembler.take(delivery(request(&[2])).0, &mut (), now);
    assert_eq!(assembler.deadline(), Some(now + Duration::from_secs(3)));
    assert!(assembler.due(now + Duration::from_millis(2_999)).is_empty());
    assert_eq!(assembler.due(now + Duration::from_secs(3)).len(), 1);
}
