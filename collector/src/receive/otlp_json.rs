//! OTLP in JSON, <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>, made into OTLP in protobuf.
//!
//! Comes in: the text of a request. Goes out: the same request as the bytes a protobuf sender would have sent, so that
//! one path leads on from here and the rows are equal. One pass, driven by a table of the messages; must not know what
//! a field is for. A field that stands twice is written twice, and means what it means in protobuf.
//!
//! A record with a value of another kind costs itself alone: in its place stands one that no decoder can read, so whoever
//! decodes the request, here or behind another collector, counts it among those that can never be stored.

use messages::{Field, Kind, LOGS_REQUEST, METRICS_REQUEST, Message, Rule, TRACES_REQUEST};
use scalar::Numeral;

use super::writer::{Full, Mark, WireType, Writer};
use crate::{
    record::json::{Invalid, Kind as JsonKind, Reader},
    signal::Signal,
};

mod messages;
mod scalar;

/// How deep objects and arrays may stand inside each other: 15 down to the value of an exemplar's attribute, and 4
/// for each of the 48 levels of values that are decoded later. What passes here and is deeper is refused there.
const MAX_DEPTH: u32 = 15 + 4 * 48;

/// What stands for a record that cannot be read: a field of the number 0, which protobuf does not have.
const UNREADABLE: &[u8] = &[0];

/// Why a text is no request. Tells places and kinds, never what was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonError {
    #[error("{path}: {what}")]
    Syntax { path: String, what: Invalid },
    #[error("{path}: expected {expected}")]
    Value { path: String, expected: &'static str },
    #[error("the request is larger than {0} bytes in protobuf")]
    TooLarge(usize),
}

/// The request as protobuf, of `limit` bytes at most.
///
/// # Errors
/// The text is not JSON, a field of OTLP outside the records has a value of another kind, or the request is too large.
pub fn to_protobuf(signal: Signal, json: &[u8], limit: usize) -> Result<Vec<u8>, JsonError> {
    // An empty body is an empty request in protobuf, and senders get the same answer here.
    if json.is_empty() {
        return Ok(Vec::new());
    }
    // Names, quotes and digits of times make JSON about twice as large.
    let writer = Writer::new(json.len() / 2, limit);
    let mut transcoder = Transcoder { reader: Reader::of(json, MAX_DEPTH), writer, scratch: Vec::new() };
    let request = match signal {
        Signal::Logs => &LOGS_REQUEST,
        Signal::Metrics => &METRICS_REQUEST,
        Signal::Traces => &TRACES_REQUEST,
    };
    let read = transcoder.message(request).and_then(|()| Ok(transcoder.reader.finish()?));
    match read {
        Ok(()) => Ok(transcoder.writer.finish()),
        Err(failure) => Err(failure.told(limit)),
    }
}

struct Transcoder<'a> {
    reader: Reader<'a>,
    writer: Writer,
    scratch: Vec<u8>,
}

/// What went wrong, and the way there from the inside out. Boxed: it is rare, and what returns it is not.
struct Failure(Box<(Problem, Vec<Step>)>);

enum Problem {
    Syntax(Invalid),
    Expected(&'static str),
    Full,
}

enum Step {
    Field(&'static str),
    Element(usize),
}

impl<'a> Transcoder<'a> {
    /// An object, without the length before it.
    fn message(&mut self, message: &'static Message) -> Result<(), Failure> {
        if self.reader.peek()? != JsonKind::Object {
            return Err(Problem::Expected("an object").into());
        }
        self.reader.object_start()?;
        let mut near = 0;
        while let Some(key) = self.reader.next_key()? {
            let Some(place) = message.find(key.resolve(&mut self.scratch), near) else {
                self.reader.skip_value()?;
                continue;
            };
            let field = &message.0[place];
            self.field(field).map_err(|failure| failure.inside(Step::Field(field.name)))?;
            near = place + usize::from(field.rule == Rule::One);
        }
        Ok(())
    }

