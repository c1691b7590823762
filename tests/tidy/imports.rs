//! Arrows point one way: comes in a source of the collector or the operator, goes out the words it
//! names and may not.

use crate::tree::{Finding, Source, rust_files};

/// Stages whose output depends on their input alone.
const PURE: &[&str] = &[
    "decode",
    "transform",
    "columns",
    "insert/verdict",
    "measurements",
    "record/resource",
    "rfc3339",
    "receive/otlp_json",
    "receive/auth/opamp/admission",
    "receive/auth/opamp/messages",
    "receive/writer",
    "receive/log_request",
    "receive/syslog/framing",
    "receive/syslog/message",
    "receive/syslog/record",
    "receive/fluent_forward/handshake",
    "receive/fluent_forward/message",
    "receive/fluent_forward/msgpack",
    "receive/fluent_forward/record",
    "receive/fluent_forward/whole",
    "receive/cluster_events/record",
    "receive/cluster_metrics/measure",
    "receive/cluster_metrics/objects",
    "quantity",
    "cluster/attributes",
    "cluster/pod",
    "cluster/resources",
    "receive/host_metrics/cpu",
    "receive/host_metrics/disk",
    "receive/host_metrics/filesystem",
    "receive/host_metrics/memory",
    "receive/host_metrics/network",
    "receive/host_metrics/processes",
    "receive/kubelet_metrics/measures",
    "receive/kubelet_metrics/resets",
    "receive/kubelet_metrics/summary",
    "receive/container_logs/batch",
    "receive/container_logs/cri",
    "receive/container_logs/join",
    "receive/container_logs/origin",
];
const PURE_MUST_NOT: &[&str] =
    &["tokio ::", "std :: fs", "std :: net", "Instant :: now", "SystemTime", "tracing", "hyper ::", "kube ::"];

/// What the stages share.
const NOUNS: &[&str] =
    &["signal", "record", "table", "ack", "budget", "delivery", "errand", "id", "pattern", "rfc3339", "trouble"];
const NOUNS_MUST_NOT: &[&str] = &["tracing", "println", "eprintln"];

/// The stages that touch the world, and everything that is a stage.
const RIM: &[&str] = &["receive", "spool", "insert", "forward"];
const STAGES: &[&str] = &["receive", "spool", "decode", "transform", "columns", "assemble", "insert", "forward"];

const CLIENT_MUST_NOT: &[&str] = &["kube :: Client", "kube :: Api", "kube :: client", "api :: Api"];
const CLIENT_MAY: &[&str] = &["run", "watch", "resolve", "apply", "main"];

/// `collector/src/decode/otlp.rs` is `decode/otlp`.
fn module<'a>(source: &'a Source, package: &str) -> Option<&'a str> {
    source.path.strip_prefix(package)?.strip_prefix("/src/")?.strip_suffix(".rs")
}

