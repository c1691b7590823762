//! What follows a reconcile: comes in how it ended, goes out a line of the history, and when a failed one is tried again.

use std::{sync::Arc, time::Instant};

use kube::{Resource as _, ResourceExt as _, runtime::controller::Action};

use super::{Attempt, Context};
use crate::{
    error::{Error, chain},
    history::{self, History, Last},
    watch::Guarded,
};

pub(super) fn remember(
    resource: &Guarded,
    attempt: &Attempt,
    unreported: Option<&Error>,
    begun: Instant,
    history: &History,
) {
    let failed = |error: &Error| (history::Outcome::Failed, Some(error.reason()));
    let (outcome, reason) = match (attempt, unreported) {
        (Attempt::Failed(error), _) | (_, Some(error)) => failed(error),
        (Attempt::Applied(..), None) => (history::Outcome::Applied, None),
        (Attempt::Refused(_), None) => (history::Outcome::Refused, None),
    };
    let generation = resource.meta().generation.unwrap_or_default();
    let last = Last::now(generation, begun.elapsed(), outcome, reason);
    history.note(&resource.namespace().unwrap_or_default(), &resource.name_any(), last);
}

/// What becomes of a failed reconcile: it is counted, logged, and tried again later each time.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
pub fn failed(resource: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    let delay = context.backoff.failed(&resource.uid().unwrap_or_default());
    context.metrics.failed(error.reason());
    tracing::warn!(
        namespace = resource.namespace(),
        resource = resource.name_any(),
        error = chain(error),
        retry_in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        "reconcile failed"
    );
    Action::requeue(delay)
}
