//! The open blocks of one table, one for each day.
//!
//! Comes in: a record's time, and what groups of records share. Goes out: the block its row belongs to; sealed blocks.
//! Must not judge a record.

use std::{sync::Arc, time::Instant};

use super::{growth::Room, request::Refused};
use crate::{
    ack::Ack,
    columns::{Columns, Marks, Rows},
    making::Seq,
    metrics::Pipeline,
    record::{Resource, Scope},
    table::{Block, Layout, Layouts, Table},
};

/// Days for which rows may gather at once. A backfill of a month fits; above it the oldest block goes early, and of a
/// request that spans more what lies on further days is refused: each day is an insert and a part of its own.
pub(super) const OPEN_DAYS: usize = 32;

pub(super) const NANOSECONDS_A_DAY: u64 = 86_400_000_000_000;

/// The open blocks of one table.
#[derive(Debug)]
pub(super) struct Days<C> {
    table: Table,
    layout: Option<Arc<Layout>>,
    open: Vec<Open<C>>,
    /// The open block that took the last record: mostly the right one for the next.
    last: usize,
    /// Blocks that have rows of the present request.
    marked: usize,
}

/// A block that still takes rows.
#[derive(Debug)]
struct Open<C> {
    day: u64,
    rows: Rows<C>,
    acks: Vec<Ack>,
    /// First and last kept delivery.
    deliveries: Option<(Seq, Seq)>,
    fill: Fill,
    /// Where the present request's rows begin.
    marks: Marks,
    is_marked: bool,
}

/// How full a block is, after the last request that was kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub(super) rows: usize,
    /// Before compression.
    pub(super) bytes: usize,
    /// When its first row came.
    pub(super) since: Instant,
}

/// Where sealed blocks go.
#[derive(Debug)]
pub(super) struct Sealed<'m> {
    pub(super) blocks: Vec<Block>,
    pub(super) now: Instant,
    pub(super) metrics: &'m Pipeline,
}

