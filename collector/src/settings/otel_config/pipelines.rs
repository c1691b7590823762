//! `service.pipelines`: which components of the file are in use.
//!
//! Comes in: the lists of pipelines that a file declares anew. Goes out: the names by which the file speaks of what
//! this collector does, and problems: a pipeline that would do something else. Must not accept a list because its names
//! are known: what counts is that the rows are the same.

use std::collections::BTreeSet;

use crds::problem::Problem;
use serde_json::Value;

use super::expand::Leaf;

/// A pipeline of ClickStack's own collector.
struct Pipeline {
    name: &'static str,
    /// Kinds of what it may read from. It has to read from the first.
    receivers: &'static [&'static str],
    /// What it must have; a limit of memory and batches may be there or not, rows are the same.
    processors: &'static [&'static str],
    exporters: &'static [&'static str],
}

const PIPELINES: [Pipeline; 5] = [
    Pipeline { name: "traces", receivers: &["otlp", "nop"], processors: &[], exporters: &["clickhouse"] },
    Pipeline { name: "metrics", receivers: &["otlp", "nop"], processors: &[], exporters: &["clickhouse"] },
    Pipeline {
        name: "logs/in",
        receivers: &["otlp", "nop", "fluentforward", "syslog"],
        processors: &[],
        exporters: &["routing/logs"],
    },
    Pipeline {
        name: "logs/out-default",
        receivers: &["routing"],
        processors: &["transform"],
        exporters: &["clickhouse"],
    },
    Pipeline { name: "logs/out-rrweb", receivers: &["routing"], processors: &[], exporters: &["clickhouse/rrweb"] },
];

/// Kinds of processors that change no row.
const HARMLESS: [&str; 2] = ["memory_limiter", "batch"];

/// What is used under which name.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Used {
    otlp: BTreeSet<String>,
    pub(super) fluent: Option<String>,
    pub(super) syslog: Option<String>,
    batch: BTreeSet<String>,
    memory_limiter: BTreeSet<String>,
    pub(super) warnings: Vec<String>,
}

impl Used {
    /// Takes the lists out of the leaves. `has_fluent`: whether logs/in reads from it where the file says nothing.
    pub(super) fn of(leaves: &mut Vec<(String, Leaf)>, has_fluent: bool, problems: &mut Vec<Problem>) -> Self {
        let mut used = Self {
            otlp: BTreeSet::new(),
            fluent: None,
            syslog: None,
            batch: BTreeSet::new(),
            memory_limiter: BTreeSet::new(),
            warnings: Vec::new(),
        };
        let mut declared = BTreeSet::new();
        leaves.retain(|(path, leaf)| {
            let Some((name, list)) = path.strip_prefix("service.pipelines.").and_then(|path| path.rsplit_once('.'))
            else {
                return true;
            };
            declared.insert((name.to_owned(), list.to_owned()));
            problems.extend(used.list(name, list, leaf).err().map(|message| Problem::new(path.clone(), message)));
            false
        });
        // What is not declared anew is as it was.
        let is_as_it_was =
            |pipeline: &Pipeline, list: &str| !declared.contains(&(pipeline.name.to_owned(), list.to_owned()));
        for pipeline in PIPELINES.iter().filter(|pipeline| pipeline.receivers.contains(&"otlp")) {
            if is_as_it_was(pipeline, "receivers") {
                used.otlp.insert("otlp/hyperdx".to_owned());
                if pipeline.name == "logs/in" {
                    used.fluent = has_fluent.then(|| "fluentforward".to_owned());
                }
            }
        }
        for pipeline in PIPELINES.iter().filter(|pipeline| pipeline.name != "logs/in") {
            if is_as_it_was(pipeline, "processors") {
                used.batch.insert("batch".to_owned());
                used.memory_limiter.insert("memory_limiter".to_owned());
            }
        }
        used.are_one(problems);
        used
    }

    /// One pair of ports and one size of blocks serve all pipelines.
    fn are_one(&mut self, problems: &mut Vec<Problem>) {
        let Self { otlp, batch, memory_limiter, warnings, .. } = self;
        if otlp.len() > 1 {
            let names = joined(otlp);
            let message =
                format!("{names}: there is one OTLP receiver here, for all signals; name one in every pipeline");
            problems.push(Problem::new("service.pipelines", message));
        }
        for (kind, names) in [("batch", batch), ("memory_limiter", memory_limiter)] {
            let own: BTreeSet<_> = names.iter().filter(|name| *name != kind).cloned().collect();
            if own.len() > 1 {
                let message =
                    format!("{}: there is one {kind} here, for all pipelines; name one of them", joined(&own));
                problems.push(Problem::new("service.pipelines", message));
            } else if !own.is_empty() && names.contains(kind) {
                warnings.push(format!("{} is for all pipelines, since there is one {kind} here", joined(&own)));
            }
        }
    }

