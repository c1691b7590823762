//! Where a law does not hold, and why. Comes in a law and a path, goes out whether that is settled.
//! Must not hold an entry whose file is gone or whose law is unknown.

/// (law, path, reason)
const TABLE: &[(&str, &str, &str)] = &[
    ("words", "tests/tidy/words.rs", "names the words it looks for"),
    ("shape", "tests/tidy/shape.rs", "names the attribute it looks for"),
];

/// The laws an exception may name.
const LAWS: &[&str] = &["sizes", "shape", "names", "imports", "words", "generated", "citations"];

pub fn allowed(law: &str, path: &str) -> bool {
    TABLE.iter().any(|entry| (entry.0, entry.1) == (law, path))
}

#[test]
fn every_exception_names_a_law_a_file_and_a_reason() {
    for (law, path, reason) in TABLE {
        assert!(LAWS.contains(law), "no law {law}");
        assert!(tests::repository().join(path).exists(), "{path} is gone: remove its exception");
        assert!(reason.len() > 10, "{path}: say why");
    }
}
