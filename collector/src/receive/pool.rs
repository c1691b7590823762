//! Buffers for bodies, used again.
//!
//! Comes in: a wish for a buffer. Goes out: an empty one, mostly with room in it already; and a body that gives its
//! buffer back when the last reader lets it go. A new buffer costs a page fault for every 4 KiB, as much as reading
//! the body from the socket. Must not keep more than it says.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers kept, and the size of those worth keeping. Together at most 16 MiB, which is the price.
const KEPT: usize = 16;
const SIZES: std::ops::RangeInclusive<usize> = (64 << 10)..=(1 << 20);

/// Clones share their buffers.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// A body in a buffer that comes back.
    pub(super) fn body(&self, buffer: Vec<u8>) -> Bytes {
        if SIZES.contains(&buffer.capacity()) {
            Bytes::from_owner(Lent { buffer, pool: self.clone() })
        } else {
            buffer.into()
        }
    }
}

struct Lent {
    buffer: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut kept = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}
