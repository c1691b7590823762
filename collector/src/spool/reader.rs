//! Deliveries read back from the log, in their order.
//!
//! Comes in: segments, and where to begin. Goes out: deliveries. Must not know who needs them.

use std::{io, ops::RangeInclusive};

use super::{
    disk::DiskFile,
    frame::{Entry, Kept},
    log::Segments,
    scan::Scan,
};
use crate::making::Seq;

#[derive(Debug)]
pub struct Reader<F> {
    segments: Segments<F>,
    next: Seq,
    place: Option<Scan<F>>,
}

impl<F: DiskFile> Reader<F> {
    pub const fn new(segments: Segments<F>, next: Seq) -> Self {
        Self { segments, next, place: None }
    }

    /// No delivery before this one is read.
    pub const fn next(&self) -> Seq {
        self.next
    }

    /// Somebody else has had everything below.
    pub fn skip_to(&mut self, seq: Seq) {
        self.next = self.next.max(seq);
        self.place = None;
    }

    /// The next delivery that is committed. None: there is none.
    pub fn read(&mut self) -> io::Result<Option<Kept>> {
        loop {
            if self.place.is_none() {
                self.place = self.segments.holding(self.next).map(|segment| Scan::of(&segment));
            }
            let Some(scan) = &mut self.place else { return Ok(None) };
            let id = scan.segment();
            let end = self.segments.end_of(id);
            match scan.next(end)? {
                Some(Entry::Kept(kept)) if kept.seq >= self.next => {
                    self.next = kept.seq + 1;
                    return Ok(Some(kept));
                }
                Some(_) => {}
                None => {
                    let Some(after) = self.segments.after(id) else { return Ok(None) };
                    // Only now is its end known for good.
                    if self.segments.end_of(id) <= end {
                        self.place = Some(Scan::of(&after));
                    }
                }
            }
        }
    }

    /// Hands on every delivery with one of these numbers.
    pub fn range(segments: &Segments<F>, range: &RangeInclusive<Seq>, each: &mut dyn FnMut(Kept)) -> io::Result<()> {
        let mut reader = Self::new(segments.clone(), *range.start());
        while let Some(kept) = reader.read()? {
            if kept.seq > *range.end() {
                break;
            }
            each(kept);
        }
        Ok(())
    }
}
