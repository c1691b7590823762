use super::*;
use crate::{
    columns::frames::Body,
    record::{Attribute, Value},
};

/// The body's bytes before compression.
fn raw(body: Body) -> Vec<u8> {
    let (parts, size) = body.finish();
    let frames = parts.concat();
    let (mut out, mut rest) = (Vec::new(), &frames[..]);
    while !rest.is_empty() {
        let compressed = u32::from_le_bytes(rest[17..21].try_into().unwrap()) as usize;
        let length = u32::from_le_bytes(rest[21..25].try_into().unwrap()) as usize;
        out.extend(lz4_flex::block::decompress(&rest[25..16 + compressed], length).unwrap());
        rest = &rest[16 + compressed..];
    }
    assert_eq!(out.len(), size);
    out
}

/// Moves a whole column into a body.
fn drain(column: &mut impl Column, body: &mut Body) {
    column.write_prefix(body);
    column.drain_values_into(body);
}

fn map_bytes(map: &mut Map) -> Vec<u8> {
    let mut body = Body::default();
    drain(map, &mut body);
    raw(body)
}

fn row<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<Attribute<'a>> {
    pairs.iter().map(|(key, value)| Attribute { key: key.as_bytes(), value: Value::String(value.as_bytes()) }).collect()
}

#[test]
fn an_empty_dictionary_column_is_its_prefix_alone() {
    let mut body = Body::default();
    drain(&mut LowCardinality::default(), &mut body);
    assert_eq!(raw(body), 1_u64.to_le_bytes());
}

#[test]
fn a_map_without_entries_has_offsets_and_nothing_after_them() {
    let mut map = Map::default();
    map.push(&[]);
    map.push_repeated(&[], 1);
    assert_eq!(map_bytes(&mut map), [1_u64.to_le_bytes(), [0; 8], [0; 8]].concat());
}

#[test]
fn keys_are_sorted_and_equal_ones_stay_in_the_order_they_came() {
    let mut wrong = Map::default();
    wrong.push(&row(&[("b", "1"), ("a", "2"), ("b", "3")]));
    wrong.push(&row(&[("b", "4"), ("a", "5"), ("b", "6")]));
    let bytes = map_bytes(&mut wrong);
    assert!(bytes.ends_with(b"\x012\x011\x013\x015\x014\x016"), "{bytes:?}");
}

#[test]
fn a_row_taken_back_leaves_the_column_as_if_it_had_never_been() {
    let (first, second, third) = (row(&[("a", "1"), ("x", "0")]), row(&[("x", "9"), ("a", "8")]), row(&[("a", "2")]));
    let mut undone = Map::default();
    undone.push(&first);
    let mark = undone.mark();
    undone.push_repeated(&second, 3);
    undone.rollback(mark);
    undone.push(&third);
    let mut plain = Map::default();
    plain.push(&first);
    plain.push(&third);
    assert_eq!(map_bytes(&mut undone), map_bytes(&mut plain));
}

#[test]
fn a_repeated_row_equals_the_row_pushed_so_often() {
    let attributes = row(&[("k", "v"), ("a", "w")]);
    let (mut repeated, mut pushed) = (Map::default(), Map::default());
    repeated.push_repeated(&attributes, 5);
    (0..5).for_each(|_| pushed.push(&attributes));
    assert_eq!(map_bytes(&mut repeated), map_bytes(&mut pushed));
}

#[test]
fn a_dictionary_widens_its_indexes_at_the_257th_entry() {
    for (entries, width) in [(256_u32, 0_u64), (257, 2)] {
        let mut column = LowCardinality::default();
        (0..entries).for_each(|entry| column.push(entry.to_string().as_bytes()));
        let mut body = Body::default();
        drain(&mut column, &mut body);
        assert_eq!(u64::from_le_bytes(raw(body)[8..16].try_into().unwrap()), 0x600 | width);
    }
}

#[test]
fn a_column_settled_in_between_has_the_same_bytes() {
    let (mut settled, mut plain) = (Strings::default(), Strings::default());
    for row in 0..40_000_u32 {
        let text = format!("value {row}");
        settled.push(text.as_bytes());
        plain.push(text.as_bytes());
        settled.settle();
    }
    let bytes = [&mut settled, &mut plain].map(|column| {
        let mut body = Body::default();
        drain(column, &mut body);
        raw(body)
    });
    assert!(bytes[0] == bytes[1] && bytes[0].len() > 300_000);
}

#[test]
fn of_keys_that_stand_twice_the_last_is_stored_where_that_is_wanted() {
    let mut map = Map::new(Repeats::LastWins);
    map.push(&row(&[("b", "1"), ("a", "2"), ("b", "3")]));
    map.push_repeated(&row(&[("b", "4"), ("a", "5"), ("b", "6")]), 2);
    let bytes = map_bytes(&mut map);
    assert!(bytes.ends_with(b"\x012\x013\x015\x016\x015\x016"), "{bytes:?}");
}

#[test]
fn an_array_of_maps_has_the_prefix_before_all_offsets_and_nothing_after_them_when_empty() {
    let mut array = Array::<Map>::default();
    array.end_row(0);
    let mut body = Body::default();
    drain(&mut array, &mut body);
    assert_eq!(raw(body), [1_u64.to_le_bytes(), [0; 8]].concat());
}

#[test]
fn an_array_taken_back_is_as_if_the_rows_had_never_been() {
    let rows = [row(&[("a", "1")]), row(&[("b", "2"), ("a", "3")])];
    let push = |array: &mut Array<Map>, elements: usize| {
        (0..elements).for_each(|element| array.values().push(&rows[element % 2]));
        array.end_row(elements);
    };
    let (mut undone, mut plain) = (Array::<Map>::default(), Array::<Map>::default());
    push(&mut undone, 2);
    let mark = undone.mark();
    push(&mut undone, 3);
    undone.rollback(mark);
    for array in [&mut undone, &mut plain] {
        if array.size() == 0 {
            push(array, 2);
        }
        push(array, 1);
    }
    let bytes = [&mut undone, &mut plain].map(|array| {
        let mut body = Body::default();
        drain(array, &mut body);
        raw(body)
    });
    assert_eq!(bytes[0], bytes[1]);
}
