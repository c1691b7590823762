//! WRITES: children by server-side apply in the order they are needed, then prunes, and the status.
//!
//! Comes in: what should be and what is. Goes out: nothing, when both agree: an object that says already what is
//! wanted is not written. Must not touch what the resource does not own.

use std::{fmt, sync::Arc, time::Duration};

use crds::{
    config::Role,
    v1alpha1::{ClickStackCollector, Status},
};
use futures::future::{join, join_all, try_join_all};
use k8s_openapi::{api::events::v1::Event, jiff::Timestamp};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::{ApiResource, DynamicObject, PartialObjectMeta},
};
use serde_json::{Value, json};

use crate::{
    desired::{Child, Kind},
    metrics::Metrics,
    plan::Plan,
    resolve::Live,
    status::Transition,
    watch::{Children, Told, unseen::Unseen},
};

mod announcement;
mod bindings;
mod current;
mod fixed;
mod order;
mod replicas;
mod surplus;

pub use bindings::Bindings;
pub use current::is_current;
use replicas::with_replicas;
pub use surplus::surplus;

/// How long a workload may take to let go of its pods: the garbage collector is one request behind.
const GONE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A version no object has. Whoever applies and names a version changes an object of that version alone; where there is
/// no object, the version does not matter and one is made.
const OF_NOTHING: &str = "1";

