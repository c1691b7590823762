//! The log: entries appended in commits to segments of a fixed size.
//!
//! Comes in: entries. Goes out: the promise that they are on the disk, or an error after which none of them is. A commit
//! is one write and one `fdatasync`, and begins on a page of its own. Segments are preallocated and used again, so that
//! a commit changes no metadata. After an error of the disk its segment is never written again: what it holds behind the
//! last good commit is declared void in the next one. Must not know when an entry is no longer needed.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    disk::{Disk, DiskFile},
    frame::{self, Entry, PAGE},
    header::{FREE, Header, NEW, free_name, new_name, segment_name},
    trail::Trail,
    window::Window,
};
use crate::making::{Seq, random_writer};

/// Files kept to be used again: one while the next fills.
const SPARE: usize = 2;

/// A segment of a spool that is full.
const SMALL: u64 = 256 << 10;

/// An entry other than a delivery takes at most this, framed: a divided block is the largest.
const CONTROL: usize = 256;

/// One file of the log.
#[derive(Debug)]
pub struct Segment<F> {
    pub id: u64,
    /// No delivery before this one is in it.
    pub first: Seq,
    /// What the checksums of its entries begin with.
    pub salt: u64,
    pub file: Arc<F>,
    pub size: u64,
    /// What is committed.
    pub end: u64,
    /// Where commits began; the end of the file where it is an earlier process's.
    pub begin: u64,
}

impl<F> Clone for Segment<F> {
    fn clone(&self) -> Self {
        Self { file: Arc::clone(&self.file), ..*self }
    }
}

/// The segments there are, oldest first, shared with whoever reads.
#[derive(Debug)]
pub struct Segments<F>(Arc<Mutex<VecDeque<Segment<F>>>>);

impl<F> Clone for Segments<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F> Segments<F> {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Segment<F>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segment a delivery stands in, if it still stands.
    pub fn holding(&self, seq: Seq) -> Option<Segment<F>> {
        self.lock().iter().rev().find(|segment| segment.first <= seq).cloned()
    }

    pub fn after(&self, id: u64) -> Option<Segment<F>> {
        self.lock().iter().find(|segment| segment.id > id).cloned()
    }

    /// What is committed of a segment.
    pub fn end_of(&self, id: u64) -> u64 {
        self.lock().iter().find(|segment| segment.id == id).map_or(0, |segment| segment.end)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.lock().iter().map(|segment| segment.size).sum()
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }
}

/// What can be appended to.
#[derive(Debug)]
pub struct Log<D: Disk> {
    disk: D,
    segment_size: u64,
    /// Of all files.
    limit: u64,
    segments: Segments<D::File>,
    /// Files to be used again.
    spare: Vec<String>,
    next_id: u64,
    /// The last segment takes more. Not after an error.
    is_open: bool,
    /// Where segments end earlier than they seem to; told to the next segment.
    voids: Vec<(u64, u64)>,
    next_seq: Seq,
    mark: Seq,
    /// Whose spool this is, and what this process calls the deliveries it keeps; both stand in every segment it begins.
    own: u128,
    stream: u128,
    buffer: Vec<u8>,
}

impl<D: Disk> Log<D> {
    /// A log over the segments that were found; the first commit begins a new one. `limit` is the largest sum of all
    /// files, of which a part as large as a segment is kept for entries other than deliveries.
    pub fn new(
        disk: D,
        limit: u64,
        segment_size: u64,
        found: Vec<Segment<D::File>>,
        next_id: u64,
        (mark, next_seq): (Seq, Seq),
        own: u128,
    ) -> io::Result<Self> {
        let spare = Self::leftovers(&disk)?;
        let segments = Segments(Arc::new(Mutex::new(found.into())));
        Ok(Self {
            disk,
            segment_size,
            limit,
            segments,
            spare,
            next_id,
            is_open: false,
            voids: Vec::new(),
            next_seq,
            mark,
            own,
            // Never one of an earlier process: a folder that is put back to where it was gives its numbers out again.
            stream: random_writer(),
            buffer: Vec::new(),
        })
    }

