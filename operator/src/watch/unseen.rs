//! Statuses that were written and not watched yet.
//!
//! Comes in: answers to writes, and watch events. Goes out: the status that was answered, where it is newer than what
//! was watched. Without it, a reconcile right after a write would see the past and write again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::DynamicObject, runtime::watcher};
use serde_json::Value;

#[derive(Debug, Default)]
pub struct Unseen {
    writes: Mutex<HashMap<Key, Written>>,
}

/// Namespace and name.
type Key = (String, String);

#[derive(Debug)]
struct Written {
    version: Option<String>,
    status: Value,
}

impl Unseen {
    pub fn wrote(&self, mut answer: DynamicObject) {
        let written =
            Written { version: answer.metadata.resource_version.take(), status: answer.data["status"].take() };
        self.lock().insert(key(&answer.metadata), written);
    }

    /// The status that was written, if it is newer than what is known by watching.
    pub fn newer(&self, namespace: &str, name: &str, known: Option<&str>) -> Option<Value> {
        let writes = self.lock();
        let written = writes.get(&(namespace.to_owned(), name.to_owned()))?;
        is_newer(written.version.as_deref(), known).then(|| written.status.clone())
    }

    pub fn take_in<K: Resource>(&self, event: &watcher::Event<K>) {
        let mut writes = self.lock();
        match event {
            watcher::Event::Apply(object) => {
                let (key, version) = (key(object.meta()), object.meta().resource_version.as_deref());
                if writes.get(&key).is_some_and(|written| !is_newer(written.version.as_deref(), version)) {
                    writes.remove(&key);
                }
            }
            watcher::Event::Delete(object) => {
                writes.remove(&key(object.meta()));
            }
            // A new list replaced all that was known.
            watcher::Event::InitDone => writes.clear(),
            watcher::Event::Init | watcher::Event::InitApply(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Written>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(meta: &ObjectMeta) -> Key {
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// Versions of objects are numbers that grow.
fn is_newer(written: Option<&str>, known: Option<&str>) -> bool {
    let number = |version: Option<&str>| version.and_then(|version| version.parse::<u64>().ok());
    match (number(written), number(known)) {
        (Some(written), Some(known)) => written > known,
        (written, None) => written.is_some(),
        (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests;
