//! A line as container runtimes write it.
//!
//! Comes in: the bytes of one line, without its end. Goes out: time, stream and text, borrowed, and whether the text
//! goes on in the next line of the stream. Must not keep anything from one line to the next.
//!
//! containerd and CRI-O write `TIME STREAM TAGS TEXT`, the first tag being `P` for a part and `F` for the whole or the
//! last part (<https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>). Docker
//! writes an object with `log`, `stream` and `time`, where a text without a line's end goes on.

use std::borrow::Cow;

use serde::Deserialize;

use crate::rfc3339::nanoseconds;

/// Where a container wrote it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line<'a> {
    /// Nanoseconds since the Unix epoch.
    pub(super) time: u64,
    pub(super) stream: Stream,
    /// Whether the text ends here.
    pub(super) is_end: bool,
    pub(super) text: Cow<'a, [u8]>,
}

/// Docker's form.
#[derive(Deserialize)]
struct Docker<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

/// Reads a line; none where it is in no known form.
#[inline]
pub(super) fn line(bytes: &[u8]) -> Option<Line<'_>> {
    if bytes.first() == Some(&b'{') { docker(bytes) } else { cri(bytes) }
}

#[inline]
fn cri(bytes: &[u8]) -> Option<Line<'_>> {
    // The shortest time has 20 letters, and no more than 35 are of use.
    let space = memchr::memchr(b' ', bytes.get(..bytes.len().min(40))?)?;
    let (time, rest) = (nanoseconds(&bytes[..space])?, &bytes[space + 1..]);
    let (stream, rest) = match rest.split_at_checked(7)? {
        (b"stdout ", rest) => (Stream::Stdout, rest),
        (b"stderr ", rest) => (Stream::Stderr, rest),
        _ => return None,
    };
    let (tag, rest) = rest.split_first()?;
    let is_end = match tag {
        b'F' => true,
        b'P' => false,
        _ => return None,
    };
    let text = match rest {
        [] => rest,
        [b' ', text @ ..] => text,
        // More tags, which nobody has defined yet.
        [b':', more @ ..] => memchr::memchr(b' ', more).map_or(&[][..], |space| &more[space + 1..]),
        _ => return None,
    };
    Some(Line { time, stream, is_end, text: Cow::Borrowed(text) })
}

fn docker(bytes: &[u8]) -> Option<Line<'_>> {
    let Docker { log, stream, time } = serde_json::from_slice(bytes).ok()?;
    let stream = match &*stream {
        "stdout" => Stream::Stdout,
        "stderr" => Stream::Stderr,
        _ => return None,
    };
    let is_end = log.ends_with('\n');
    let mut text = match log {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    if is_end {
        match &mut text {
            Cow::Borrowed(text) => *text = &text[..text.len() - 1],
            Cow::Owned(text) => text.truncate(text.len() - 1),
        }
    }
    Some(Line { time: nanoseconds(time.as_bytes())?, stream, is_end, text })
}

impl Stream {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

#[cfg(test)]
mod tests;
