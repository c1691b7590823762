//! Parts of a divided block, cut out of what was sent before.
//!
//! Comes in: rows. Goes out: a block of those. The smallest refused part that holds them is cut, while such parts are not
//! larger together than the block itself: or else the block. Must not unpack two bodies at a time.

use std::{ops::Range, sync::Arc};

use tokio::sync::Semaphore;

use super::search::Search;
use crate::table::{Block, Cut};

/// Bytes of a block before compression above which it is not divided: a full one and a request more. Nobody has admitted
/// what it is unpacked into.
pub(super) const MOST_RAW: usize = 80 << 20;

/// Bodies are unpacked one at a time, over all tables.
static UNPACKING: Semaphore = Semaphore::const_new(1);

#[derive(Debug)]
pub(super) struct Bodies {
    whole: Arc<Block>,
    cut: Cut,
    /// Refused parts of which rows wait, each with its rows.
    parts: Vec<(Range<u64>, Arc<Block>)>,
}

impl Bodies {
    pub(super) fn new(whole: Block, cut: Cut) -> Self {
        Self { whole: Arc::new(whole), cut, parts: Vec::new() }
    }

    /// Of the whole.
    pub(super) fn raw_bytes(&self) -> usize {
        self.whole.raw_bytes
    }

    /// None: it is no body that can be cut.
    pub(super) async fn cut(&self, rows: &Range<u64>) -> Option<Block> {
        let holding = self.parts.iter().filter(|(of, _)| of.start <= rows.start && rows.end <= of.end);
        let smallest = holding.min_by_key(|(of, _)| of.end - of.start);
        let (offset, of) = smallest.map_or((0, &self.whole), |(of, part)| (of.start, part));
        let (cut, of, rows) = (self.cut, Arc::clone(of), rows.start - offset..rows.end - offset);
        let _turn = UNPACKING.acquire().await;
        // Some milliseconds for each megabyte, in which sockets would wait.
        tokio::task::spawn_blocking(move || cut(&of, &rows)).await.ok().flatten()
    }

    /// A part was refused, and its rows wait.
    pub(super) fn keep(&mut self, rows: Range<u64>, part: Block, search: &Search) {
        self.parts.retain(|(rows, _)| search.is_waiting_in(rows));
        let held: usize = self.parts.iter().map(|(_, part)| size(part)).sum();
        if held + size(&part) <= size(&self.whole) {
            self.parts.push((rows, Arc::new(part)));
        }
    }

    /// The block, once nobody cuts it any more.
    pub(super) fn into_whole(self) -> Option<Block> {
        Arc::into_inner(self.whole)
    }
}

fn size(block: &Block) -> usize {
    block.body.iter().map(bytes::Bytes::len).sum()
}
