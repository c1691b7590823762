//! A request with one record of another.
//!
//! Comes in: a request and the number of a record in it. Goes out: the same request with every other record left out, its
//! resource, scope and metric kept as they were sent. Must not look into a record.

use super::wire::{Fields, Wire};
use crate::signal::Signal;

/// Fields that lead from a request to its records: resource group, scope group, record; for metrics the metric, its data
/// of whatever kind, the point.
const WAY: &[&[u32]] = &[&[1], &[2], &[2]];
const WAY_OF_METRICS: &[&[u32]] = &[&[1], &[2], &[2], &[5, 7, 9, 10, 11], &[1]];

/// The request with its record of this number, counted from 0. None: it has no such record, or is malformed.
pub fn cut(signal: Signal, request: &[u8], index: u32) -> Option<Vec<u8>> {
    let way = if signal == Signal::Metrics { WAY_OF_METRICS } else { WAY };
    let mut left = index;
    keep(request, way, &mut left)
}

/// The message, if the record is in it. `left` counts records down to the one that is wanted.
fn keep(message: &[u8], way: &[&[u32]], left: &mut u32) -> Option<Vec<u8>> {
    let Some((leading, further)) = way.split_first() else {
        let is_it = *left == 0;
        *left = left.wrapping_sub(1);
        return is_it.then(|| message.to_vec());
    };
    let (mut out, mut is_found) = (Vec::new(), false);
    let mut fields = Fields::of(message);
    while let Some(((number, value), raw)) = fields.next_raw().ok()? {
        match value {
            Wire::Bytes(inner) if leading.contains(&number) => {
                if !is_found && let Some(kept) = keep(inner, further, left) {
                    is_found = true;
                    write(number, &kept, &mut out);
                }
            }
            _ => out.extend_from_slice(raw),
        }
    }
    is_found.then_some(out)
}

fn write(number: u32, message: &[u8], out: &mut Vec<u8>) {
    for mut part in [u64::from(number) << 3 | 2, message.len() as u64] {
        while part >= 0x80 {
            out.push(part as u8 | 0x80);
            part >>= 7;
        }
        out.push(part as u8);
    }
    out.extend_from_slice(message);
}

#[cfg(test)]
mod tests;
