//! Every module says what it is and every test runs: comes in a source, goes out what is missing.

use crate::tree::{Finding, Source, rust_files};

fn misshapen(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    // `foo/tests.rs` tests `foo`, and its test names are its sentences.
    if !source.text.starts_with("//!") && !source.path.ends_with("/tests.rs") {
        found.push(source.finding(1, "does not start with //! what comes in, what goes out, what it must not do"));
    }
    if source.path.ends_with("/mod.rs") {
        found.push(source.finding(1, "mod.rs: name the file after the module"));
    }
    let code: Vec<(String, usize)> = source.code();
    let ignored = code.windows(3).filter(|w| w[0].0 == "#" && (w[1].0 == "ignore" || w[2].0 == "ignore"));
    found.extend(ignored.map(|words| source.finding(words[0].1, "an ignored test")));
    found
}

#[test]
fn modules_have_a_doc_and_tests_are_run() {
    crate::hold("shape", rust_files().iter().flat_map(misshapen).collect());
}

#[test]
fn a_missing_doc_a_mod_rs_and_an_ignored_test_are_found() {
    assert_eq!(misshapen(&Source::new("a/mod.rs", "use a;")).len(), 2);
    assert_eq!(misshapen(&Source::new("a.rs", "//! x\n#[test]\n#[ignore]\nfn f() {}")).len(), 1);
    assert_eq!(misshapen(&Source::new("a.rs", "//! x\n#[ignore = \"slow\"]\nfn f() {}")).len(), 1);
    assert!(misshapen(&Source::new("a.rs", "//! x\nfn f() {}")).is_empty());
}
