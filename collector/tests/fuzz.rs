//! The fuzz targets in short: the committed corpus, and a fixed number of inputs made from it.
//!
//! Comes in: `collector/fuzz/corpus`. Goes out: no panic, no hang, no more memory than the target allows. What is
//! found here can be looked into with `cargo fuzz`, and what `cargo fuzz` finds is added to the corpus.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

#[path = "../fuzz/src/lib.rs"]
mod targets;

use targets::{TARGETS, Target};

/// Some seconds for all targets, without optimisation.
const MADE_INPUTS: usize = 1_000;

/// The largest input takes milliseconds; a machine that does other work too may be a hundred times slower.
const LONGEST: Duration = Duration::from_secs(5);

/// Longer inputs find no more.
const LARGEST: usize = 4 << 10;

#[test]
fn messages_of_fluent_are_read_as_a_library_reads_them() {
    hold("decode_fluent");
}

#[test]
fn json_is_read_as_the_official_decoders_read_it() {
    hold("decode_json");
}

#[test]
fn a_message_gives_the_rows_of_what_the_official_encoder_makes_of_it() {
    hold("decode_otlp");
}

#[test]
fn a_block_holds_what_was_pushed_and_not_taken_back() {
    hold("encode_block");
}

#[test]
fn nothing_unfolds_beyond_its_limit() {
    hold("inflate");
}

fn hold(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let corpus = corpus(name);
    for input in &corpus {
        check(target, input);
    }
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MADE_INPUTS {
        check(target, &made(&corpus, &mut chance));
    }
}

/// A panic tells the input, so that it can be put into the corpus.
fn check(target: &Target, input: &[u8]) {
    let told = Told(input);
    let start = Instant::now();
    (target.run)(input);
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
    let used = allocation_counter::measure(|| (target.measured)(input)).bytes_max;
    let most = (target.most_bytes)(input.len()) as u64;
    assert!(used <= most, "{used} bytes in use, {most} allowed");
    std::mem::forget(told);
}

struct Told<'a>(&'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        eprintln!("the input is b\"{}\"", self.0.escape_ascii());
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = folder.read_dir().expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    // The order of a folder is another one on every machine, and the inputs made from it must not be.
    paths.sort();
    assert!(!paths.is_empty(), "no corpus in {}", folder.display());
    paths.iter().map(|path| std::fs::read(path).expect("an input")).collect()
}

/// One of the corpus, damaged once or a few times.
fn made(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = corpus[chance.below(corpus.len())].clone();
    input.truncate(LARGEST);
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() + 1);
        let length = chance.below(16).min(input.len() - at);
        match chance.below(6) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..at + length)),
            2 => input.insert(at, chance.byte()),
            3 => {
                let again = input[at..at + length].to_vec();
                input.splice(at..at, again);
            }
            4 => {
                let other = &corpus[chance.below(corpus.len())];
                let from = chance.below(other.len() + 1);
                let piece = &other[from..(from + 64).min(other.len())];
                input.splice(at..at, piece.iter().copied());
            }
            _ => input[at..at + length].iter_mut().take(2).for_each(|byte| *byte = chance.byte()),
        }
    }
    input
}

/// xorshift: the same numbers in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[7]
    }
}
