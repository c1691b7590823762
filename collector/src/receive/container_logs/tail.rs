//! One file, read to its end and further as it grows.
//!
//! Comes in: what a look at the folder says of it. Goes out: its bytes from where reading stopped, in chunks, and whether
//! they are the last. A file is known by its inode and its first bytes, never by its name: names change under it. Must
//! not know what a line is.

use std::{
    io::{self, ErrorKind, Read},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    batch::FileAttributes,
    checkpoint::Entry,
    discover::{Found, Identity},
    fingerprint::{self, Fingerprint},
    origin::Part,
    source::{Source, begin, begin_of, open, read_up_to},
};

/// Bytes read at once. Runtimes cut lines at 16 KiB, which is 96 KiB where Docker escapes every letter; what is longer
/// and has no end is no line.
pub(super) const CHUNK: usize = 256 << 10;

/// A compressed file that cannot be opened for so long is given up, so that what follows is read.
const LONGEST_FAILURE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Tail {
    pub(super) number: u64,
    pub(super) identity: Identity,
    pub(super) part: Part,
    path: PathBuf,
    pub(super) attributes: FileAttributes,
    pub(super) fingerprint: Fingerprint,
    /// As last seen. A compressed file is as long as it turns out to be.
    length: u64,
    /// The next byte to read.
    pub(super) read: u64,
    /// Everything before it is answered for.
    pub(super) kept: u64,
    /// What ends before this is answered for too: where it is read again, nothing is told of it.
    pub(super) told: u64,
    /// Goes up when the file is begun anew: positions of before mean nothing then.
    pub(super) life: u32,
    /// Another file follows it, and nobody has written to it for a while.
    is_settled: bool,
    /// The last look did not find it.
    is_missed: bool,
    /// Its name is gone. What is open can still be read.
    pub(super) is_gone: bool,
    /// Nothing comes any more.
    is_at_end: bool,
    /// The length at which the last line had no end yet.
    stuck_at: Option<u64>,
    /// Within a line that is too long and begins here: dropped until it ends.
    pub(super) skipping: Option<u64>,
    /// Since when it cannot be read.
    failing: Option<Instant>,
    source: Option<Source>,
}

impl Tail {
    pub(super) fn new(number: u64, found: Found) -> Self {
        Self {
            number,
            identity: found.identity,
            attributes: FileAttributes::new(&found.path.to_string_lossy()),
            path: found.path,
            fingerprint: Fingerprint::default(),
            length: if found.part.is_compressed { u64::MAX } else { found.length },
            part: found.part,
            read: 0,
            kept: 0,
            told: 0,
            life: 0,
            is_settled: false,
            is_missed: false,
            is_gone: false,
            is_at_end: false,
            stuck_at: None,
            skipping: None,
            failing: None,
            source: None,
        }
    }

    /// Goes on from a position of an earlier process.
    pub(super) fn resume(&mut self, entry: &Entry) {
        self.read_on(entry.offset, entry.fingerprint);
        self.told = entry.told.max(entry.offset);
        self.is_at_end = entry.is_complete && self.part.is_compressed;
    }

    const fn read_on(&mut self, offset: u64, fingerprint: Fingerprint) {
        (self.read, self.kept, self.told) = (offset, offset, offset);
        self.fingerprint = fingerprint;
    }

    /// Passes over everything up to the end of the last whole line.
    pub(super) fn skip_to_end(&mut self) {
        if self.part.is_compressed {
            self.is_at_end = true;
            self.fingerprint = begin_of(&self.path, self.identity, true)
                .map_or_else(|_| Fingerprint::default(), |begin| Fingerprint::of(&begin));
            return;
        }
        let from = self.length.saturating_sub(CHUNK as u64);
        let mut last = vec![0; (self.length - from) as usize];
        let mut begin = vec![0; fingerprint::LONGEST.min(self.length as usize)];
        let is_read = open(&self.path, self.identity)
            .and_then(|file| file.read_exact_at(&mut begin, 0).and_then(|()| file.read_exact_at(&mut last, from)));
        if is_read.is_ok() {
            let line = memchr::memrchr(b'\n', &last).map_or(0, |at| at as u64 + 1);
            self.read_on(from + line, Fingerprint::of(&begin));
        }
    }

    /// Whether what was found is this file, by its inode, or what it was compressed to, by its name.
    pub(super) fn is_named(&self, found: &Found) -> bool {
        let is_compressed_now = found.part.is_compressed && !self.part.is_compressed;
        let is_successor = is_compressed_now && self.part.rotated.is_some() && self.part.rotated == found.part.rotated;
        // The other way there is none: what has the inode of a compressed file and is plain is another one.
        let is_plain_now = self.part.is_compressed && !found.part.is_compressed;
        let is_same = self.identity == found.identity && !self.is_gone && !is_plain_now;
        is_successor || is_same && self.is_still(found)
    }

