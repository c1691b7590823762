//! Syslog messages: RFC 5424, <https://www.rfc-editor.org/rfc/rfc5424>, and what RFC 3164 found in use.
//!
//! Comes in: one message, without what framed it, and the time now. Goes out: what it says, borrowed. Nothing is refused:
//! what is in no known form is all text. Must not read a clock.

use crate::rfc3339;

/// What a message says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Message<'a> {
    /// Facility and severity: eight times the one, and the other.
    pub(super) priority: Option<u8>,
    pub(super) version: Option<u8>,
    /// In nanoseconds since the Unix epoch; 0 where it has none.
    pub(super) time: u64,
    pub(super) hostname: Option<&'a [u8]>,
    pub(super) appname: Option<&'a [u8]>,
    pub(super) proc_id: Option<&'a [u8]>,
    pub(super) msg_id: Option<&'a [u8]>,
    pub(super) data: Elements<'a>,
    pub(super) text: &'a [u8],
}

/// Structured data that is valid: the name of each element, and its parameters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Elements<'a>(&'a [u8]);

/// The name of each parameter, and its value with escapes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Parameters<'a>(&'a [u8]);

/// The highest priority there is: 23 facilities beside the kernel's, and 8 severities.
const HIGHEST: u8 = 191;

/// A longer word before a colon is no tag: RFC 3164 has 32, RFC 5424 48.
const LONGEST_TAG: usize = 48;

const BOM: &[u8] = b"\xef\xbb\xbf";

impl<'a> Message<'a> {
    pub(super) fn of(bytes: &'a [u8], now: u64) -> Self {
        let bytes = trimmed(bytes);
        let Some((priority, rest)) = priority(bytes) else { return Self { text: bytes, ..Self::default() } };
        let message = rfc5424(rest).unwrap_or_else(|| rfc3164(rest, now));
        Self { priority: Some(priority), ..message }
    }
}

/// Some senders end a message with a NUL or a line end, however it is framed.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\0' | b'\n' | b'\r'));
    &bytes[..end.map_or(0, |last| last + 1)]
}

fn priority(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = split(bytes.strip_prefix(b"<")?, b'>')?;
    let is_number = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    let priority = text.parse::<u8>().ok().filter(|priority| *priority <= HIGHEST)?;
    Some((priority, rest))
}

fn rfc5424(bytes: &[u8]) -> Option<Message<'_>> {
    let rest = bytes.strip_prefix(b"1 ")?;
    let (time, rest) = split(rest, b' ')?;
    let time = if time == b"-" { 0 } else { rfc3339::nanoseconds(time)? };
    let mut field = rest;
    let mut next = || {
        let (word, rest) = split(field, b' ')?;
        field = rest;
        Some((word != b"-").then_some(word))
    };
    let (hostname, appname, proc_id, msg_id) = (next()?, next()?, next()?, next()?);
    let (data, rest) = Elements::of(field)?;
    let text = match rest.split_first() {
        None => rest,
        Some((b' ', text)) => text.strip_prefix(BOM).unwrap_or(text),
        Some(_) => return None,
    };
    Some(Message { priority: None, version: Some(1), time, hostname, appname, proc_id, msg_id, data, text })
}

/// A time, a host, a program with a colon, a text: each of them may be missing.
fn rfc3164(bytes: &[u8], now: u64) -> Message<'_> {
    let bare = Message { text: bytes, ..Message::default() };
    let Some((time, rest)) = local_time(bytes, now).or_else(|| {
        let (word, rest) = split(bytes, b' ')?;
        Some((rfc3339::nanoseconds(word)?, rest))
    }) else {
        let (appname, proc_id, text) = tag(bytes);
        return Message { appname, proc_id, text, ..bare };
    };
    let (hostname, rest) = match split(rest, b' ') {
        Some((word, behind)) if !word.ends_with(b":") && !word.contains(&b'[') && !word.is_empty() => {
            (Some(word), behind)
        }
        _ => (None, rest),
    };
    let (appname, proc_id, text) = tag(rest);
    Message { time, hostname, appname, proc_id, text, ..bare }
}

