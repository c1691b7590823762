//! The entries of the spool's log as bytes.
//!
//! Comes in: entries, or bytes of a segment. Goes out: frames, or entries. An entry is whole or not there: its frame
//! carries a checksum over a secret number of the segment and everything that follows, so that neither a torn write, nor
//! what a reused file held before, nor what a sender sent is taken for one. Pure: must not know of files.
//!
//! ```text
//! u32 length of kind and rest | u32 CRC-32 of salt, kind and rest | u8 kind | rest
//! ```
//! Numbers are little-endian. A length of 0 is padding up to the next multiple of [`PAGE`].

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::window::Known;
use crate::{
    delivery::Transport,
    id::{Id, Keeper},
    making::{Making, Name, Seq},
    positions::Positions,
    signal::Signal,
    table::Table,
};

/// Every commit begins at a multiple of this, so that a write torn by a crash never touches what an earlier commit
/// has promised. At least a sector of any disk.
pub const PAGE: usize = 4096;

/// Length and checksum.
const PREFIX: usize = 8;

/// A delivery's fields before its body.
const DELIVERY: usize = PREFIX + 1 + 8 + 1 + 1 + 8;

/// What is said besides at the most: what, a name, a gateway, and of positions the batch and how long they are.
const BESIDES: usize = 1 + (16 + 8 + 8) + 16 + POSITIONS;

/// A batch, and a length.
const POSITIONS: usize = 8 + 4;

/// A delivery has a name.
const NAMED: u8 = 1;

/// A delivery is for a gateway.
const MEANT: u8 = 2;

/// A delivery has positions.
const READ: u8 = 4;

/// What the log says.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Kept(Kept),
    /// A block is about to be sent for the first time.
    Block(Making),
    /// A block is stored, or given up to the dead letters.
    Done(u64),
    /// A block that was refused, and the two it is divided into.
    Divided(u64, Box<[Making; 2]>),
    /// A delivery needs no further look: it was refused and told, or an agent has handed it on.
    Passed(Seq),
    /// Every delivery below is done.
    Mark(Seq),
    /// A segment holds nothing from this offset on: a commit there failed, and its senders know.
    Void {
        segment: u64,
        offset: u64,
    },
    /// Stands at the beginning of a segment: whose it is, and the stream of the process that writes it.
    Begun {
        own: u128,
        stream: u128,
    },
    /// Deliveries of a stream that are kept, or were: what segments said that are given back.
    Known(Known),
    /// A delivery is to be sent to this gateway from now on.
    Turned(Seq, Keeper),
    /// Of a delivery whose segment is given back.
    Positions(Positions),
}

/// A delivery as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub seq: Seq,
    pub signal: Signal,
    pub transport: Transport,
    /// Milliseconds since 1970.
    pub received: u64,
    /// What its sender calls it.
    pub id: Option<Id>,
    /// Whom it is to be sent to.
    pub to: Option<Keeper>,
    /// Where the files it was read from stand behind it.
    pub positions: Option<Positions>,
    /// The protobuf message.
    pub body: Bytes,
}

/// Bytes a delivery takes in the log at most, padding aside.
pub fn size_of_kept(body: &Bytes, positions: Option<&Positions>) -> usize {
    DELIVERY + BESIDES + body.len() + positions.map_or(0, |positions| positions.places.len())
}

/// The same of positions alone.
pub const fn size_of_positions(positions: &Positions) -> usize {
    PREFIX + 1 + POSITIONS + positions.places.len()
}

/// The same of what is known of a stream.
pub const fn size_of_known(known: &Known) -> usize {
    PREFIX + 1 + 16 + 8 + known.above.len() * 8
}

