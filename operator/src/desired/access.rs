//! The identity of a role's pods, and what it may do in its own namespace. A token is mounted where the pod asks for it:
//! in agents that ask for pods, in the role cluster, and in no other collector. What it may read in all namespaces is
//! given outside, by whoever may give it.

use crds::config::{Lease, Role};
use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{PolicyRule, Role as Permission, RoleBinding, RoleRef, Subject},
};

use super::{Child, Kind, child, metadata};
use crate::{names, plan::Plan};

pub(super) fn service_account(plan: &Plan, role: Role) -> Child {
    let account = ServiceAccount {
        metadata: metadata(plan, role, names::role(&plan.name, role)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    child(Kind::ServiceAccount, role, &account)
}

/// The right to take turns: on the one Lease, and to make it, which cannot be limited to a name.
pub(super) fn lease(plan: &Plan, role: Role, lease: &Lease) -> [Child; 2] {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let name = names::role(&plan.name, role);
    let rule = |verbs: &[&str], names: Option<Vec<String>>| PolicyRule {
        api_groups: Some(vec!["coordination.k8s.io".to_owned()]),
        resources: Some(vec!["leases".to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        resource_names: names,
        ..PolicyRule::default()
    };
    let permission = Permission {
        metadata: metadata(plan, role, name.clone()),
        rules: Some(vec![rule(&["create"], None), rule(&["get", "update"], Some(vec![lease.name.clone()]))]),
    };
    let binding = RoleBinding {
        metadata: metadata(plan, role, name.clone()),
        role_ref: RoleRef { api_group: GROUP.to_owned(), kind: "Role".to_owned(), name: name.clone() },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(plan.namespace.clone()),
            api_group: None,
        }]),
    };
    [child(Kind::Role, role, &permission), child(Kind::RoleBinding, role, &binding)]
}
