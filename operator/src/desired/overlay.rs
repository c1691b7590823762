//! Comes in: an object the operator makes, and what a person lays over it. Goes out: both as one, by the rules of a
//! strategic merge patch. Pure; must not judge what comes of it.
//!
//! <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>

use serde_json::{Map, Value};

use super::merge_key;

/// What a map says should become of the place it stands in.
pub const DIRECTIVE: &str = "$patch";

pub fn lay_over(base: &mut Value, overlay: &Value) {
    let replaces = overlay[DIRECTIVE] == "replace";
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) if !replaces => {
            for (name, wanted) in overlay.iter().filter(|(name, _)| *name != DIRECTIVE) {
                lay_over_field(base, name, wanted);
            }
        }
        (base, overlay) => *base = plain(overlay),
    }
}

fn lay_over_field(base: &mut Map<String, Value>, name: &str, wanted: &Value) {
    if wanted.is_null() || wanted[DIRECTIVE] == "delete" {
        base.remove(name);
        return;
    }
    match (base.get_mut(name), wanted, merge_key::of_patch(name)) {
        (Some(Value::Array(list)), Value::Array(wanted), Some(key)) => lay_over_list(list, wanted, key),
        (Some(found @ Value::Object(_)), Value::Object(_), _) => lay_over(found, wanted),
        _ => {
            base.insert(name.to_owned(), plain(wanted));
        }
    }
}

/// Elements are told apart by `key`; new ones go to the end.
fn lay_over_list(list: &mut Vec<Value>, wanted: &[Value], key: &str) {
    let is_directive = |element: &Value| element[key].is_null() && !element[DIRECTIVE].is_null();
    if wanted.iter().any(|element| is_directive(element) && element[DIRECTIVE] == "replace") {
        list.clear();
    }
    for element in wanted.iter().filter(|element| !is_directive(element)) {
        let place = list.iter().position(|found| found[key] == element[key]);
        match place {
            Some(at) if element[DIRECTIVE] == "delete" => drop(list.remove(at)),
            Some(at) => lay_over(&mut list[at], element),
            None if element[DIRECTIVE] == "delete" => {}
            None => list.push(plain(element)),
        }
    }
}

/// Without what only a patch can say.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter(|(name, value)| *name != DIRECTIVE && !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        Value::Array(list) => {
            let is_directive = |element: &Value| {
                element.as_object().is_some_and(|object| object.len() == 1 && object.contains_key(DIRECTIVE))
            };
            Value::Array(list.iter().filter(|element| !is_directive(element)).map(plain).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
