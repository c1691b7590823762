//! Buffers for bodies, used again.
//!
//! Comes in: a wish for a buffer. Goes out: an empty one, mostly with room in it already; and a body that gives its
//! buffer back when the last reader lets it go. A new buffer costs a page fault for every 4 KiB, as much as reading
//! the body from the socket. Must not keep more than it says.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Bytes of buffers kept, as many as bodies wait to be opened; and the size of those worth keeping.
const KEPT: usize = super::AHEAD;
const SIZES: std::ops::RangeInclusive<usize> = (64 << 10)..=(1 << 20);

/// Clones share their buffers.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pool {
    pub(super) fn buffer(&self) -> Vec<u8> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = shelf.buffers.pop().unwrap_or_default();
        shelf.bytes -= buffer.capacity();
        buffer
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
        let mut shelf = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.bytes + buffer.capacity() <= KEPT {
            shelf.bytes += buffer.capacity();
            shelf.buffers.push(buffer);
        }
    }
}
