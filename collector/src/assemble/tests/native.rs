//! A reader of ClickHouse's Native format, as a server reads the body of an insert.
//!
//! Comes in: a block. Goes out: its rows and the types of its columns. Fails at whatever a server would refuse.

use std::collections::BTreeMap;

use cityhash_rs::cityhash_102_128;

use super::cell::{Cell, Row};
use crate::table::Block;

/// What a block holds.
pub struct Contents {
    pub rows: Vec<Row>,
    pub types: BTreeMap<String, String>,
}

pub fn read(block: &Block) -> Contents {
    let raw = unframed(&block.body.concat());
    assert_eq!(raw.len(), block.raw_bytes, "the size before compression");
    let mut input = Input(&raw);
    let (columns, count) = (input.varint(), input.varint());
    assert_eq!(count, block.rows as usize);
    let mut contents = Contents { rows: vec![Row::new(); count], types: BTreeMap::new() };
    let mut names = Vec::new();
    for _ in 0..columns {
        let (name, type_name) = (input.string(), input.string());
        let (name, type_name) = (String::from_utf8(name).unwrap(), String::from_utf8(type_name).unwrap());
        input.prefix(&type_name);
        let cells = input.cells(&type_name, count);
        assert_eq!(cells.len(), count, "{name}");
        for (row, cell) in contents.rows.iter_mut().zip(cells) {
            row.insert(name.clone(), cell);
        }
        names.push(format!("`{name}`"));
        contents.types.insert(name, type_name);
    }
    assert!(input.0.is_empty(), "{} bytes after the last column", input.0.len());
    assert_eq!(*block.columns, names.join(","), "the columns of the statement and of the body");
    contents
}

fn unframed(mut frames: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    while !frames.is_empty() {
        let compressed = u32::from_le_bytes(frames[17..21].try_into().unwrap()) as usize;
        let length = u32::from_le_bytes(frames[21..25].try_into().unwrap()) as usize;
        let (frame, rest) = frames.split_at(16 + compressed);
        assert_eq!(frame[..16], cityhash_102_128(&frame[16..]).rotate_right(64).to_le_bytes(), "a checksum");
        assert_eq!(frame[16], 0x82, "the method is LZ4");
        raw.extend(lz4_flex::block::decompress(&frame[25..], length).unwrap());
        frames = rest;
    }
    raw
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        *taken
    }

    fn varint(&mut self) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let [byte] = self.take();
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    fn string(&mut self) -> Vec<u8> {
        let length = self.varint();
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        text.to_vec()
    }

    /// What stands before the values of a column, however deep the dictionary is in it.
    fn prefix(&mut self, type_name: &str) {
        match inner(type_name) {
            ("LowCardinality", _) => assert_eq!(u64::from_le_bytes(self.take()), 1),
            ("Map", types) => {
                let (key, value) = types.split_once(", ").unwrap();
                self.prefix(key);
                self.prefix(value);
            }
            ("Array", element) => self.prefix(element),
            _ => {}
        }
    }

    fn cells(&mut self, type_name: &str, count: usize) -> Vec<Cell> {
        match inner(type_name) {
            ("LowCardinality", "String") => self.dictionary(count),
            ("Map", types) => {
                let (key, value) = types.split_once(", ").unwrap();
                let ends = self.ends(count);
                let keys = self.cells(key, *ends.last().unwrap_or(&0));
                let values = self.cells(value, keys.len());
                let mut pairs = keys.into_iter().zip(values);
                lengths(&ends).map(|length| Cell::Map(pairs.by_ref().take(length).collect())).collect()
            }
            ("Array", element) => {
                let ends = self.ends(count);
                let mut cells = self.cells(element, *ends.last().unwrap_or(&0)).into_iter();
                lengths(&ends).map(|length| Cell::List(cells.by_ref().take(length).collect())).collect()
            }
            _ => (0..count).map(|_| self.cell(type_name)).collect(),
        }
    }

    fn cell(&mut self, type_name: &str) -> Cell {
        match type_name {
            "String" => Cell::Text(self.string()),
            "UInt8" | "Bool" => Cell::whole(u8::from_le_bytes(self.take())),
            "UInt32" | "DateTime" => Cell::whole(u32::from_le_bytes(self.take())),
            "Int32" => Cell::whole(i32::from_le_bytes(self.take())),
            "UInt64" => Cell::whole(u64::from_le_bytes(self.take())),
            "DateTime64(9)" => Cell::whole(i64::from_le_bytes(self.take())),
            "Float64" => Cell::Double(u64::from_le_bytes(self.take())),
            other => panic!("no column has the type {other}"),
        }
    }

    fn ends(&mut self, count: usize) -> Vec<usize> {
        (0..count).map(|_| u64::from_le_bytes(self.take()) as usize).collect()
    }

    fn dictionary(&mut self, count: usize) -> Vec<Cell> {
        if count == 0 {
            return Vec::new();
        }
        let kind = u64::from_le_bytes(self.take());
        assert_eq!(kind & !3, 0x600, "a dictionary of this block");
        let size = u64::from_le_bytes(self.take()) as usize;
        let entries: Vec<_> = (0..size).map(|_| Cell::Text(self.string())).collect();
        assert_eq!(u64::from_le_bytes(self.take()) as usize, count, "the indexes");
        let index = |input: &mut Self| match kind & 3 {
            0 => usize::from(u8::from_le_bytes(input.take())),
            1 => usize::from(u16::from_le_bytes(input.take())),
            2 => u32::from_le_bytes(input.take()) as usize,
            _ => u64::from_le_bytes(input.take()) as usize,
        };
        (0..count).map(|_| entries[index(self)].clone()).collect()
    }
}

/// `Array(String)` is an `Array` of `String`.
fn inner(type_name: &str) -> (&str, &str) {
    match type_name.split_once('(') {
        Some((outer, rest)) => (outer, rest.strip_suffix(')').unwrap()),
        None => (type_name, ""),
    }
}

fn lengths(ends: &[usize]) -> impl Iterator<Item = usize> {
    ends.iter().scan(0, |start, end| {
        let length = end.checked_sub(*start).unwrap();
        *start = *end;
        Some(length)
    })
}
