//! `LowCardinality(String)`: a dictionary and an index into it for each value.
//!
//! On the wire: a state prefix (1, u64) once for each column, then flags and index width, the dictionary, and the
//! indexes, all u64 counts. A column without a single value has the prefix alone.

use hashbrown::HashTable;

use super::{Column, Mark, append_string, repeat_tail};
use crate::columns::frames::Body;

/// The state prefix: shared dictionaries with additional keys, the only version there is.
const PREFIX: [u8; 8] = 1_u64.to_le_bytes();

/// Additional keys follow, and the dictionary is complete in this block.
const FLAGS: u64 = 0x600;

/// A dictionary of byte strings and indexes into it.
#[derive(Debug, Default)]
pub struct LowCardinality {
    /// The dictionary as it is sent: length and bytes of each entry.
    dictionary: Vec<u8>,
    /// Where in `dictionary` the bytes of each entry stand.
    entries: Vec<(u32, u32)>,
    by_hash: HashTable<u32>,
    hasher: hashbrown::DefaultHashBuilder,
    indexes: Indexes,
    /// The entry asked for last: often the next one, too.
    last: u32,
}

/// Indexes as wide as the dictionary needs; most never leave one byte.
#[derive(Debug)]
enum Indexes {
    Narrow(Vec<u8>),
    Wide(Vec<u32>),
}

/// The indexes of several values that are pushed together again and again.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Complete only while the dictionary is small enough for indexes of a byte.
    narrow: Vec<u8>,
    wide: Vec<u32>,
}

impl Row {
    /// Holds these from now on.
    pub(super) fn learn(&mut self, indexes: impl Iterator<Item = u32>) {
        self.wide.clear();
        self.wide.extend(indexes);
        self.narrow.clear();
        self.narrow.extend(self.wide.iter().map_while(|index| u8::try_from(*index).ok()));
    }
}

impl Default for Indexes {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl LowCardinality {
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        let index = self.index_of(text);
        self.push_index(index);
    }

    pub fn push_repeated(&mut self, text: &[u8], times: usize) {
        if times > 0 {
            let index = self.index_of(text);
            self.indexes.fill(index, times);
        }
    }

    /// The index of an entry, which is added if it is new. Entries taken back stay: unused ones are allowed.
    #[inline]
    pub(super) fn index_of(&mut self, text: &[u8]) -> u32 {
        if let Some((start, end)) = self.entries.get(self.last as usize)
            && &self.dictionary[*start as usize..*end as usize] == text
        {
            return self.last;
        }
        self.last = self.find_or_insert(text);
        self.last
    }

    fn find_or_insert(&mut self, text: &[u8]) -> u32 {
        let hash = std::hash::BuildHasher::hash_one(&self.hasher, text);
        let (dictionary, entries) = (&self.dictionary, &self.entries);
        let entry = |index: u32| {
            let (start, end) = entries[index as usize];
            &dictionary[start as usize..end as usize]
        };
        if let Some(index) = self.by_hash.find(hash, |index| entry(*index) == text) {
            return *index;
        }
        self.insert(text, hash)
    }

    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "a block is sealed long before 4 GiB of dictionary")]
    fn insert(&mut self, text: &[u8], hash: u64) -> u32 {
        let index = self.entries.len() as u32;
        append_string(text, &mut self.dictionary);
        let end = self.dictionary.len() as u32;
        self.entries.push((end - text.len() as u32, end));
        let (hasher, entries, dictionary) = (&self.hasher, &self.entries, &self.dictionary);
        self.by_hash.insert_unique(hash, index, |index| {
            let (start, end) = entries[*index as usize];
            std::hash::BuildHasher::hash_one(hasher, &dictionary[start as usize..end as usize])
        });
        if index == 256 {
            self.indexes.widen();
        }
        index
    }

    #[inline]
    fn push_index(&mut self, index: u32) {
        match &mut self.indexes {
            Indexes::Narrow(indexes) => indexes.push(index as u8),
            Indexes::Wide(indexes) => indexes.push(index),
        }
    }

    /// Appends a row of indexes, which must come from [`Self::index_of`].
    #[inline]
    pub(super) fn push_row(&mut self, row: &Row) {
        match &mut self.indexes {
            // Before the 257th entry every index fits into a byte.
            Indexes::Narrow(indexes) => indexes.extend_from_slice(&row.narrow),
            Indexes::Wide(indexes) => indexes.extend_from_slice(&row.wide),
        }
    }

    pub(super) fn repeat_since(&mut self, start: usize, times: usize) {
        match &mut self.indexes {
            Indexes::Narrow(indexes) => repeat_tail(indexes, start, times),
            Indexes::Wide(indexes) => repeat_tail(indexes, start, times),
        }
    }

    /// Values pushed.
    pub fn rows(&self) -> usize {
        match &self.indexes {
            Indexes::Narrow(indexes) => indexes.len(),
            Indexes::Wide(indexes) => indexes.len(),
        }
    }
}

impl Column for LowCardinality {
    fn size(&self) -> usize {
        self.dictionary.len() + self.rows()
    }

    fn mark(&self) -> Mark {
        Mark([self.rows(), 0, 0, 0, 0])
    }

    fn rollback(&mut self, Mark([rows, ..]): Mark) {
        match &mut self.indexes {
            Indexes::Narrow(indexes) => indexes.truncate(rows),
            Indexes::Wide(indexes) => indexes.truncate(rows),
        }
    }

    /// A dictionary and its indexes are sent as one.
    fn settle(&mut self) {}

    fn write_prefix(&self, body: &mut Body) {
        body.write(&PREFIX);
    }

    fn drain_values_into(&mut self, body: &mut Body) {
        if self.rows() > 0 {
            let width: u64 = if matches!(self.indexes, Indexes::Narrow(_)) { 0 } else { 2 };
            body.write(&(FLAGS | width).to_le_bytes());
            body.write(&(self.entries.len() as u64).to_le_bytes());
            body.write(&self.dictionary);
            body.write(&(self.rows() as u64).to_le_bytes());
            self.indexes.write(body);
        }
        self.dictionary.clear();
        self.entries.clear();
        self.by_hash.clear();
        self.indexes.restart();
    }
}

impl Indexes {
    fn fill(&mut self, index: u32, times: usize) {
        match self {
            Self::Narrow(indexes) => indexes.resize(indexes.len() + times, index as u8),
            Self::Wide(indexes) => indexes.resize(indexes.len() + times, index),
        }
    }

    fn widen(&mut self) {
        if let Self::Narrow(indexes) = self {
            *self = Self::Wide(indexes.iter().map(|index| u32::from(*index)).collect());
        }
    }

    fn restart(&mut self) {
        match self {
            Self::Narrow(indexes) => indexes.clear(),
            Self::Wide(_) => *self = Self::default(),
        }
    }

    fn write(&self, body: &mut Body) {
        match self {
            Self::Narrow(indexes) => body.write(indexes),
            Self::Wide(indexes) => {
                for piece in indexes.chunks(16 << 10) {
                    body.write(&piece.iter().flat_map(|index| index.to_le_bytes()).collect::<Vec<_>>());
                }
            }
        }
    }
}
