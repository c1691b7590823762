//! Content encodings: nothing grows beyond its limit, or without having asked.
//!
//! The first byte is the encoding, the rest the body.

use bytes::Bytes;
use collector::receive::inflate::{Encoding, inflate};

use super::Target;

pub const TARGET: Target = Target { name: "inflate", run, measured: run, most_bytes };

/// Small enough to be met.
const LIMIT: usize = 256 << 10;

pub fn run(input: &[u8]) {
    let Some((first, body)) = input.split_first() else { return };
    let names: Vec<&str> = Encoding::ACCEPTED.split(',').collect();
    let encoding = Encoding::named(names[usize::from(*first) % names.len()]).expect("what is accepted has a name");
    // What is not compressed has been admitted already.
    let mut admitted = if encoding == Encoding::Identity { body.len() } else { 0 };
    let unfolded = inflate(&Bytes::copy_from_slice(body), encoding, LIMIT, Vec::new(), |length| {
        assert!(length <= LIMIT, "asks for {length} bytes");
        admitted = length.max(admitted);
        true
    });
    if let Ok(unfolded) = unfolded {
        assert!(unfolded.len() <= admitted, "{} bytes, {admitted} admitted", unfolded.len());
    }
}

/// The body, what it unfolds to while it grows, and the decoders' own windows: LZ4's blocks of 4 MiB, of which it
/// holds two, are the largest. zstd's 8 MiB are C's and not counted.
const fn most_bytes(input: usize) -> usize {
    2 * input + 3 * LIMIT + (12 << 20)
}
