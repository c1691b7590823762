//! What is wrong with a contract: the field, and a sentence with the remedy.
//!
//! Comes out of the pure checks of [`crate::config`] and the operator's validation; goes into exit
//! messages of `check-config` and into conditions. Must not carry secret values.

use std::fmt;

/// One thing that cannot work, told so that a person can mend it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Path of the field from the root of the document, as `kubectl explain` spells it.
    pub field: String,
    /// What is wrong and what to do, as one sentence without a full stop.
    pub message: String,
}

impl Problem {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// The same problem, seen from one level further out (`blocks.maxAge` → `spec.gateway.blocks.maxAge`).
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.field = format!("{prefix}.{}", self.field);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
