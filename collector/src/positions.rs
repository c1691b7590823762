//! Up to where files are read once a delivery is kept: what makes their lines exactly once over a kill.
//!
//! Whoever reads files makes batches of their lines, one delivery each. Without a spool a position moves when its batch
//! is answered for and is written to a file (the checkpoint) a moment later: what was answered in that moment is read
//! again after a kill. With a spool the positions that a batch leads to are a part of the spool's own entry of that
//! delivery, under its checksum and in its commit. So lines and positions are on the disk together or not at all, also
//! where a commit is torn; an entry of its own beside the delivery could be lost alone.
//!
//! - **Numbers.** Batches are numbered, and no number is used twice on a node: a process begins behind the greatest one
//!   that the checkpoint or the spool names.
//! - **Order.** Batches are sent to the spool in their order, and one is kept only when none before it waits to be sent
//!   again. So what is kept has no gaps but where the spool's disk has failed and a batch went on without it.
//! - **Resuming.** The checkpoint names the batch up to which it tells everything. On top of it come the positions of
//!   the batches that follow in the spool, up to the first that is missing: its lines, and those of all batches behind it,
//!   are read again. They may be repeated then, and none is lost. Before its first batch a process writes a checkpoint
//!   that names the greatest number, so that an old gap stops nobody twice.
//! - **Segments.** One is given back only when each of its positions is in a checkpoint ([`Saved`]), or was written down
//!   once more in the commit before. So a checkpoint may come late, or not at all while its disk is full.
//! - **Bounds.** A batch has positions of the files of 1,024 logs at most. Of positions that no checkpoint has, the spool
//!   holds a quarter of a segment, and 4 MiB at most; beyond that the oldest are forgotten, which is a gap, and counted.
//!
//! What a place is, only its reader knows: to the spool it is bytes. Pure.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

/// Of one batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Positions {
    /// The number of the batch.
    pub batch: u64,
    /// Where its files stand behind it, in words of their reader.
    pub places: Bytes,
}

/// The batch up to which a checkpoint tells everything.
#[derive(Clone, Debug, Default)]
pub struct Saved(Arc<AtomicU64>);

/// What a spool and a reader of files have to do with each other.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What the spool has kept before this process.
    pub earlier: Vec<Positions>,
    /// Told by the reader.
    pub saved: Saved,
}

impl Saved {
    /// A checkpoint is on the disk.
    pub fn upto(&self, batch: u64) {
        self.0.fetch_max(batch, Ordering::Relaxed);
    }

    pub fn batch(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
