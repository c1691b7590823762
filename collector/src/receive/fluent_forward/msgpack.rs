//! MessagePack, <https://github.com/msgpack/msgpack/blob/master/spec.md>, read in place.
//!
//! Comes in: bytes. Goes out: one item after another, borrowed. Must not believe a length that is only claimed, nor take
//! stack for what is nested.

use rmp::Marker;

/// A value, or the head of one that holds others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Item<'a> {
    Nil,
    Bool(bool),
    Integer(i64),
    /// Beyond what an `i64` holds.
    Large(u64),
    Number(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Extension(i8, &'a [u8]),
    /// So many items follow.
    Array(u32),
    /// So many pairs of items follow.
    Map(u32),
}

/// Why there is no next item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Invalid {
    /// The bytes end before it does.
    Short,
    /// A byte that begins nothing.
    Reserved,
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next item. Where there is none, nothing is passed over.
    pub(super) fn item(&mut self) -> Result<Item<'a>, Invalid> {
        let mut ahead = *self;
        let item = ahead.step()?;
        *self = ahead;
        Ok(item)
    }

    /// Passes over a value and everything in it, and gives it back as it stands.
    pub(super) fn skip(&mut self) -> Result<&'a [u8], Invalid> {
        let mut ahead = *self;
        let mut left = 1_u64;
        while left > 0 {
            left = left - 1 + ahead.step()?.holds();
        }
        let (value, _) = self.0.split_at(self.0.len() - ahead.0.len());
        *self = ahead;
        Ok(value)
    }

    fn step(&mut self) -> Result<Item<'a>, Invalid> {
        let [first] = self.fixed()?;
        Ok(match Marker::from_u8(first) {
            Marker::FixPos(value) => Item::Integer(value.into()),
            Marker::FixNeg(value) => Item::Integer(value.into()),
            Marker::Null => Item::Nil,
            Marker::Reserved => return Err(Invalid::Reserved),
            Marker::False => Item::Bool(false),
            Marker::True => Item::Bool(true),
            Marker::U8 => Item::Integer(u8::from_be_bytes(self.fixed()?).into()),
            Marker::U16 => Item::Integer(u16::from_be_bytes(self.fixed()?).into()),
            Marker::U32 => Item::Integer(u32::from_be_bytes(self.fixed()?).into()),
            Marker::U64 => {
                let value = u64::from_be_bytes(self.fixed()?);
                i64::try_from(value).map_or(Item::Large(value), Item::Integer)
            }
            Marker::I8 => Item::Integer(i8::from_be_bytes(self.fixed()?).into()),
            Marker::I16 => Item::Integer(i16::from_be_bytes(self.fixed()?).into()),
            Marker::I32 => Item::Integer(i32::from_be_bytes(self.fixed()?).into()),
            Marker::I64 => Item::Integer(i64::from_be_bytes(self.fixed()?)),
            Marker::F32 => Item::Number(f32::from_be_bytes(self.fixed()?).into()),
            Marker::F64 => Item::Number(f64::from_be_bytes(self.fixed()?)),
            Marker::FixStr(length) => Item::Text(self.bytes(length.into())?),
            Marker::Str8 => Item::Text(self.sized::<1>()?),
            Marker::Str16 => Item::Text(self.sized::<2>()?),
            Marker::Str32 => Item::Text(self.sized::<4>()?),
            Marker::Bin8 => Item::Bytes(self.sized::<1>()?),
            Marker::Bin16 => Item::Bytes(self.sized::<2>()?),
            Marker::Bin32 => Item::Bytes(self.sized::<4>()?),
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.sized_extension::<1>()?,
            Marker::Ext16 => self.sized_extension::<2>()?,
            Marker::Ext32 => self.sized_extension::<4>()?,
            Marker::FixArray(length) => Item::Array(length.into()),
            Marker::Array16 => Item::Array(self.length::<2>()?),
            Marker::Array32 => Item::Array(self.length::<4>()?),
            Marker::FixMap(length) => Item::Map(length.into()),
            Marker::Map16 => Item::Map(self.length::<2>()?),
            Marker::Map32 => Item::Map(self.length::<4>()?),
        })
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Invalid> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Invalid::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn length<const N: usize>(&mut self) -> Result<u32, Invalid> {
        let bytes: [u8; N] = self.fixed()?;
        Ok(bytes.iter().fold(0, |length, byte| length << 8 | u32::from(*byte)))
    }

    fn bytes(&mut self, length: u32) -> Result<&'a [u8], Invalid> {
        let length = usize::try_from(length).map_err(|_| Invalid::Short)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Invalid::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn sized<const N: usize>(&mut self) -> Result<&'a [u8], Invalid> {
        let length = self.length::<N>()?;
        self.bytes(length)
    }

    fn extension(&mut self, length: u32) -> Result<Item<'a>, Invalid> {
        let [kind] = self.fixed()?;
        Ok(Item::Extension(kind.cast_signed(), self.bytes(length)?))
    }

    fn sized_extension<const N: usize>(&mut self) -> Result<Item<'a>, Invalid> {
        let length = self.length::<N>()?;
        self.extension(length)
    }
}

