//! The `spool` section: where deliveries are kept until their rows are stored.

use serde::{Deserialize, Serialize};

use super::{CollectorConfig, Forward, Role, check};
use crate::{
    problem::Problem,
    quantity::{ByteSize, Duration},
};

/// With it, an answer means "on this disk"; without it, "in ClickHouse".
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spool {
    /// A folder of this collector alone. It has to be there after a restart, or nothing is gained.
    pub directory: String,
    /// Bytes it may take. Full, it takes no more deliveries until some are stored.
    #[serde(default = "Spool::default_size")]
    pub size: ByteSize,
    /// How long the first delivery may wait. When it has waited longer no more are taken until it is stored, so that what
    /// senders may rely on has an end; nothing is dropped. Absent: `size` is the only bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// Gateways that store what this one cannot store before it ends; it takes such blocks of theirs too, up to a
    /// quarter of `size` beside it. Absent: what is left waits in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siblings: Option<Forward>,
}

/// Segments of a spool at the least: one that fills, one kept for what is not a delivery, and two that wait.
const SEGMENTS: u64 = 4;

/// Blocks alone take seconds to fill and to be stored.
const SHORTEST_AGE: std::time::Duration = std::time::Duration::from_secs(60);

/// The smallest spool that is of use.
const SMALLEST: ByteSize = ByteSize::mebibytes(16);

/// The largest request where nothing is said.
const REQUEST: ByteSize = ByteSize::mebibytes(64);

impl Spool {
    const fn default_size() -> ByteSize {
        ByteSize::mebibytes(2048)
    }

    pub(super) fn problems(&self, config: &CollectorConfig) -> Vec<Problem> {
        let mut found = Vec::new();
        if !self.directory.starts_with('/') {
            found.push(Problem::new("spool.directory", "must be an absolute path"));
        }
        let request = config.limits.request_bytes.unwrap_or(REQUEST);
        let least = ByteSize(SMALLEST.0.max(request.0.saturating_mul(SEGMENTS)));
        if self.size.0 < least.0 {
            let message =
                format!("{} is too small; use at least {least}, four times limits.requestBytes ({request})", self.size);
            found.push(Problem::new("spool.size", message));
        }
        if self.max_age.is_some_and(|age| age.0 < SHORTEST_AGE) {
            let message = "is shorter than an outage that is worth waiting for; use at least 1m, or leave it out";
            found.push(Problem::new("spool.maxAge", message));
        }
        if let Some(siblings) = &self.siblings {
            found.extend(check::forward("spool.siblings", siblings));
            if config.role == Role::Agent {
                found.push(Problem::new("spool.siblings", "role agent does not use it; remove the section"));
            } else if config.forward.is_some() {
                let message = "a gateway that forwards makes no blocks to hand over; remove the section";
                found.push(Problem::new("spool.siblings", message));
            }
        }
        found
    }
}