    /// Whether its inode still means it: that of a deleted file is given to the next one, unless it is held open. Where that
    /// cannot be found out now, the name has to do; and it does for a compressed file, whose name nothing else gets.
    fn is_still(&self, found: &Found) -> bool {
        let is_named_so = found.path == self.path;
        if self.is_open() || is_named_so && (self.part.is_compressed || found.length == self.length) {
            return true;
        }
        match begin(found) {
            Ok(begin) => (self.fingerprint.is_telling() || !self.part.is_compressed) && self.fingerprint.fits(&begin),
            Err(error) => is_named_so && error.kind() != ErrorKind::NotFound,
        }
    }

    /// Whether a compressed text that begins so is this one.
    pub(super) fn is_plain_of(&self, begin: &[u8]) -> bool {
        let fingerprint = match &self.source {
            Some(Source::Plain(file)) => {
                let mut own = vec![0; fingerprint::LONGEST];
                let length = read_up_to(file, &mut own, 0).unwrap_or(0);
                Fingerprint::of(&own[..length])
            }
            _ => self.fingerprint,
        };
        !self.part.is_compressed && fingerprint.is_telling() && fingerprint.fits(begin)
    }

    /// Takes over what a later look at the folder says: its name may have changed, and its form.
    pub(super) fn update(&mut self, found: Found, is_last: bool) {
        if found.path != self.path {
            self.attributes = FileAttributes::new(&found.path.to_string_lossy());
        }
        if found.part.is_compressed && !self.part.is_compressed {
            // What is open is the whole text; else it is read from the compressed file.
            self.measure();
            match &self.source {
                Some(_) if self.is_read() => self.abandon(),
                Some(_) => {}
                None if self.is_settled && self.is_read() => self.abandon(),
                None => self.length = u64::MAX,
            }
        } else if !found.part.is_compressed {
            self.length = found.length;
        }
        self.identity = found.identity;
        self.path = found.path;
        self.part = found.part;
        self.is_missed = false;
        self.settle(!is_last && found.is_quiet);
    }

    /// Says whether nobody writes to it any more. Then its last line is whole as it is.
    pub(super) fn settle(&mut self, is_settled: bool) {
        if is_settled && !self.is_settled {
            self.stuck_at = None;
        }
        self.is_settled = is_settled;
        if self.is_done() {
            self.close();
        }
    }

    /// Holds it open, so that its inode stays its own: that of a file deleted unread would be another's, under a name
    /// that was this one's.
    pub(super) fn hold(&mut self) {
        if self.source.is_none() && !self.part.is_compressed && !self.is_read() {
            self.source = self.open_source().ok();
        }
    }

    /// A look has not found it. Its name is gone if the next does not either: a file that is renamed while a folder is
    /// read is under neither name.
    pub(super) fn lose(&mut self) {
        if std::mem::replace(&mut self.is_missed, true) && !self.is_gone {
            self.is_gone = true;
            self.stuck_at = None;
            if self.is_done() {
                self.close();
            }
        }
    }

    /// Asks how long it is now, if it is open.
    pub(super) fn measure(&mut self) {
        if let Some(Source::Plain(file)) = &self.source
            && let Ok(metadata) = file.metadata()
        {
            self.length = metadata.len();
        }
    }

    /// Whether something was taken away from it.
    pub(super) const fn is_shorter(&self) -> bool {
        !self.part.is_compressed && !self.is_gone && self.length < self.read
    }

    /// Whether it still begins as it did. Only an open file is asked.
    pub(super) fn is_same(&self) -> bool {
        let Some(Source::Plain(file)) = &self.source else { return true };
        let mut begin = vec![0; self.fingerprint.length];
        file.read_exact_at(&mut begin, 0).is_err() || self.fingerprint.fits(&begin)
    }

    /// Begins at the beginning, as another text.
    pub(super) fn begin_anew(&mut self) {
        self.read = 0;
        self.kept = 0;
        self.told = 0;
        self.life += 1;
        self.fingerprint = Fingerprint::default();
        self.skipping = None;
        self.stuck_at = None;
    }

    /// Its position, as it is kept.
    pub(super) fn entry(&self, folder: &str) -> Entry {
        self.entry_at(folder, self.kept, self.told)
    }

    /// The same, once everything up to these bytes is answered for.
    pub(super) fn entry_at(&self, folder: &str, offset: u64, told: u64) -> Entry {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Identity { device, inode } = self.identity;
        let is_complete = self.is_at_end && offset >= self.read;
        let (folder, fingerprint) = (folder.to_owned(), self.fingerprint);
        Entry { folder, file, device, inode, fingerprint, offset, told, is_complete }
    }

