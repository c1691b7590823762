//! A segment read from an offset on, entry by entry.
//!
//! Comes in: a file and the bytes of it that count. Goes out: its entries in order. What is no entry of this segment is
//! stepped over to the next page: what follows a torn commit is found, and what follows damage is not lost with it.

use std::{io, sync::Arc};

use bytes::Bytes;

use super::{
    disk::DiskFile,
    frame::{Entry, PAGE, Read, read},
    log::Segment,
};

/// Read at once: large beside what a read costs, small beside the memory of a process.
const CHUNK: usize = 1 << 20;

/// A place in a segment.
#[derive(Debug)]
pub struct Scan<F> {
    file: Arc<F>,
    segment: u64,
    salt: u64,
    /// Where the next frame would begin.
    offset: u64,
    /// What the file holds from `offset` on, as far as it was read.
    ahead: Bytes,
    /// Something that should have been an entry was none.
    has_gap: bool,
    /// Entries found behind a gap.
    pub gaps: u64,
}

impl<F: DiskFile> Scan<F> {
    /// From the first entry on.
    pub fn of(segment: &Segment<F>) -> Self {
        let (file, offset) = (Arc::clone(&segment.file), PAGE as u64);
        Self { file, segment: segment.id, salt: segment.salt, offset, ahead: Bytes::new(), has_gap: false, gaps: 0 }
    }

    pub const fn segment(&self) -> u64 {
        self.segment
    }

    /// The next entry that ends at or before `end`. None: there is none yet.
    pub fn next(&mut self, end: u64) -> io::Result<Option<Entry>> {
        while self.offset < end {
            match read(&self.ahead, self.salt) {
                Read::Entry(entry, length) if self.offset + length as u64 <= end => {
                    self.gaps += u64::from(std::mem::take(&mut self.has_gap));
                    self.step(length);
                    return Ok(Some(*entry));
                }
                Read::Short(length) if self.offset + length as u64 <= end => self.load(length, end)?,
                Read::Entry(..) | Read::Short(_) | Read::Nothing => self.skip_page(),
            }
        }
        Ok(None)
    }

    fn step(&mut self, length: usize) {
        self.offset += length as u64;
        self.ahead = self.ahead.slice(length.min(self.ahead.len())..);
    }

    fn skip_page(&mut self) {
        let into = (self.offset % PAGE as u64) as usize;
        // At the beginning of a page a commit should stand; elsewhere it is padding.
        self.has_gap |= into == 0;
        self.step(PAGE - into);
    }

    fn load(&mut self, length: usize, end: u64) -> io::Result<()> {
        let left = usize::try_from(end - self.offset).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.max(CHUNK).min(left)];
        let count = self.file.read_at(&mut bytes, self.offset)?;
        if count < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(count);
        self.ahead = bytes.into();
        Ok(())
    }
}
