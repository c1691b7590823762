//! JSON in a body becomes attributes, and attributes become flat.
//!
//! Comes in: a record. Goes out: its attributes, in which a key may stand twice: the later one counts. In order, as in
//! the collector this one replaces: the members of a JSON object in a text body replace attributes of the same name
//! (the object begins at the first brace of a line that is closed on it, text around it is allowed, what is not JSON
//! changes nothing); nested maps and lists are taken apart, `a: {b: 1}` to `a.b` and `a: [1]` to `a.0`; a list in a list
//! has no dot before its positions, `a: [[1]]` to `a.00`, as OTTL's `flatten` writes them; the entries of a map body
//! replace attributes and are not taken apart.

use bumpalo::Bump;

use crate::record::{
    Attribute, LogRecord, Value,
    json::{Invalid, Kind, Reader},
    value,
};

mod index;

use index::Index;

/// Nested deeper, a body is no JSON: reading it needs stack in proportion.
const MAX_DEPTH: u32 = 64;

/// Bytes of keys made for one record, and the attributes they are the keys of. A nested value that needs more is
/// stored whole, and so is every one after it: keys repeat all that is around them, so that a small body could ask for
/// gigabytes.
const MADE: usize = 1 << 20;

/// Bytes of an attribute besides its key.
const ATTRIBUTE: usize = size_of::<Attribute<'_>>();

/// Whether anything here would change the record's attributes.
#[inline]
pub(super) fn is_needed(record: &LogRecord<'_>) -> bool {
    let is_nested = |value| matches!(value, Value::Array(_) | Value::Map(_));
    let may_hold_json = match record.body {
        Value::String(body) => memchr::memchr(b'{', body).is_some(),
        Value::Map(_) => true,
        _ => false,
    };
    may_hold_json || record.attributes.iter().any(|attribute| is_nested(attribute.value))
}

/// Room that is reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Merge {
    index: Index,
    /// The key around what is being taken apart.
    path: Vec<u8>,
}

impl Merge {
    /// Fills `out` and returns the bytes made for it.
    pub(super) fn run<'a>(&mut self, record: &LogRecord<'a>, arena: &'a Bump, out: &mut Vec<Attribute<'a>>) -> usize {
        out.extend_from_slice(&record.attributes);
        if let Value::String(body) = record.body
            && let Some(object) = object_in(body)
        {
            let sent = out.len();
            // A half-read object must leave nothing behind.
            match members(object, arena, out) {
                Ok(()) => self.index.replace_earlier(sent, out),
                Err(_) => out.truncate(sent),
            }
        }
        let mut made = 0;
        if out.iter().any(|attribute| is_nested(attribute.value)) {
            made = self.flatten(arena, out);
        }
        if let Value::Map(entries) = record.body {
            out.extend(value::entries(entries));
        }
        made
    }

    /// Takes every nested value apart. `out` holds what was and then what is; what was is removed at the end.
    fn flatten<'a>(&mut self, arena: &'a Bump, out: &mut Vec<Attribute<'a>>) -> usize {
        let count = out.len();
        let mut flat = Flat { arena, path: &mut self.path, out, made: 0, is_full: false };
        for position in 0..count {
            let attribute = flat.out[position];
            let kept = flat.out.len();
            if is_nested(attribute.value) && !flat.is_full {
                flat.path.clear();
                flat.path.extend_from_slice(attribute.key);
                flat.take_apart(attribute.value);
                if !flat.is_full {
                    continue;
                }
                flat.out.truncate(kept);
            }
            flat.out.push(attribute);
        }
        let made = flat.made;
        out.drain(..count);
        made
    }
}

const fn is_nested(value: Value<'_>) -> bool {
    matches!(value, Value::Array(_) | Value::Map(_) | Value::Json(_))
}

/// From the first brace on to the last closing one of its line; a brace that its line does not close is passed over.
fn object_in(body: &[u8]) -> Option<&[u8]> {
    let mut rest = body;
    loop {
        rest = &rest[memchr::memchr(b'{', rest)?..];
        let (line, after) = rest.split_at(memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
        if let Some(last) = memchr::memrchr(b'}', line) {
            return Some(&line[..=last]);
        }
        rest = after;
    }
}

/// Appends the members of an object; nested ones stay text.
fn members<'a>(object: &'a [u8], arena: &'a Bump, out: &mut Vec<Attribute<'a>>) -> Result<(), Invalid> {
    let mut reader = Reader::of(object, MAX_DEPTH);
    reader.object_start()?;
    while let Some(key) = reader.next_key()? {
        let key = key.plain().unwrap_or_else(|| resolved(key, arena));
        let value = value_of(&mut reader, arena)?;
        out.push(Attribute { key, value });
    }
    reader.finish()
}

