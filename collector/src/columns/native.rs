//! Columns of ClickHouse's Native format, <https://clickhouse.com/docs/interfaces/formats/Native>.
//!
//! Comes in: values. Goes out: each column's bytes in a [`Body`]. Knows nothing of OTLP. Every builder can be
//! taken back to an earlier length, so that a request that turns out to be malformed leaves nothing behind.

use super::frames::{Body, Stream};

mod array;
mod low_cardinality;
mod map;

pub use array::Array;
pub use low_cardinality::LowCardinality;
pub use map::{Map, Repeats};

/// What every builder can do, whatever it holds.
pub trait Column {
    /// Bytes before compression that grow with the rows.
    fn size(&self) -> usize;
    /// A length to come back to.
    fn mark(&self) -> Mark;
    /// Takes back every value since the mark; [`Self::settle`] must not have been called in between.
    fn rollback(&mut self, mark: Mark);
    /// Compresses what is worth it. Between two requests: what is compressed cannot be taken back.
    fn settle(&mut self);
    /// From now on no key stands twice in a row, where there are keys.
    fn make_keys_unique(&mut self) {}
    /// What stands before the values, once for the column, and before the offsets of what contains it.
    fn write_prefix(&self, _body: &mut Body) {}
    /// Moves the values into a body and starts anew.
    fn drain_values_into(&mut self, body: &mut Body);
}

/// A length of a column and of what it is made of; each kind of column knows its own numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark([usize; 5]);

/// `String`: length and bytes of each value.
#[derive(Debug, Default)]
pub struct Strings {
    stream: Stream,
    scratch: Vec<u8>,
}

/// A column of numbers of one width, little-endian.
#[derive(Debug, Default)]
pub struct Fixed {
    stream: Stream,
}

/// What starts a column in a body.
pub fn write_header(name: &str, type_name: &str, body: &mut Body) {
    let mut header = Vec::with_capacity(name.len() + type_name.len() + 4);
    append_string(name.as_bytes(), &mut header);
    append_string(type_name.as_bytes(), &mut header);
    body.write(&header);
}

/// What starts a block: the number of columns and of rows.
pub fn write_size(columns: usize, rows: u64, body: &mut Body) {
    let mut size = Vec::with_capacity(12);
    append_varint(columns as u64, &mut size);
    append_varint(rows, &mut size);
    body.write(&size);
}

#[inline]
pub(super) fn append_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
pub(super) fn append_string(text: &[u8], out: &mut Vec<u8>) {
    append_varint(text.len() as u64, out);
    out.extend_from_slice(text);
}

impl Strings {
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        append_string(text, self.stream.raw());
    }

    /// Appends a value that `write` writes; its length is known only then.
    #[inline]
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        append_string(&self.scratch, self.stream.raw());
    }

    /// Appends bytes as lower-case hexadecimal digits.
    #[inline]
    pub fn push_hex(&mut self, bytes: &[u8]) {
        let raw = self.stream.raw();
        append_varint(2 * bytes.len() as u64, raw);
        for byte in bytes {
            raw.extend_from_slice(&HEX[usize::from(*byte)]);
        }
    }

    /// Appends the same value so many times.
    pub fn push_repeated(&mut self, text: &[u8], times: usize) {
        if let Some(more) = times.checked_sub(1) {
            let place = self.place();
            self.push(text);
            self.repeat_since(place, more);
        }
    }

    /// Appends the values that stand at these raw bytes so many times more; see [`Self::place`].
    pub(super) fn repeat_since(&mut self, place: usize, times: usize) {
        let raw = self.stream.raw();
        repeat_tail(raw, place, times);
    }

    /// Raw bytes not yet settled: a place in the unsettled part.
    pub(super) fn place(&mut self) -> usize {
        self.stream.raw().len()
    }
}

impl Column for Strings {
    fn size(&self) -> usize {
        self.stream.size()
    }

    fn mark(&self) -> Mark {
        Mark([self.stream.size(), 0, 0, 0, 0])
    }

    fn rollback(&mut self, Mark([size, ..]): Mark) {
        self.stream.truncate(size);
    }

    fn settle(&mut self) {
        self.stream.settle();
    }

    fn drain_values_into(&mut self, body: &mut Body) {
        self.stream.drain_into(body);
    }
}

impl Fixed {
    #[inline]
    pub fn push<const N: usize>(&mut self, bytes: [u8; N]) {
        self.stream.raw().extend_from_slice(&bytes);
    }

    /// Appends values that are little-endian already.
    #[inline]
    pub fn push_encoded(&mut self, bytes: &[u8]) {
        self.stream.raw().extend_from_slice(bytes);
    }
}

impl Column for Fixed {
    fn size(&self) -> usize {
        self.stream.size()
    }

    fn mark(&self) -> Mark {
        Mark([self.stream.size(), 0, 0, 0, 0])
    }

    fn rollback(&mut self, Mark([size, ..]): Mark) {
        self.stream.truncate(size);
    }

    fn settle(&mut self) {
        self.stream.settle();
    }

    fn drain_values_into(&mut self, body: &mut Body) {
        self.stream.drain_into(body);
    }
}

/// Appends what stands from `start` on so many times more.
fn repeat_tail<T: Copy>(values: &mut Vec<T>, start: usize, times: usize) {
    let end = values.len();
    values.reserve((end - start) * times);
    for _ in 0..times {
        values.extend_from_within(start..end);
    }
}

/// Two digits for every byte.
static HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;
