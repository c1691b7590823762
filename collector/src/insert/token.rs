//! Names for blocks that no other block ever has.
//!
//! ClickHouse drops a block whose token it has seen lately in the same table, so a token must never name other
//! bytes: a random name for this process, and a number for each of its blocks.

use std::sync::atomic::{AtomicU64, Ordering};

/// The author of blocks: one for each process.
#[derive(Debug)]
pub struct Writer {
    name: u128,
    blocks: AtomicU64,
}

impl Writer {
    pub fn random() -> Self {
        let mut name = [0; 16];
        // Without the system's randomness, time and process are still unlike those of any other writer.
        if getrandom::fill(&mut name).is_err() {
            let nanoseconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos());
            name = (nanoseconds << 32 | u128::from(std::process::id())).to_le_bytes();
        }
        Self { name: u128::from_le_bytes(name), blocks: AtomicU64::new(0) }
    }

    /// The name of the next block.
    pub fn token(&self) -> String {
        format!("{:032x}-{}", self.name, self.blocks.fetch_add(1, Ordering::Relaxed))
    }
}
