//! Strings of JSON.
//!
//! Comes in: the bytes after an opening quote. Goes out: what stands up to the closing one, checked, and on demand
//! its text without escapes.

use super::Invalid;

/// A string between its quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text<'a> {
    raw: &'a [u8],
    is_plain: bool,
}

impl<'a> Text<'a> {
    /// Its text, where it stands in the input as it is: neither escapes nor broken UTF-8.
    #[inline]
    pub const fn plain(self) -> Option<&'a [u8]> {
        if self.is_plain { Some(self.raw) } else { None }
    }

    /// The bytes between the quotes, escapes and all. The text is never longer than three times as many.
    pub const fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Its text: borrowed if it can be, or else written to `scratch`, of which the old content is lost.
    #[inline]
    pub fn resolve<'s>(self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        if self.is_plain {
            return self.raw;
        }
        scratch.clear();
        self.append_escaped(scratch);
        scratch
    }

    /// Appends its text.
    #[inline]
    pub fn append(self, out: &mut Vec<u8>) {
        if self.is_plain { out.extend_from_slice(self.raw) } else { self.append_escaped(out) }
    }

    fn append_escaped(self, out: &mut Vec<u8>) {
        let mut rest = self.raw;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            append_lossy(&rest[..at], out);
            rest = unescape(&rest[at + 1..], out);
        }
        append_lossy(rest, out);
    }
}

/// The string that begins at `start`, behind its opening quote, and where it ends behind the closing one.
#[inline]
pub(super) fn scan(input: &[u8], start: usize) -> Result<(Text<'_>, usize), Invalid> {
    let mut at = start;
    let mut seen = 0;
    // Most strings are shorter than two words, so nothing that needs a warm-up would pay.
    while let Some(chunk) = input.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let stops = stops(word);
        if stops == 0 {
            seen |= word;
            at += 8;
            continue;
        }
        let bit = stops.trailing_zeros() & !7;
        seen |= word & ((1 << bit) - 1);
        at += (bit / 8) as usize;
        if input[at] == b'"' && seen & HIGH == 0 {
            return Ok((Text { raw: &input[start..at], is_plain: true }, at + 1));
        }
        break;
    }
    scan_rest(input, start, at)
}

/// The rest of a string: with escapes, bytes beyond ASCII, or near the end of the input.
fn scan_rest(input: &[u8], start: usize, mut at: usize) -> Result<(Text<'_>, usize), Invalid> {
    let mut has_escapes = false;
    loop {
        match input.get(at) {
            None => return Err(Invalid::Unclosed(start - 1)),
            Some(b'"') => break,
            Some(b'\\') => {
                has_escapes = true;
                at += escape_length(&input[at..]).ok_or(Invalid::Escape(at))?;
            }
            Some(0..0x20) => return Err(Invalid::Control(at)),
            Some(_) => at += run(&input[at..]),
        }
    }
    let raw = &input[start..at];
    let is_plain = !has_escapes && std::str::from_utf8(raw).is_ok();
    Ok((Text { raw, is_plain }, at + 1))
}

/// How many bytes go by before one that needs a look.
fn run(input: &[u8]) -> usize {
    let mut length = 0;
    while let Some(chunk) = input.get(length..).and_then(<[u8]>::first_chunk::<8>) {
        match stops(u64::from_le_bytes(*chunk)) {
            0 => length += 8,
            stops => return length + (stops.trailing_zeros() / 8) as usize,
        }
    }
    let rest = input[length..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    rest.map_or(input.len(), |at| length + at)
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// The high bit of each byte that is a quote, a backslash or a control character. Above the lowest such byte there
/// may be others marked by a borrow; below it there are none.
const fn stops(word: u64) -> u64 {
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let quotes = zeros(word ^ (ONES * b'"' as u64));
    let backslashes = zeros(word ^ (ONES * b'\\' as u64));
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & HIGH
}

/// The length of an escape with its backslash.
fn escape_length(input: &[u8]) -> Option<usize> {
    match input.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => code_unit(&input[2..]).map(|_| 6),
        _ => None,
    }
}

fn code_unit(input: &[u8]) -> Option<u32> {
    let digits = input.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends what the escape behind a backslash means, and gives what follows it. The escape has been checked.
fn unescape<'a>(input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((letter, rest)) = input.split_first() else { return input };
    out.push(match letter {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unescape_unit(rest, out),
        other => *other,
    });
    rest
}

fn unescape_unit<'a>(input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let high = code_unit(input).unwrap_or_default();
    let mut rest = input.get(4..).unwrap_or_default();
    let mut scalar = char::from_u32(high);
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) = rest.strip_prefix(b"\\u").and_then(code_unit).filter(|low| (0xdc00..0xe000).contains(low))
    {
        scalar = char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        rest = &rest[6..];
    }
    let scalar = scalar.unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(scalar.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

/// Each byte that is not part of a character becomes U+FFFD, as in Go; Rust's own would make one of several.
fn append_lossy(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}
