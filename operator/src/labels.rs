//! Labels and annotations of everything the operator makes, and their meaning when read back.
//!
//! Selectors of workloads cannot change later: they use the constant part alone.

use std::collections::BTreeMap;

use crds::config::Role;

pub const NAME: &str = "app.kubernetes.io/name";
pub const INSTANCE: &str = "app.kubernetes.io/instance";
pub const COMPONENT: &str = "app.kubernetes.io/component";
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Hash of all that the operator wanted of an object when it wrote it last. What is no longer wanted is found by it.
pub const DESIRED_HASH: &str = "clickstack.io/desired-hash";

/// On pods: hash of the versions of all Secrets and ConfigMaps they depend on.
pub const REFERENCES_HASH: &str = "clickstack.io/references-hash";

const PRODUCT: &str = "clickstack-collector";
const OPERATOR: &str = "clickstack-operator";

/// Selects every object of every resource, for watches.
pub fn watched() -> String {
    format!("{MANAGED_BY}={OPERATOR},{NAME}={PRODUCT}")
}

/// Selects every object the operator did not make.
pub fn not_ours() -> String {
    format!("{MANAGED_BY}!={OPERATOR}")
}

/// The part that never changes: what selectors say.
pub fn selector(resource: &str, role: Role) -> BTreeMap<String, String> {
    [(NAME, PRODUCT), (INSTANCE, resource), (COMPONENT, role.as_str())]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Labels as a selector is written.
pub fn text(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// What every child and every pod carries.
pub fn all(resource: &str, role: Role) -> BTreeMap<String, String> {
    let mut labels = selector(resource, role);
    labels.insert(MANAGED_BY.to_owned(), OPERATOR.to_owned());
    labels
}

/// The role an object belongs to, by its labels.
pub fn role_of(labels: &BTreeMap<String, String>) -> Option<Role> {
    let component = labels.get(COMPONENT)?;
    Role::ALL.into_iter().find(|role| role.as_str() == component)
}
