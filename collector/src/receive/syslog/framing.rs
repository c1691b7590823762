//! Messages one behind the other, <https://www.rfc-editor.org/rfc/rfc6587>: counted, or each in a line.
//!
//! Comes in: the bytes of a connection. Goes out: where the first message ends, and what of it is the message. Pure.

/// Bytes of a message at most: as the OpenTelemetry Collector's receiver.
pub(super) const LONGEST: usize = 1 << 20;

/// Digits of a count at most.
const DIGITS: usize = 7;

/// A message longer than it may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooLong;

/// The length of the first message with what frames it. `is_all`: a line that does not end is whole.
pub(super) fn whole(bytes: &[u8], is_all: bool) -> Result<Option<usize>, TooLong> {
    if let Some((head, count)) = count(bytes) {
        if count > LONGEST {
            return Err(TooLong);
        }
        let length = head + count;
        return Ok(if length <= bytes.len() { Some(length) } else { is_all.then_some(bytes.len()) });
    }
    // Python's own handler ends a message with a NUL.
    match memchr::memchr2(b'\n', b'\0', bytes) {
        Some(end) if end > LONGEST => Err(TooLong),
        Some(end) => Ok(Some(end + 1)),
        None if bytes.len() > LONGEST => Err(TooLong),
        None => Ok((is_all && !bytes.is_empty()).then_some(bytes.len())),
    }
}

/// Without what frames it, but for line ends.
pub(super) fn message(framed: &[u8]) -> &[u8] {
    count(framed).map_or(framed, |(head, _)| &framed[head..])
}

/// `123 `, if there is one: its own length, and what it says.
fn count(bytes: &[u8]) -> Option<(usize, usize)> {
    let digits = bytes.iter().take(DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || bytes[0] == b'0' || bytes.get(digits) != Some(&b' ') {
        return None;
    }
    let count = bytes[..digits].iter().fold(0, |count, digit| count * 10 + usize::from(digit - b'0'));
    Some((digits + 1, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(mut bytes: &[u8], is_all: bool) -> Vec<&[u8]> {
        let mut found = Vec::new();
        while let Some(length) = whole(bytes, is_all).unwrap() {
            let (framed, rest) = bytes.split_at(length);
            found.push(message(framed));
            bytes = rest;
        }
        found
    }

    #[test]
    fn counted_messages_and_lines_are_told_apart_by_their_first_byte() {
        let stream = b"<13>one\n7 <14>two<15>three\0<16>four\n8 <1>a\nb c";
        let found = messages(stream, false);
        assert_eq!(found, [&b"<13>one\n"[..], b"<14>two", b"<15>three\0", b"<16>four\n", b"<1>a\nb c"]);
    }

    #[test]
    fn what_is_not_whole_waits_for_the_rest_or_for_the_end() {
        for part in [&b""[..], b"<13>on", b"12", b"12 <13>o"] {
            assert_eq!(whole(part, false), Ok(None), "{part:?}");
        }
        assert_eq!(messages(b"<13>on", true), [b"<13>on"]);
        assert_eq!(messages(b"12 <13>o", true), [b"<13>o"]);
    }

    #[test]
    fn a_message_has_an_end() {
        assert_eq!(whole(b"1048577 ", false), Err(TooLong));
        assert_eq!(whole(&vec![b'<'; LONGEST + 1], false), Err(TooLong));
    }
}
