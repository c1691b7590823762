//! `cargo +nightly fuzz run encode_block`: see the target of that name in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| collector_fuzz::encode_block::run(input));
