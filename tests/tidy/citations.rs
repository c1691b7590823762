//! What a document says is tested is tested: comes in the table of known pains and the names of all tests, goes out a
//! row without a test or a reason, and a name that no test has.

use std::collections::BTreeSet;

use crate::tree::{Finding, Source, files, rust_files};

const DOCUMENT: &str = "collector/README.md";
const REASON: &str = "No test: ";

fn doubtful(document: &Source, tests: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        // `| thread | pain | what we do | test |`, below the header and its ruler.
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let &[thread, _, _, cited] = cells.as_slice() else { continue };
        if !thread.contains('#') {
            continue;
        }
        let names: Vec<&str> = cited.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !cited.starts_with(REASON) {
            found.push(document.finding(index + 1, "names neither a test nor, after \"No test:\", a reason"));
        }
        let unknown = names.into_iter().filter(|name| !tests.contains(*name));
        found.extend(unknown.map(|name| document.finding(index + 1, format!("there is no test {name}"))));
    }
    found
}

/// Every function with an attribute whose last word is `test`.
fn tests_of(source: &Source) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.text.lines().map(str::trim) {
        match line.split_once("fn ") {
            Some((_, name)) if is_test => {
                names.push(name.split('(').next().unwrap_or(name).to_owned());
                is_test = false;
            }
            _ => is_test |= matches!(line, "#[test]" | "#[tokio::test]") || line.starts_with("#[tokio::test("),
        }
    }
    names
}

#[test]
fn every_known_pain_has_a_test_or_a_reason() {
    let tests = rust_files().iter().flat_map(tests_of).collect();
    let documents = files();
    let document = documents.iter().find(|file| file.path == DOCUMENT).expect("the document is there");
    crate::hold("citations", doubtful(document, &tests));
}

#[test]
fn a_pain_without_a_test_and_a_test_that_is_gone_are_found() {
    let tests = BTreeSet::from(["rows_are_stored".to_owned()]);
    let count = |text: &str| doubtful(&Source::new(DOCUMENT, text), &tests).len();
    assert_eq!(count("| thread | pain | here | test |\n|---|---|---|---|\n"), 0);
    assert_eq!(count("| a#1 | lost | kept | `rows_are_stored` |"), 0);
    assert_eq!(count("| a#1 | lost | kept | No test: it is not ours. |"), 0);
    assert_eq!(count("| a#1 | lost | kept | |"), 1);
    assert_eq!(count("| a#1 | lost | kept | `rows_are_stored`, `rows_were_kept` |"), 1);
}

#[test]
fn a_name_is_a_test_only_below_its_attribute() {
    let source = Source::new("a.rs", "fn a() {}\n#[tokio::test]\nasync fn b() {}\nfn c() {}\n#[test]\nfn d() {}\n");
    assert_eq!(tests_of(&source), ["b", "d"]);
}