/// The owner of every field the operator sets.
const FIELD_MANAGER: &str = "clickstack-operator";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {kind} {name}")]
    Read { kind: &'static str, name: String, source: kube::Error },
    #[error(
        "{kind} {name} exists and belongs to something else; delete it, or create this resource under another name"
    )]
    Taken { kind: &'static str, name: String },
    #[error("cannot write {kind} {name}")]
    Write { kind: &'static str, name: String, source: kube::Error },
    #[error("{kind} {name} must be made anew, and the old one is still being deleted after {GONE_WITHIN:?}")]
    Leaving { kind: &'static str, name: String },
    #[error("cannot delete {kind} {name}")]
    Delete { kind: &'static str, name: String, source: kube::Error },
    #[error("cannot write status")]
    Status(#[source] kube::Error),
}

impl Error {
    /// The API server understood the object and refuses what it says.
    pub fn is_invalid(&self) -> bool {
        self.is_answered(422) && !self.is_of_another()
    }

    /// The object that was to be changed has gone, and perhaps another has its name.
    fn is_of_another(&self) -> bool {
        let Self::Write { source: kube::Error::Api(status), .. } = self else { return false };
        let mut causes = status.details.iter().flat_map(|details| &details.causes);
        status.code == 409 || status.code == 422 && causes.any(|cause| cause.field == "metadata.uid")
    }

    fn is_answered(&self, code: u16) -> bool {
        matches!(self, Self::Write { source: kube::Error::Api(status), .. } if status.code == code)
    }
}

/// Writes into one scope.
pub struct Writer {
    pub client: Client,
    /// Learns of every answer.
    pub known: Arc<Children>,
    pub unseen: Arc<Unseen>,
    pub metrics: Metrics,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Makes `live` what `desired` says. Parts of a stage go out together: pods need all of the first, and a binding is
    /// refused while the Role it names is not there.
    ///
    /// Gives back the roles whose workloads wait for another's.
    ///
    /// # Errors
    /// The first write that failed. What was written stays.
    pub async fn apply(&self, plan: &Plan, desired: &[Child], live: &[Live]) -> Result<Vec<Role>, Error> {
        let (workloads, needed): (Vec<_>, Vec<_>) = desired.iter().partition(|child| child.kind.is_workload());
        let (bindings, needed): (Vec<_>, Vec<_>) =
            needed.into_iter().partition(|child| child.kind == Kind::RoleBinding);
        self.children(plan, &needed, live).await?;
        self.children(plan, &bindings, live).await?;
        let (gateways, others): (Vec<_>, Vec<_>) = workloads.into_iter().partition(|child| child.role == Role::Gateway);
        let (there, new): (Vec<_>, Vec<_>) = others.into_iter().partition(|child| found(child, live).is_some());
        let (has_written, made) = join(self.children(plan, &gateways, live), self.children(plan, &new, live)).await;
        let (has_written, _) = (has_written?, made?);
        let (waiting, others): (Vec<_>, Vec<_>) =
            there.into_iter().partition(|child| order::waits(child, live, has_written));
        self.children(plan, &others, live).await?;
        try_join_all(surplus(live, desired).into_iter().map(|child| self.delete(&plan.namespace, child))).await?;
        Ok(waiting.into_iter().map(|child| child.role).collect())
    }

    /// Whether there was anything to write. Each is written, whatever becomes of the others: a write that is dropped under
    /// way would be one that never comes about.
    async fn children(&self, plan: &Plan, children: &[&Child], live: &[Live]) -> Result<bool, Error> {
        let written = join_all(children.iter().map(|child| self.child(plan, child, live))).await;
        written.into_iter().try_fold(false, |any, written| Ok(written? || any))
    }

    /// Whether there was anything to write.
    async fn child(&self, plan: &Plan, child: &Child, live: &[Live]) -> Result<bool, Error> {
        let live = found(child, live);
        let object = with_replicas(child, live.map(|live| &live.object));
        match live {
            Some(live) if is_current(&child.object, &live.object) => return Ok(false),
            Some(live) if fixed::is_in_the_way(child.kind, &child.object, &live.object) => {
                self.leave_pods_alone(plan, live).await?;
                self.make(plan, child, &object).await?;
            }
            Some(live) => match self.change(plan, child, &object, &live.object["metadata"]["uid"]).await {
                Err(error) if error.is_of_another() => self.make(plan, child, &object).await?,
                changed => changed?,
            },
            None => self.make(plan, child, &object).await?,
        }
        Ok(true)
    }

    /// Applies what is not known to be there. Without a version, server-side apply would take over whatever has the name.
    async fn make(&self, plan: &Plan, child: &Child, object: &Value) -> Result<(), Error> {
        let mut new = object.clone();
        new["metadata"]["resourceVersion"] = json!(OF_NOTHING);
        match self.write(plan, child, &new).await {
            Err(error) if error.is_answered(409) => {}
            answered => return answered,
        }
        match self.own_uid(plan, child).await? {
            Some(uid) => self.change(plan, child, object, &json!(uid)).await,
            None => self.write(plan, child, &new).await,
        }
    }

    /// Applies to the object of this uid and to no other that has its name since.
    async fn change(&self, plan: &Plan, child: &Child, object: &Value, uid: &Value) -> Result<(), Error> {
        let mut this_one = object.clone();
        this_one["metadata"]["uid"] = uid.clone();
        self.write(plan, child, &this_one).await
    }

    async fn write(&self, plan: &Plan, child: &Child, object: &Value) -> Result<(), Error> {
        let (kind, name) = (child.kind.as_str(), child.name.clone());
        tracing::info!(namespace = plan.namespace, resource = plan.name, kind, name, "applies");
        self.metrics.wrote(kind, "apply");
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let sent = self.known.sends(child.kind);
        let written = self.api(child.kind, &plan.namespace).patch(&name, &parameters, &Patch::Apply(object)).await;
        let answer = written.map_err(|source| Error::Write { kind, name, source })?;
        self.known.wrote(child.kind, &answer, sent);
        Ok(())
    }

    /// The uid of what has a child's name, if anything has.
    async fn own_uid(&self, plan: &Plan, child: &Child) -> Result<Option<String>, Error> {
        let (kind, name) = (child.kind.as_str(), child.name.clone());
        let read = self.api(child.kind, &plan.namespace).get_metadata_opt(&name).await;
        let found = read.map_err(|source| Error::Read { kind, name: name.clone(), source })?;
        match found {
            Some(found) if !was_made_for(&found, plan) => Err(Error::Taken { kind, name }),
            found => Ok(found.and_then(|found| found.metadata.uid)),
        }
    }

    /// Deletes a workload without its pods, which the one of the same name takes over; ends when the name is free.
    async fn leave_pods_alone(&self, plan: &Plan, live: &Live) -> Result<(), Error> {
        let (kind, name) = (live.kind.as_str(), live.name.clone());
        tracing::info!(namespace = plan.namespace, kind, name, "makes anew, around its pods");
        self.metrics.wrote(kind, "delete");
        let api = self.api(live.kind, &plan.namespace);
        match api.delete(&name, &DeleteParams::orphan().preconditions(this_one(live))).await {
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => return Ok(()),
            Err(source) => return Err(Error::Delete { kind, name, source }),
            Ok(_) => {}
        }
        let end = tokio::time::Instant::now() + GONE_WITHIN;
        loop {
            let found = api.get_metadata_opt(&name).await;
            let found = found.map_err(|source| Error::Read { kind, name: name.clone(), source })?;
            if found.and_then(|found| found.metadata.uid).as_deref() != uid(live) {
                return Ok(());
            }
            if tokio::time::Instant::now() >= end {
                return Err(Error::Leaving { kind, name });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn delete(&self, namespace: &str, child: &Live) -> Result<(), Error> {
        let (kind, name) = (child.kind.as_str(), child.name.clone());
        tracing::info!(namespace, kind, name, "deletes");
        self.metrics.wrote(kind, "delete");
        let parameters = DeleteParams::background().preconditions(this_one(child));
        match self.api(child.kind, namespace).delete(&name, &parameters).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            Err(source) => Err(Error::Delete { kind, name, source }),
        }
    }

    /// # Errors
    /// The API server does not take it. A resource that is gone needs none.
    pub async fn status(&self, namespace: &str, name: &str, status: &Status) -> Result<(), Error> {
        let kind = ApiResource::erase::<ClickStackCollector>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &kind);
        // As a whole: what stood there before the first look is nobody's field and must go, and a definition that is
        // older than this operator drops what it does not know, where it would refuse to apply it.
        let whole = serde_json::from_value(json!([{"op": "add", "path": "/status", "value": status}]));
        let whole = whole.map_err(|error| Error::Status(kube::Error::SerdeError(error)))?;
        self.metrics.wrote("Status", "patch");
        let by = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_status(name, &by, &Patch::Json::<()>(whole)).await {
            Ok(answer) => self.unseen.wrote(answer),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(source) => return Err(Error::Status(source)),
        }
        Ok(())
    }

    /// Makes an event. It is for people: what becomes of it changes nothing.
    pub async fn announce(&self, resource: &impl Resource<DynamicType = ()>, transition: &Transition) {
        let event = announcement::event(resource, transition, Timestamp::now());
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        self.metrics.wrote("Event", "create");
        let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        if let Err(error) = events.create(&PostParams::default(), &event).await {
            tracing::debug!(namespace, error = crate::error::chain(&error), "an event was not taken");
        }
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<Told> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.api_resource())
    }
}

fn found<'a>(child: &Child, live: &'a [Live]) -> Option<&'a Live> {
    live.iter().find(|live| live.kind == child.kind && live.name == child.name)
}

fn uid(live: &Live) -> Option<&str> {
    live.object["metadata"]["uid"].as_str()
}

/// Not another that has its name since.
fn this_one(live: &Live) -> Preconditions {
    Preconditions { uid: uid(live).map(str::to_owned), resource_version: None }
}

/// Ours without the labels we watch by, or left over from a resource of the same name that was deleted.
fn was_made_for(found: &PartialObjectMeta<Told>, plan: &Plan) -> bool {
    let owners = found.metadata.owner_references.iter().flatten();
    owners.into_iter().any(|owner| {
        owner.kind == plan.owner.kind && owner.api_version == plan.owner.api_version && owner.name == plan.owner.name
    })
}
