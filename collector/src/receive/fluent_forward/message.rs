//! Messages of the forward protocol,
//! <https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1>.
//!
//! Comes in: the bytes of a connection. Goes out: where a message ends, and what it says. Must not read an event.

use super::{
    msgpack::{Invalid, Item, Reader},
    record::Event,
};
use crate::receive::{inflate::Encoding, log_request::Unfit};

/// Bytes of a tag at most: every record has it.
const LONGEST_TAG: usize = 4 << 10;

/// Bytes of the name of a chunk at most: 24 in what senders write.
const LONGEST_CHUNK: usize = 1 << 10;

/// Bytes that are no message of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NoMessage;

/// What was looked at of a message that has not come whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framing {
    at: usize,
    /// Items that are missing.
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Message<'a> {
    pub(super) tag: &'a [u8],
    pub(super) events: Events<'a>,
    /// What its sender wants to hear when it is stored.
    pub(super) chunk: Option<&'a [u8]>,
}

/// Where the events of a message are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Events<'a> {
    /// Time and record, one behind the other.
    One(&'a [u8]),
    /// So many pairs of them.
    Listed(u32, &'a [u8]),
    /// Pairs up to the end, perhaps compressed. None: in a way nobody here knows.
    Packed(Option<Encoding>, &'a [u8]),
    /// A sign of life.
    None,
}

impl Default for Framing {
    fn default() -> Self {
        Self { at: 0, left: 1 }
    }
}

impl Framing {
    /// The length of the first message, once it is whole. What was looked at is not looked at again.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> Result<Option<usize>, NoMessage> {
        let mut reader = Reader(bytes.get(self.at..).unwrap_or_default());
        while self.left > 0 {
            let item = match reader.item() {
                Ok(item) => item,
                Err(Invalid::Short) => return Ok(None),
                Err(Invalid::Reserved) => return Err(NoMessage),
            };
            if self.at == 0 && !matches!(item, Item::Nil | Item::Array(1..=6)) {
                return Err(NoMessage);
            }
            self.at = bytes.len() - reader.0.len();
            self.left = self.left - 1 + item.holds();
        }
        let length = self.at;
        *self = Self::default();
        Ok(Some(length))
    }
}

impl<'a> Message<'a> {
    /// `bytes` is one value.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, NoMessage> {
        let mut reader = Reader(bytes);
        let length = match reader.item()? {
            Item::Nil => return Ok(Self { tag: b"", events: Events::None, chunk: None }),
            Item::Array(length @ 2..=4) => length,
            _ => return Err(NoMessage),
        };
        let tag = reader.item()?.text().filter(|tag| tag.len() <= LONGEST_TAG).ok_or(NoMessage)?;
        let mut ahead = reader;
        let (events, fields) = match ahead.item()? {
            Item::Array(count) => {
                let listed = reader.skip()?;
                (Events::Listed(count, head_off(listed)?), 2)
            }
            Item::Text(packed) | Item::Bytes(packed) => {
                reader = ahead;
                (Events::Packed(Some(Encoding::Identity), packed), 2)
            }
            _ => {
                let begin = reader.0;
                reader.skip()?;
                reader.skip()?;
                (Events::One(begin.get(..begin.len() - reader.0.len()).unwrap_or_default()), 3)
            }
        };
        let mut message = Self { tag, events, chunk: None };
        match length.checked_sub(fields) {
            Some(0) => {}
            Some(1) => message.options(reader)?,
            _ => return Err(NoMessage),
        }
        Ok(message)
    }

    /// The events, one after another, and what is none. `unfolded` is what was compressed.
    pub(super) fn events<'e>(&self, unfolded: &'e [u8]) -> impl Iterator<Item = Result<Event<'e>, Unfit>>
    where
        'a: 'e,
    {
        let (mut left, bytes) = match self.events {
            Events::None => (0, &b""[..]),
            Events::One(bytes) => (1, bytes),
            Events::Listed(count, bytes) => (count, bytes),
            Events::Packed(Some(Encoding::Identity), bytes) => (u32::MAX, bytes),
            Events::Packed(..) => (u32::MAX, unfolded),
        };
        let is_one = matches!(self.events, Events::One(_));
        let mut reader = Reader(bytes);
        std::iter::from_fn(move || {
            if left == 0 || reader.0.is_empty() {
                return None;
            }
            left -= 1;
            if is_one {
                return Some(Event::of(bytes));
            }
            let pair = reader.skip();
            if pair.is_err() {
                // Behind bytes that are no value nothing can be read.
                left = 0;
            }
            Some(pair.map_err(Unfit::from).and_then(Event::of_pair))
        })
    }

    fn options(&mut self, mut reader: Reader<'a>) -> Result<(), NoMessage> {
        let count = match reader.item()? {
            Item::Nil => 0,
            Item::Map(count) => count,
            _ => return Err(NoMessage),
        };
        for _ in 0..count {
            let name = reader.item()?.text().ok_or(NoMessage)?;
            let mut value = Reader(reader.skip()?);
            match name {
                b"chunk" => {
                    let chunk = value.item()?.text().filter(|chunk| chunk.len() <= LONGEST_CHUNK);
                    self.chunk = Some(chunk.ok_or(NoMessage)?);
                }
                b"compressed" => self.compressed(value.item()?.text().ok_or(NoMessage)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn compressed(&mut self, name: &[u8]) {
        if let Events::Packed(encoding, _) = &mut self.events {
            *encoding = match name {
                b"text" => Some(Encoding::Identity),
                b"gzip" => Some(Encoding::Gzip),
                b"zstd" => Some(Encoding::Zstd),
                _ => None,
            };
        }
    }
}

/// What is in an array.
fn head_off(array: &[u8]) -> Result<&[u8], NoMessage> {
    let mut reader = Reader(array);
    reader.item()?;
    Ok(reader.0)
}

impl From<Invalid> for NoMessage {
    fn from(_: Invalid) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use rmpv::Value;

    use super::*;

    fn written(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        bytes
    }

    fn array(all: impl Into<Vec<Value>>) -> Value {
        Value::Array(all.into())
    }

    fn record() -> Value {
        Value::Map(vec![("log".into(), "hi".into())])
    }

    fn options() -> Value {
        Value::Map(vec![
            ("size".into(), 1.into()),
            ("chunk".into(), "c2h=".into()),
            ("compressed".into(), "gzip".into()),
        ])
    }

    #[test]
    fn each_mode_is_told_by_what_follows_the_tag() {
        let one = written(&array([Value::from("t"), 7.into(), record()]));
        let told = Message::of(&one).unwrap();
        assert_eq!((told.tag, told.chunk), (&b"t"[..], None));
        assert_eq!(told.events, Events::One(&one[3..]));

        let listed = written(&array([Value::from("t"), array([array([7.into(), record()])]), options()]));
        let told = Message::of(&listed).unwrap();
        assert_eq!(told.chunk, Some(&b"c2h="[..]));
        assert!(matches!(told.events, Events::Listed(1, [0x92, 7, ..])), "{told:?}");

        let pair = written(&array([7.into(), record()]));
        for packed in [Value::Binary(pair.clone()), Value::String("x".into())] {
            let packed = written(&array([Value::from("t"), packed, options()]));
            let told = Message::of(&packed).unwrap();
            assert!(matches!(told.events, Events::Packed(Some(Encoding::Gzip), _)), "{told:?}");
        }
        assert_eq!(Message::of(&written(&Value::Nil)).unwrap().events, Events::None);
    }

    #[test]
    fn what_is_no_message_is_told_by_its_first_bytes() {
        for bytes in
            [&b"GET / HTTP/1.1"[..], b"\x16\x03\x01", b"[\"tag\",1,{}]", b"<13>Oct 11 22:14:15", b"\xc1", b"\x90"]
        {
            assert_eq!(Framing::default().whole(bytes), Err(NoMessage), "{bytes:?}");
        }
        let long = "x".repeat(LONGEST_TAG + 1);
        let many = vec![Value::from("t"), 7.into(), record(), options(), Value::Nil];
        let nameless = Value::Map(vec![(1.into(), 2.into())]);
        for value in [
            array([Value::from(7), 7.into(), record()]),
            array([Value::from(long), 7.into(), record()]),
            array([Value::from("t"), 7.into()]),
            array(many),
            array([Value::from("t"), 7.into(), record(), 7.into()]),
            array([Value::from("t"), 7.into(), record(), nameless]),
        ] {
            assert!(Message::of(&written(&value)).is_err(), "{value}");
        }
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let listed = array([Value::from("t"), array([array([7.into(), record()])]), options()]);
        let stream = [written(&listed), written(&Value::Nil), written(&listed)].concat();
        for step in 1..=stream.len() {
            let (mut framing, mut begin, mut lengths) = (Framing::default(), 0, Vec::new());
            for end in (step..stream.len()).step_by(step).chain([stream.len()]) {
                while let Some(length) = framing.whole(&stream[begin..end]).unwrap() {
                    lengths.push(length);
                    begin += length;
                }
            }
            assert_eq!(lengths, [written(&listed).len(), 1, written(&listed).len()], "{step}");
        }
    }
}
