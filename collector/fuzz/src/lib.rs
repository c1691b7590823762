//! What must hold for any bytes at all: one function for each target, which panics where it does not.
//!
//! Comes in: an input of `cargo fuzz`, or of the replay in `collector/tests/fuzz.rs`, which compiles these files too.
//! Goes out: nothing. Must not take longer than the input is long, nor depend on anything but it.

pub mod decode_fluent;
pub mod decode_json;
pub mod decode_otlp;
pub mod encode_block;
pub mod inflate;
pub mod native;
pub mod twice;

/// A target, and how much memory it may use.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// What is measured: the code under test alone, without the oracle.
    pub measured: fn(&[u8]),
    /// The most bytes that `measured` may hold at once, for an input of that length.
    pub most_bytes: fn(usize) -> usize,
}

pub const TARGETS: &[Target] =
    &[decode_fluent::TARGET, decode_json::TARGET, decode_otlp::TARGET, encode_block::TARGET, inflate::TARGET];
