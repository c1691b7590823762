//! Bytes in flight: the one admission limit of the process.
//!
//! Comes in: the size of something a receiver is about to hold. Goes out: a permit, or none when the sum would
//! pass the limit. Waiting is for those who hold nothing yet: a receiver that cannot admit what it has answers "retry"
//! at once, and the sender waits instead of this process's memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counted in KiB, so that 32-bit permit counts reach 4 TiB.
const UNIT: usize = 1024;

/// A limit shared by every receiver.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    total: usize,
}

/// A share of the budget; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(OwnedSemaphorePermit);

impl Budget {
    /// A budget of so many bytes, rounded up to a KiB.
    pub fn new(bytes: usize) -> Self {
        let total = bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(total)), total }
    }

    /// A share of so many bytes, if there is room.
    pub fn admit(&self, bytes: usize) -> Option<Permit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.units).try_acquire_many_owned(units).ok().map(Permit)
    }

    /// A share of so many bytes as soon as there is room, in the order of asking. More than everything is everything.
    pub async fn wait(&self, bytes: usize) -> Option<Permit> {
        let units = u32::try_from(bytes.div_ceil(UNIT).min(self.total)).ok()?;
        Arc::clone(&self.units).acquire_many_owned(units).await.ok().map(Permit)
    }

    /// Bytes in all.
    pub const fn limit(&self) -> usize {
        self.total * UNIT
    }

    /// Bytes held now.
    pub fn used(&self) -> usize {
        (self.total - self.units.available_permits().min(self.total)) * UNIT
    }
}

impl Permit {
    /// Makes one share of two.
    pub fn join(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    pub fn bytes(&self) -> usize {
        self.0.num_permits() * UNIT
    }
}
