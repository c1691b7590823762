//! Deliveries on a disk: an answer need not wait for ClickHouse.
//!
//! Comes in: deliveries from the receivers. Goes out: the same, to the line, once they are on the disk; and the promise
//! that each of their rows is stored once, whatever happens to this process. Must not look into a delivery, and must not
//! forget one: only what is stored, was refused and told, or is a dead letter is given back.
//!
//! ```text
//! receive ─Delivery→ writer ─commit→ log ─┬─ memory ─→ feed ─→ assemble ─Block─→ writer ─commit→ insert
//!                      ▲                  └─ disk ───→  ↑                                            │
//!                      │                                └── blocks to be made again                  │
//!                      └──────────────────────── Notice: stored, again, refused ◄────────────────────┘
//! ```

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};

use crate::{
    delivery::{Check, Delivery},
    errand::Choose,
    id::SPAN,
    metrics::SpoolMetrics,
};

mod ages;
mod coverage;
pub mod dead;
mod disk;
mod feed;
pub(crate) mod frame;
mod header;
mod log;
mod parked;
mod progress;
mod reader;
mod recovery;
mod scan;
pub mod shelf;
mod trail;
mod window;
mod writer;

use ages::Ages;
use coverage::Coverage;
use dead::DeadLetters;
pub use disk::Disk;
use disk::Folder;
pub use feed::Feed;
use feed::Shared;
use frame::PAGE;
use log::Log;
use parked::Parked;
use progress::Progress;
use reader::Reader;
use recovery::{Left, recover};
pub use writer::{Order, Writer};

/// What a spool is told.
#[derive(Debug)]
pub struct Options<'a> {
    pub directory: &'a Path,
    /// Bytes of all its files but dead letters.
    pub size: u64,
    /// How long the first delivery may wait before no more are taken.
    pub max_age: Option<Duration>,
    pub check: Check,
    /// Whether blocks are handed over to siblings now, where there are any: then none may wait for its table.
    pub called: Option<watch::Receiver<bool>>,
    /// Where the line hands deliveries on whole: who is to have them.
    pub chooser: Option<Arc<dyn Choose>>,
}

/// Why there is no spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("spool.directory: {} is used by another process", .0.display())]
    Taken(PathBuf),
    #[error("spool.directory: {} cannot be used", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    #[error("spool.directory: {} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
}

/// A segment: small enough that what is stored is given back soon, large enough that a new one is a rare event.
const SEGMENT: (u64, u64) = (1 << 20, 64 << 20);

/// What is known of other collectors' streams is a sixteenth of a segment: it is written down again whenever one is given
/// back.
const WINDOW: u64 = 16;

/// Positions that no checkpoint has are a quarter of one: they are written down again only where checkpoints are late.
const TRAIL: u64 = 4;

/// A sixteenth of the spool, within bounds.
fn segment_size(spool: u64) -> u64 {
    (spool / 16).clamp(SEGMENT.0, SEGMENT.1) / PAGE as u64 * PAGE as u64
}

/// Opens a spool: what it holds is read, and nothing in it is changed yet.
///
/// # Errors
/// The folder cannot be used, another process has it, or what it holds cannot be read.
pub fn open(
    options: &Options<'_>,
    deliveries: mpsc::Receiver<Delivery>,
    registry: &mut Registry,
) -> Result<(Writer<Folder>, Feed<File>), SpoolError> {
    let path = || options.directory.to_owned();
    let folder = Folder::take(options.directory).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => SpoolError::Taken(path()),
        _ => SpoolError::Folder(path(), error),
    })?;
    let metrics = Arc::new(SpoolMetrics::new(registry, options.size));
    let dead = DeadLetters::of(options.directory);
    build(folder, options, dead, deliveries, &metrics).map_err(|error| SpoolError::Read(path(), error))
}

fn build<D: Disk>(
    disk: D,
    options: &Options<'_>,
    dead: DeadLetters,
    deliveries: mpsc::Receiver<Delivery>,
    metrics: &Arc<SpoolMetrics>,
) -> io::Result<(Writer<D>, Feed<D::File>)> {
    let found = recover(&disk)?;
    let left = found.left;
    let Left { mark, next_seq, next_block, blocks, made, passed, mut streams, damaged, .. } = left;
    tell(damaged, blocks.len(), next_seq - mark);
    metrics.found(damaged, blocks.len());
    let mut progress = Progress::new(mark);
    blocks.iter().for_each(|making| progress.hold(*making.deliveries.start()));
    let own = left.own.unwrap_or_else(crate::making::random_writer);
    let size = segment_size(options.size);
    let log = Log::new(disk, options.size, size, found.segments, found.next_id, (mark, next_seq), own)?;
    let segments = log.segments();
    let remembered = (size / WINDOW) as usize;
    metrics.remembers_at_most(remembered);
    streams.push((next_seq, Some(log.stream())));
    let shared = Shared::new(next_seq, progress, next_block, blocks);
    let (orders, ordered) = mpsc::unbounded_channel();
    let (notices, noticed) = mpsc::unbounded_channel();
    let feed = Feed {
        shared: Arc::clone(&shared),
        reader: Reader::new(segments.clone(), mark),
        segments,
        refused: passed.clone(),
        had_again: false,
        had_last: false,
        open: None,
        skipped: 0,
        coverage: Coverage::new(&made, passed),
        writer: crate::making::random_writer(),
        streams,
        turned: left.turned,
        longest_ahead: options.chooser.as_ref().map(|_| SPAN),
        orders,
        notices,
        metrics: Arc::clone(metrics),
    };
    let writer = Writer {
        log,
        shared,
        deliveries,
        orders: ordered,
        notices: noticed,
        next_seq,
        check: options.check,
        called: options.called.clone(),
        were_called: false,
        ages: Ages::since(mark, left.received, Instant::now(), UNIX_EPOCH.elapsed().unwrap_or_default()),
        max_age: options.max_age,
        is_too_old: false,
        dead,
        metrics: Arc::clone(metrics),
        parked: Parked::default(),
        window: left.window.within(remembered),
        trail: left.trail.within((size / TRAIL) as usize),
        chooser: options.chooser.clone(),
        owed: Vec::new(),
        unburied: Vec::new(),
        bury_again: None,
        broken_until: None,
        last: Instant::now(),
        is_closed: false,
    };
    Ok((writer, feed))
}

fn tell(damaged: u64, blocks: usize, deliveries: u64) {
    if damaged > 0 {
        tracing::error!(damaged, "the spool has places that cannot be read; what stood there is lost");
    }
    if deliveries > 0 {
        tracing::info!(deliveries, blocks, "the spool holds what an earlier process has not stored");
    }
}

#[cfg(test)]
mod tests;
