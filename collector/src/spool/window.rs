//! Which deliveries of other collectors' streams are kept here already.
//!
//! Comes in: the names of deliveries that are committed. Goes out: whether a delivery is known, and what there is to be
//! written down again before the segments that say so are given back. Of each stream the floor, and a bit for each number
//! above; of all together no more than a limit: the streams that were used longest ago are forgotten. Pure.

use std::collections::HashMap;

use crate::{
    id::{Id, SPAN},
    making::Seq,
};

/// Numbers in a word.
const BITS: u64 = u64::BITS as u64;

/// What a stream takes beside its words: its name, its floor, its entry's frame, and what a map needs.
const STREAM: usize = 64;

/// What is known of one stream, as it is written down.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    pub stream: u128,
    /// Every number below is known.
    pub floor: Seq,
    /// Bits of the numbers from the word of `floor` on, the first one lowest.
    pub above: Vec<u64>,
}

#[derive(Debug)]
pub struct Window {
    streams: HashMap<u128, Used>,
    bytes: usize,
    limit: usize,
    /// Counts uses, so that the oldest is known.
    turn: u64,
}

#[derive(Debug)]
struct Used {
    known: Known,
    last: u64,
}

impl Known {
    fn has(&self, seq: Seq) -> bool {
        let bit = || {
            let word = usize::try_from((seq / BITS).checked_sub(self.floor / BITS)?).ok()?;
            self.above.get(word).map(|word| word >> (seq % BITS) & 1 == 1)
        };
        seq < self.floor || bit().unwrap_or(false)
    }

    fn raise(&mut self, floor: Seq) {
        if floor > self.floor {
            let words = usize::try_from(floor / BITS - self.floor / BITS).unwrap_or(usize::MAX);
            self.above.drain(..words.min(self.above.len()));
            self.floor = floor;
            if let Some(first) = self.above.first_mut() {
                *first &= u64::MAX << (floor % BITS);
            }
            while self.above.last() == Some(&0) {
                self.above.pop();
            }
        }
    }

    fn add(&mut self, seq: Seq) {
        // Further ahead is nobody: a name that is has not been read as one.
        if seq < self.floor || seq - self.floor >= SPAN {
            return;
        }
        let word = (seq / BITS - self.floor / BITS) as usize;
        if self.above.len() <= word {
            self.above.resize(word + 1, 0);
        }
        self.above[word] |= 1 << (seq % BITS);
    }

    /// What either knows.
    fn join(&mut self, other: &Self) {
        self.raise(other.floor);
        let begin = other.floor / BITS;
        for (word, bits) in (begin..).zip(&other.above) {
            let numbers = (0..BITS).filter(|bit| bits >> bit & 1 == 1).map(|bit| word * BITS + bit);
            numbers.for_each(|seq| self.add(seq));
        }
    }

    const fn bytes(&self) -> usize {
        STREAM + self.above.len() * size_of::<u64>()
    }
}

/// Of any size: as large as what is read.
impl Default for Window {
    fn default() -> Self {
        Self { streams: HashMap::new(), bytes: 0, limit: usize::MAX, turn: 0 }
    }
}

impl Window {
    /// The same, of no more than so many bytes from the next change on.
    #[must_use]
    pub fn within(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    pub fn knows(&self, id: &Id) -> bool {
        id.seq < id.floor || self.streams.get(&id.stream).is_some_and(|used| used.known.has(id.seq))
    }

    /// A delivery of this name is kept. Goes out: how many streams had to be forgotten for it.
    pub fn add(&mut self, id: &Id) -> usize {
        self.change(id.stream, |known| {
            known.raise(id.floor);
            known.add(id.seq);
        })
    }

    /// What was written down.
    pub fn join(&mut self, other: &Known) -> usize {
        self.change(other.stream, |known| known.join(other))
    }

    /// Everything, the stream that was used longest ago first.
    pub fn all(&self) -> Vec<Known> {
        let mut all: Vec<_> = self.streams.values().collect();
        all.sort_unstable_by_key(|used| used.last);
        all.into_iter().map(|used| used.known.clone()).collect()
    }

    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn change(&mut self, stream: u128, change: impl FnOnce(&mut Known)) -> usize {
        self.turn += 1;
        let new = || Used { known: Known { stream, ..Known::default() }, last: 0 };
        let used = self.streams.entry(stream).or_insert_with(new);
        let before = if used.last == 0 { 0 } else { used.known.bytes() };
        change(&mut used.known);
        used.last = self.turn;
        self.bytes = self.bytes - before + used.known.bytes();
        if self.bytes > self.limit { self.forget() } else { 0 }
    }

    /// Down to seven eighths, so that looking for the oldest is worth its while. The last one used stays.
    fn forget(&mut self) -> usize {
        let mut ages: Vec<_> = self.streams.values().map(|used| (used.last, used.known.stream)).collect();
        ages.sort_unstable();
        ages.pop();
        let before = self.streams.len();
        for (_, stream) in ages {
            if self.bytes <= self.limit / 8 * 7 {
                break;
            }
            self.bytes -= self.streams.remove(&stream).map_or(0, |used| used.known.bytes());
        }
        before - self.streams.len()
    }
}

#[cfg(test)]
mod tests;
