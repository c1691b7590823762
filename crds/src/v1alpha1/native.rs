//! Kubernetes' own types as part of our schema.
//!
//! Comes in: a type of the client library. Goes out: its schema, with the first sentence of each description, since
//! the whole prose at every use would make the definition too large to apply.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, transform::Transform};
use serde_json::Value;

/// The schema of a list of `T`, of a length the API server can check rules on.
pub(super) fn list<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let items = one::<T>(generator);
    json_schema!({"type": "array", "maxItems": 64, "items": items})
}

pub(super) fn one<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = T::json_schema(generator);
    Shorten.transform(&mut schema);
    schema
}

/// A pod template as a person writes one: typed by the operator, which names what it does not know. Its schema would
/// be larger than all the rest.
pub(super) fn pod_template(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Volumes, likewise: half of their schema would be kinds of storage that are out of use.
pub(super) fn volumes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "required": ["name"],
            "properties": {
                "name": {
                    "description": "Name of the volume, for volumeMounts.",
                    "type": "string",
                    "maxLength": 63,
                    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
                },
            },
        },
    })
}

/// A number of pods, or a share of them.
pub(super) fn pods(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-int-or-string": true, "pattern": "^([0-9]{1,4}|[0-9]{1,2}%|100%)$"})
}

struct Shorten;

impl Transform for Shorten {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::String(prose)) = schema.get_mut("description") {
            prose.truncate(first_sentence(prose));
        }
        schemars::transform::transform_subschemas(self, schema);
    }
}

/// Where it ends: at a full stop before a capital letter, or at the end of the line.
fn first_sentence(prose: &str) -> usize {
    let begins_anew = |rest: &str| rest.trim_start().starts_with(char::is_uppercase);
    let stop = prose.match_indices(". ").find(|(at, _)| begins_anew(&prose[at + 1..])).map(|(at, _)| at + 1);
    let line = prose.find('\n');
    stop.into_iter().chain(line).min().unwrap_or(prose.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_before_a_capital_letter_or_a_new_line() {
        for (prose, sentence) in [
            ("One. Two.", "One."),
            ("With words (i.e. these). Two", "With words (i.e. these)."),
            ("One line\nTwo. Three", "One line"),
            ("All of it", "All of it"),
        ] {
            assert_eq!(&prose[..first_sentence(prose)], sentence);
        }
    }
}
