//! How much one request may make of itself.
//!
//! Comes in: what a record adds to the columns beyond its own bytes. Goes out: whether there is room for it. Without a
//! bound half a kilobyte could ask for gigabytes: what a resource says is repeated for each of its records.

use super::request::Refused;

/// How much larger than its request the columns it makes may be. A hex id is twice its bytes and a resource's
/// attributes repeat for each of its records; k8s resources of 2 KiB on 100-byte lines come to 20.
const GROWTH: usize = 32;

/// What any request may make of itself, however small: 16 MiB is 8,000 rows with 2 KiB of attributes each.
const FREE_GROWTH: usize = 16 << 20;

/// So many full blocks may be made of one request: its columns are compressed only when it is read to its end.
pub(super) const BLOCKS: usize = 4;

/// Bytes of a row of nothing, in the widest table: its fixed columns, lengths, offsets and indexes.
pub(super) const ROW_BYTES: usize = 224;

/// Bytes of an attribute of nothing: an index and a length. Its view while it is read is bounded by their number.
pub(super) const ATTRIBUTE_BYTES: usize = 8;

/// Bytes of an event, a link or an exemplar of nothing: times, ids, lengths and offsets in their columns.
pub(super) const NESTED_BYTES: usize = 80;

/// Room left for the columns of one request.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    /// `most` is what no request may make, however large.
    pub(super) fn of_request(bytes: usize, most: usize) -> Self {
        Self(GROWTH.saturating_mul(bytes).min(most).saturating_add(FREE_GROWTH))
    }

    /// Takes bytes out of it.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Refused> {
        self.0 = self.0.checked_sub(bytes).ok_or(Refused::Growth)?;
        Ok(())
    }
}
