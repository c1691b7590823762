//! Which ServiceAccounts may read the cluster, and the objects that say so. Pure.
//!
//! Comes in: all resources, and who is granted something now. Goes out: one ClusterRoleBinding for each ClusterRole of
//! the chart, with the accounts of every resource that asks. One for all, and not one for each resource: the operator
//! then needs rights on two names and not on the kind, nothing is left behind when it is uninstalled, and there is no
//! orphan to look for. An account takes some 90 bytes, so that ten thousand resources fit into an object.

use std::collections::BTreeSet;

use crds::{
    config::Role,
    v1alpha1::{ClickStackCollector, ClickStackCollectorSpec},
};
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use crate::{names, watch::Guarded};

/// A ServiceAccount.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Account {
    pub namespace: String,
    pub name: String,
}

/// The roles that may ask the API server or a kubelet for something.
pub const ASKING: [Role; 2] = [Role::Agent, Role::Cluster];

/// Whether the collectors of a role ask the API server or a kubelet for anything.
pub const fn asks(spec: &ClickStackCollectorSpec, role: Role) -> bool {
    match role {
        Role::Agent => {
            matches!(&spec.agent, Some(agent) if agent.kubernetes_attributes.is_some() || agent.kubelet_metrics.is_some())
        }
        Role::Cluster => spec.cluster.is_some(),
        Role::Gateway => false,
    }
}

/// The account of a role's pods.
pub fn account(resource: &ClickStackCollector, role: Role) -> Account {
    Account { namespace: resource.namespace().unwrap_or_default(), name: names::role(&resource.name_any(), role) }
}

/// Everybody who should be able to do what the role's ClusterRole says. What a resource has that is paused or cannot be
/// read stays as it is.
pub fn wanted<'a>(
    role: Role,
    resources: impl Iterator<Item = &'a Guarded>,
    held: &BTreeSet<Account>,
) -> BTreeSet<Account> {
    let wanted = resources.filter_map(|resource| match &resource.0 {
        Ok(readable) if !readable.spec.paused => asks(&readable.spec, role).then(|| account(readable, role)),
        _ => {
            let (meta, name) = (resource.meta(), names::role(&resource.name_any(), role));
            let account = Account { namespace: meta.namespace.clone().unwrap_or_default(), name };
            held.contains(&account).then_some(account)
        }
    });
    wanted.collect()
}

/// The binding of a ClusterRole, which bears its name.
pub fn binding(cluster_role: &str, accounts: &BTreeSet<Account>) -> Value {
    let subjects: Vec<_> = accounts
        .iter()
        .map(|Account { namespace, name }| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}))
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": cluster_role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_role},
        "subjects": subjects,
    })
}

/// The accounts a binding names.
pub fn accounts(binding: &Value) -> BTreeSet<Account> {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    let accounts = subjects.filter(|subject| subject["kind"] == "ServiceAccount").map(|subject| {
        let text = |field: &str| subject[field].as_str().unwrap_or_default().to_owned();
        Account { namespace: text("namespace"), name: text("name") }
    });
    accounts.collect()
}

/// Whether a binding says what is wanted and nothing else. Labels and annotations are the chart's.
pub fn is_current(wanted: &Value, live: &Value) -> bool {
    let subjects = |binding: &Value| binding["subjects"].as_array().cloned().unwrap_or_default();
    wanted["roleRef"] == live["roleRef"] && subjects(wanted) == subjects(live)
}

#[cfg(test)]
mod tests;
