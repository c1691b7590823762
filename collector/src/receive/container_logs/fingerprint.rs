//! The first bytes of a file, remembered to know it again.
//!
//! Comes in: bytes. Goes out: how many of them, and their hash. An inode alone is not enough: it is given to another
//! file when the first is gone. Must not hold the bytes.

use serde::{Deserialize, Serialize};

/// The most bytes that count. Every line has a time to the nanosecond, so two logs differ in the first one.
pub(super) const LONGEST: usize = 1024;

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Fingerprint {
    pub(super) length: usize,
    hash: u64,
}

impl Fingerprint {
    /// Of a file that begins with these bytes.
    pub(super) fn of(begin: &[u8]) -> Self {
        let begin = &begin[..begin.len().min(LONGEST)];
        Self { length: begin.len(), hash: cityhash_rs::cityhash_102_128(begin) as u64 }
    }

    /// Whether a file that begins with these bytes can be the one this was taken of. It may have grown since; of one that
    /// was empty it says nothing.
    pub(super) fn fits(&self, begin: &[u8]) -> bool {
        self.length == 0 || begin.get(..self.length).is_some_and(|begin| Self::of(begin) == *self)
    }

    /// Whether a fit says more than that the file is there.
    pub(super) const fn is_telling(&self) -> bool {
        self.length > 0
    }
}
