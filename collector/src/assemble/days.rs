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

/// Days for which rows may gather at once, between requests. A backfill of a month fits; above it the blocks with the
/// fewest rows go early, which cost their table the least.
pub(super) const OPEN_DAYS: usize = 32;

/// Days of one table that one request may span while its sender waits for ClickHouse; what lies on further days is
/// refused. Each is an insert and a part of its own, of which a small server does some ten in a second, and others wait
/// behind them. ClickHouse itself takes so many days in an insert.
pub const DAYS_AWAITED: usize = 100;

/// The same where requests are kept and nobody waits: three years of daily points. Measured: an open block takes 10 KiB,
/// however few rows it has, so this is 11 MiB of a table while such a request is read.
pub const DAYS_KEPT: usize = 1_100;

/// The last day whose every moment a table can hold: retention, and the times of metrics, are counted in 32 bits of
/// seconds, until 2106-02-07 06:28:15. What is later would be stored as 1970, and deleted at once.
pub const LAST_DAY: u64 = u32::MAX as u64 / 86_400 - 1;

pub(super) const NANOSECONDS_A_DAY: u64 = 86_400_000_000_000;

/// The open blocks of one table.
#[derive(Debug)]
pub(super) struct Days<C> {
    table: Table,
    layout: Option<Arc<Layout>>,
    open: Vec<Open<C>>,
    /// The day of each, side by side: they are looked through for a record of another day than the last one's.
    days: Vec<u64>,
    /// The open block that took the last record: mostly the right one for the next.
    last: usize,
    /// Whether that has a row of the present scope, and so is on every list below.
    is_at_hand: bool,
    /// Blocks that have rows of the present request.
    marked: Vec<usize>,
    /// Those of them that have rows whose scope has not ended.
    unscoped: Vec<usize>,
    /// Those whose resource has not ended.
    ungrouped: Vec<usize>,
}

/// A block that still takes rows.
#[derive(Debug)]
struct Open<C> {
    rows: Rows<C>,
    acks: Vec<Ack>,
    /// Up to which row those of each of them go.
    ends: Vec<u64>,
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
        Self {
            table,
            layout: None,
            open: Vec::new(),
            days: Vec::new(),
            last: 0,
            is_at_hand: false,
            marked: Vec::new(),
            unscoped: Vec::new(),
            ungrouped: Vec::new(),
        }
    }

    pub(super) const fn table(&self) -> Table {
        self.table
    }

    /// Where the row of a record of this day goes; it must be pushed. None: no table can hold that day, or the request
    /// spans more days than `most`.
    #[inline]
    pub(super) fn row(&mut self, day: u64, most: usize, now: Instant) -> Option<&mut C> {
        if !(self.is_at_hand && self.days[self.last] == day) {
            self.begin(day, most, now)?;
        }
        Some(self.open[self.last].rows.row())
    }

    #[cold]
    fn begin(&mut self, day: u64, most: usize, now: Instant) -> Option<()> {
        let is_last = self.days.get(self.last) == Some(&day);
        let found = if is_last { Some(self.last) } else { self.days.iter().position(|open| *open == day) };
        let index = match found {
            Some(index) if self.open[index].is_marked => index,
            _ if day > LAST_DAY || self.marked.len() >= most => return None,
            found => self.mark(found, day, now),
        };
        let rows = &self.open[index].rows;
        if rows.unscoped() == 0 {
            self.unscoped.push(index);
        }
        if rows.ungrouped() == 0 {
            self.ungrouped.push(index);
        }
        (self.last, self.is_at_hand) = (index, true);
        Some(())
    }

    /// The present request has rows of a day it had none of.
    fn mark(&mut self, found: Option<usize>, day: u64, now: Instant) -> usize {
        let index = found.unwrap_or_else(|| self.open_for(day, now));
        let open = &mut self.open[index];
        open.rows.mark(&mut open.marks);
        open.is_marked = true;
        if open.rows.count() == 0 {
            open.fill.since = now;
        }
        self.marked.push(index);
        index
    }

    /// An empty block serves again: its buffers are warm. There is one at most, and it is the first.
    fn open_for(&mut self, day: u64, now: Instant) -> usize {
        if self.open.first().is_some_and(|open| open.rows.count() == 0 && !open.is_marked) {
            self.days[0] = day;
            return 0;
        }
        self.days.push(day);
        self.open.push(Open {
            rows: Rows::new(self.table, self.layout.as_deref()),
            acks: Vec::new(),
            ends: Vec::new(),
            deliveries: None,
            fill: Fill { rows: 0, bytes: 0, since: now },
            marks: Marks::default(),
            is_marked: false,
        });
        self.open.len() - 1
    }

    /// Every row of the present request since the last call has this scope.
    pub(super) fn end_scope(&mut self, scope: &Scope<'_>, room: &mut Room) -> Result<(), Refused> {
        self.is_at_hand = false;
        for index in self.unscoped.drain(..) {
            let rows = &mut self.open[index].rows;
            room.take(scope.encoded_size() * rows.unscoped())?;
            rows.end_scope(scope);
        }
        Ok(())
    }

    /// Every row of the present request since the last call has this resource.
    pub(super) fn end_resource(&mut self, resource: &Resource<'_>, room: &mut Room) -> Result<(), Refused> {
        self.is_at_hand = false;
        for index in self.ungrouped.drain(..) {
            let rows = &mut self.open[index].rows;
            room.take(resource.encoded_size() * rows.ungrouped())?;
            rows.end_resource(resource);
        }
        Ok(())
    }

    /// The present request is dealt with.
    fn unmark(&mut self) {
        self.is_at_hand = false;
        self.marked.clear();
        // Something is on these where the request was broken off.
        self.unscoped.clear();
        self.ungrouped.clear();
    }

    /// Blocks without a row have done their work; the first open one may stay.
    fn forget_empty(&mut self, may_first_stay: bool) {
        let mut index = 0;
        self.open.retain(|open| {
            let is_kept = (index == 0 && may_first_stay) || open.rows.count() > 0;
            if !is_kept {
                self.days.remove(index);
            }
            index += usize::from(is_kept);
            is_kept
        });
        self.last = 0;
    }

    /// Blocks beyond what may be open: those with the fewest rows, and of those the oldest.
    fn surplus(&self) -> Vec<usize> {
        let Some(surplus) = self.open.len().checked_sub(OPEN_DAYS).filter(|surplus| *surplus > 0) else {
            return Vec::new();
        };
        let mut order: Vec<_> = (0..self.open.len()).filter(|index| self.open[*index].fill.rows > 0).collect();
        order.sort_by_key(|index| (self.open[*index].fill.rows, self.open[*index].fill.since));
        order.truncate(surplus);
        order
    }
}

