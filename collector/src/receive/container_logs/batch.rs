//! Log records as an OTLP request, written front to back.
//!
//! Comes in: the resource of a container and its records. Goes out: an `ExportLogsServiceRequest`. Must not keep any
//! record: each is appended to the message and forgotten, so a line is copied once on its way from file to message.
//!
//! What all records of a file share is encoded beforehand. The length of a record is known before it is written; those
//! of its groups are not and take five bytes, which is once for each file and not for each record.

use std::borrow::Cow;

use super::{cri::Stream, join::Joined};

/// Field numbers of the messages, and the wire types they have.
mod key {
    pub(super) const RESOURCE_LOGS: u8 = 1 << 3 | 2;
    pub(super) const RESOURCE: u8 = 1 << 3 | 2;
    pub(super) const RESOURCE_ATTRIBUTE: u8 = 1 << 3 | 2;
    pub(super) const SCOPE_LOGS: u8 = 2 << 3 | 2;
    pub(super) const LOG_RECORD: u8 = 2 << 3 | 2;
    pub(super) const TIME: u8 = 1 << 3 | 1;
    pub(super) const BODY: u8 = 5 << 3 | 2;
    pub(super) const RECORD_ATTRIBUTE: u8 = 6 << 3 | 2;
    pub(super) const OBSERVED_TIME: u8 = 11 << 3 | 1;
    pub(super) const KEY: u8 = 1 << 3 | 2;
    pub(super) const VALUE: u8 = 2 << 3 | 2;
    pub(super) const STRING: u8 = 1 << 3 | 2;
    pub(super) const INTEGER: u8 = 3 << 3;
}

/// Bytes of a length whose value is not known yet.
const OPEN_LENGTH: usize = 5;

/// The resource of a container: what stands above all its records.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Resource(Vec<u8>);

/// What all records of a file have: one set for each stream, and one for lines of none.
#[derive(Clone, Debug)]
pub(super) struct FileAttributes([Vec<u8>; 3]);

/// A request that grows.
#[derive(Debug, Default)]
pub(super) struct Batch {
    out: Vec<u8>,
    pub(super) records: u64,
    /// Where the lengths of the open groups stand.
    group: Option<(usize, usize)>,
    /// Where the last group begins.
    last: usize,
}

impl Resource {
    pub(super) fn add(&mut self, name: &str, value: &str) {
        put_attribute(&mut self.0, key::RESOURCE_ATTRIBUTE, name, value);
    }
}

impl FileAttributes {
    pub(super) fn new(path: &str) -> Self {
        let of = |stream: Option<Stream>| {
            let mut out = Vec::new();
            put_attribute(&mut out, key::RECORD_ATTRIBUTE, "log.file.path", path);
            if let Some(stream) = stream {
                put_attribute(&mut out, key::RECORD_ATTRIBUTE, "log.iostream", stream.as_str());
                put_attribute(&mut out, key::RECORD_ATTRIBUTE, "logtag", "F");
            }
            out
        };
        Self([of(Some(Stream::Stdout)), of(Some(Stream::Stderr)), of(None)])
    }
}

impl Batch {
    /// Bytes so far.
    pub(super) const fn size(&self) -> usize {
        self.out.len()
    }

    /// Everything until [`Self::end`] is of this resource.
    pub(super) fn begin(&mut self, resource: &Resource) {
        self.last = self.out.len();
        self.out.push(key::RESOURCE_LOGS);
        let outer = self.open_length();
        self.out.push(key::RESOURCE);
        put_varint(&mut self.out, resource.0.len() as u64);
        self.out.extend_from_slice(&resource.0);
        self.out.push(key::SCOPE_LOGS);
        let inner = self.open_length();
        self.group = Some((outer, inner));
    }

    /// Ends the group that [`Self::begin`] began.
    pub(super) fn end(&mut self) {
        if let Some((outer, inner)) = self.group.take() {
            self.close_length(inner);
            self.close_length(outer);
        }
    }

    /// Takes back a group that has ended without a record.
    pub(super) fn take_back(&mut self) {
        self.out.truncate(self.last);
    }

    pub(super) fn joined(&mut self, joined: &Joined<'_>, attributes: &FileAttributes, observed: u64) {
        self.record(joined.time, &joined.text, &attributes.0[joined.stream as usize], joined.cut, observed);
    }

    /// A line in no known form, as it stands; its time is that of its reading.
    pub(super) fn unreadable(&mut self, text: &[u8], cut: u64, attributes: &FileAttributes, observed: u64) {
        self.record(observed, text, &attributes.0[2], cut, observed);
    }

    fn record(&mut self, time: u64, text: &[u8], attributes: &[u8], cut: u64, observed: u64) {
        let text = String::from_utf8_lossy(text);
        let value = 1 + varint_length(text.len() as u64) + text.len();
        let mut length = 9 + 9 + 1 + varint_length(value as u64) + value + attributes.len();
        let cut = if cut == 0 { Cow::Borrowed(&[][..]) } else { Cow::Owned(cut_attribute(cut)) };
        length += cut.len();
        let out = &mut self.out;
        out.reserve(length + 1 + OPEN_LENGTH);
        out.push(key::LOG_RECORD);
        put_varint(out, length as u64);
        out.push(key::TIME);
        out.extend_from_slice(&time.to_le_bytes());
        out.push(key::BODY);
        put_varint(out, value as u64);
        out.push(key::STRING);
        put_varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(attributes);
        out.extend_from_slice(&cut);
        out.push(key::OBSERVED_TIME);
        out.extend_from_slice(&observed.to_le_bytes());
        self.records += 1;
    }

    /// The request.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end();
        self.out
    }

    fn open_length(&mut self) -> usize {
        let at = self.out.len();
        self.out.extend_from_slice(&[0; OPEN_LENGTH]);
        at
    }

    /// Writes a length into the bytes left for it: all but the last say that another follows.
    fn close_length(&mut self, at: usize) {
        let mut length = self.out.len() - at - OPEN_LENGTH;
        for (index, byte) in self.out[at..at + OPEN_LENGTH].iter_mut().enumerate() {
            *byte = (length & 0x7f) as u8 | if index + 1 < OPEN_LENGTH { 0x80 } else { 0 };
            length >>= 7;
        }
    }
}

fn cut_attribute(cut: u64) -> Vec<u8> {
    let mut value = vec![key::INTEGER];
    put_varint(&mut value, cut);
    let mut out = Vec::new();
    put_pair(&mut out, key::RECORD_ATTRIBUTE, "log.cut_bytes", &value);
    out
}

fn put_attribute(out: &mut Vec<u8>, field: u8, name: &str, text: &str) {
    let mut value = vec![key::STRING];
    put_varint(&mut value, text.len() as u64);
    value.extend_from_slice(text.as_bytes());
    put_pair(out, field, name, &value);
}

/// A `KeyValue` with an encoded `AnyValue`.
fn put_pair(out: &mut Vec<u8>, field: u8, name: &str, value: &[u8]) {
    let lengths = varint_length(name.len() as u64) + varint_length(value.len() as u64);
    out.push(field);
    put_varint(out, (2 + lengths + name.len() + value.len()) as u64);
    out.push(key::KEY);
    put_varint(out, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
    out.push(key::VALUE);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

const fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests;
