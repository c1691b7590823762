//! Comes in: what a spec points at, and what of it was found. Goes out: the versions pods depend on, or what is
//! waited for. Pure.

use super::Refusal;
use crate::{
    plan::Dependency,
    references::{Found, Reference},
};

/// What the pods of a role depend on, each once.
pub(super) fn dependencies<'a>(wanted: impl Iterator<Item = &'a Reference>, found: &Found) -> Vec<Dependency> {
    let versions = wanted.filter_map(|wanted| {
        let content = found.get(&wanted.referent)?;
        Some(Dependency { referent: wanted.referent.clone(), version: content.version.clone() })
    });
    let mut dependencies: Vec<_> = versions.collect();
    dependencies.sort();
    dependencies.dedup();
    dependencies
}

/// All that is missing, as one refusal; none when everything is there.
pub(super) fn refusal(wanted: &[Reference], found: &Found) -> Option<Refusal> {
    let mut missing: Vec<_> =
        wanted.iter().filter_map(|wanted| Some((wanted.referent.kind(), message(wanted, found)?))).collect();
    missing.dedup();
    let kind = missing.first()?.0;
    let message = missing.into_iter().map(|(_, message)| message).collect::<Vec<_>>().join("; ");
    Some(Refusal::Missing { kind, message })
}

fn message(wanted: &Reference, found: &Found) -> Option<String> {
    if wanted.is_optional {
        return None;
    }
    let (kind, name) = (wanted.referent.kind(), wanted.referent.name());
    let Some(content) = found.get(&wanted.referent) else {
        let keys = wanted.keys.iter().cloned().collect::<Vec<_>>().join(" and ");
        let keys = match wanted.keys.len() {
            0 => String::new(),
            1 => format!(" with the key {keys}"),
            _ => format!(" with the keys {keys}"),
        };
        return Some(format!("{kind} {name} does not exist; create it{keys}"));
    };
    let absent: Vec<_> = wanted.keys.difference(&content.keys).cloned().collect();
    (!absent.is_empty()).then(|| format!("{kind} {name} has no key {}; add it", absent.join(" and no key ")))
}