/// The next value; numbers are what they are as doubles.
fn value_of<'a>(reader: &mut Reader<'a>, arena: &'a Bump) -> Result<Value<'a>, Invalid> {
    Ok(match reader.peek()? {
        Kind::Object | Kind::Array => Value::Json(reader.skip_value()?),
        Kind::String => {
            let text = reader.string()?;
            Value::String(text.plain().unwrap_or_else(|| resolved(text, arena)))
        }
        Kind::Number => {
            let offset = reader.offset();
            Value::of_number(reader.number()?).ok_or(Invalid::Number(offset))?
        }
        Kind::True | Kind::False | Kind::Null => reader.literal()?.map_or(Value::Empty, Value::Bool),
    })
}

fn resolved<'a>(text: crate::record::json::Text<'_>, arena: &'a Bump) -> &'a [u8] {
    let mut scratch = Vec::new();
    arena.alloc_slice_copy(text.resolve(&mut scratch))
}

/// Nested values on their way to flat ones.
struct Flat<'f, 'a> {
    arena: &'a Bump,
    path: &'f mut Vec<u8>,
    out: &'f mut Vec<Attribute<'a>>,
    made: usize,
    /// There was no room for a key; what is being taken apart will be stored whole.
    is_full: bool,
}

impl<'a> Flat<'_, 'a> {
    /// Maps and lists at any depth.
    fn take_apart(&mut self, value: Value<'a>) {
        if self.is_full {
            return;
        }
        match value {
            Value::Map(entries) => {
                for entry in value::entries(entries) {
                    if self.is_full {
                        return;
                    }
                    self.under(entry.key, |flat| flat.take_apart(entry.value));
                }
            }
            Value::Array(elements) => {
                for (position, element) in value::elements(elements).enumerate() {
                    if self.is_full {
                        return;
                    }
                    self.element(position, element);
                }
            }
            // Checked when it was found: the text has no errors.
            Value::Json(text) => drop(self.take_json_apart(text)),
            scalar => self.push(scalar),
        }
    }

    fn take_json_apart(&mut self, text: &'a [u8]) -> Result<(), Invalid> {
        let mut reader = Reader::of(text, MAX_DEPTH);
        if reader.peek()? == Kind::Array {
            reader.array_start()?;
            let mut position = 0;
            while !self.is_full && reader.next_element()? {
                let element = value_of(&mut reader, self.arena)?;
                self.element(position, element);
                position += 1;
            }
        } else {
            reader.object_start()?;
            let mut scratch = Vec::new();
            while !self.is_full
                && let Some(key) = reader.next_key()?
            {
                let value = value_of(&mut reader, self.arena)?;
                self.under(key.resolve(&mut scratch), |flat| flat.take_apart(value));
            }
        }
        Ok(())
    }

    fn element(&mut self, position: usize, element: Value<'a>) {
        self.under(itoa::Buffer::new().format(position).as_bytes(), |flat| match element {
            Value::Array(elements) => {
                for (position, element) in value::elements(elements).enumerate() {
                    if flat.is_full {
                        return;
                    }
                    flat.inner_element(position, element);
                }
            }
            Value::Json(text) if text.first() == Some(&b'[') => drop(flat.take_inner_json_apart(text)),
            other => flat.take_apart(other),
        });
    }

    /// A list that is an element of a list.
    fn take_inner_json_apart(&mut self, text: &'a [u8]) -> Result<(), Invalid> {
        let mut reader = Reader::of(text, MAX_DEPTH);
        reader.array_start()?;
        let mut position = 0;
        while !self.is_full && reader.next_element()? {
            let element = value_of(&mut reader, self.arena)?;
            self.inner_element(position, element);
            position += 1;
        }
        Ok(())
    }

    /// Its key has no dot before the position.
    fn inner_element(&mut self, position: usize, element: Value<'a>) {
        self.joined(&[itoa::Buffer::new().format(position).as_bytes()], |flat| flat.take_apart(element));
    }

    fn under(&mut self, name: &[u8], act: impl FnOnce(&mut Self)) {
        self.joined(&[b".", name], act);
    }

    fn joined(&mut self, parts: &[&[u8]], act: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        for part in parts {
            self.path.extend_from_slice(part);
        }
        act(self);
        self.path.truncate(length);
    }

    fn push(&mut self, value: Value<'a>) {
        self.made += self.path.len() + ATTRIBUTE;
        self.is_full = self.made > MADE;
        if self.is_full {
            return;
        }
        self.out.push(Attribute { key: self.arena.alloc_slice_copy(self.path), value });
    }
}
