//! Own writes whose watch event has not come yet.
//!
//! Comes in: answers to writes, and watch events. Goes out: the newer of what was answered and what was watched.
//! Without it, a reconcile right after a write would see the past, write again, and report the old generation's
//! pods as the new one's.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

#[derive(Debug, Default)]
pub struct Unseen {
    writes: Mutex<HashMap<Key, Value>>,
}

type Key = (&'static str, String, String);

impl Unseen {
    /// `kind` is empty for the resource itself.
    pub fn wrote(&self, kind: &'static str, answer: Value) {
        let text = |field: &str| answer["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = (kind, text("namespace"), text("name"));
        self.lock().insert(key, answer);
    }

    /// The written form of an object, if it is newer than what is known by watching.
    pub fn newer(&self, kind: &'static str, namespace: &str, name: &str, known: Option<&str>) -> Option<Value> {
        let writes = self.lock();
        let written = writes.get(&(kind, namespace.to_owned(), name.to_owned()))?;
        is_newer(version(written), known).then(|| written.clone())
    }

    /// Everything of a kind in a namespace that has not been seen.
    pub fn all(&self, kind: &'static str, namespace: &str) -> Vec<Value> {
        let of_kind = |key: &Key| key.0 == kind && key.1 == namespace;
        self.lock().iter().filter(|(key, _)| of_kind(key)).map(|(_, written)| written.clone()).collect()
    }

    pub fn seen(&self, kind: &'static str, meta: &ObjectMeta) {
        let mut writes = self.lock();
        let key = key(kind, meta);
        if writes.get(&key).is_some_and(|written| !is_newer(version(written), meta.resource_version.as_deref())) {
            writes.remove(&key);
        }
    }

    pub fn deleted(&self, kind: &'static str, meta: &ObjectMeta) {
        self.lock().remove(&key(kind, meta));
    }

    /// A new list replaced all that was known of a kind.
    pub fn listed(&self, kind: &'static str) {
        self.lock().retain(|key, _| key.0 != kind);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Value>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(kind: &'static str, meta: &ObjectMeta) -> Key {
    (kind, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

fn version(written: &Value) -> Option<&str> {
    written["metadata"]["resourceVersion"].as_str()
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
