//! Names of children, derived from the resource's name. Must not depend on anything else, so that the same
//! resource always owns the same objects.

use crds::{config::Role, problem::Problem};

/// Label values and Service names end here.
const LONGEST: usize = 63;
/// The longest thing appended to a resource's name: `-gateway-` and ten letters of a revision.
const LONGEST_SUFFIX: usize = "-gateway-0123456789".len();
/// The longest name a resource can have.
pub const LONGEST_RESOURCE: usize = LONGEST - LONGEST_SUFFIX;

/// ServiceAccount, workload and Service of a role.
pub fn role(resource: &str, role: Role) -> String {
    format!("{resource}-{}", role.as_str())
}

/// The headless Service that resolves to every ready gateway, for clients that balance by themselves.
pub fn gateway_pods(resource: &str) -> String {
    format!("{resource}-gateway-pods")
}

/// The ConfigMap of one revision of a role's configuration.
pub fn config_map(resource: &str, role: Role, revision: &str) -> String {
    format!("{resource}-{}-{revision}", role.as_str())
}

/// Address of a Service inside the cluster, without the cluster's own domain, which differs between clusters.
pub fn host(service: &str, namespace: &str) -> String {
    format!("{service}.{namespace}.svc")
}

/// Why children could not be named after `name`, if so. Services are the strictest: a DNS label that starts with
/// a letter.
pub fn problem(name: &str) -> Option<Problem> {
    if name.len() > LONGEST_RESOURCE {
        let message = format!(
            "{} characters; at most {LONGEST_RESOURCE} leave room for the names of its Services and ConfigMaps, \
             so create it again under a shorter name",
            name.len()
        );
        return Some(Problem::new("metadata.name", message));
    }
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_plain = name.starts_with(is_letter)
        && !name.ends_with('-')
        && name.chars().all(|c| is_letter(c) || c.is_ascii_digit() || c == '-');
    (!is_plain).then(|| {
        let message = format!(
            "{name:?} cannot name a Service; create it again under a name of a-z, 0-9 and - that starts with a letter"
        );
        Problem::new("metadata.name", message)
    })
}

#[cfg(test)]
mod tests;
