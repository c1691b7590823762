//! THE STORY: resolve → validate → desire → apply → report.
//!
//! Comes in: the name of a resource that something happened to. Goes out: objects, a status, and when to look
//! again. Every way out passes the report.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::{config::Role, problem::Problem, v1alpha1::ClickStackCollector};
use k8s_openapi::jiff::Timestamp;
use kube::{Resource as _, ResourceExt as _, runtime::controller::Action};

use crate::{
    apply::{Bindings, Writer},
    desired::desired,
    error::{Backoff, Error, chain},
    history::History,
    metrics::Metrics,
    plan::Plan,
    resolve::Reader,
    status::{self, Access, Observed, Outcome},
    validate::{Refusal, validate},
    watch::Guarded,
};

mod ended;

pub use ended::failed;
use ended::remember;

/// What a reconcile may use.
#[derive(Debug)]
pub struct Context {
    pub reader: Reader,
    pub writer: Writer,
    pub bindings: Arc<Bindings>,
    pub default_image: String,
    pub backoff: Backoff,
    pub metrics: Metrics,
    pub history: History,
}

/// How far an attempt came. An error is reported, then returned.
enum Attempt {
    /// As planned, but for roles that wait for another.
    Applied(Box<Plan>, Vec<Role>),
    Refused(Refusal),
    Failed(Error),
}

/// # Errors
/// What failed on the way; the status says so too.
pub async fn reconcile(resource: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    // Children go with their owner; making them again would hold it up.
    if resource.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let (_timer, begun) = (context.metrics.reconciling(), Instant::now());
    let (access, attempt) = match &resource.0 {
        Ok(readable) => (context.bindings.grant(readable).await, attempt(readable, &context).await),
        Err(unreadable) => (Access::NotAsked, unreadable_spec(&unreadable.error)),
    };
    let reported = report(&resource, &attempt, &access, &context).await;
    remember(&resource, &attempt, reported.as_ref().err(), begun, &context.history);
    if let Attempt::Failed(error) = attempt {
        return Err(error);
    }
    let observed = reported?;
    context.backoff.succeeded(&resource.uid().unwrap_or_default());
    Ok(next_look(&observed))
}

async fn attempt(resource: &ClickStackCollector, context: &Context) -> Attempt {
    let resolved = match context.reader.resolve(resource).await {
        Ok(resolved) => resolved,
        Err(error) => return Attempt::Failed(Error::Resolve(error)),
    };
    let plan = match validate(resource, &resolved.found, &context.default_image) {
        Ok(plan) => plan,
        Err(refusal) => return Attempt::Refused(refusal),
    };
    match context.writer.apply(&plan, &desired(&plan), &resolved.children).await.map_err(Error::Apply) {
        Ok(waiting) => Attempt::Applied(Box::new(plan), waiting),
        Err(error) if error.is_final() => Attempt::Refused(Refusal::Invalid(vec![Problem::new("spec", chain(&error))])),
        Err(error) => Attempt::Failed(error),
    }
}

/// Stored before the schema was what it is.
fn unreadable_spec(error: &str) -> Attempt {
    let message = format!("cannot be read ({error}); mend it and apply it again");
    Attempt::Refused(Refusal::Invalid(vec![Problem::new("spec", message)]))
}

async fn report(
    resource: &Guarded,
    attempt: &Attempt,
    access: &Access,
    context: &Context,
) -> Result<Vec<Observed>, Error> {
    let (name, namespace) = (resource.name_any(), resource.namespace().unwrap_or_default());
    let previous = context.reader.status(resource).await.map_err(Error::Resolve)?;
    let now = Timestamp::now();
    let mut observed = context.reader.observed(resource, now).await;
    let cause;
    let outcome = match attempt {
        Attempt::Applied(plan, waiting) => {
            // What is there of them is of an earlier generation.
            let earlier = observed.iter_mut().filter(|seen| waiting.contains(&seen.role));
            earlier.for_each(|seen| seen.workload.is_believed = false);
            Outcome::Applied(plan)
        }
        Attempt::Refused(refusal) => Outcome::Refused(refusal),
        Attempt::Failed(error) => {
            cause = chain(error);
            Outcome::Failed { cause: &cause }
        }
    };
    let status = status::status(&status::Input {
        name: &name,
        namespace: &namespace,
        generation: resource.meta().generation.unwrap_or_default(),
        previous: previous.as_ref(),
        outcome,
        observed: &observed,
        access,
        now,
    });
    if previous.as_ref() != Some(&status) {
        context.writer.status(&namespace, &name, &status).await.map_err(Error::Report)?;
        for transition in status::transitions(previous.as_ref(), &status) {
            context.writer.announce(resource, &transition).await;
        }
    }
    Ok(observed)
}

/// Everything wakes by itself but the passing of time.
fn next_look(observed: &[Observed]) -> Action {
    let settles_in = observed.iter().filter_map(|seen| seen.settles_in).min();
    settles_in.map_or_else(Action::await_change, |left| Action::requeue(left + Duration::from_millis(20)))
}
