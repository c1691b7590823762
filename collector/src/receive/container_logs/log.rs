//! The log of one container between two restarts of it: its files from the oldest to the one that is written to.
//!
//! Comes in: what a look finds, and answers. Goes out: records into a batch, in the order they were written, and the
//! position of each file up to which all is answered for. Must not send anything. The next file is begun when the one
//! before is read to its end and a later look has found it unchanged: the runtime writes on to a renamed file for a
//! moment.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    batch::Batch,
    checkpoint::Entry,
    cri::{self, Line},
    discover::Found,
    join::{self, Joined, Joiner},
    origin::Origin,
    resource::LogResource,
    source,
    tail::{CHUNK, Tail},
};

/// How long an open text may wait for its next part.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What was read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Read {
    pub(super) bytes: u64,
    pub(super) records: u64,
    /// Records of which a part was dropped.
    pub(super) cut: u64,
    /// Lines in no known form.
    pub(super) unreadable: u64,
    /// Files begun anew because they were shorter than before.
    pub(super) truncations: u64,
    /// Files that could not be read.
    pub(super) failures: u64,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) origin: Origin,
    pub(super) resource: LogResource,
    pub(super) tails: Vec<Tail>,
    joiner: Joiner,
    limit: usize,
    marks: VecDeque<Mark>,
    /// When the last line came.
    moved: Instant,
    is_to_compare: bool,
}

/// Up to where the files are answered for once a batch and all before it are.
#[derive(Debug)]
struct Mark {
    batch: u64,
    is_answered: bool,
    places: Vec<Place>,
}

/// Of one file.
#[derive(Clone, Copy, Debug)]
struct Place {
    number: u64,
    life: u32,
    /// Where to read on, and up to where nothing is told then.
    kept: u64,
    told: u64,
}

/// Where lines go while a chunk is taken apart.
struct Sink<'a> {
    joiner: &'a mut Joiner,
    batch: &'a mut Batch,
    limit: usize,
    observed: u64,
    read: &'a mut Read,
}

impl Log {
    /// Texts of at most `limit` bytes.
    pub(super) fn new(origin: Origin, restart: u32, limit: usize, now: Instant) -> Self {
        let resource = LogResource::new(origin.clone(), restart, now);
        let (tails, marks) = (Vec::new(), VecDeque::new());
        let joiner = Joiner::new(limit);
        Self { origin, resource, tails, joiner, limit, marks, moved: now, is_to_compare: false }
    }

    /// Takes over what a look found; files that are new come back, to be given a position. What a file was compressed
    /// to continues it.
    pub(super) fn update(&mut self, mut found: Vec<Found>) -> Vec<Found> {
        // Both forms of a text are there until the kubelet has removed the plain one, which is read on meanwhile.
        let form = |found: &Found| found.part.is_compressed;
        found.sort_by(|a, b| a.part.order().cmp(&b.part.order()).then(form(a).cmp(&form(b))));
        found.dedup_by(|second, first| second.part.order() == first.part.order());
        self.is_to_compare = true;
        let last = found.last().map(|found| found.identity);
        let mut seen = Vec::with_capacity(found.len());
        let mut take =
            |tails: &mut [Tail], index: Option<usize>, found: Found| match index.map(|index| &mut tails[index]) {
                Some(tail) => {
                    seen.push(tail.number);
                    let is_last = Some(found.identity) == last;
                    tail.update(found, is_last);
                    None
                }
                None => Some(found),
            };
        let unknown: Vec<_> = found
            .into_iter()
            .filter_map(|found| {
                let index = self.tails.iter().position(|tail| tail.is_named(&found));
                take(&mut self.tails, index, found)
            })
            .collect();
        // Renamed and compressed since the last look.
        let unknown = unknown
            .into_iter()
            .filter_map(|found| {
                let index = found
                    .part
                    .is_compressed
                    .then(|| source::begin(&found).ok())
                    .flatten()
                    .and_then(|begin| self.tails.iter().position(|tail| tail.is_plain_of(&begin)));
                take(&mut self.tails, index, found)
            })
            .collect();
        self.tails.iter_mut().filter(|tail| !seen.contains(&tail.number)).for_each(Tail::lose);
        self.tails.sort_by(|a, b| a.part.order().cmp(&b.part.order()));
        unknown
    }