    fn list(&mut self, name: &str, list: &str, leaf: &Leaf) -> Result<(), String> {
        let Some(pipeline) = PIPELINES.iter().find(|pipeline| pipeline.name == name) else {
            let known: Vec<_> = PIPELINES.iter().map(|pipeline| pipeline.name).collect();
            return Err(format!("there is no such pipeline here, only {}; remove it", known.join(", ")));
        };
        let Value::Array(names) = &leaf.value else { return Err("is not a list of names".to_owned()) };
        let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
        let names = names.ok_or("is not a list of names")?;
        match list {
            "receivers" => self.receivers(pipeline, &names),
            "processors" => self.processors(pipeline, &names),
            "exporters" if names.iter().collect::<BTreeSet<_>>() == pipeline.exporters.iter().collect() => Ok(()),
            "exporters" => {
                Err(format!("rows go to {} and nowhere else here; write that", pipeline.exporters.join(", ")))
            }
            _ => Err("is no list of a pipeline; remove it".to_owned()),
        }
    }

    fn receivers(&mut self, pipeline: &Pipeline, names: &[&str]) -> Result<(), String> {
        for name in names {
            let kind = kind(name);
            if !pipeline.receivers.contains(&kind) || (kind == "routing" && *name != "routing/logs") {
                return Err(format!("{name} is no receiver of this pipeline here; remove it"));
            }
            let place = match kind {
                "otlp" => {
                    self.otlp.insert((*name).to_owned());
                    continue;
                }
                "fluentforward" => &mut self.fluent,
                "syslog" => &mut self.syslog,
                _ => continue,
            };
            if place.replace((*name).to_owned()).is_some() {
                return Err(format!("there is one {kind} here; name one"));
            }
        }
        let needed = pipeline.receivers[0];
        if names.iter().any(|name| kind(name) == needed) {
            return Ok(());
        }
        let usual = if needed == "otlp" { "otlp/hyperdx" } else { "routing/logs" };
        Err(format!("every signal is taken from {usual} here; add it"))
    }

    fn processors(&mut self, pipeline: &Pipeline, names: &[&str]) -> Result<(), String> {
        for name in names {
            match kind(name) {
                "batch" => self.batch.insert((*name).to_owned()),
                "memory_limiter" => self.memory_limiter.insert((*name).to_owned()),
                _ if pipeline.processors.contains(name) => false,
                _ => {
                    let known: Vec<_> = HARMLESS.iter().chain(pipeline.processors).copied().collect();
                    return Err(format!(
                        "{name} is not here, and would be lost; only {} are, remove it",
                        known.join(", ")
                    ));
                }
            };
        }
        match pipeline.processors.iter().find(|needed| !names.contains(*needed)) {
            Some(needed) => Err(format!("lacks {needed}, which every row of this pipeline goes through here; add it")),
            None => Ok(()),
        }
    }

    /// The path by which this collector knows a key, or why it has no effect.
    pub(super) fn plain(&self, path: &str) -> Result<String, &'static str> {
        const UNUSED: &str = "is in no pipeline, or another of its kind is; it has no effect";
        let Some((section, rest)) = path.split_once('.') else { return Ok(path.to_owned()) };
        let name = rest.split('.').next().unwrap_or_default();
        let known = match (section, kind(name)) {
            ("receivers", "otlp") => self.otlp.contains(name),
            ("receivers", "fluentforward") => self.fluent.as_deref() == Some(name),
            ("receivers", "syslog") => self.syslog.as_deref() == Some(name),
            ("processors", "batch") => is_the_one(&self.batch, name),
            ("processors", "memory_limiter") => is_the_one(&self.memory_limiter, name),
            _ => return Ok(path.to_owned()),
        };
        if known { Ok(format!("{section}.{}{}", kind(name), &rest[name.len()..])) } else { Err(UNUSED) }
    }
}

/// A processor of the file's own goes before the one it replaces in some pipelines.
fn is_the_one(used: &BTreeSet<String>, name: &str) -> bool {
    used.contains(name) && (used.len() == 1 || name.contains('/'))
}

fn kind(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