    pub(super) fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// Lets it go, to be opened again; but not what could not be: what was read and not used, or has no name any more.
    pub(super) fn close(&mut self) {
        let is_last_chance = self.is_missed && !self.is_read();
        if !is_last_chance && !matches!(self.source, Some(Source::Gzip { .. })) {
            self.source = None;
        }
    }

    /// Whether all of it, as far as it is known, is read.
    pub(super) const fn is_read(&self) -> bool {
        self.is_at_end || self.read >= self.length
    }

    /// Whether nothing can come from it any more.
    pub(super) const fn is_done(&self) -> bool {
        self.is_at_end || (self.is_read() && self.is_final())
    }

    /// Whether nobody writes to it any more.
    const fn is_final(&self) -> bool {
        self.is_gone || self.is_settled || self.part.is_compressed
    }

    /// Whether a try to read may bring something.
    pub(super) fn has_more(&self) -> bool {
        !self.is_read() && self.stuck_at != Some(self.length)
    }

    /// Bytes that are there and not answered for, as far as is known.
    pub(super) const fn behind(&self) -> u64 {
        if self.part.is_compressed { 0 } else { self.length.saturating_sub(self.told) }
    }

    /// Fills the buffer with the next bytes. Goes out whether they are the last that will ever come.
    ///
    /// # Errors
    /// It cannot be opened or read now.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        if self.source.is_none() {
            self.source = Some(self.open_source()?);
        }
        let is_final = self.is_final();
        let is_end = match &mut self.source {
            Some(Source::Plain(file)) => {
                // Not cleared before: what is there already need not be zeroed.
                buffer.resize(CHUNK.min((self.length - self.read) as usize), 0);
                let read = read_up_to(file, buffer, self.read)?;
                buffer.truncate(read);
                self.read + read as u64 >= self.length && is_final
            }
            Some(Source::Gzip { decoder, held }) => {
                buffer.clear();
                buffer.append(held);
                let room = (CHUNK - buffer.len().min(CHUNK)) as u64;
                decoder.by_ref().take(room).read_to_end(buffer)?;
                buffer.len() < CHUNK
            }
            None => true,
        };
        if self.read == 0 && self.fingerprint.length < fingerprint::LONGEST.min(buffer.len()) {
            self.fingerprint = Fingerprint::of(buffer);
        }
        Ok(is_end)
    }

    /// So many bytes of the buffer are used. `is_end` is what [`Self::fill`] said.
    pub(super) fn used(&mut self, bytes: usize, buffer: &[u8], is_end: bool) {
        self.read += bytes as u64;
        self.failing = None;
        self.stuck_at = (bytes == 0).then_some(self.length);
        let is_done = self.is_done();
        match &mut self.source {
            Some(Source::Gzip { held, .. }) if is_end && bytes == buffer.len() => {
                held.clear();
                self.is_at_end = true;
                self.source = None;
            }
            Some(Source::Gzip { held, .. }) => held.extend_from_slice(&buffer[bytes..]),
            _ if is_done => {
                self.is_at_end = self.is_gone || self.part.is_compressed;
                self.source = None;
            }
            _ => self.complete_fingerprint(),
        }
    }

    /// It could not be read. A compressed text that is damaged does not mend, and what follows waits for it: it is given up
    /// then, and where it could not be opened for [`LONGEST_FAILURE`]. Goes out whether that was now.
    pub(super) fn failed(&mut self, error: &io::Error, now: Instant) -> bool {
        let since = *self.failing.get_or_insert(now);
        let is_late = now.saturating_duration_since(since) >= LONGEST_FAILURE;
        let is_over = self.part.is_compressed
            && match error.kind() {
                ErrorKind::NotFound => false,
                ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => true,
                _ => is_late,
            };
        if is_over {
            self.abandon();
        }
        is_over
    }

    fn abandon(&mut self) {
        self.is_at_end = true;
        self.source = None;
    }

    /// A file that was short when it was first read is known by little until it is longer.
    fn complete_fingerprint(&mut self) {
        if self.fingerprint.length >= fingerprint::LONGEST || self.read <= self.fingerprint.length as u64 {
            return;
        }
        if let Some(Source::Plain(file)) = &self.source {
            let mut begin = vec![0; fingerprint::LONGEST.min(self.read as usize)];
            if file.read_exact_at(&mut begin, 0).is_ok() {
                self.fingerprint = Fingerprint::of(&begin);
            }
        }
    }

    fn open_source(&self) -> io::Result<Source> {
        Source::open(&self.path, self.identity, self.part.is_compressed, self.fingerprint, self.read)
    }
}