/// `Mmm dd hh:mm:ss`, in UTC and of the year that makes it not later than tomorrow.
fn local_time(bytes: &[u8], now: u64) -> Option<(u64, &[u8])> {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    const DAY: u64 = 86_400_000_000_000;
    let (head, rest) = bytes.split_first_chunk::<15>()?;
    let rest = rest.strip_prefix(b" ")?;
    let month = MONTHS.chunks(3).position(|name| *name == head[..3])? + 1;
    let day = std::str::from_utf8(&head[4..6]).ok()?.trim_start().parse::<u8>().ok()?;
    let clock = std::str::from_utf8(&head[7..]).ok()?;
    if head[3] != b' ' || head[6] != b' ' {
        return None;
    }
    let year = rfc3339::micro_time(now).get(..4)?.parse::<u16>().ok()?;
    let of_year = |year: u16| rfc3339::nanoseconds(format!("{year:04}-{month:02}-{day:02}T{clock}Z").as_bytes());
    let time = of_year(year)?;
    if time > now.saturating_add(DAY) { Some((of_year(year - 1)?, rest)) } else { Some((time, rest)) }
}

/// A program, its process, and a text.
type Tagged<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [u8]);

/// `name: text` or `name[id]: text`.
fn tag(bytes: &[u8]) -> Tagged<'_> {
    tagged(bytes).unwrap_or((None, None, bytes))
}

fn tagged(bytes: &[u8]) -> Option<Tagged<'_>> {
    let end = bytes.iter().position(|byte| matches!(byte, b':' | b'[' | b' '))?;
    let (name, rest) = bytes.split_at(end);
    if name.is_empty() || name.len() > LONGEST_TAG {
        return None;
    }
    let (id, rest) = match rest.strip_prefix(b"[") {
        Some(inside) => split(inside, b']').map(|(id, rest)| (Some(id), rest))?,
        None => (None, rest),
    };
    // `http://…` is a text.
    let text = rest.strip_prefix(b":")?;
    if text.is_empty() {
        return Some((Some(name), id, text));
    }
    Some((Some(name), id, text.strip_prefix(b" ")?))
}

impl<'a> Elements<'a> {
    /// At the beginning of these bytes, and what is behind.
    fn of(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        if let Some(rest) = bytes.strip_prefix(b"-") {
            return Some((Self::default(), rest));
        }
        let mut rest = element(bytes)?.2;
        while rest.starts_with(b"[") {
            rest = element(rest)?.2;
        }
        Some((Self(&bytes[..bytes.len() - rest.len()]), rest))
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (&'a [u8], Parameters<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, parameters, rest) = element(self.0)?;
        self.0 = rest;
        Some((name, parameters))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = parameter(self.0)?;
        self.0 = rest;
        Some((name, value))
    }
}

/// `[name name="value" …]`, and what is behind.
fn element(bytes: &[u8]) -> Option<(&[u8], Parameters<'_>, &[u8])> {
    let inside = bytes.strip_prefix(b"[")?;
    let end = inside.iter().position(|byte| matches!(byte, b' ' | b']'))?;
    let (name, parameters) = inside.split_at(end);
    let mut rest = parameters;
    while !rest.starts_with(b"]") {
        rest = parameter(rest)?.2;
    }
    let of_it = &parameters[..parameters.len() - rest.len()];
    (!name.is_empty()).then_some((name, Parameters(of_it), &rest[1..]))
}

/// ` name="value"`, and what is behind.
fn parameter(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = split(bytes.strip_prefix(b" ")?, b'=')?;
    let value = rest.strip_prefix(b"\"")?;
    let mut end = 0;
    loop {
        match value.get(end)? {
            b'\\' => end += 2,
            b'"' => return Some((name, &value[..end], &value[end + 1..])),
            _ => end += 1,
        }
    }
}

/// A value without its escapes, of which there are three.
pub(super) fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next_if(|next| matches!(next, b'"' | b'\\' | b']')) } else { None };
        out.push(escaped.unwrap_or(byte));
    }
    out
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

#[cfg(test)]
mod tests;
