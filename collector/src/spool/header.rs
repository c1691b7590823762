//! The first page of a segment, and the names of files.
//!
//! Comes in: what a segment is, or a page. Goes out: the page, or what it says. Pure.

use super::frame::PAGE;
use crate::making::Seq;

const MAGIC: &[u8; 8] = b"CSSPOOL1";

/// Magic and four numbers; a checksum follows.
const LENGTH: usize = 8 + 4 * 8;

/// Files to be used again.
pub const FREE: &str = "free-";

/// Files that are not a segment yet.
pub const NEW: &str = "new-";

const SEGMENT: (&str, &str) = ("segment-", ".log");

/// What the first page of a segment says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    pub id: u64,
    /// No delivery before this one is in the segment.
    pub first: Seq,
    /// Every delivery below was done when it was begun.
    pub mark: Seq,
    /// What checksums begin with: no sender knows it, so nothing that was sent can pass for an entry.
    pub salt: u64,
}

impl Header {
    pub fn page(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(2 * PAGE);
        page.extend(MAGIC);
        for number in [self.id, self.first, self.mark, self.salt] {
            page.extend(number.to_le_bytes());
        }
        page.extend(crc32fast::hash(&page).to_le_bytes());
        page.resize(PAGE, 0);
        page
    }

    /// None: it is no page of ours, or not whole.
    pub fn read(page: &[u8]) -> Option<Self> {
        let (fields, rest) = page.split_at_checked(LENGTH)?;
        let sum = u32::from_le_bytes(*rest.first_chunk()?);
        if !fields.starts_with(MAGIC) || crc32fast::hash(fields) != sum {
            return None;
        }
        let number = |at: usize| fields.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        Some(Self { id: number(8)?, first: number(16)?, mark: number(24)?, salt: number(32)? })
    }
}

pub fn segment_name(id: u64) -> String {
    format!("{}{id:016x}{}", SEGMENT.0, SEGMENT.1)
}

/// The number of a segment, if this is the name of one.
pub fn segment_id(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(SEGMENT.0)?.strip_suffix(SEGMENT.1)?;
    u64::from_str_radix(digits, 16).ok()
}

pub fn damaged_name(id: u64) -> String {
    format!("damaged-{id:016x}")
}

pub fn free_name(id: u64) -> String {
    format!("{FREE}{id:016x}")
}

pub fn new_name(id: u64) -> String {
    format!("{NEW}{id:016x}")
}
