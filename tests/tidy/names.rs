//! Names say what a thing is: comes in a path, goes out the word in it that says nothing.

use crate::tree::{Finding, Source, files};

const EMPTY_WORDS: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "manager", "handler", "data", "info", "v2"];

fn empty_names(source: &Source) -> Vec<Finding> {
    let code = [".rs", ".go", ".py", ".sql"].iter().any(|end| source.path.ends_with(end));
    if !code {
        return Vec::new();
    }
    let words = source.path.split(['/', '.', '_', '-']);
    let empty = words.filter(|word| EMPTY_WORDS.contains(word));
    empty.map(|word| source.finding(1, format!("{word:?} in a name says nothing"))).collect()
}

#[test]
fn names_of_files_and_folders_say_what_they_hold() {
    crate::hold("names", files().iter().flat_map(empty_names).collect());
}

#[test]
fn an_empty_name_is_found() {
    assert_eq!(empty_names(&Source::new("collector/src/string_utils.rs", "")).len(), 1);
    assert_eq!(empty_names(&Source::new("operator/src/common/a.rs", "")).len(), 1);
    assert!(empty_names(&Source::new("operator/src/database.rs", "")).is_empty());
}
