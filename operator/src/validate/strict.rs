//! Comes in: what a person wrote where Kubernetes' own form is expected. Goes out: it, typed, or what of it Kubernetes
//! does not know. Pure.
//!
//! The library's types pass over what they do not know; what was written and does not come out again is told.

use crds::problem::Problem;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::desired::amount;

/// # Errors
/// Every field that is not known, or the first value of the wrong kind.
pub(super) fn read<T: DeserializeOwned + Serialize>(field: &str, written: &Value) -> Result<T, Vec<Problem>> {
    let read: T = serde_json::from_value(written.clone())
        .map_err(|error| vec![Problem::new(field, format!("cannot be read: {error}"))])?;
    let understood = serde_json::to_value(&read).unwrap_or_default();
    let mut found = Vec::new();
    lost(field, written, &understood, &mut found);
    if found.is_empty() { Ok(read) } else { Err(found) }
}

fn lost(field: &str, written: &Value, understood: &Value, found: &mut Vec<Problem>) {
    match (written, understood) {
        (Value::Null, _) => {}
        (Value::Object(written), Value::Object(understood)) => {
            for (name, value) in written.iter().filter(|(_, value)| !value.is_null()) {
                let field = format!("{field}.{name}");
                match understood.get(name) {
                    Some(known) => lost(&field, value, known, found),
                    None => found.push(Problem::new(field, "is not known to Kubernetes; mend or remove it")),
                }
            }
        }
        (Value::Array(written), Value::Array(understood)) => {
            for (index, (value, known)) in written.iter().zip(understood).enumerate() {
                lost(&format!("{field}[{index}]"), value, known, found);
            }
        }
        // A quantity may be written as a number.
        (Value::Number(written), Value::String(known)) if amount::is_same(&written.to_string(), known) => {}
        (written, known) if written == known => {}
        (written, _) => found.push(Problem::new(field, format!("{written} is not of the right kind"))),
    }
}