/// Appends an entry's frame.
pub fn write(entry: &Entry, salt: u64, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend([0; PREFIX]);
    match entry {
        Entry::Kept(kept) => write_kept(kept, out),
        Entry::Block(making) => {
            out.push(2);
            write_making(making, out);
        }
        Entry::Done(block) => tagged(out, 3, *block),
        Entry::Passed(seq) => tagged(out, 4, *seq),
        Entry::Mark(seq) => tagged(out, 5, *seq),
        Entry::Divided(block, halves) => {
            tagged(out, 6, *block);
            halves.iter().for_each(|half| write_making(half, out));
        }
        Entry::Void { segment, offset } => {
            tagged(out, 7, *segment);
            number(out, *offset);
        }
        Entry::Begun { own, stream } => {
            out.push(9);
            out.extend(own.to_le_bytes());
            out.extend(stream.to_le_bytes());
        }
        Entry::Known(Known { stream, floor, above }) => {
            out.push(10);
            out.extend(stream.to_le_bytes());
            number(out, *floor);
            above.iter().for_each(|word| number(out, *word));
        }
        Entry::Turned(seq, Keeper(keeper)) => {
            tagged(out, 11, *seq);
            out.extend(keeper.to_le_bytes());
        }
        Entry::Positions(positions) => {
            out.push(12);
            write_positions(positions, out);
        }
    }
    let rest = out.len() - begin - PREFIX;
    let sum = checksum(salt, &out[begin + PREFIX..]);
    out[begin..begin + 4].copy_from_slice(&(rest as u32).to_le_bytes());
    out[begin + 4..begin + PREFIX].copy_from_slice(&sum.to_le_bytes());
}

/// What stands at the beginning of `bytes`.
#[derive(Debug, PartialEq)]
pub enum Read {
    /// An entry, and how long its frame is.
    Entry(Box<Entry>, usize),
    /// A frame that is longer than what is there; its length, if it is one.
    Short(usize),
    /// No frame of this segment.
    Nothing,
}

/// Reads one frame. `bytes` are shared with the bodies of deliveries, not copied.
pub fn read(bytes: &Bytes, salt: u64) -> Read {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Read::Short(PREFIX) };
    let (length, sum) = prefix.split_at(4);
    let length = length.try_into().map_or(0, u32::from_le_bytes) as usize;
    let sum = sum.try_into().map_or(0, u32::from_le_bytes);
    if length == 0 {
        return Read::Nothing;
    }
    let end = PREFIX.saturating_add(length);
    if bytes.len() < end {
        return Read::Short(end);
    }
    if checksum(salt, &bytes[PREFIX..end]) != sum {
        return Read::Nothing;
    }
    // A sum that fits over bytes that do not make an entry: of a later version, or of bad luck.
    parse(&bytes.slice(PREFIX..end)).map_or(Read::Nothing, |entry| Read::Entry(Box::new(entry), end))
}

fn checksum(salt: u64, rest: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&salt.to_le_bytes());
    sum.update(rest);
    sum.finalize()
}

fn parse(frame: &Bytes) -> Option<Entry> {
    let mut fields = Fields(frame.clone());
    let entry = match fields.byte()? {
        1 => return fields.kept(false).map(Entry::Kept),
        8 => return fields.kept(true).map(Entry::Kept),
        2 => Entry::Block(fields.making()?),
        3 => Entry::Done(fields.number()?),
        4 => Entry::Passed(fields.number()?),
        5 => Entry::Mark(fields.number()?),
        6 => Entry::Divided(fields.number()?, Box::new([fields.making()?, fields.making()?])),
        7 => Entry::Void { segment: fields.number()?, offset: fields.number()? },
        9 => Entry::Begun { own: fields.name()?, stream: fields.name()? },
        10 => Entry::Known(fields.known()?),
        11 => Entry::Turned(fields.number()?, Keeper(fields.name()?)),
        12 => Entry::Positions(fields.positions()?),
        _ => return None,
    };
    fields.0.is_empty().then_some(entry)
}

struct Fields(Bytes);

impl Fields {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.0.first_chunk::<N>()?;
        let _ = self.0.split_to(N);
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn name(&mut self) -> Option<u128> {
        self.take().map(u128::from_le_bytes)
    }

    /// `says_more`: what else is said begins with a byte that says what it is.
    fn kept(mut self, says_more: bool) -> Option<Kept> {
        let (seq, signal, transport) = (self.number()?, self.byte()?, self.byte()?);
        let (signal, transport) = (read_signal(signal)?, read_transport(transport)?);
        let received = self.number()?;
        let besides = if says_more { self.byte()? } else { 0 };
        let mut id = None;
        if besides & NAMED != 0 {
            id = Some(Id { stream: self.name()?, seq: self.number()?, floor: self.number()? });
        }
        let to = if besides & MEANT != 0 { Some(Keeper(self.name()?)) } else { None };
        let positions = if besides & READ != 0 { Some(self.positions()?) } else { None };
        let is_understood = besides & !(NAMED | MEANT | READ) == 0;
        is_understood.then(|| Kept { seq, signal, transport, received, id, to, positions, body: self.0 })
    }

