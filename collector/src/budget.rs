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
    /// How much of it this user may have.
    part: Option<Part>,
}

/// A limit within the limit.
#[derive(Clone, Debug)]
struct Part {
    units: Arc<Semaphore>,
    total: usize,
}

/// A share of the budget; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    units: OwnedSemaphorePermit,
    part: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget of so many bytes, rounded up to a KiB.
    pub fn new(bytes: usize) -> Self {
        let (units, total) = semaphore(bytes);
        Self { units, total, part: None }
    }

    /// The same budget for one of its users, who may have no more than so many bytes of it.
    #[must_use]
    pub fn part(&self, bytes: usize) -> Self {
        let (units, total) = semaphore(bytes);
        Self { part: Some(Part { units, total }), ..self.clone() }
    }

    /// Whether nobody has anything of its part, nor could ask for it: this is the only one. A permit counts as one.
    pub fn is_part_forgettable(&self) -> bool {
        self.part.as_ref().is_none_or(|part| Arc::strong_count(&part.units) == 1)
    }

    /// A share of so many bytes, if there is room.
    pub fn admit(&self, bytes: usize) -> Option<Permit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        let take = |from: &Arc<Semaphore>| Arc::clone(from).try_acquire_many_owned(units).ok();
        let part = match &self.part {
            Some(part) => Some(take(&part.units)?),
            None => None,
        };
        Some(Permit { units: take(&self.units)?, part })
    }

    /// A share of so many bytes as soon as there is room, in the order of asking. More than everything is everything.
    pub async fn wait(&self, bytes: usize) -> Option<Permit> {
        let units = u32::try_from(bytes.min(self.most()).div_ceil(UNIT)).ok()?;
        // First the user's own: whoever waits for that does not stand in the way of others.
        let part = match &self.part {
            Some(part) => Some(Arc::clone(&part.units).acquire_many_owned(units).await.ok()?),
            None => None,
        };
        let units = Arc::clone(&self.units).acquire_many_owned(units).await.ok()?;
        Some(Permit { units, part })
    }

    /// The most bytes that this user can ever have.
    pub fn most(&self) -> usize {
        self.part.as_ref().map_or(self.total, |part| part.total.min(self.total)) * UNIT
    }

    /// Whether less than a quarter is left, of all or of what this user may have.
    pub fn is_scarce(&self) -> bool {
        let is_scarce = |units: &Semaphore, total: usize| units.available_permits() < total / 4;
        is_scarce(&self.units, self.total) || self.part.as_ref().is_some_and(|part| is_scarce(&part.units, part.total))
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
    /// Makes the share larger by so many bytes, if there is room.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Ok(units) = u32::try_from(bytes.div_ceil(UNIT)) else { return false };
        let take = |of: &OwnedSemaphorePermit| Arc::clone(of.semaphore()).try_acquire_many_owned(units).ok();
        let part = match &self.part {
            Some(part) => match take(part) {
                Some(more) => Some(more),
                None => return false,
            },
            None => None,
        };
        let Some(more) = take(&self.units) else { return false };
        self.units.merge(more);
        if let (Some(part), Some(more)) = (&mut self.part, part) {
            part.merge(more);
        }
        true
    }

    /// Gives back what is beyond so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let beyond = self.units.num_permits().saturating_sub(bytes.div_ceil(UNIT));
        drop(self.units.split(beyond));
        drop(self.part.as_mut().and_then(|part| part.split(beyond.min(part.num_permits()))));
    }

    /// So many bytes of it as a share of their own; less where it has less.
    pub fn split(&mut self, bytes: usize) -> Option<Self> {
        let units = bytes.div_ceil(UNIT).min(self.units.num_permits());
        let part = self.part.as_mut().and_then(|part| part.split(units.min(part.num_permits())));
        Some(Self { units: self.units.split(units)?, part })
    }

    pub fn bytes(&self) -> usize {
        self.units.num_permits() * UNIT
    }
}

fn semaphore(bytes: usize) -> (Arc<Semaphore>, usize) {
    let total = bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
    (Arc::new(Semaphore::new(total)), total)
}