    pub(super) fn add(&mut self, tail: Tail) {
        self.tails.push(tail);
        self.tails.sort_by(|a, b| a.part.order().cmp(&b.part.order()));
    }

    /// Forgets files that are gone and answered for. Goes out how many bytes are lost with files that were gone before
    /// they were read.
    pub(super) fn forget(&mut self) -> u64 {
        let is_answered = self.marks.is_empty() && !self.joiner.is_open();
        let mut lost = 0;
        self.tails.retain(|tail| {
            let is_lost = tail.is_gone && !tail.is_open() && !tail.is_read();
            if is_lost {
                lost += tail.behind();
            }
            !(is_lost || tail.is_gone && tail.is_read() && tail.kept >= tail.read && is_answered)
        });
        lost
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tails.is_empty() && self.marks.is_empty()
    }

    /// Whether there may be something to read, or an open text has waited long enough.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.tails.iter_mut().for_each(Tail::measure);
        self.tails.iter().any(|tail| tail.has_more() || tail.is_shorter())
            || self.joiner.is_open() && now.saturating_duration_since(self.moved) > LONGEST_PAUSE
    }

    /// Reads a chunk into the batch, which holds a group of this log meanwhile.
    pub(super) fn read(&mut self, batch: &mut Batch, buffer: &mut Vec<u8>, now: Instant, observed: u64) -> Read {
        let mut read = Read::default();
        self.begin_anew(batch, observed, &mut read);
        let count = self.tails.len();
        for index in 0..count {
            let tail = &mut self.tails[index];
            if tail.has_more() {
                let (joiner, limit) = (&mut self.joiner, self.limit);
                let mut sink = Sink { joiner, batch, limit, observed, read: &mut read };
                match tail.fill(buffer) {
                    Ok(is_end) => {
                        let used = take_apart(tail, buffer, is_end, &mut sink);
                        tail.used(used, buffer, is_end);
                        read.bytes += used as u64;
                    }
                    Err(error) => {
                        read.failures += 1;
                        tracing::debug!(pod = self.origin.pod, %error, "cannot read a container's log");
                        if tail.failed(&error, now) {
                            tracing::warn!(pod = self.origin.pod, %error, "a compressed log is passed over");
                        }
                    }
                }
            }
            if read.bytes > 0 {
                self.moved = now;
                return read;
            }
            if !self.tails[index].is_done() && index + 1 < count {
                break;
            }
        }
        if self.joiner.is_open() && now.saturating_duration_since(self.moved) > LONGEST_PAUSE {
            self.give_up(batch, observed, &mut read);
        }
        read
    }

    /// A file that is shorter than what was read of it, or begins with other bytes, is another text. The beginning is
    /// compared once after each look.
    fn begin_anew(&mut self, batch: &mut Batch, observed: u64, read: &mut Read) {
        let is_to_compare = std::mem::take(&mut self.is_to_compare);
        let mut is_any = false;
        for tail in &mut self.tails {
            if tail.is_shorter() || is_to_compare && tail.has_more() && !tail.is_same() {
                tail.begin_anew();
                read.truncations += 1;
                is_any = true;
            }
        }
        if is_any {
            self.give_up(batch, observed, read);
        }
    }

    fn give_up(&mut self, batch: &mut Batch, observed: u64, read: &mut Read) {
        let Some(attributes) = self.tails.last().map(|tail| tail.attributes.clone()) else { return };
        while let Some(joined) = self.joiner.give_up() {
            read.records += 1;
            batch.joined(&joined, &attributes, observed);
        }
    }

    /// Everything read so far is in batches up to this one, but for what is open: an earlier place leads back to that.
    pub(super) fn mark(&mut self, batch: u64) {
        let mut places = Vec::new();
        let mut is_open = false;
        for tail in &self.tails {
            // A text that began in a file before may have parts anywhere in this one.
            let begin = if is_open { Some(0) } else { self.joiner.begin(tail.number).or(tail.skipping) };
            let (kept, told) = (begin.unwrap_or(tail.read), tail.told.max(tail.read));
            is_open |= self.joiner.begin(tail.number).is_some();
            if (kept, told) != (tail.kept, tail.told) {
                places.push(Place { number: tail.number, life: tail.life, kept, told });
            }
        }
        self.marks.push_back(Mark { batch, is_answered: false, places });
    }

    /// Where its files stand once the last marked batch and all before it are answered for.
    pub(super) fn places(&self, folder: &str) -> impl Iterator<Item = Entry> {
        let places = self.marks.back().into_iter().flat_map(|mark| &mark.places);
        places.filter_map(move |place| {
            let tail = self.tails.iter().find(|tail| tail.number == place.number)?;
            Some(tail.entry_at(folder, place.kept, place.told))
        })
    }

    /// A batch is answered for. Positions move when all before it are too.
    pub(super) fn answered(&mut self, batch: u64) {
        if let Some(mark) = self.marks.iter_mut().find(|mark| mark.batch == batch) {
            mark.is_answered = true;
        }
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.is_answered) {
            for Place { number, life, kept, told } in mark.places {
                if let Some(tail) = self.tails.iter_mut().find(|tail| (tail.number, tail.life) == (number, life)) {
                    (tail.kept, tail.told) = (kept, told);
                }
            }
        }
    }
}

