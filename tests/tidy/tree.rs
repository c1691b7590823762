//! The files the laws judge: comes in the repository, goes out its files as git knows them and, for
//! Rust, their syntax. Must not judge.

use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};

/// One broken law.
#[derive(Debug)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A file with its text.
#[derive(Debug)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    pub fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// `tests.rs` beside or below a module: code that never ships.
    pub fn is_test_module(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/") || self.path.starts_with("tests/")
    }

    pub fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// The words of the code that ships, in order, each with its line: no comments, no literals, no
    /// inline test modules.
    pub fn code(&self) -> Vec<(String, usize)> {
        let mut words = Vec::new();
        let text: TokenStream = self.text.parse().unwrap_or_default();
        let dropped = self.test_module_lines();
        flatten(text, &mut words);
        words.retain(|(_, line)| !dropped.iter().any(|lines| lines.contains(line)));
        words
    }

    fn test_module_lines(&self) -> Vec<std::ops::RangeInclusive<usize>> {
        use syn::spanned::Spanned;
        let of_tests = |item: &syn::Item| match item {
            syn::Item::Mod(module) if is_for_tests(&module.attrs) => {
                Some(module.span().start().line..=module.span().end().line)
            }
            _ => None,
        };
        self.syntax().items.iter().filter_map(of_tests).collect()
    }
}

/// Tracked files and those about to be, but no deleted ones.
pub fn files() -> Vec<Source> {
    let git = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(tests::repository())
        .output()
        .expect("git lists the files");
    assert!(git.status.success(), "git ls-files: {}", git.status);
    let list = String::from_utf8_lossy(&git.stdout).into_owned();
    let read = |path: &str| {
        let bytes = std::fs::read(tests::repository().join(path)).ok()?;
        Some(Source { path: path.to_owned(), text: String::from_utf8(bytes).ok()? })
    };
    list.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect()
}

pub fn rust_files() -> Vec<Source> {
    files().into_iter().filter(Source::is_rust).collect()
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        list.path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}

fn flatten(tokens: TokenStream, words: &mut Vec<(String, usize)>) {
    for token in tokens {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => flatten(group.stream(), words),
            TokenTree::Ident(ident) => words.push((ident.to_string(), line)),
            TokenTree::Punct(punct) => words.push((punct.as_char().to_string(), line)),
            TokenTree::Literal(_) => {}
        }
    }
}

#[test]
fn code_has_no_comments_literals_or_inline_tests() {
    let text = "//! tokio\nfn f() { g(\"tokio\"); }\n#[cfg(test)]\nmod tests { use tokio::fs; }\nfn z() {}\n";
    let code: Vec<String> = Source::new("a.rs", text).code().into_iter().map(|(word, _)| word).collect();
    assert!(code.contains(&"g".to_owned()) && code.contains(&"z".to_owned()));
    assert!(!code.contains(&"tokio".to_owned()), "{code:?}");
}

#[test]
fn the_list_has_this_file() {
    assert!(files().iter().any(|file| file.path == "tests/tidy/tree.rs"));
}
