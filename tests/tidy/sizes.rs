//! Files and functions stay small: comes in a source, goes out what is too long.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::tree::{Finding, Source, rust_files};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 80;
/// The places that grow first, with their own limits.
const TIGHTER: &[(&str, usize)] = &[
    ("collector/src/run.rs", 200),
    ("collector/src/main.rs", 60),
    ("operator/src/reconcile.rs", 150),
    ("operator/src/main.rs", 40),
];

fn too_long(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let limit = TIGHTER.iter().find(|(path, _)| *path == source.path).map_or(FILE_LINES, |(_, limit)| *limit);
    let mut found = Vec::new();
    if lines > limit {
        found.push(source.finding(lines, format!("{lines} lines, at most {limit}")));
    }
    let mut functions = Functions { source, found };
    functions.visit_file(&source.syntax());
    functions.found
}

struct Functions<'a> {
    source: &'a Source,
    found: Vec<Finding>,
}

impl Functions<'_> {
    fn judge(&mut self, name: &syn::Ident, block: &syn::Block) {
        let (first, last) = (name.span().start().line, block.span().end().line);
        let lines = last + 1 - first;
        if lines > FUNCTION_LINES {
            self.found.push(self.source.finding(first, format!("fn {name}: {lines} lines, at most {FUNCTION_LINES}")));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.judge(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.judge(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn files_and_functions_are_short() {
    crate::hold("sizes", rust_files().iter().flat_map(too_long).collect());
}

#[test]
fn a_long_function_and_a_long_file_are_found() {
    let long = format!("impl A {{ fn f() {{\n{} }} }}", "g();\n".repeat(80));
    assert_eq!(too_long(&Source::new("collector/src/a.rs", &long)).len(), 1);
    assert_eq!(too_long(&Source::new("collector/src/a.rs", &"use a;\n".repeat(601))).len(), 1);
    assert_eq!(too_long(&Source::new("operator/src/main.rs", &"use a;\n".repeat(41))).len(), 1);
    assert!(too_long(&Source::new("collector/src/a.rs", &"use a;\n".repeat(600))).is_empty());
}