impl<'a> Item<'a> {
    /// Items that follow as a part of it.
    pub(super) fn holds(self) -> u64 {
        match self {
            Self::Array(length) => length.into(),
            Self::Map(length) => 2 * u64::from(length),
            _ => 0,
        }
    }

    /// A text, in either of the two kinds senders write it as.
    pub(super) const fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(text) | Self::Bytes(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rmpv::Value;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f32>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Binary),
            (any::<i8>(), proptest::collection::vec(any::<u8>(), 0..20))
                .prop_map(|(kind, data)| Value::Ext(kind, data)),
        ];
        leaf.prop_recursive(4, 60, 20, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
                proptest::collection::vec((inner.clone(), inner), 0..20).prop_map(Value::Map),
            ]
        })
    }

    fn read(reader: &mut Reader<'_>) -> Value {
        match reader.item().unwrap() {
            Item::Nil => Value::Nil,
            Item::Bool(value) => value.into(),
            Item::Integer(value) => value.into(),
            Item::Large(value) => value.into(),
            Item::Number(value) => value.into(),
            Item::Text(text) => std::str::from_utf8(text).unwrap().into(),
            Item::Bytes(bytes) => Value::Binary(bytes.to_vec()),
            Item::Extension(kind, data) => Value::Ext(kind, data.to_vec()),
            Item::Array(length) => Value::Array((0..length).map(|_| read(reader)).collect()),
            Item::Map(length) => Value::Map((0..length).map(|_| (read(reader), read(reader))).collect()),
        }
    }

    /// A float of 32 bits is one of 64 here, and two that are no number differ.
    fn widened(value: &Value) -> Value {
        match value {
            Value::F32(value) => Value::F64(f64::from(*value)),
            Value::Array(all) => Value::Array(all.iter().map(widened).collect()),
            Value::Map(all) => Value::Map(all.iter().map(|(key, value)| (widened(key), widened(value))).collect()),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn what_the_library_writes_is_read_as_it_is(value in values()) {
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, &value).unwrap();
            let mut reader = Reader(&bytes);
            prop_assert_eq!(format!("{:?}", read(&mut reader)), format!("{:?}", widened(&value)));
            prop_assert!(reader.0.is_empty());
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.skip(), Ok(&bytes[..]));
            for end in 0..bytes.len() {
                prop_assert_eq!(Reader(&bytes[..end]).skip(), Err(Invalid::Short));
            }
        }
    }

    #[test]
    fn a_claimed_length_is_not_believed_and_a_reserved_byte_begins_nothing() {
        assert_eq!(Reader(b"\xdf\xff\xff\xff\xff").skip(), Err(Invalid::Short));
        assert_eq!(Reader(b"\xc6\xff\xff\xff\xff").item(), Err(Invalid::Short));
        assert_eq!(Reader(b"\xc1").item(), Err(Invalid::Reserved));
    }
}
