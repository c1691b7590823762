//! The children of all resources: comes in what is watched and what was written, goes out those of one resource.

use std::sync::Arc;

use kube::{Resource as _, ResourceExt as _, runtime::reflector::ObjectRef};
use serde_json::{Value, json};

use super::{
    Guarded, place_of,
    shelf::{Item, Sent, Shelf},
    told::Told,
};
use crate::desired::Kind;

/// A shelf for each kind. The API server's text is kept, and read when its resource is looked at.
#[derive(Debug, Default)]
pub struct Children([Arc<Shelf<Arc<str>>>; Kind::ALL.len()]);

impl Children {
    pub(super) fn shelf(&self, kind: Kind) -> Arc<Shelf<Arc<str>>> {
        Arc::clone(&self.0[kind as usize])
    }

    /// Those of a kind that belong to a resource of this name, of whatever uid, own writes included.
    pub fn of(&self, kind: Kind, namespace: &str, name: &str) -> Vec<Value> {
        let texts = self.0[kind as usize].of(&super::shelf::place(namespace, name));
        let resource = kind.api_resource();
        let read = texts.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
        let whole = read.map(|mut object| {
            // Lists do not say it of each.
            object["apiVersion"] = json!(resource.api_version);
            object["kind"] = json!(resource.kind);
            object
        });
        whole.collect()
    }

    /// Before a write is sent.
    pub fn sends(&self, kind: Kind) -> Sent {
        self.0[kind as usize].sends()
    }

    /// The answer to a write.
    pub fn wrote(&self, kind: Kind, answer: &Told, sent: Sent) {
        self.0[kind as usize].wrote(shelve(answer), sent);
    }
}

pub(super) fn shelve(told: &Told) -> Item<Arc<str>> {
    let namespace = told.meta().namespace.as_deref();
    let owners = told.owner_references().iter();
    let owners = owners.filter_map(|owner| ObjectRef::<Guarded>::from_owner_ref(namespace, owner, ()));
    let owners = owners.map(|owner| place_of(&owner)).collect();
    Item::new(told, owners, told.text.clone())
}
