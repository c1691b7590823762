//! The identity of a role's pods. A token is mounted where the pod asks for it: in agents that ask for pods, and in no
//! other collector. What it allows is given outside, by whoever may give it.

use crds::config::Role;
use k8s_openapi::api::core::v1::ServiceAccount;

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