    fn positions(&mut self) -> Option<Positions> {
        let (batch, length) = (self.number()?, self.take().map(u32::from_le_bytes)? as usize);
        let is_whole = length <= self.0.len();
        is_whole.then(|| Positions { batch, places: self.0.split_to(length) })
    }

    fn known(&mut self) -> Option<Known> {
        let (stream, floor) = (self.name()?, self.number()?);
        let mut above = Vec::with_capacity(self.0.len() / 8);
        while let Some(word) = self.number() {
            above.push(word);
        }
        Some(Known { stream, floor, above })
    }

    fn range(&mut self) -> Option<RangeInclusive<u64>> {
        Some(self.number()?..=self.number()?)
    }

    fn making(&mut self) -> Option<Making> {
        let name = Name { writer: self.name()?, number: self.number()? };
        let table = *Table::ALL.get(usize::from(self.byte()?))?;
        let (day, deliveries, records) = (self.number()?, self.range()?, self.range()?);
        let records = u32::try_from(*records.start()).ok()?..=u32::try_from(*records.end()).ok()?;
        let (rows, encoder) = (self.number()?, self.take().map(u16::from_le_bytes)?);
        Some(Making { name, table, day, deliveries, records, rows, encoder })
    }
}

fn write_kept(kept: &Kept, out: &mut Vec<u8>) {
    let besides = if kept.id.is_some() { NAMED } else { 0 }
        | if kept.to.is_some() { MEANT } else { 0 }
        | if kept.positions.is_some() { READ } else { 0 };
    out.push(if besides == 0 { 1 } else { 8 });
    number(out, kept.seq);
    out.push(signal_code(kept.signal));
    out.push(transport_code(kept.transport));
    number(out, kept.received);
    if besides != 0 {
        out.push(besides);
    }
    if let Some(Id { stream, seq, floor }) = kept.id {
        out.extend(stream.to_le_bytes());
        number(out, seq);
        number(out, floor);
    }
    if let Some(Keeper(keeper)) = kept.to {
        out.extend(keeper.to_le_bytes());
    }
    if let Some(positions) = &kept.positions {
        write_positions(positions, out);
    }
    out.extend_from_slice(&kept.body);
}

fn write_positions(positions: &Positions, out: &mut Vec<u8>) {
    number(out, positions.batch);
    out.extend((positions.places.len() as u32).to_le_bytes());
    out.extend_from_slice(&positions.places);
}

fn write_making(making: &Making, out: &mut Vec<u8>) {
    let Making { name, table, day, deliveries, records, rows, encoder } = making;
    out.extend(name.writer.to_le_bytes());
    number(out, name.number);
    // The order of `Table::ALL` is a part of the format: a test holds it.
    out.push(Table::ALL.iter().position(|known| known == table).unwrap_or_default() as u8);
    number(out, *day);
    number(out, *deliveries.start());
    number(out, *deliveries.end());
    number(out, u64::from(*records.start()));
    number(out, u64::from(*records.end()));
    number(out, *rows);
    out.extend(encoder.to_le_bytes());
}

fn tagged(out: &mut Vec<u8>, kind: u8, value: u64) {
    out.push(kind);
    number(out, value);
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes());
}

const fn signal_code(signal: Signal) -> u8 {
    match signal {
        Signal::Logs => 1,
        Signal::Metrics => 2,
        Signal::Traces => 3,
    }
}

const fn read_signal(code: u8) -> Option<Signal> {
    match code {
        1 => Some(Signal::Logs),
        2 => Some(Signal::Metrics),
        3 => Some(Signal::Traces),
        _ => None,
    }
}

const fn transport_code(transport: Transport) -> u8 {
    match transport {
        Transport::Grpc => 1,
        Transport::Http => 2,
        Transport::File => 3,
        Transport::Scrape => 4,
        Transport::Watch => 5,
        Transport::Fluent => 6,
        Transport::Syslog => 7,
    }
}

const fn read_transport(code: u8) -> Option<Transport> {
    match code {
        1 => Some(Transport::Grpc),
        2 => Some(Transport::Http),
        3 => Some(Transport::File),
        4 => Some(Transport::Scrape),
        5 => Some(Transport::Watch),
        6 => Some(Transport::Fluent),
        7 => Some(Transport::Syslog),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