/// Hands on every whole line of the buffer. Goes out how many bytes are used.
fn take_apart(tail: &mut Tail, buffer: &[u8], is_end: bool, sink: &mut Sink<'_>) -> usize {
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', buffer) {
        if tail.skipping.take().is_none() {
            sink.line(&buffer[begin..end], tail, begin);
        }
        begin = end + 1;
    }
    let rest = &buffer[begin..];
    let is_endless = begin == 0 && buffer.len() >= CHUNK;
    if rest.is_empty() || !(is_end || is_endless) {
        return begin;
    }
    if tail.skipping.is_none() {
        sink.unended(rest, tail, begin, is_endless && !is_end);
    }
    tail.skipping = (is_endless && !is_end).then(|| tail.skipping.unwrap_or(tail.read));
    buffer.len()
}

impl Sink<'_> {
    #[inline]
    fn line(&mut self, bytes: &[u8], tail: &Tail, at: usize) {
        match cri::line(bytes) {
            Some(line) => self.push(line, tail, at),
            None if bytes.is_empty() => {}
            None => self.unreadable(bytes, tail, at, 0),
        }
    }

    #[inline]
    fn push(&mut self, line: Line<'_>, tail: &Tail, at: usize) {
        let place = join::Place { file: tail.number, offset: tail.read + at as u64 };
        if let Some(joined) = self.joiner.push(line, place)
            && place.offset >= tail.told
        {
            self.joined(&joined, tail);
        }
    }

    fn joined(&mut self, joined: &Joined<'_>, tail: &Tail) {
        self.read.records += 1;
        self.read.cut += u64::from(joined.cut > 0);
        self.batch.joined(joined, &tail.attributes, self.observed);
    }

    /// The last line of a file, or the head of one without an end, whose rest will be dropped.
    fn unended(&mut self, bytes: &[u8], tail: &Tail, at: usize, is_head: bool) {
        match cri::line(bytes) {
            Some(line) if !is_head => self.push(Line { is_end: true, ..line }, tail, at),
            _ => self.unreadable(bytes, tail, at, u64::from(is_head)),
        }
    }

    fn unreadable(&mut self, bytes: &[u8], tail: &Tail, at: usize, more: u64) {
        if tail.read + (at as u64) < tail.told {
            return;
        }
        let kept = &bytes[..bytes.len().min(self.limit)];
        let cut = (bytes.len() - kept.len()) as u64 + more;
        self.read.records += 1;
        self.read.unreadable += 1;
        self.read.cut += u64::from(cut > 0);
        self.batch.unreadable(kept, cut, &tail.attributes, self.observed);
    }
}
