//! Blocks cut into parts hold the rows they held before.

use proptest::prelude::*;

use super::*;
use crate::{columns::cut::cut, decode::otlp::tests::generate};

proptest! {
    #[test]
    fn the_parts_of_a_block_are_its_rows(messages in prop::collection::vec(generate::request(), 1..4), at in any::<prop::sample::Index>()) {
        let mut assembler = assembler(1_000_000);
        for (signal, body) in messages {
            assembler.take(Delivery { signal, ..delivery(body).0 }, &mut (), Instant::now());
        }
        for block in assembler.finish(Instant::now()) {
            let whole = native::read(&block);
            let middle = at.index(block.rows as usize) as u64;
            let mut rows = Vec::new();
            for part in [0..middle, middle..block.rows].iter().filter(|part| !part.is_empty()) {
                let part = cut(&block, part).unwrap();
                let contents = native::read(&part);
                prop_assert_eq!(&contents.types, &whole.types);
                // A part of a part is one too: of the same bytes.
                prop_assert_eq!(cut(&part, &(0..part.rows)).unwrap().body, part.body);
                rows.extend(contents.rows);
            }
            prop_assert_eq!(rows, whole.rows);
        }
    }
}

#[test]
fn rows_that_are_not_there_and_bodies_of_others_are_no_part() {
    let mut assembler = assembler(1_000);
    assembler.take(delivery(request(&[1, 2])).0, &mut (), Instant::now());
    let mut block = assembler.finish(Instant::now()).remove(0);
    assert_eq!(block.ends, [2]);
    for rows in [1..1, 0..3, 2..3] {
        assert!(cut(&block, &rows).is_none(), "{rows:?}");
    }
    for damage in [0, 17, 21, 30] {
        let mut body = block.body.concat();
        body[damage] ^= 0x55;
        block.body = vec![body.into()];
        let _ = cut(&block, &(0..1));
    }
    block.body = vec![bytes::Bytes::from_static(b"no frame")];
    assert!(cut(&block, &(0..1)).is_none());
}