impl<C: Columns> OpenBlocks for Days<C> {
    fn keep(&mut self, ack: &Ack, kept: Option<Seq>) {
        for index in &self.marked {
            let open = &mut self.open[*index];
            open.is_marked = false;
            match kept {
                Some(seq) => open.deliveries = Some((open.deliveries.map_or(seq, |(first, _)| first), seq)),
                None => {
                    open.acks.push(ack.part());
                    open.ends.push(open.rows.count() as u64);
                }
            }
            open.rows.settle();
            (open.fill.rows, open.fill.bytes) = (open.rows.count(), open.rows.bytes());
        }
        self.unmark();
    }

    fn roll_back(&mut self, kept: Option<Seq>) {
        for index in &self.marked {
            let open = &mut self.open[*index];
            open.is_marked = false;
            open.rows.rollback(&open.marks);
            // What a dictionary has learned stays in it, and counts; so the block is made of this request too.
            open.fill.bytes = open.rows.bytes();
            if let (Some((_, last)), Some(seq)) = (&mut open.deliveries, kept) {
                *last = seq;
            }
        }
        self.unmark();
        // And goes with the block where there is no row to keep it for.
        self.forget_empty(false);
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
        let surplus = self.surplus();
        let before = sealed.blocks.len();
        for (index, open) in self.open.iter_mut().enumerate() {
            if open.fill.rows > 0 && (is_due(&open.fill) || surplus.contains(&index)) {
                sealed.metrics.sealed(sealed.now.duration_since(open.fill.since));
                sealed.blocks.push(open.seal(self.table, self.days[index], self.layout.as_ref()));
            }
        }
        if sealed.blocks.len() > before {
            self.forget_empty(true);
            self.report(sealed.metrics);
        }
    }

    fn adopt(&mut self, layouts: &Layouts, sealed: &mut Sealed<'_>) {
        let layout = layouts.of(self.table);
        if layout != self.layout.as_ref() {
            self.seal_where(&|_| true, sealed);
            self.open.clear();
            self.days.clear();
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
    fn seal(&mut self, table: Table, day: u64, layout: Option<&Arc<Layout>>) -> Block {
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
            ends: std::mem::take(&mut self.ends),
            day,
            since: self.fill.since,
            deliveries: self.deliveries.take().map(|(first, last)| first..=last),
            receipt: None,
            room: None,
        }
    }
}
