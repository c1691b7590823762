//! What an earlier process has left.
//!
//! Comes in: a folder of segments, its last commit perhaps torn. Goes out: the segments, and what is still to be done:
//! blocks to be made again under their names, deliveries to be taken up, and which of their rows stand in a block
//! already. Must not change what a segment holds: a process that is stopped here leaves everything as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use bytes::Bytes;

use super::{
    disk::{Disk, DiskFile},
    frame::{Entry, PAGE},
    header::{Header, damaged_name, segment_id, segment_name},
    log::Segment,
    scan::Scan,
    trail::Trail,
    window::Window,
};
use crate::{
    id::Keeper,
    making::{Making, Seq},
    positions::Positions,
};

/// What is still to be done.
#[derive(Debug, Default)]
pub struct Left {
    /// Every delivery below is done.
    pub mark: Seq,
    /// The number of the next delivery.
    pub next_seq: Seq,
    /// The number of the next block.
    pub next_block: u64,
    /// Blocks that were made and not told to be stored, in the order of their making.
    pub blocks: Vec<Making>,
    /// Every block with deliveries from `mark` on: their rows are no longer to be assembled.
    pub made: Vec<Making>,
    /// Deliveries that need no further look.
    pub passed: BTreeSet<Seq>,
    /// Whose spool it is, where it says so.
    pub own: Option<u128>,
    /// From which delivery on which stream they belong to, as far as segments say.
    pub streams: Vec<(Seq, Option<u128>)>,
    /// To whom deliveries were turned.
    pub turned: BTreeMap<Seq, Keeper>,
    /// What is known of other collectors' streams.
    pub window: Window,
    /// Positions of files.
    pub trail: Trail,
    /// When deliveries were received, in milliseconds since the Unix epoch: one of each second.
    pub received: Vec<(Seq, u64)>,
    /// Places in which something was not readable, and things were found behind it.
    pub damaged: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Found<F> {
    pub segments: Vec<Segment<F>>,
    pub next_id: u64,
    pub left: Left,
}

/// Reads every segment there is.
///
/// # Errors
/// The disk's. Damage is none: it is counted.
pub fn recover<D: Disk>(disk: &D) -> io::Result<Found<D::File>> {
    let (mut segments, next_id, damaged) = open_segments(disk)?;
    apply_voids(&mut segments)?;
    let mut story = Story { damaged, ..Story::default() };
    for (segment, header) in &segments {
        story.begin(header);
        let mut scan = Scan::of(segment);
        while let Some(entry) = scan.next(segment.end)? {
            story.take(entry);
        }
        story.damaged += scan.gaps;
    }
    let segments = segments.into_iter().map(|(segment, _)| segment).collect();
    Ok(Found { segments, next_id, left: story.end() })
}

/// A segment says before anything else where earlier ones end.
fn apply_voids<F: DiskFile>(segments: &mut [(Segment<F>, Header)]) -> io::Result<()> {
    let mut voids = BTreeMap::new();
    for (segment, _) in segments.iter() {
        let mut scan = Scan::of(segment);
        while let Some(Entry::Void { segment, offset }) = scan.next(segment.end)? {
            voids.insert(segment, offset);
        }
    }
    for (segment, _) in segments {
        segment.end = voids.get(&segment.id).map_or(segment.end, |void| segment.end.min(*void));
    }
    Ok(())
}

type Opened<F> = (Vec<(Segment<F>, Header)>, u64, u64);

/// Segments in the order of their numbers. A file with the header of another was never promised anything; one without a
/// header is damaged, and kept for a person to look at.
fn open_segments<D: Disk>(disk: &D) -> io::Result<Opened<D::File>> {
    let mut ids: Vec<_> = disk.names()?.iter().filter_map(|name| segment_id(name)).collect();
    ids.sort_unstable();
    let next_id = ids.last().map_or(1, |last| last + 1);
    let (mut segments, mut damaged) = (Vec::with_capacity(ids.len()), 0);
    for id in ids {
        let file = disk.open(&segment_name(id))?;
        let mut page = vec![0; PAGE];
        let read = file.read_at(&mut page, 0)?;
        match Header::read(&page[..read]) {
            Some(header) if header.id == id => {
                let (size, Header { first, salt, .. }) = (file.size()?, header);
                segments
                    .push((Segment { id, first, salt, file: Arc::new(file), size, end: size, begin: size }, header));
            }
            Some(_) => disk.remove(&segment_name(id))?,
            None => {
                damaged += 1;
                disk.rename(&segment_name(id), &damaged_name(id))?;
            }
        }
    }
    Ok((segments, next_id, damaged))
}

/// The entries so far, and what they come to.
#[derive(Debug, Default)]
struct Story {
    mark: Seq,
    next_seq: Seq,
    next_block: u64,
    made: BTreeMap<u64, Making>,
    done: BTreeSet<u64>,
    passed: BTreeSet<Seq>,
    own: Option<u128>,
    streams: Vec<(Seq, Option<u128>)>,
    turned: BTreeMap<Seq, Keeper>,
    window: Window,
    trail: Trail,
    received: Vec<(Seq, u64)>,
    damaged: u64,
}

impl Story {
    fn begin(&mut self, header: &Header) {
        self.mark = self.mark.max(header.mark);
        self.next_seq = self.next_seq.max(header.first);
        self.streams.push((header.first, None));
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Kept(kept) => {
                self.next_seq = self.next_seq.max(kept.seq + 1);
                if self.received.last().is_none_or(|(_, last)| last + 1_000 <= kept.received) {
                    self.received.push((kept.seq, kept.received));
                }
                if let Some(id) = &kept.id {
                    self.window.add(id);
                }
                if let Some(positions) = kept.positions {
                    self.positions(kept.seq, &positions);
                }
            }
            Entry::Known(known) => {
                self.window.join(&known);
            }
            Entry::Positions(positions) => self.positions(self.next_seq.saturating_sub(1), &positions),
            Entry::Turned(seq, keeper) => {
                self.turned.insert(seq, keeper);
            }
            Entry::Begun { own, stream } => {
                self.own = Some(own);
                if let Some((_, of_segment)) = self.streams.last_mut() {
                    *of_segment = Some(stream);
                }
            }
            Entry::Block(making) => self.name(making),
            Entry::Divided(block, halves) => {
                self.next_block = self.next_block.max(block + 1);
                self.made.remove(&block);
                halves.into_iter().for_each(|half| self.name(half));
            }
            // A number that was used is not used again, though what it named is forgotten.
            Entry::Done(block) => {
                self.next_block = self.next_block.max(block + 1);
                self.done.insert(block);
            }
            Entry::Passed(seq) => {
                self.passed.insert(seq);
            }
            Entry::Mark(seq) => self.mark = self.mark.max(seq),
            Entry::Void { .. } => {}
        }
    }

    /// Copied: what was read is a part of a much longer read.
    fn positions(&mut self, at: Seq, positions: &Positions) {
        let places = Bytes::copy_from_slice(&positions.places);
        self.trail.add(at, Positions { batch: positions.batch, places });
    }

    fn name(&mut self, making: Making) {
        self.next_block = self.next_block.max(making.name.number + 1);
        self.made.insert(making.name.number, making);
    }

    fn end(self) -> Left {
        let Self {
            mark,
            next_seq,
            next_block,
            made,
            done,
            mut passed,
            own,
            streams,
            mut turned,
            window,
            trail,
            received,
            damaged,
        } = self;
        let is_ahead = |making: &Making| *making.deliveries.end() >= mark;
        let made: Vec<_> = made.into_values().filter(is_ahead).collect();
        let blocks = made.iter().filter(|making| !done.contains(&making.name.number)).cloned().collect();
        let (next_seq, passed) = (next_seq.max(mark), passed.split_off(&mark));
        turned.retain(|seq, _| *seq >= mark && !passed.contains(seq));
        Left {
            mark,
            next_seq,
            next_block,
            blocks,
            made,
            passed,
            own,
            streams,
            turned,
            window,
            trail,
            received,
            damaged,
        }
    }
}
