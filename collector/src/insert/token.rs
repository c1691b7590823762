//! Names for blocks that are not kept.
//!
//! ClickHouse drops a block whose token it has seen lately in the same table, so a token must never name other
//! bytes: a random name for this process, and a number for each of its blocks.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::making::{Name, random_writer};

/// The author of blocks: one for each process.
#[derive(Debug)]
pub struct Writer {
    name: u128,
    blocks: AtomicU64,
}

impl Writer {
    pub fn random() -> Self {
        Self { name: random_writer(), blocks: AtomicU64::new(0) }
    }

    /// The name of the next block.
    pub fn token(&self) -> String {
        Name { writer: self.name, number: self.blocks.fetch_add(1, Ordering::Relaxed) }.token()
    }
}
