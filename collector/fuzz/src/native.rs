//! A reader of ClickHouse's Native format, as a server would read a block.
//!
//! Comes in: a body in LZ4 frames. Goes out: its rows as text. Panics on anything a server would refuse.

use std::fmt::Write;

use cityhash_rs::cityhash_102_128;

/// The rows of a body that holds one block.
pub fn read(frames: &[u8]) -> Vec<String> {
    let raw = unfold(frames);
    let mut input = Input(&raw);
    let (columns, count) = (input.varint(), input.varint());
    let mut rows = vec![String::new(); count];
    for _ in 0..columns {
        let (name, kind) = (input.string(), input.string());
        let kind = std::str::from_utf8(kind).ok().and_then(Type::named).expect("a type this reader knows");
        kind.prefix(&mut input);
        for (row, value) in rows.iter_mut().zip(kind.values(&mut input, count)) {
            let _ = write!(row, "{}={value};", String::from_utf8_lossy(name));
        }
    }
    assert!(input.0.is_empty(), "{} bytes behind the block", input.0.len());
    rows
}

/// Undoes the frames and checks their hashes.
fn unfold(mut frames: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    while !frames.is_empty() {
        let (hash, rest) = frames.split_at(16);
        let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().expect("four bytes")) as usize;
        let (size, length) = (number(1), number(5));
        assert_eq!(rest[0], 0x82, "the method is LZ4");
        let expected = cityhash_102_128(&rest[..size]);
        assert_eq!(hash, [(expected >> 64) as u64, expected as u64].map(u64::to_le_bytes).concat(), "the hash");
        raw.extend(lz4_flex::block::decompress(&rest[9..size], length).expect("LZ4"));
        frames = &rest[size..];
    }
    raw
}

enum Type {
    String,
    LowCardinality,
    /// A number of so many bytes.
    Number(usize),
    Array(Box<Type>),
    Map(Box<Type>, Box<Type>),
}

impl Type {
    fn named(name: &str) -> Option<Self> {
        let inside = |wrapper: &str| name.strip_prefix(wrapper)?.strip_suffix(')');
        Some(match name {
            "String" => Self::String,
            "LowCardinality(String)" => Self::LowCardinality,
            "UInt8" | "Int8" | "Bool" => Self::Number(1),
            "UInt32" | "Int32" | "DateTime" => Self::Number(4),
            "UInt64" | "Int64" | "Float64" | "DateTime64(9)" => Self::Number(8),
            _ => match inside("Array(") {
                Some(element) => Self::Array(Box::new(Self::named(element)?)),
                None => {
                    let (key, value) = inside("Map(")?.split_once(", ")?;
                    Self::Map(Box::new(Self::named(key)?), Box::new(Self::named(value)?))
                }
            },
        })
    }

    fn prefix(&self, input: &mut Input<'_>) {
        match self {
            Self::LowCardinality => assert_eq!(input.u64(), 1, "the version of dictionaries"),
            Self::Array(element) => element.prefix(input),
            Self::Map(key, value) => [key, value].iter().for_each(|part| part.prefix(input)),
            Self::String | Self::Number(_) => {}
        }
    }

    fn values(&self, input: &mut Input<'_>, count: usize) -> Vec<String> {
        match self {
            Self::String => (0..count).map(|_| format!("{:?}", Bytes(input.string()))).collect(),
            Self::Number(width) => (0..count).map(|_| format!("{:?}", Bytes(input.take(*width)))).collect(),
            Self::LowCardinality => low_cardinality(input, count),
            Self::Array(element) => {
                let ends = ends(input, count);
                let elements = element.values(input, ends.last().copied().unwrap_or(0));
                lists(&ends, &elements)
            }
            Self::Map(key, value) => {
                let ends = ends(input, count);
                let entries = ends.last().copied().unwrap_or(0);
                let keys = key.values(input, entries);
                let values = value.values(input, entries);
                let pairs: Vec<_> = keys.iter().zip(&values).map(|(key, value)| format!("{key}:{value}")).collect();
                lists(&ends, &pairs)
            }
        }
    }
}

/// The end of each row's elements.
fn ends(input: &mut Input<'_>, count: usize) -> Vec<usize> {
    let ends: Vec<usize> = (0..count).map(|_| usize::try_from(input.u64()).expect("an offset")).collect();
    assert!(ends.is_sorted(), "offsets only grow: {ends:?}");
    ends
}

fn lists(ends: &[usize], elements: &[String]) -> Vec<String> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, end)| format!("[{}]", elements[start..*end].join(","))).collect()
}

fn low_cardinality(input: &mut Input<'_>, count: usize) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    let kind = input.u64();
    assert_eq!(kind & !0xff, 0x600, "its own dictionary, and nothing else: {kind:#x}");
    let width = 1 << (kind & 0xff);
    let size = usize::try_from(input.u64()).expect("a size");
    let entries: Vec<&[u8]> = (0..size).map(|_| input.string()).collect();
    assert_eq!(input.u64(), count as u64, "as many indexes as rows");
    let index =
        |input: &mut Input<'_>| input.take(width).iter().rev().fold(0, |index, byte| index << 8 | usize::from(*byte));
    (0..count).map(|_| format!("{:?}", Bytes(entries[index(input)]))).collect()
}

/// Text where it is ASCII.
pub struct Bytes<'a>(pub &'a [u8]);

impl std::fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().expect("eight bytes"))
    }

    fn varint(&mut self) -> usize {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.take(1)[0];
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    fn string(&mut self) -> &'a [u8] {
        let length = self.varint();
        self.take(length)
    }
}
