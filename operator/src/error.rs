//! What can go wrong in a reconcile, and what becomes of it.
//!
//! A spec that cannot work and a Secret that is missing are no errors: they are states, and wait for a change.
//! What is here failed on the way, and is tried again, later each time.

use std::{collections::HashMap, error::Error as StdError, hash::BuildHasher as _, sync::Mutex, time::Duration};

use crate::{apply, resolve};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read what the resource points at")]
    Resolve(#[source] resolve::Error),
    #[error("cannot write the resource's objects")]
    Apply(#[source] apply::Error),
    #[error("cannot write the resource's status")]
    Report(#[source] apply::Error),
}

impl Error {
    /// For metrics: what failed.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "resolve",
            Self::Apply(_) => "apply",
            Self::Report(_) => "report",
        }
    }

    /// The API server refused an object for what it says, so only another spec can help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Apply(error) if error.is_invalid())
    }
}

/// An error and all its sources on one line. Of the API server's answers only the message is told.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut words = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(kube::Error::Api(status)) = error.downcast_ref::<kube::Error>() {
            words.push(status.message.clone());
            break;
        }
        words.push(error.to_string());
        next = error.source();
    }
    words.join(": ")
}

/// How often each resource failed in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
    jitter: std::hash::RandomState,
}

impl Backoff {
    /// When to try again after one more failure.
    pub fn failed(&self, uid: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        *count = count.saturating_add(1);
        delay(*count, self.jitter.hash_one((uid, *count)))
    }

    pub fn succeeded(&self, uid: &str) {
        self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(uid);
    }
}

/// 1 s, 2 s, 4 s … 60 s, each shortened by up to a quarter so that many resources do not return together.
fn delay(failures: u32, random: u64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(60);
    let doubled = Duration::from_secs(1 << failures.saturating_sub(1).min(6));
    let quarter = doubled.min(LONGEST) / 4;
    doubled.min(LONGEST) - quarter.mul_f64((random % 1000) as f64 / 1000.0)
}

#[cfg(test)]
mod tests;
