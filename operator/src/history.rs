//! The last reconcile of each resource, for people: comes in how it ended, goes out a list. Must not be read for
//! decisions, and must not tell what a spec holds: the status does, to whoever may read it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

/// Resources that are remembered: more than any cluster has; beyond, the one that was longest untouched is forgotten.
const RESOURCES: usize = 10_000;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<BTreeMap<Key, Last>>>);

/// Namespace and name.
type Key = (String, String);

/// How a reconcile ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Last {
    pub generation: i64,
    pub ended: Timestamp,
    pub took_ms: u64,
    pub outcome: Outcome,
    /// The step that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum Outcome {
    /// Everything is as the resource says.
    Applied,
    /// The spec cannot work, or waits for something; its status says which.
    Refused,
    /// It is tried again.
    Failed,
}

#[derive(Serialize)]
struct Line<'a> {
    namespace: &'a str,
    name: &'a str,
    #[serde(flatten)]
    last: &'a Last,
}

impl Last {
    pub fn now(generation: i64, took: Duration, outcome: Outcome, reason: Option<&'static str>) -> Self {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { generation, ended: Timestamp::now(), took_ms, outcome, reason }
    }
}

impl History {
    pub fn note(&self, namespace: &str, name: &str, last: Last) {
        let mut known = self.lock();
        known.insert((namespace.to_owned(), name.to_owned()), last);
        if known.len() > RESOURCES {
            let oldest = known.iter().min_by_key(|(_, last)| last.ended).map(|(key, _)| key.clone());
            oldest.map(|key| known.remove(&key));
        }
    }

    /// A resource is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.lock().remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// JSON: a list, by namespace and name.
    pub fn text(&self) -> String {
        let known = self.lock();
        let lines: Vec<_> = known.iter().map(|((namespace, name), last)| Line { namespace, name, last }).collect();
        // Strings and numbers have a form in JSON.
        serde_json::to_string(&lines).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reconcile_of_each_resource_that_is_there_is_told() {
        let history = History::default();
        let took = Duration::from_millis(12);
        history.note("ns", "main", Last::now(1, took, Outcome::Failed, Some("Apply")));
        history.note("ns", "main", Last::now(2, took, Outcome::Applied, None));
        history.note("ns", "gone", Last::now(1, took, Outcome::Refused, None));
        history.forget("ns", "gone");
        let told: serde_json::Value = serde_json::from_str(&history.text()).unwrap();
        assert_eq!(told.as_array().unwrap().len(), 1, "{told}");
        assert_eq!(
            (&told[0]["name"], &told[0]["outcome"], &told[0]["generation"]),
            (&"main".into(), &"Applied".into(), &2.into())
        );
        assert_eq!(told[0]["tookMs"], 12);
    }

    #[test]
    fn no_more_are_remembered_than_there_can_be() {
        let history = History::default();
        for number in 0..=RESOURCES {
            history.note("ns", &number.to_string(), Last::now(1, Duration::ZERO, Outcome::Applied, None));
        }
        assert_eq!(history.lock().len(), RESOURCES);
    }
}
