//! Lines that were written in parts, put together again.
//!
//! Comes in: lines in the order of their file. Goes out: whole texts, borrowed. Must not keep more of a text than its
//! limit: what is beyond is counted and dropped. The two streams of a container are written to one file in turn, so
//! each has an open text of its own.

use std::borrow::Cow;

use super::cri::{Line, Stream};

/// Where something begins: which file of the log, and the byte in it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) file: u64,
    pub(super) offset: u64,
}

/// A text from its first part to its last.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Joined<'a> {
    /// When the first part was written.
    pub(super) time: u64,
    pub(super) stream: Stream,
    pub(super) text: Cow<'a, [u8]>,
    /// Bytes beyond the limit.
    pub(super) cut: u64,
}

/// The open texts of one container.
#[derive(Debug)]
pub(super) struct Joiner {
    limit: usize,
    open: [Option<Open>; 2],
}

#[derive(Debug)]
struct Open {
    begin: Place,
    time: u64,
    text: Vec<u8>,
    cut: u64,
}

impl Joiner {
    /// Texts of at most so many bytes.
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, open: [None, None] }
    }

    /// Takes a line; a text that ends with it comes back.
    #[inline]
    pub(super) fn push<'a>(&mut self, line: Line<'a>, at: Place) -> Option<Joined<'a>> {
        let slot = &mut self.open[line.stream as usize];
        if line.is_end && slot.is_none() {
            let cut = line.text.len().saturating_sub(self.limit);
            return Some(Joined {
                time: line.time,
                stream: line.stream,
                text: shortened(line.text, cut),
                cut: cut as u64,
            });
        }
        let open = slot.get_or_insert_with(|| Open { begin: at, time: line.time, text: Vec::new(), cut: 0 });
        open.add(&line.text, self.limit);
        if line.is_end { slot.take().map(|open| open.close(line.stream)) } else { None }
    }

    /// Ends an open text without its last part.
    pub(super) fn give_up(&mut self) -> Option<Joined<'static>> {
        let [out, err] = &mut self.open;
        let close = |slot: &mut Option<Open>, stream| slot.take().map(|open| open.close(stream));
        close(out, Stream::Stdout).or_else(|| close(err, Stream::Stderr))
    }

    /// Where the first open text of a file begins: what is behind it must be read again after a restart.
    pub(super) fn begin(&self, file: u64) -> Option<u64> {
        self.open.iter().flatten().filter(|open| open.begin.file == file).map(|open| open.begin.offset).min()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.iter().any(Option::is_some)
    }
}

impl Open {
    fn add(&mut self, text: &[u8], limit: usize) {
        let kept = text.len().min(limit - self.text.len());
        self.text.extend_from_slice(&text[..kept]);
        self.cut += (text.len() - kept) as u64;
    }

    fn close(self, stream: Stream) -> Joined<'static> {
        Joined { time: self.time, stream, text: Cow::Owned(self.text), cut: self.cut }
    }
}

fn shortened(text: Cow<'_, [u8]>, cut: usize) -> Cow<'_, [u8]> {
    match text {
        text if cut == 0 => text,
        Cow::Borrowed(text) => Cow::Borrowed(&text[..text.len() - cut]),
        Cow::Owned(mut text) => {
            text.truncate(text.len() - cut);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stream: Stream, is_end: bool, text: &str) -> Line<'_> {
        Line { time: text.len() as u64, stream, is_end, text: Cow::Borrowed(text.as_bytes()) }
    }

    const fn at(offset: u64) -> Place {
        Place { file: 1, offset }
    }

    #[test]
    fn parts_of_two_streams_in_turn_become_two_texts() {
        let mut joiner = Joiner::new(100);
        assert_eq!(joiner.push(line(Stream::Stdout, false, "one "), at(10)), None);
        assert_eq!(joiner.push(line(Stream::Stderr, false, "two "), at(20)), None);
        assert_eq!(joiner.begin(1), Some(10));
        assert_eq!(joiner.begin(2), None);
        let whole = joiner.push(line(Stream::Stdout, true, "three"), at(30)).unwrap();
        assert_eq!((whole.time, &*whole.text, whole.cut), (4, &b"one three"[..], 0));
        assert_eq!(joiner.begin(1), Some(20));
        let whole = joiner.push(line(Stream::Stderr, true, "four"), at(40)).unwrap();
        assert_eq!(&*whole.text, b"two four");
        assert!(!joiner.is_open());
    }

    #[test]
    fn a_text_beyond_the_limit_is_cut_and_the_rest_counted() {
        let mut joiner = Joiner::new(5);
        let whole = joiner.push(line(Stream::Stdout, true, "1234567"), at(0)).unwrap();
        assert_eq!((&*whole.text, whole.cut), (&b"12345"[..], 2));
        assert_eq!(joiner.push(line(Stream::Stdout, false, "1234"), at(0)), None);
        assert_eq!(joiner.push(line(Stream::Stdout, false, "5678"), at(0)), None);
        let whole = joiner.push(line(Stream::Stdout, true, "9"), at(0)).unwrap();
        assert_eq!((&*whole.text, whole.cut), (&b"12345"[..], 4));
    }

    #[test]
    fn what_never_ends_can_be_given_up() {
        let mut joiner = Joiner::new(100);
        assert_eq!(joiner.push(line(Stream::Stderr, false, "half"), at(0)), None);
        assert_eq!(&*joiner.give_up().unwrap().text, b"half");
        assert_eq!(joiner.give_up(), None);
    }
}
