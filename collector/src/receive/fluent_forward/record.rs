//! Events of the forward protocol to log records, as the OpenTelemetry Collector's receiver maps them.
//!
//! Comes in: a tag, and a time with a record. Goes out: a log record whose body is the value of `log` or `message`, and
//! whose attributes are all others and `fluent.tag`. Must not read a clock, nor take more than one record down with a
//! bad one.

use super::msgpack::{Invalid, Item, Reader};
use crate::receive::log_request::{AnyValue, Elements, Record, Unfit};

/// Values nested deeper are refused with their record. Below what is decoded later, which is 48.
const MAX_DEPTH: u32 = 32;

/// An event, not looked into further than its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    /// In nanoseconds since the Unix epoch; 0 where it has none.
    time: u64,
    /// Entries beside those of the record: what Fluent Bit tells of an event.
    metadata: Option<Map<'a>>,
    record: Map<'a>,
}

#[derive(Clone, Copy, Debug)]
struct Map<'a> {
    pairs: u32,
    reader: Reader<'a>,
}

impl<'a> Event<'a> {
    /// From time and record, one behind the other.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Unfit> {
        let mut reader = Reader(bytes);
        let (time, metadata) = time(&mut reader)?;
        let Item::Map(pairs) = reader.item()? else { return Err(Unfit::Bad) };
        Ok(Self { time, metadata, record: Map { pairs, reader } })
    }

    /// From the pair of them.
    pub(super) fn of_pair(bytes: &'a [u8]) -> Result<Self, Unfit> {
        let mut reader = Reader(bytes);
        match reader.item()? {
            Item::Array(2) => Self::of(reader.0),
            _ => Err(Unfit::Bad),
        }
    }

    /// Fluentd's own senders name the text of an event `message`, Fluent Bit and container runtimes `log`. Where both
    /// are there, the later one is the body, and the other is kept as an attribute.
    pub(super) fn write(&self, tag: &[u8], now: u64, record: &mut Record<'_>) -> Result<(), Unfit> {
        record.times(self.time, now);
        record.attribute(b"fluent.tag", |value| Ok::<_, Unfit>(value.text(tag)?))?;
        if let Some(metadata) = &self.metadata {
            metadata.each(|name, reader| record.attribute(name, |place| value(reader, place, 0)))?;
        }
        let mut texts = 0_u32;
        self.record.each(|name, reader| {
            texts += u32::from(is_text(name));
            reader.skip().map(drop).map_err(Unfit::from)
        })?;
        self.record.each(|name, reader| {
            if is_text(name) {
                texts -= 1;
                if texts == 0 {
                    return record.body(|place| value(reader, place, 0));
                }
            }
            record.attribute(name, |place| value(reader, place, 0))
        })
    }
}

impl<'a> Map<'a> {
    fn each(&self, mut entry: impl FnMut(&'a [u8], &mut Reader<'a>) -> Result<(), Unfit>) -> Result<(), Unfit> {
        let mut reader = self.reader;
        for _ in 0..self.pairs {
            let name = reader.item()?.text().ok_or(Unfit::Bad)?;
            entry(name, &mut reader)?;
        }
        Ok(())
    }
}

fn is_text(name: &[u8]) -> bool {
    name == b"log" || name == b"message"
}

/// Seconds, or an `EventTime`; Fluent Bit puts it into an array with what else it tells of the event.
fn time<'a>(reader: &mut Reader<'a>) -> Result<(u64, Option<Map<'a>>), Unfit> {
    let item = reader.item()?;
    if item != Item::Array(2) {
        return Ok((nanoseconds(item)?, None));
    }
    let time = nanoseconds(reader.item()?)?;
    let metadata = Reader(reader.skip()?);
    let mut inside = metadata;
    match inside.item()? {
        Item::Map(pairs) => Ok((time, Some(Map { pairs, reader: inside }))),
        _ => Err(Unfit::Bad),
    }
}

fn nanoseconds(item: Item<'_>) -> Result<u64, Unfit> {
    const SECOND: u64 = 1_000_000_000;
    match item {
        Item::Nil => Ok(0),
        Item::Integer(seconds) => {
            u64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(SECOND)).ok_or(Unfit::Bad)
        }
        Item::Extension(0, data) => {
            let (seconds, rest) = data.split_first_chunk().ok_or(Unfit::Bad)?;
            let nanoseconds: [u8; 4] = rest.try_into().map_err(|_| Unfit::Bad)?;
            let (seconds, nanoseconds) = (u32::from_be_bytes(*seconds), u32::from_be_bytes(nanoseconds));
            Ok(u64::from(seconds) * SECOND + u64::from(nanoseconds))
        }
        _ => Err(Unfit::Bad),
    }
}

fn value(reader: &mut Reader<'_>, place: &mut AnyValue<'_>, depth: u32) -> Result<(), Unfit> {
    if depth > MAX_DEPTH {
        return Err(Unfit::Bad);
    }
    match reader.item()? {
        Item::Nil => {}
        Item::Bool(value) => place.bool(value),
        Item::Integer(value) => place.integer(value),
        Item::Large(value) => place.text(value.to_string().as_bytes())?,
        Item::Number(value) => place.number(value),
        // Old senders know no texts, only bytes.
        Item::Text(text) | Item::Bytes(text) => place.text(text)?,
        Item::Extension(_, data) => place.bytes(data)?,
        Item::Array(length) => place.array(|elements| {
            (0..length).try_for_each(|_| elements.element(|place| value(reader, place, depth + 1)))
        })?,
        Item::Map(pairs) => place.map(|elements| entries(reader, pairs, elements, depth))?,
    }
    Ok(())
}

fn entries(reader: &mut Reader<'_>, pairs: u32, elements: &mut Elements<'_>, depth: u32) -> Result<(), Unfit> {
    for _ in 0..pairs {
        let name = reader.item()?.text().ok_or(Unfit::Bad)?;
        elements.entry(name, |place| value(reader, place, depth + 1))?;
    }
    Ok(())
}

impl From<Invalid> for Unfit {
    fn from(_: Invalid) -> Self {
        Self::Bad
    }
}

#[cfg(test)]
mod tests;
