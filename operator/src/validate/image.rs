//! `spec.image` over the operator's default, piece by piece. Pure.

use crds::{problem::Problem, v1alpha1::Image};

use crate::plan;

pub(super) fn of(wanted: Option<&Image>, default: &str) -> plan::Image {
    let wanted = wanted.cloned().unwrap_or_default();
    let (repository, version) = split(default);
    let reference = match (wanted.repository, wanted.tag) {
        (None, None) => default.to_owned(),
        (repository_wanted, Some(tag)) => {
            format!("{}:{tag}", repository_wanted.as_deref().unwrap_or(repository))
        }
        (Some(repository), None) => format!("{repository}{version}"),
    };
    plan::Image {
        reference,
        pull_policy: wanted.pull_policy.as_str(),
        pull_secrets: wanted.pull_secrets.into_iter().map(|secret| secret.name).collect(),
    }
}

pub(super) fn problem(wanted: Option<&Image>) -> Option<Problem> {
    let repository = wanted?.repository.as_deref()?;
    let is_plain = !repository.is_empty() && !repository.chars().any(|c| c.is_whitespace() || c.is_ascii_uppercase());
    if is_plain && split(repository).1.is_empty() {
        return None;
    }
    let message = format!("{repository:?} is not a repository; write registry/name here and the tag into image.tag");
    Some(Problem::new("spec.image.repository", message))
}

/// Repository, and what follows it with its separator: `:tag`, `@sha256:…` or nothing. A colon before the last
/// slash is the registry's port.
fn split(reference: &str) -> (&str, &str) {
    let name = reference.rfind('/').map_or(0, |slash| slash + 1);
    let end = reference[name..].find([':', '@']).map_or(reference.len(), |at| name + at);
    reference.split_at(end)
}
