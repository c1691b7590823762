//! The severity of a record that has none, and the spelling of every one.
//!
//! Comes in: a record and its attributes after the merge. Goes out: the text and the number that are stored. Of the
//! words in a level the one later in the list counts (`error info` is 9); in a body the first one does.

use bumpalo::Bump;

use crate::record::{Attribute, LogRecord, Value, text};

/// Where a level is looked for, in this order.
const LEVEL_KEYS: [&[u8]; 7] = [b"level", b"Level", b"LEVEL", b"severity", b"Severity", b"SEVERITY", b"log.level"];

/// Of a body so many bytes are searched.
const SEARCHED: usize = 256;

/// Severities and the words that mean them. In a level all are looked for in this order and the last one counts.
const LEVELS: [(&[&[u8]], i32); 6] = [
    (&[b"alert", b"crit", b"emerg", b"fatal"], 21),
    (&[b"error", b"err"], 17),
    (&[b"warn", b"notice"], 13),
    (&[b"info"], 9),
    (&[b"debug", b"dbug"], 5),
    (&[b"trace"], 1),
];

/// A severity as it is stored.
type Severity = (&'static [u8], i32);

const FATAL: Severity = (b"fatal", 21);
const ERROR: Severity = (b"error", 17);
const WARN: Severity = (b"warn", 13);
const INFO: Severity = (b"info", 9);
const DEBUG: Severity = (b"debug", 5);
const TRACE: Severity = (b"trace", 1);

/// What the levels 10 to 69 of pino and bunyan mean, by their tens; levels in between are the lower one's.
const NUMBERED: [Severity; 6] = [TRACE, DEBUG, INFO, WARN, ERROR, FATAL];

/// The words that are looked for in a body; `info` is not one of them.
const WORDS: [(&[u8], Severity); 11] = [
    (b"alert", FATAL),
    (b"crit", FATAL),
    (b"emerg", FATAL),
    (b"fatal", FATAL),
    (b"error", ERROR),
    (b"err", ERROR),
    (b"warn", WARN),
    (b"notice", WARN),
    (b"debug", DEBUG),
    (b"dbug", DEBUG),
    (b"trace", TRACE),
];

/// The text and number that are stored.
#[inline]
pub(super) fn of<'s>(
    record: &'s LogRecord<'_>,
    attributes: &'s [Attribute<'_>],
    reads_numbers: bool,
    arena: &'s Bump,
) -> (&'s [u8], i32) {
    if record.severity_number != 0 || !record.severity_text.is_empty() {
        return (lower(record.severity_text, arena), record.severity_number);
    }
    if let Some(level) = level(attributes) {
        let level = lower(level, arena);
        return (level, number(level));
    }
    if reads_numbers && let Some(severity) = numbered(attributes) {
        return severity;
    }
    match record.body {
        Value::String(body) => inferred(body),
        Value::Empty => INFO,
        other => {
            let mut body = Vec::new();
            text::append(other, &mut body);
            inferred(&body)
        }
    }
}

/// The first of the keys that holds a text.
fn level<'s>(attributes: &'s [Attribute<'_>]) -> Option<&'s [u8]> {
    first(attributes, |value| match value {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// The first of the keys that holds a number which is a level.
fn numbered(attributes: &[Attribute<'_>]) -> Option<Severity> {
    first(attributes, |value| {
        let number = match value {
            Value::Int(number) => number,
            // Numbers of JSON; rounded towards zero, and what is no number is 0.
            Value::Double(number) => number as i64,
            _ => return None,
        };
        NUMBERED.get(usize::try_from(number / 10).ok()?.checked_sub(1)?).copied()
    })
}

/// The first of the keys whose value is read as a level. Of a key that stands twice the last one counts.
fn first<'s, T: Copy>(attributes: &[Attribute<'s>], read: impl Fn(Value<'s>) -> Option<T>) -> Option<T> {
    let mut found = [None; LEVEL_KEYS.len()];
    for attribute in attributes.iter().filter(|attribute| matches!(attribute.key.len(), 5 | 8 | 9)) {
        if let Some(place) = LEVEL_KEYS.iter().position(|key| *key == attribute.key) {
            found[place] = read(attribute.value);
        }
    }
    found.into_iter().flatten().next()
}

/// The number of a level in lower case; a level that says nothing known is information.
fn number(level: &[u8]) -> i32 {
    let says = |words: &[&[u8]]| words.iter().any(|word| memchr::memmem::find(level, word).is_some());
    LEVELS.iter().rev().find(|(words, _)| says(words)).map_or(INFO.1, |(_, number)| *number)
}

/// The first word of the list that begins where no word is going on.
fn inferred(body: &[u8]) -> Severity {
    let body = &body[..body.len().min(SEARCHED)];
    let mut was_word = false;
    for (at, byte) in body.iter().enumerate() {
        if !was_word
            && matches!(byte | 0x20, b'a' | b'c' | b'd' | b'e' | b'f' | b'n' | b't' | b'w')
            && let Some((_, severity)) = WORDS.iter().find(|(word, _)| begins(&body[at..], word))
        {
            return *severity;
        }
        was_word = byte.is_ascii_alphanumeric() || *byte == b'_';
    }
    INFO
}

fn begins(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// In lower case; letters beyond ASCII too, as far as they are letters.
#[inline]
fn lower<'s>(text: &'s [u8], arena: &'s Bump) -> &'s [u8] {
    if text.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return text;
    }
    if text.is_ascii() {
        let copy = arena.alloc_slice_copy(text);
        copy.make_ascii_lowercase();
        return copy;
    }
    let mut lowered = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        lowered.extend(chunk.valid().chars().flat_map(char::to_lowercase));
        // One for each byte, as ClickStack's own collector has it.
        lowered.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    arena.alloc_slice_copy(lowered.as_bytes())
}