    fn field(&mut self, field: &'static Field) -> Result<(), Failure> {
        match self.reader.peek()? {
            JsonKind::Null => self.reader.literal().map(drop)?,
            JsonKind::Array if field.rule != Rule::One => return self.elements(field),
            _ if field.rule != Rule::One => return Err(Problem::Expected("an array").into()),
            _ => self.value(field)?,
        }
        Ok(())
    }

    fn elements(&mut self, field: &'static Field) -> Result<(), Failure> {
        self.reader.array_start()?;
        if field.rule == Rule::Records {
            return self.records(field);
        }
        let is_packed = field.kind.wire_type() != WireType::Delimited;
        let begun = if is_packed { Some(self.writer.begin(field.number)?) } else { None };
        let mut index = 0;
        while self.reader.next_element()? {
            let written = if is_packed { self.scalar(field.kind) } else { self.value(field) };
            written.map_err(|failure| failure.inside(Step::Element(index)))?;
            index += 1;
        }
        Ok(begun.map_or(Ok(()), |begun| self.writer.end(&begun))?)
    }

    /// Records, of which each stands or falls by itself. Not so where the text is no JSON: nobody knows where one ends.
    fn records(&mut self, field: &'static Field) -> Result<(), Failure> {
        let mut index = 0;
        while self.reader.next_element()? {
            let (begin, mark) = (self.reader, self.writer.mark());
            let written = match self.value(field) {
                Err(failure) if failure.is_of_a_value() => self.unreadable(field, begin, mark),
                written => written,
            };
            written.map_err(|failure| failure.inside(Step::Element(index)))?;
            index += 1;
        }
        Ok(())
    }

    /// In place of what was written of a record.
    #[cold]
    fn unreadable(&mut self, field: &'static Field, begin: Reader<'a>, mark: Mark) -> Result<(), Failure> {
        self.reader = begin;
        self.writer.take_back(mark);
        self.reader.skip_value()?;
        Ok(self.writer.delimited(field.number, UNREADABLE)?)
    }

    /// One value with its key.
    fn value(&mut self, field: &'static Field) -> Result<(), Failure> {
        if field.kind.wire_type() != WireType::Delimited {
            self.writer.key(field.number, field.kind.wire_type());
            return self.scalar(field.kind);
        }
        let begun = self.writer.begin(field.number)?;
        match field.kind {
            // Nothing may be null in a list; a message that is not there is taken as an empty one.
            Kind::Nested(_) if self.reader.peek()? == JsonKind::Null => drop(self.reader.literal()?),
            Kind::Nested(message) => self.message(message)?,
            kind => self.text(kind)?,
        }
        Ok(self.writer.end(&begun)?)
    }

    /// What JSON writes as a string.
    fn text(&mut self, kind: Kind) -> Result<(), Failure> {
        if self.reader.peek()? != JsonKind::String {
            return Err(kind.expected().into());
        }
        let text = self.reader.string()?;
        self.writer.room(text.plain().map_or(0, <[u8]>::len))?;
        let out = self.writer.tail();
        let is_valid = match kind {
            Kind::Hex => scalar::hex(text.resolve(&mut self.scratch), out),
            Kind::Base64 => scalar::base64(text.resolve(&mut self.scratch), out),
            _ => {
                text.append(out);
                Some(())
            }
        };
        Ok(is_valid.ok_or(kind.expected())?)
    }