    pub const fn own(&self) -> u128 {
        self.own
    }

    pub const fn stream(&self) -> u128 {
        self.stream
    }

    pub fn segments(&self) -> Segments<D::File> {
        self.segments.clone()
    }

    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether deliveries of so many bytes in all can be kept now.
    pub fn has_room(&self, bytes: usize) -> bool {
        let bytes = bytes as u64 + 2 * PAGE as u64;
        let segments = self.segments.lock();
        let left = segments.back().filter(|_| self.is_open).map_or(0, |last| last.size - last.end);
        let used: u64 = segments.iter().map(|segment| segment.size).sum();
        let reserve = self.segment_size;
        // The last segment may be the reserve itself.
        let fits = bytes <= left && used + reserve <= self.limit;
        fits || used + bytes.max(self.segment_size) + reserve <= self.limit
    }

    /// Commits entries. After an error in one segment, a second try is made in another.
    ///
    /// # Errors
    /// Neither worked: nothing of it is kept.
    pub fn commit(&mut self, entries: &[Entry]) -> io::Result<()> {
        let bytes = PAGE + entries.iter().map(size).sum::<usize>();
        let was_open = self.is_open;
        match self.commit_once(entries, bytes) {
            Err(error) if was_open => {
                tracing::warn!(%error, "the spool's segment cannot be written, the next one is tried");
                self.commit_once(entries, bytes)
            }
            done => done,
        }
    }

    fn commit_once(&mut self, entries: &[Entry], bytes: usize) -> io::Result<()> {
        let mut last = self.room_for(bytes)?;
        self.buffer.clear();
        for entry in entries {
            frame::write(entry, last.salt, &mut self.buffer);
        }
        self.buffer.resize(self.buffer.len().next_multiple_of(PAGE), 0);
        let written = last.file.write_at(&self.buffer, last.end).and_then(|()| last.file.sync());
        if let Err(error) = written {
            self.is_open = false;
            self.give_up(&last);
            return Err(error);
        }
        last.end += self.buffer.len() as u64;
        if let Some(segment) = self.segments.lock().back_mut() {
            segment.end = last.end;
        }
        for entry in entries {
            match entry {
                Entry::Kept(kept) => self.next_seq = kept.seq + 1,
                Entry::Mark(seq) => self.mark = *seq,
                _ => {}
            }
        }
        // As large as a usual commit: memory that is given back and taken again costs a page fault for each 4 KiB.
        self.buffer.shrink_to(8 << 20);
        Ok(())
    }

    /// A segment that nothing was committed to goes; of another the end is remembered.
    fn give_up(&mut self, failed: &Segment<D::File>) {
        if failed.end == failed.begin && self.disk.remove(&segment_name(failed.id)).is_ok() {
            self.segments.lock().pop_back();
        } else {
            self.voids.push((failed.id, failed.end));
        }
    }

    fn room_for(&mut self, bytes: usize) -> io::Result<Segment<D::File>> {
        let last = self.segments.lock().back().filter(|_| self.is_open).cloned();
        if let Some(last) = last.filter(|last| last.size - last.end >= bytes as u64) {
            return Ok(last);
        }
        let used = self.segments.bytes();
        // Beyond the limit there are only entries that lead to room, and they take little.
        let usual =
            if used + self.segment_size <= self.limit { self.segment_size } else { SMALL.min(self.segment_size) };
        let size = usual.max((bytes + PAGE).next_multiple_of(PAGE) as u64);
        let segment = self.begin(size)?;
        self.segments.lock().push_back(segment.clone());
        self.is_open = true;
        Ok(segment)
    }

