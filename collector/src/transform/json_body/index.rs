//! Which attributes a list of later ones replaces.
//!
//! Comes in: attributes, the later ones of which win. Goes out: the same, each key once, in the place where it stood
//! first: what is flattened afterwards goes by that order. Few keys are searched one by one behind a filter of 64
//! bits; many are hashed, or a large body could ask for their square.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::record::Attribute;

/// Attributes up to which a search is cheaper than a hash.
const FEW: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Index {
    by_hash: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Index {
    /// Every attribute from `start` on takes the place of the one before it with its key, if there is one.
    pub(super) fn replace_earlier(&mut self, start: usize, attributes: &mut Vec<Attribute<'_>>) {
        if attributes.len() > FEW {
            self.replace_many(start, attributes);
            return;
        }
        let mut filter = attributes[..start].iter().fold(0, |filter, attribute| filter | bit(attribute.key));
        let mut kept = start;
        for position in start..attributes.len() {
            let attribute = attributes[position];
            let seen = filter & bit(attribute.key) != 0;
            match seen.then(|| attributes[..kept].iter().position(|earlier| earlier.key == attribute.key)).flatten() {
                Some(earlier) => attributes[earlier] = attribute,
                None => {
                    filter |= bit(attribute.key);
                    attributes[kept] = attribute;
                    kept += 1;
                }
            }
        }
        attributes.truncate(kept);
    }

    fn replace_many(&mut self, start: usize, attributes: &mut Vec<Attribute<'_>>) {
        let Self { by_hash, hasher } = self;
        by_hash.clear();
        let mut kept = 0;
        for position in 0..attributes.len() {
            let attribute = attributes[position];
            let hash = hasher.hash_one(attribute.key);
            let earlier = by_hash.find(hash, |at| attributes[*at].key == attribute.key).copied();
            match earlier.filter(|_| position >= start) {
                Some(earlier) => attributes[earlier] = attribute,
                None => {
                    attributes[kept] = attribute;
                    if earlier.is_none() {
                        by_hash.insert_unique(hash, kept, |at| hasher.hash_one(attributes[*at].key));
                    }
                    kept += 1;
                }
            }
        }
        attributes.truncate(kept);
    }
}

/// One of 64 bits, by what keys differ in most: length, first and last letter.
#[inline]
fn bit(key: &[u8]) -> u64 {
    let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
    1_u64 << ((key.len() ^ usize::from(first) ^ (usize::from(last) << 2)) & 63)
}
