//! `cargo +nightly fuzz run decode_fluent`: see the target of that name in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| collector_fuzz::decode_fluent::run(input));
