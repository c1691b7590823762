//! Whether a live object already says everything that is wanted of it. Pure.
//!
//! The API server fills in defaults and others own fields of their own, so `live` has more than `desired`. What is
//! no longer wanted shows in the hash annotation, which is a part of `desired` like any other.

use serde_json::{Map, Value};

use crate::desired::{amount, merge_key};

pub fn is_current(desired: &Value, live: &Value) -> bool {
    is_within("", desired, live)
}

/// `field` is the name of the field that holds both.
pub(super) fn is_within(field: &str, desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => is_object_within(field, desired, live),
        (Value::Array(desired), Value::Array(live)) => is_list_within(field, desired, live),
        // Kubernetes drops what is empty.
        (Value::Object(desired), Value::Null) => desired.is_empty(),
        (Value::Array(desired), Value::Null) => desired.is_empty(),
        (desired, live) => desired == live,
    }
}

fn is_object_within(field: &str, desired: &Map<String, Value>, live: &Map<String, Value>) -> bool {
    desired.iter().all(|(name, value)| {
        let found = live.get(name).unwrap_or(&Value::Null);
        match (value, found) {
            (Value::String(wanted), Value::String(found)) if is_quantity(field, name) => amount::is_same(wanted, found),
            _ => is_within(name, value, found),
        }
    })
}

/// The API server writes quantities in a form of its own.
fn is_quantity(field: &str, name: &str) -> bool {
    matches!(field, "requests" | "limits") || matches!(name, "sizeLimit" | "divisor")
}

/// Lists that server-side apply merges may have elements of others; in all others the whole list is ours.
fn is_list_within(field: &str, desired: &[Value], live: &[Value]) -> bool {
    match merge_key::of(field) {
        Some(key) => desired
            .iter()
            .all(|wanted| live.iter().any(|found| found[key] == wanted[key] && is_within("", wanted, found))),
        None => {
            desired.len() == live.len() && desired.iter().zip(live).all(|(wanted, found)| is_within("", wanted, found))
        }
    }
}

#[cfg(test)]
mod tests;