    /// A number or a truth.
    fn scalar(&mut self, kind: Kind) -> Result<(), Failure> {
        self.writer.room(0)?;
        let numeral = match self.reader.peek()? {
            JsonKind::Number => Numeral { text: self.reader.number()?.text(), is_quoted: false },
            JsonKind::String => Numeral { text: self.reader.string()?.resolve(&mut self.scratch), is_quoted: true },
            JsonKind::True | JsonKind::False if matches!(kind, Kind::Bool) => {
                let is_true = self.reader.literal()? == Some(true);
                self.writer.varint(is_true.into());
                return Ok(());
            }
            _ => return Err(kind.expected().into()),
        };
        Ok(write(kind, numeral, &mut self.writer).ok_or(kind.expected())?)
    }
}

/// Writes a number as protobuf has it, if it is one of that kind.
fn write(kind: Kind, numeral: Numeral<'_>, writer: &mut Writer) -> Option<()> {
    match kind {
        Kind::Double => writer.raw(&numeral.double()?.to_le_bytes()),
        Kind::Fixed32 => writer.raw(&numeral.integer::<u32>()?.to_le_bytes()),
        Kind::Fixed64 => writer.raw(&numeral.integer::<u64>()?.to_le_bytes()),
        Kind::Sfixed64 => writer.raw(&numeral.integer::<i64>()?.to_le_bytes()),
        Kind::Uint32 => writer.varint(numeral.integer::<u32>()?.into()),
        Kind::Uint64 => writer.varint(numeral.integer()?),
        Kind::Int32 => writer.varint(i64::from(numeral.integer::<i32>()?).cast_unsigned()),
        Kind::Int64 => writer.varint(numeral.integer::<i64>()?.cast_unsigned()),
        Kind::Sint32 => writer.varint(zigzag(numeral.integer()?).into()),
        Kind::Enum(names) => writer.varint(i64::from(numeral.choice(names)?).cast_unsigned()),
        Kind::Nested(_) | Kind::Text | Kind::Hex | Kind::Base64 | Kind::Bool => return None,
    }
    Some(())
}

const fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31).cast_unsigned()
}

impl Kind {
    const fn wire_type(self) -> WireType {
        match self {
            Self::Nested(_) | Self::Text | Self::Hex | Self::Base64 => WireType::Delimited,
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::Fixed64,
            Self::Fixed32 => WireType::Fixed32,
            Self::Bool | Self::Int32 | Self::Int64 | Self::Sint32 | Self::Uint32 | Self::Uint64 | Self::Enum(_) => {
                WireType::Varint
            }
        }
    }

    const fn expected(self) -> Problem {
        Problem::Expected(match self {
            Self::Nested(_) => "an object",
            Self::Text => "a string",
            Self::Hex => "a string of hexadecimal digits, two for each byte",
            Self::Base64 => "a string in base64",
            Self::Bool => "true or false",
            Self::Double => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
            Self::Fixed32 | Self::Uint32 => "an integer from 0 to 2^32-1",
            Self::Fixed64 | Self::Uint64 => "an integer from 0 to 2^64-1, as a number or a string",
            Self::Int32 | Self::Sint32 => "an integer of 32 bits",
            Self::Sfixed64 | Self::Int64 => "an integer of 64 bits, as a number or a string",
            Self::Enum(_) => "an integer or a name of the enum",
        })
    }
}

impl Failure {
    /// Whether the text may be JSON all the same.
    fn is_of_a_value(&self) -> bool {
        matches!(self.0.0, Problem::Expected(_))
    }

    fn inside(mut self, step: Step) -> Self {
        self.0.1.push(step);
        self
    }

    fn told(self, limit: usize) -> JsonError {
        let (problem, steps) = *self.0;
        let mut path = String::new();
        for step in steps.iter().rev() {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Element(index) => path.push_str(&format!("[{index}]")),
            }
        }
        if path.is_empty() {
            path.push_str("the request");
        }
        match problem {
            Problem::Syntax(what) => JsonError::Syntax { path, what },
            Problem::Expected(expected) => JsonError::Value { path, expected },
            Problem::Full => JsonError::TooLarge(limit),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(Box::new((problem, Vec::new())))
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Problem::Syntax(invalid).into()
    }
}

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Problem::Full.into()
    }
}

#[cfg(test)]
mod tests;