fn is_in(module: &str, group: &[&str]) -> bool {
    group.iter().any(|name| module == *name || module.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
}

fn broken(source: &Source) -> Vec<Finding> {
    if source.is_test_module() {
        return Vec::new();
    }
    if let Some(module) = module(source, "operator") {
        return if is_in(module, CLIENT_MAY) {
            Vec::new()
        } else {
            named(source, CLIENT_MUST_NOT, "talks to the API server")
        };
    }
    let Some(module) = module(source, "collector") else { return Vec::new() };
    let mut found = Vec::new();
    if is_in(module, PURE) {
        found.extend(named(source, PURE_MUST_NOT, "a pure stage names the world"));
    }
    if is_in(module, NOUNS) {
        found.extend(named(source, NOUNS_MUST_NOT, "a noun logs"));
        found.extend(stages_but(source, ""));
    }
    if is_in(module, RIM) && !is_in(module, PURE) {
        let own = module.split('/').next().unwrap_or_default();
        found.extend(stages_but(source, own));
    }
    found
}

fn stages_but(source: &Source, own: &str) -> Vec<Finding> {
    let others: Vec<String> =
        STAGES.iter().filter(|stage| **stage != own).map(|stage| format!("crate :: {stage}")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    named(source, &others, "imports another stage")
}

/// Findings for each of `forbidden`, words of code with spaces between them. `use a::{b, c}` is read
/// as `a::b` and `a::c`.
fn named(source: &Source, forbidden: &[&str], why: &str) -> Vec<Finding> {
    let mut code = paths(source);
    code.dedup();
    let hits = code.iter().flat_map(|(path, line)| {
        let hit = forbidden.iter().filter(move |word| has(path, word));
        hit.map(move |word| source.finding(*line, format!("{why}: {}", word.replace(' ', ""))))
    });
    hits.collect()
}

fn has(path: &str, words: &str) -> bool {
    format!(" {path} :: ").contains(&format!(" {words} "))
}

/// Every path the code names, as words with spaces between them.
fn paths(source: &Source) -> Vec<(String, usize)> {
    use syn::visit::Visit;
    let mut all = Vec::new();
    for item in &source.syntax().items {
        Uses { out: &mut all }.visit_item(item);
    }
    let code = source.code();
    let mut path = String::new();
    let mut first = 0;
    for (index, (word, line)) in code.iter().enumerate() {
        let is_word = word.chars().all(|c| c.is_alphanumeric() || c == '_');
        let continues = word == ":" || (index > 0 && code[index - 1].0 == ":" && is_word);
        if !continues {
            all.push((std::mem::take(&mut path), first));
            first = *line;
        }
        match word.as_str() {
            ":" if path.ends_with(':') => path.push(':'),
            _ if path.is_empty() => path.push_str(word),
            _ => path.push_str(&format!(" {word}")),
        }
    }
    all.push((path, first));
    all
}

struct Uses<'a> {
    out: &'a mut Vec<(String, usize)>,
}

impl<'ast> syn::visit::Visit<'ast> for Uses<'_> {
    fn visit_item_mod(&mut self, _inline_or_tests: &'ast syn::ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        leaves(&item.tree, "", item.use_token.span.start().line, self.out);
    }
}

fn leaves(tree: &syn::UseTree, before: &str, line: usize, out: &mut Vec<(String, usize)>) {
    let join =
        |name: &dyn std::fmt::Display| if before.is_empty() { name.to_string() } else { format!("{before} :: {name}") };
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, &join(&path.ident), line, out),
        syn::UseTree::Name(name) => out.push((join(&name.ident), line)),
        syn::UseTree::Rename(name) => out.push((join(&name.ident), line)),
        syn::UseTree::Glob(_) => out.push((join(&"*"), line)),
        syn::UseTree::Group(group) => group.items.iter().for_each(|item| leaves(item, before, line, out)),
    }
}

#[test]
fn arrows_point_one_way() {
    crate::hold("imports", rust_files().iter().flat_map(broken).collect());
}

#[cfg(test)]
fn count(path: &str, text: &str) -> usize {
    let found = broken(&Source::new(path, text));
    found.iter().map(|found| found.what.clone()).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn a_pure_stage_that_names_the_world_is_found() {
    assert_eq!(count("collector/src/decode/otlp.rs", "fn f() { tokio::spawn(x); }"), 1);
    assert_eq!(count("collector/src/decode.rs", "use std::{fs, io};"), 1);
    assert_eq!(count("collector/src/insert/verdict.rs", "fn f() { let a = std::time::Instant::now(); }"), 1);
    assert_eq!(count("collector/src/columns.rs", "use std::time::SystemTime;"), 1);
    assert_eq!(count("collector/src/columns.rs", "fn f() { tracing::info!(\"x\"); }"), 1);
    assert_eq!(count("collector/src/columns.rs", "//! tokio::spawn\nuse std::time::Duration;"), 0);
    assert_eq!(count("collector/src/decode/tests.rs", "use std::fs;"), 0);
}

#[test]
fn a_noun_or_a_rim_that_imports_a_stage_is_found() {
    assert_eq!(count("collector/src/ack.rs", "use crate::{insert::Client, table};"), 1);
    assert_eq!(count("collector/src/receive/otlp_http.rs", "fn f() { crate::decode::inflate(); }"), 1);
    assert_eq!(count("collector/src/receive/otlp_http.rs", "use crate::receive::x;"), 0);
    assert_eq!(count("collector/src/run.rs", "use crate::{decode, insert};"), 0);
}

#[test]
fn an_operator_module_with_a_client_is_found() {
    assert_ne!(count("operator/src/desired/agent.rs", "use kube::{Api, Resource};"), 0);
    assert_ne!(count("operator/src/status.rs", "fn f(client: kube::Client) {}"), 0);
    assert_eq!(count("operator/src/apply.rs", "use kube::Client;"), 0);
}