    /// A new segment, which exists for good before anything is promised in it.
    fn begin(&mut self, size: u64) -> io::Result<Segment<D::File>> {
        let id = self.next_id;
        self.next_id += 1;
        let (name, file) = self.take_file(id, size)?;
        let salt = random_writer() as u64;
        let header = Header { id, first: self.next_seq, mark: self.mark, salt };
        let mut pages = header.page();
        for (segment, offset) in &self.voids {
            frame::write(&Entry::Void { segment: *segment, offset: *offset }, salt, &mut pages);
        }
        frame::write(&Entry::Begun { own: self.own, stream: self.stream }, salt, &mut pages);
        pages.resize(pages.len().next_multiple_of(PAGE), 0);
        let made = file.write_at(&pages, 0).and_then(|()| file.sync());
        let made = made.and_then(|()| self.disk.rename(&name, &segment_name(id))).and_then(|()| self.disk.sync());
        if let Err(error) = made {
            let _ = self.disk.remove(&name).or_else(|_| self.disk.remove(&segment_name(id)));
            return Err(error);
        }
        self.voids.clear();
        let size = file.size()?;
        Ok(Segment {
            id,
            first: self.next_seq,
            salt,
            file: Arc::new(file),
            size,
            end: pages.len() as u64,
            begin: pages.len() as u64,
        })
    }

    fn take_file(&mut self, id: u64, size: u64) -> io::Result<(String, D::File)> {
        while size == self.segment_size
            && let Some(name) = self.spare.pop()
        {
            if let Ok(file) = self.disk.open(&name)
                && file.size()? == size
            {
                return Ok((name, file));
            }
            self.disk.remove(&name)?;
        }
        let name = new_name(id);
        let file = self.disk.create(&name, size)?;
        Ok((name, file))
    }

    /// Gives back the segments of which no delivery from `mark` on is a part. Their end is promised first, so that
    /// none of them comes back to life; and with it what is to outlive them.
    ///
    /// # Errors
    /// The disk's. What was not given back is the next time.
    pub fn release(&mut self, mark: Seq, window: &Window, trail: &mut Trail) -> io::Result<()> {
        // The first delivery of what is left.
        let left = self.segments.lock().iter().skip(1).map(|next| next.first).take_while(|first| *first <= mark).last();
        let Some(left) = left else { return Ok(()) };
        let mut entries: Vec<_> = window.all().into_iter().map(Entry::Known).collect();
        entries.extend(trail.below(left).into_iter().map(Entry::Positions));
        entries.push(Entry::Mark(mark));
        self.commit(&entries)?;
        trail.written_again(left, self.next_seq);
        // Up to there and no further: the commit above may have ended a segment more, whose positions are not in it.
        let is_over = |segments: &VecDeque<Segment<D::File>>| segments.get(1).is_some_and(|next| next.first <= left);
        while is_over(&self.segments.lock()) {
            let Some(segment) = self.segments.lock().pop_front() else { break };
            let name = segment_name(segment.id);
            if segment.size == self.segment_size && self.spare.len() < SPARE {
                let free = free_name(segment.id);
                self.disk.rename(&name, &free)?;
                self.spare.push(free);
            } else {
                self.disk.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Files of no use but for their space.
    fn leftovers(disk: &D) -> io::Result<Vec<String>> {
        let mut spare = Vec::new();
        for name in disk.names()? {
            if name.starts_with(FREE) && spare.len() < SPARE {
                spare.push(name);
            } else if name.starts_with(FREE) || name.starts_with(NEW) {
                disk.remove(&name)?;
            }
        }
        Ok(spare)
    }
}

/// As much as an entry takes at most.
fn size(entry: &Entry) -> usize {
    match entry {
        Entry::Kept(kept) => frame::size_of_kept(&kept.body, kept.positions.as_ref()),
        Entry::Known(known) => frame::size_of_known(known),
        Entry::Positions(positions) => frame::size_of_positions(positions),
        _ => CONTROL,
    }
}
