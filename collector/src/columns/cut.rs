//! Some of a sealed block's rows.
//!
//! Comes in: a block and a range of its rows. Goes out: a block of those, in the same columns; or none, where the body is
//! not one that [`super`] writes. For the rare block that ClickHouse refuses: it is unpacked, taken apart by the types
//! that stand in it, and packed again, which costs about as much as making it did. Must not look into a value.

use std::ops::Range;

use super::{
    frames::{Body, unpack},
    native::{append_string, write_size},
};
use crate::table::Block;

/// How values of a type stand on the wire.
enum Shape {
    Fixed(usize),
    Text,
    LowCardinality,
    List(Box<Self>),
    /// Keys of low cardinality and texts, under the same offsets.
    Map,
}

/// What is left to read of a body.
struct Rest<'a>(&'a [u8]);

/// A block of these rows of another, that nobody waits for.
pub fn cut(block: &Block, rows: &Range<u64>) -> Option<Block> {
    let raw = unpack(&block.body, block.raw_bytes)?;
    let mut rest = Rest(&raw);
    let (columns, count) = (rest.size()?, rest.size()?);
    let keep = usize::try_from(rows.start).ok()?..usize::try_from(rows.end).ok()?;
    if keep.is_empty() || keep.end > count {
        return None;
    }
    let (mut body, mut column) = (Body::default(), Vec::new());
    write_size(columns, keep.len() as u64, &mut body);
    for _ in 0..columns {
        column.clear();
        append_string(rest.text()?, &mut column);
        let type_name = rest.text()?;
        append_string(type_name, &mut column);
        let shape = Shape::of(std::str::from_utf8(type_name).ok()?)?;
        shape.prefix(&mut rest, &mut column)?;
        shape.values(&mut rest, count, &keep, &mut column)?;
        body.write(&column);
    }
    let (body, raw_bytes) = body.finish();
    rest.0.is_empty().then(|| Block {
        table: block.table,
        rows: keep.len() as u64,
        body,
        raw_bytes,
        columns: block.columns.clone(),
        layout: block.layout.clone(),
        acks: Vec::new(),
        ends: Vec::new(),
        day: block.day,
        since: block.since,
        deliveries: None,
        receipt: None,
        room: None,
    })
}

impl Shape {
    fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "String" => Self::Text,
            "LowCardinality(String)" => Self::LowCardinality,
            "Map(LowCardinality(String), String)" => Self::Map,
            "Bool" | "UInt8" => Self::Fixed(1),
            "UInt32" | "Int32" | "DateTime" => Self::Fixed(4),
            "UInt64" | "Float64" | "DateTime64(9)" => Self::Fixed(8),
            list => Self::List(Box::new(Self::of(list.strip_prefix("Array(")?.strip_suffix(')')?)?)),
        })
    }

    /// What stands before the values, and before the offsets around them.
    fn prefix(&self, rest: &mut Rest<'_>, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Fixed(_) | Self::Text => {}
            Self::LowCardinality | Self::Map => out.extend_from_slice(rest.take(8)?),
            Self::List(inner) => inner.prefix(rest, out)?,
        }
        Some(())
    }

    /// Reads so many values and writes those that are kept.
    fn values(&self, rest: &mut Rest<'_>, count: usize, keep: &Range<usize>, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Fixed(width) => {
                out.extend_from_slice(rest.numbers(count, *width)?.get(keep.start * width..keep.end * width)?);
            }
            Self::Text => out.extend_from_slice(rest.texts(count, keep)?),
            Self::LowCardinality => low_cardinality(rest, count, keep, out)?,
            Self::List(inner) => {
                let (elements, kept) = offsets(rest, count, keep, out)?;
                inner.values(rest, elements, &kept, out)?;
            }
            Self::Map => {
                let (entries, kept) = offsets(rest, count, keep, out)?;
                low_cardinality(rest, entries, &kept, out)?;
                out.extend_from_slice(rest.texts(entries, &kept)?);
            }
        }
        Some(())
    }
}

/// Where each row's elements end. Gives how many there are, and those of the rows that are kept.
fn offsets(rest: &mut Rest<'_>, count: usize, keep: &Range<usize>, out: &mut Vec<u8>) -> Option<(usize, Range<usize>)> {
    let (ends, []) = rest.numbers(count, 8)?.as_chunks::<8>() else { return None };
    let end = |row: usize| row.checked_sub(1).map_or(0, |last| u64::from_le_bytes(ends[last]));
    let before = end(keep.start);
    for row in keep.clone() {
        out.extend_from_slice(&end(row + 1).checked_sub(before)?.to_le_bytes());
    }
    let place = |row| usize::try_from(end(row)).ok();
    Some((place(count)?, place(keep.start)?..place(keep.end)?))
}

/// The dictionary stays whole: entries nobody uses are allowed.
fn low_cardinality(rest: &mut Rest<'_>, count: usize, keep: &Range<usize>, out: &mut Vec<u8>) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    let begin = rest.0;
    let flags = rest.number()?;
    let entries = usize::try_from(rest.number()?).ok()?;
    rest.texts(entries, &(0..0))?;
    let dictionary = &begin[..begin.len() - rest.0.len()];
    let width = 1_usize.checked_shl(u32::from(flags.to_le_bytes()[0]))?;
    if usize::try_from(rest.number()?).ok()? != count {
        return None;
    }
    let indexes = rest.numbers(count, width)?;
    if !keep.is_empty() {
        out.extend_from_slice(dictionary);
        out.extend_from_slice(&(keep.len() as u64).to_le_bytes());
        out.extend_from_slice(indexes.get(keep.start * width..keep.end * width)?);
    }
    Some(())
}

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn numbers(&mut self, count: usize, width: usize) -> Option<&'a [u8]> {
        self.take(count.checked_mul(width)?)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// A length as texts have it before them.
    fn size(&mut self) -> Option<usize> {
        let mut size = 0_usize;
        for place in 0..9 {
            let byte = *self.take(1)?.first()?;
            size |= usize::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Some(size);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let size = self.size()?;
        self.take(size)
    }

    /// Passes over so many texts; gives those that are kept, with their lengths.
    fn texts(&mut self, count: usize, keep: &Range<usize>) -> Option<&'a [u8]> {
        let (mut kept, mut end) = (self.0, self.0.len());
        for index in 0..=count {
            if index == keep.start {
                kept = self.0;
            }
            if index == keep.end {
                end = self.0.len();
            }
            if index < count {
                self.text()?;
            }
        }
        kept.get(..kept.len().checked_sub(end)?)
    }
}
