//! JSON text, RFC 8259, read in place.
//!
//! Comes in: bytes. Goes out: one token after another, as the caller asks for them; strings and numbers are borrowed.
//! Must not allocate and must not build a tree. Strict about the grammar; about text as forgiving as Go's
//! `encoding/json`: what is not UTF-8, and half of a surrogate pair, become U+FFFD.
//!
//! ```text
//! value  := peek, then one of: object_start { next_key value } | array_start { next_element value }
//!                              | string | number | literal | skip_value
//! text   := value finish
//! ```

pub use number::Number;
pub use text::Text;

mod number;
mod text;

/// What a value is, seen from its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

/// Bytes that are not JSON, or not what was asked for; the number is the offset where it shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Invalid {
    #[error("expected a value at byte {0}")]
    Value(usize),
    #[error("expected an object at byte {0}")]
    Object(usize),
    #[error("expected an array at byte {0}")]
    Array(usize),
    #[error("expected a string at byte {0}")]
    String(usize),
    #[error("expected a number at byte {0}")]
    Number(usize),
    #[error("expected a key in quotes at byte {0}")]
    Key(usize),
    #[error("expected ':' after a key at byte {0}")]
    Colon(usize),
    #[error("expected ',' or '}}' at byte {0}")]
    ObjectEnd(usize),
    #[error("expected ',' or ']' at byte {0}")]
    ArrayEnd(usize),
    #[error("a control character in a string must be escaped, at byte {0}")]
    Control(usize),
    #[error("no such escape in a string, at byte {0}")]
    Escape(usize),
    #[error("a string has no end, from byte {0}")]
    Unclosed(usize),
    #[error("values are nested too deeply at byte {0}")]
    TooDeep(usize),
    #[error("expected nothing more at byte {0}")]
    Trailing(usize),
}

/// A place in a text. A copy of it reads the same again.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// How many more values may be opened inside each other.
    depth: u32,
    /// An object or array was opened and nothing of it is read yet: no comma is due.
    is_fresh: bool,
}

impl<'a> Reader<'a> {
    /// Objects and arrays may stand inside each other `depth` deep. [`Reader::skip_value`] needs stack in proportion,
    /// some 200 bytes for each.
    pub const fn of(input: &'a [u8], depth: u32) -> Self {
        Self { input, at: 0, depth, is_fresh: false }
    }

    /// Bytes read so far.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// What comes next; reads nothing but white space.
    #[inline]
    pub fn peek(&mut self) -> Result<Kind, Invalid> {
        Ok(match self.next_byte() {
            Some(b'"') => Kind::String,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            Some(b'n') => Kind::Null,
            _ => return Err(Invalid::Value(self.at)),
        })
    }

    /// Enters an object; [`Reader::next_key`] goes through it and leaves it.
    #[inline]
    pub fn object_start(&mut self) -> Result<(), Invalid> {
        if self.next_byte() == Some(b'{') { self.open() } else { Err(Invalid::Object(self.at)) }
    }

    /// The next key of the object entered last, its value is next; or none, and the object is left.
    #[inline]
    pub fn next_key(&mut self) -> Result<Option<Text<'a>>, Invalid> {
        match self.next_byte() {
            Some(b'}') => {
                self.close();
                return Ok(None);
            }
            Some(b',') if !self.is_fresh => {
                self.at += 1;
                self.next_byte();
            }
            _ if self.is_fresh => {}
            _ => return Err(Invalid::ObjectEnd(self.at)),
        }
        self.is_fresh = false;
        let key = self.string().map_err(|error| match error {
            Invalid::String(at) => Invalid::Key(at),
            other => other,
        })?;
        if self.next_byte() != Some(b':') {
            return Err(Invalid::Colon(self.at));
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Enters an array; [`Reader::next_element`] goes through it and leaves it.
    #[inline]
    pub fn array_start(&mut self) -> Result<(), Invalid> {
        if self.next_byte() == Some(b'[') { self.open() } else { Err(Invalid::Array(self.at)) }
    }

    /// Whether the array entered last has one more element, which is next; otherwise the array is left.
    #[inline]
    pub fn next_element(&mut self) -> Result<bool, Invalid> {
        match self.next_byte() {
            Some(b']') => {
                self.close();
                return Ok(false);
            }
            Some(b',') if !self.is_fresh => self.at += 1,
            _ if self.is_fresh => {}
            _ => return Err(Invalid::ArrayEnd(self.at)),
        }
        self.is_fresh = false;
        Ok(true)
    }

    /// A string.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, Invalid> {
        if self.next_byte() != Some(b'"') {
            return Err(Invalid::String(self.at));
        }
        let (text, end) = text::scan(self.input, self.at + 1)?;
        self.at = end;
        Ok(text)
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> Result<Number<'a>, Invalid> {
        self.next_byte();
        let number = Number::at_start_of(&self.input[self.at..]).ok_or(Invalid::Number(self.at))?;
        self.at += number.text().len();
        Ok(number)
    }

    /// `true`, `false` or `null`.
    pub fn literal(&mut self) -> Result<Option<bool>, Invalid> {
        self.next_byte();
        for (word, value) in [(&b"true"[..], Some(true)), (b"false", Some(false)), (b"null", None)] {
            if self.input[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Invalid::Value(self.at))
    }

    /// Checks a whole value of any kind and gives its text, which may be read again by another reader.
    pub fn skip_value(&mut self) -> Result<&'a [u8], Invalid> {
        let kind = self.peek()?;
        let start = self.at;
        match kind {
            Kind::String => drop(self.string()?),
            Kind::Number => drop(self.number()?),
            Kind::True | Kind::False | Kind::Null => drop(self.literal()?),
            Kind::Object => {
                self.object_start()?;
                while self.next_key()?.is_some() {
                    self.skip_value()?;
                }
            }
            Kind::Array => {
                self.array_start()?;
                while self.next_element()? {
                    self.skip_value()?;
                }
            }
        }
        Ok(&self.input[start..self.at])
    }

    /// Nothing but white space is left.
    pub fn finish(mut self) -> Result<(), Invalid> {
        if self.next_byte().is_none() { Ok(()) } else { Err(Invalid::Trailing(self.at)) }
    }

    /// The next byte that is not white space, and goes there.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            let byte = *self.input.get(self.at)?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn open(&mut self) -> Result<(), Invalid> {
        self.depth = self.depth.checked_sub(1).ok_or(Invalid::TooDeep(self.at))?;
        self.at += 1;
        self.is_fresh = true;
        Ok(())
    }

    /// What was opened around this is not fresh: this stands in it.
    fn close(&mut self) {
        self.depth = self.depth.saturating_add(1);
        self.at += 1;
        self.is_fresh = false;
    }
}

#[cfg(test)]
mod tests;
