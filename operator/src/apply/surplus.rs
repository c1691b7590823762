//! Which children are no longer wanted. Pure.
//!
//! Comes in: children this resource owns, and nothing else. Of the configurations a role has left behind, the newest
//! stay, so that pods of an older revision can still start. A workload whose place another kind takes stays until that
//! one is rolled out.

use crate::{
    desired::{Child, Kind},
    labels,
    resolve::Live,
    status::workload,
};

/// As many as the workloads keep revisions.
const HISTORY: usize = 3;

pub fn surplus<'a>(all: &'a [Live], desired: &[Child]) -> Vec<&'a Live> {
    let is_wanted = |live: &Live| desired.iter().any(|child| child.kind == live.kind && child.name == live.name);
    let (mut old_configs, mut others): (Vec<_>, Vec<_>) = all
        .iter()
        .filter(|live| !is_wanted(live) && live.object["metadata"]["deletionTimestamp"].is_null())
        .filter(|live| component(live).is_some() && !is_needed(live, all, desired))
        .partition(|live| {
            live.kind == Kind::ConfigMap && desired.iter().any(|child| Some(child.role.as_str()) == component(live))
        });
    old_configs.sort_by_key(|live| std::cmp::Reverse((created(live), &live.name)));
    for role in desired.iter().filter(|child| child.kind == Kind::ConfigMap).map(|child| child.role.as_str()) {
        others.extend(old_configs.iter().filter(|live| component(live) == Some(role)).skip(HISTORY));
    }
    others
}

fn is_needed(live: &Live, all: &[Live], desired: &[Child]) -> bool {
    let takes_over = |child: &&Child| child.kind.is_workload() && Some(child.role.as_str()) == component(live);
    let Some(successor) = desired.iter().find(takes_over).filter(|_| live.kind.is_workload()) else { return false };
    let successor = all.iter().find(|found| found.kind == successor.kind && found.name == successor.name);
    let successor = successor.and_then(|found| workload::read(found.kind, &found.object));
    !successor.is_some_and(|(_, workload)| workload.is_rolled_out())
}

/// Seconds in RFC 3339 sort as they pass.
fn created(live: &Live) -> &str {
    live.object["metadata"]["creationTimestamp"].as_str().unwrap_or_default()
}

fn component(live: &Live) -> Option<&str> {
    live.object["metadata"]["labels"][labels::COMPONENT].as_str()
}

#[cfg(test)]
mod tests;
