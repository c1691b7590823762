//! Protobuf's wire format, written front to back.
//!
//! Comes in: fields in order. Goes out: one message. Must not grow beyond its limit by more than one field.
//!
//! A nested message is preceded by its length, which is known at its end and takes one to five bytes. One byte is kept
//! free, which is enough for most; longer lengths are noted, and the bytes behind them move up at the end, back to
//! front, each byte once. Moving at the end of each message would copy a deep value as often as it is deep; lengths
//! padded to five bytes would cost the decoder more than this costs here, and add a third to an attribute.

/// A message could not be held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Full;

/// How a field's value is told apart on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
    Fixed32 = 5,
}

/// How far a message was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    out: usize,
    long: usize,
    growth: usize,
}

#[derive(Debug)]
pub(super) struct Writer {
    out: Vec<u8>,
    limit: usize,
    /// Lengths that do not fit into their byte.
    long: Vec<Long>,
    /// Bytes that those will take on top.
    growth: usize,
}

/// A length of more than one byte: where its byte is now, and what it says.
#[derive(Clone, Copy, Debug)]
struct Long {
    at: u32,
    length: u32,
}

/// A message that is begun.
#[derive(Debug)]
pub(super) struct Begun {
    /// Where its length stands.
    at: usize,
    /// `growth` then.
    growth: usize,
}

impl Writer {
    /// A message of `expected` bytes more or less, `limit` at most.
    pub(super) fn new(expected: usize, limit: usize) -> Self {
        // Lengths are kept in 32 bits; protobuf itself ends at 2 GiB.
        let limit = limit.min(i32::MAX as usize);
        Self { out: Vec::with_capacity(expected.min(limit)), limit, long: Vec::new(), growth: 0 }
    }

    pub(super) fn key(&mut self, number: u32, wire_type: WireType) {
        self.varint(u64::from(number << 3 | wire_type as u32));
    }

    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// What a value of unknown length is appended to, between `begin` and `end`.
    pub(super) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Whether there is room for so many bytes.
    pub(super) fn room(&self, bytes: usize) -> Result<(), Full> {
        let length = self.out.len().saturating_add(self.growth).saturating_add(bytes);
        if length > self.limit { Err(Full) } else { Ok(()) }
    }

    /// Begins a field with a length.
    pub(super) fn begin(&mut self, number: u32) -> Result<Begun, Full> {
        self.key(number, WireType::Delimited);
        let begun = Begun { at: self.out.len(), growth: self.growth };
        self.out.push(0);
        self.room(0)?;
        Ok(begun)
    }

    pub(super) fn end(&mut self, begun: &Begun) -> Result<(), Full> {
        self.room(0)?;
        let length = self.out.len() - begun.at - 1 + self.growth - begun.growth;
        if length < 0x80 {
            self.out[begun.at] = length as u8;
            return Ok(());
        }
        // Within the limit, hence in 31 bits.
        self.long.push(Long { at: begun.at as u32, length: length as u32 });
        self.growth += varint_length(length as u32) - 1;
        self.room(0)
    }

    /// A field with a length, and what is in it.
    pub(super) fn nested<E: From<Full>>(
        &mut self,
        number: u32,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let begun = self.begin(number)?;
        fill(self)?;
        Ok(self.end(&begun)?)
    }

    /// A field of bytes, as they are.
    pub(super) fn delimited(&mut self, number: u32, bytes: &[u8]) -> Result<(), Full> {
        self.room(bytes.len())?;
        self.key(number, WireType::Delimited);
        self.varint(bytes.len() as u64);
        self.raw(bytes);
        self.room(0)
    }

    pub(super) fn fixed64(&mut self, number: u32, value: u64) {
        self.key(number, WireType::Fixed64);
        self.raw(&value.to_le_bytes());
    }

    /// Bytes so far, those that lengths will take among them.
    pub(super) const fn size(&self) -> usize {
        self.out.len() + self.growth
    }

    pub(super) const fn mark(&self) -> Mark {
        Mark { out: self.out.len(), long: self.long.len(), growth: self.growth }
    }

    /// Takes back what was written since; what was begun before it may be open still.
    pub(super) fn take_back(&mut self, mark: Mark) {
        self.out.truncate(mark.out);
        self.long.truncate(mark.long);
        self.growth = mark.growth;
    }

    /// Puts the long lengths into their places.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.long.sort_unstable_by_key(|long| long.at);
        let mut from = self.out.len();
        let mut growth = self.growth;
        self.out.resize(from + growth, 0);
        for long in self.long.iter().rev() {
            let behind = long.at as usize + 1;
            self.out.copy_within(behind..from, behind + growth);
            growth -= varint_length(long.length) - 1;
            put_varint(&mut self.out[long.at as usize + growth..], long.length);
            from = long.at as usize;
        }
        self.out
    }
}

fn varint_length(value: u32) -> usize {
    (32 - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn put_varint(place: &mut [u8], mut value: u32) {
    for byte in place {
        *byte = value as u8 & 0x7f | u8::from(value >= 0x80) << 7;
        value >>= 7;
        if value == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(contents: &[usize], limit: usize) -> Result<Vec<u8>, Full> {
        let mut writer = Writer::new(0, limit);
        let outer = writer.begin(1)?;
        for (index, length) in contents.iter().enumerate() {
            let begun = writer.begin(2)?;
            writer.raw(&vec![index as u8 + 1; *length]);
            writer.end(&begun)?;
        }
        writer.end(&outer)?;
        Ok(writer.finish())
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for contents in [&[][..], &[0], &[5, 127], &[128], &[1, 300, 2, 20_000, 3], &[3_000_000, 0, 127, 128]] {
            let mut inner = Vec::new();
            for (index, length) in contents.iter().enumerate() {
                prost::encoding::bytes::encode(2, &vec![index as u8 + 1; *length], &mut inner);
            }
            let mut whole = Vec::new();
            prost::encoding::bytes::encode(1, &inner, &mut whole);
            assert!(nested(contents, usize::MAX).unwrap() == whole, "{contents:?}");
            assert!(nested(contents, whole.len()).is_ok(), "{contents:?}");
            assert_eq!(nested(contents, whole.len() - 1), Err(Full), "{contents:?}");
        }
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace() {
        let mut writer = Writer::new(0, usize::MAX);
        let outer = writer.begin(1).unwrap();
        writer.delimited(2, &[7; 300]).unwrap();
        let mark = writer.mark();
        let failed = writer.nested(3, |writer| {
            writer.nested(4, |writer| writer.delimited(5, &[8; 300]))?;
            Err(Full)
        });
        assert_eq!(failed, Err(Full));
        writer.take_back(mark);
        writer.end(&outer).unwrap();
        let mut whole = Vec::new();
        let mut inner = Vec::new();
        prost::encoding::bytes::encode(2, &vec![7_u8; 300], &mut inner);
        prost::encoding::bytes::encode(1, &inner, &mut whole);
        assert_eq!(writer.size(), whole.len());
        assert_eq!(writer.finish(), whole);
    }
}