/// What is done to the blocks of every table alike.
pub(super) trait OpenBlocks {
    /// The present request is taken: its rows stay. Each block with some of them holds a part of its duty, or, where
    /// it is kept, its number.
    fn keep(&mut self, ack: &Ack, kept: Option<Seq>);
    /// The present request leaves no row.
    fn roll_back(&mut self, kept: Option<Seq>);
    /// When the next block is due, given when each is.
    fn deadline(&self, due: &dyn Fn(&Fill) -> Instant) -> Option<Instant>;
    /// Of all open blocks, before compression.
    fn bytes(&self) -> usize;
    /// The first kept delivery with rows in an open block.
    fn first(&self) -> Option<Seq>;
    fn seal_where(&mut self, is_due: &dyn Fn(&Fill) -> bool, sealed: &mut Sealed<'_>);
    /// Closes what was begun for other columns and goes on with these.
    fn adopt(&mut self, layouts: &Layouts, sealed: &mut Sealed<'_>);
    fn report(&self, metrics: &Pipeline);
}

impl<C: Columns> Days<C> {
    pub(super) const fn new(table: Table) -> Self {
        Self { table, layout: None, open: Vec::new(), last: 0, marked: 0 }
    }

    pub(super) const fn table(&self) -> Table {
        self.table
    }

    /// Where the row of a record of this day goes. None: the request spans too many days.
    #[inline]
    pub(super) fn row(&mut self, day: u64, now: Instant) -> Option<&mut C> {
        let is_at_hand = self.open.get(self.last).is_some_and(|open| open.day == day && open.is_marked);
        if !is_at_hand {
            self.last = self.begin(day, now)?;
        }
        Some(self.open[self.last].rows.row())
    }

    #[cold]
    fn begin(&mut self, day: u64, now: Instant) -> Option<usize> {
        let found = self.open.iter().position(|open| open.day == day);
        if found.is_some_and(|index| self.open[index].is_marked) {
            return found;
        }
        if self.marked == OPEN_DAYS {
            return None;
        }
        let index = found.unwrap_or_else(|| self.open_for(day, now));
        let open = &mut self.open[index];
        open.rows.mark(&mut open.marks);
        open.is_marked = true;
        if open.rows.count() == 0 {
            open.fill.since = now;
        }
        self.marked += 1;
        Some(index)
    }

    /// An empty block serves again: its buffers are warm.
    fn open_for(&mut self, day: u64, now: Instant) -> usize {
        if let Some(index) = self.open.iter().position(|open| open.rows.count() == 0 && !open.is_marked) {
            self.open[index].day = day;
            return index;
        }
        self.open.push(Open {
            day,
            rows: Rows::new(self.table, self.layout.as_deref()),
            acks: Vec::new(),
            deliveries: None,
            fill: Fill { rows: 0, bytes: 0, since: now },
            marks: Marks::default(),
            is_marked: false,
        });
        self.open.len() - 1
    }

    /// Every row of the present request since the last call has this scope.
    pub(super) fn end_scope(&mut self, scope: &Scope<'_>, room: &mut Room) -> Result<(), Refused> {
        for open in self.open.iter_mut().filter(|open| open.is_marked && open.rows.unscoped() > 0) {
            room.take(scope.encoded_size() * open.rows.unscoped())?;
            open.rows.end_scope(scope);
        }
        Ok(())
    }

    /// Every row of the present request since the last call has this resource.
    pub(super) fn end_resource(&mut self, resource: &Resource<'_>, room: &mut Room) -> Result<(), Refused> {
        for open in self.open.iter_mut().filter(|open| open.is_marked && open.rows.ungrouped() > 0) {
            room.take(resource.encoded_size() * open.rows.ungrouped())?;
            open.rows.end_resource(resource);
        }
        Ok(())
    }

    /// The first open block stays when it is empty; the others have done their work.
    fn forget_empty(&mut self) {
        let mut index = 0;
        self.open.retain(|open| {
            index += 1;
            index == 1 || open.rows.count() > 0
        });
        self.last = 0;
    }
}

impl<C: Columns> OpenBlocks for Days<C> {
    fn keep(&mut self, ack: &Ack, kept: Option<Seq>) {
        if self.marked == 0 {
            return;
        }
        for open in self.open.iter_mut().filter(|open| open.is_marked) {
            open.is_marked = false;
            match kept {
                Some(seq) => open.deliveries = Some((open.deliveries.map_or(seq, |(first, _)| first), seq)),
                None => open.acks.push(ack.part()),
            }
            open.rows.settle();
            (open.fill.rows, open.fill.bytes) = (open.rows.count(), open.rows.bytes());
        }
        self.marked = 0;
    }

    fn roll_back(&mut self, kept: Option<Seq>) {
        for open in self.open.iter_mut().filter(|open| open.is_marked) {
            open.is_marked = false;
            open.rows.rollback(&open.marks);
            // What a dictionary has learned stays in it, and counts; so the block is made of this request too.
            open.fill.bytes = open.rows.bytes();
            if let (Some((_, last)), Some(seq)) = (&mut open.deliveries, kept) {
                *last = seq;
            }
        }
        self.marked = 0;
        // And goes with the block where there is no row to keep it for.
        self.open.retain(|open| open.rows.count() > 0);
        self.last = 0;
    }

    fn deadline(&self, due: &dyn Fn(&Fill) -> Instant) -> Option<Instant> {
        self.open.iter().filter(|open| open.fill.rows > 0).map(|open| due(&open.fill)).min()
    }

    fn bytes(&self) -> usize {
        self.open.iter().map(|open| open.fill.bytes).sum()
    }

    fn first(&self) -> Option<Seq> {
        self.open.iter().filter_map(|open| open.deliveries.map(|(first, _)| first)).min()
    }

    fn seal_where(&mut self, is_due: &dyn Fn(&Fill) -> bool, sealed: &mut Sealed<'_>) {
        let surplus = (self.open.len() > OPEN_DAYS).then(|| self.deadline(&|open| open.since)).flatten();
        let before = sealed.blocks.len();
        for open in &mut self.open {
            if open.fill.rows > 0 && (Some(open.fill.since) == surplus || is_due(&open.fill)) {
                sealed.metrics.sealed(sealed.now.duration_since(open.fill.since));
                sealed.blocks.push(open.seal(self.table, self.layout.as_ref()));
            }
        }
        if sealed.blocks.len() > before {
            self.forget_empty();
            self.report(sealed.metrics);
        }
    }

    fn adopt(&mut self, layouts: &Layouts, sealed: &mut Sealed<'_>) {
        let layout = layouts.of(self.table);
        if layout != self.layout.as_ref() {
            self.seal_where(&|_| true, sealed);
            self.open.clear();
            self.layout = layout.cloned();
        }
    }

    fn report(&self, metrics: &Pipeline) {
        let fills = self.open.iter().map(|open| open.fill);
        let (rows, bytes) = fills.fold((0, 0), |(rows, bytes), fill| (rows + fill.rows, bytes + fill.bytes));
        metrics.open(self.table, rows, bytes);
    }
}

impl<C: Columns> Open<C> {
    fn seal(&mut self, table: Table, layout: Option<&Arc<Layout>>) -> Block {
        let sealed = self.rows.seal(layout.map(Arc::as_ref));
        (self.fill.rows, self.fill.bytes) = (0, 0);
        let (body, raw_bytes) = sealed.body.finish();
        Block {
            table,
            rows: sealed.rows as u64,
            body,
            raw_bytes,
            columns: sealed.names.into(),
            layout: layout.cloned(),
            acks: std::mem::take(&mut self.acks),
            day: self.day,
            deliveries: self.deliveries.take().map(|(first, last)| first..=last),
            receipt: None,
            room: None,
        }
    }
}
