//! Protobuf's wire format, <https://protobuf.dev/programming-guides/encoding/>.
//!
//! Comes in: an encoded message. Goes out: its fields in the order they stand, borrowed. Must not know what
//! any field means; unknown ones are for the caller to skip. Refuses what the official decoders refuse.

/// Groups inside groups; the depth at which the official decoders give up.
const MAX_DEPTH: u32 = 100;

/// Bytes that are not a protobuf message of the expected shape.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    #[error("a field ends beyond its message")]
    Truncated,
    #[error("a number is longer than 64 bits")]
    Overlong,
    #[error("a field has the number 0 or a number beyond 2^29")]
    FieldNumber,
    #[error("field {0} has a wire type it cannot have")]
    WireType(u32),
    #[error("values are nested too deeply")]
    TooDeep,
    #[error("more attributes than one record may have")]
    TooMany,
    #[error("a metric has no data")]
    NoData,
}

/// The value of a field as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    /// A group of an unknown field, already passed over.
    Group,
}

/// A field: its number and its value.
pub type Field<'a> = (u32, Wire<'a>);

/// The fields of one message.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub const fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field, if there is one.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        match self.plain_field() {
            Some(field) => Ok(Some(field)),
            None => self.any_field(),
        }
    }

    /// The next field, and the bytes it takes with its key.
    pub fn next_raw(&mut self) -> Result<Option<(Field<'a>, &'a [u8])>, Malformed> {
        let before = self.rest;
        let field = self.next_field()?;
        Ok(field.map(|field| (field, &before[..before.len() - self.rest.len()])))
    }

    /// A field as most are: a number up to 15, and a short text or eight bytes.
    #[inline]
    fn plain_field(&mut self) -> Option<Field<'a>> {
        let (key, rest) = self.rest.split_first()?;
        let number = u32::from(*key >> 3);
        if *key < 8 || *key >= 0x80 {
            return None;
        }
        let (value, rest) = match key & 7 {
            1 => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (Wire::Fixed64(u64::from_le_bytes(*bytes)), rest)
            }
            2 => {
                let (length, rest) = rest.split_first().filter(|(length, _)| **length < 0x80)?;
                let (bytes, rest) = rest.split_at_checked(usize::from(*length))?;
                (Wire::Bytes(bytes), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some((number, value))
    }

    fn any_field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, kind) = self.key()?;
        if kind == 4 {
            return Err(Malformed::WireType(number));
        }
        self.value(number, kind, MAX_DEPTH).map(|value| Some((number, value)))
    }

    /// The next number, where this is a packed list of varints and no message.
    #[inline]
    pub fn next_packed(&mut self) -> Result<Option<u64>, Malformed> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    #[inline]
    fn key(&mut self) -> Result<(u32, u8), Malformed> {
        let key = u32::try_from(self.varint()?).map_err(|_| Malformed::FieldNumber)?;
        if key >> 3 == 0 {
            return Err(Malformed::FieldNumber);
        }
        Ok((key >> 3, (key & 7) as u8))
    }

    #[inline]
    fn value(&mut self, number: u32, kind: u8, depth: u32) -> Result<Wire<'a>, Malformed> {
        Ok(match kind {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
                Wire::Bytes(self.take(length)?)
            }
            3 => {
                self.skip_group(number, depth)?;
                Wire::Group
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed::WireType(number)),
        })
    }

    fn skip_group(&mut self, group: u32, depth: u32) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
        loop {
            match self.key()? {
                (number, 4) if number == group => return Ok(()),
                (number, 4) => return Err(Malformed::WireType(number)),
                (number, kind) => self.value(number, kind, depth)?,
            };
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        // Tags and most lengths are one byte.
        if let [first, rest @ ..] = self.rest
            && *first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(*first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                if index == 9 && *byte > 1 {
                    return Err(Malformed::Overlong);
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { Malformed::Truncated } else { Malformed::Overlong })
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}

impl<'a> Wire<'a> {
    #[inline]
    pub fn bytes(self, number: u32) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::WireType(number)),
        }
    }

    #[inline]
    pub fn varint(self, number: u32) -> Result<u64, Malformed> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(Malformed::WireType(number)),
        }
    }

    #[inline]
    pub fn fixed64(self, number: u32) -> Result<u64, Malformed> {
        match self {
            Self::Fixed64(value) => Ok(value),
            _ => Err(Malformed::WireType(number)),
        }
    }

    #[inline]
    pub fn fixed32(self, number: u32) -> Result<u32, Malformed> {
        match self {
            Self::Fixed32(value) => Ok(value),
            _ => Err(Malformed::WireType(number)),
        }
    }
}
