//! READS: everything the spec points at, the children there are, and how their pods fare.
//!
//! Comes in: a resource. Goes out: [`Resolved`], [`Observed`]. Must not write, and must not keep secret values: of
//! a Secret only the names of its keys and its version leave this module.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crds::{
    config::Role,
    v1alpha1::{ClickStackCollector, Status},
};
use k8s_openapi::{
    api::core::v1::{self, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::ListParams,
    core::{ApiResource, DynamicObject},
    runtime::reflector::ObjectRef,
};
use serde_json::Value;

use crate::{
    desired::Kind,
    labels,
    references::{Content, Found, Reference, Referent, references},
    status::{Observed, Trouble, Way, Workload, pods, workload, workload::not_started},
    watch::{Caches, Guarded, shelf::place},
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the first lists of the watches are not complete after {0:?}; see the log for the watch that fails")]
    NotSynced(Duration),
    #[error("cannot read {kind} {name}")]
    Content { kind: &'static str, name: String, source: kube::Error },
    #[error("cannot read the resource's status")]
    Status(#[source] kube::Error),
}

/// What the spec points at, and what is there.
#[derive(Debug)]
pub struct Resolved {
    pub found: Found,
    pub children: Vec<Live>,
}

/// A child as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub kind: Kind,
    pub name: String,
    pub object: Value,
}

/// Namespace and object.
type Place = (String, Referent);
/// The resource version an object was read at, and what was found.
type Known = (String, Content);

/// Answers questions about one scope.
pub struct Reader {
    client: Client,
    caches: Caches,
    /// Secrets and ConfigMaps in use, with the version they were read at.
    contents: Mutex<HashMap<Place, Known>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Lists of a large cluster take seconds; a watch that may not list never comes.
const SYNC_WITHIN: Duration = Duration::from_secs(30);

/// From a pod that could not be made to the event that says so.
const EVENT_WITHIN: Duration = Duration::from_secs(2);
/// Events of one kind about one object are few: they are counted up.
const MOST_EVENTS: u32 = 50;

impl Reader {
    pub fn new(client: Client, caches: Caches) -> Self {
        Self { client, caches, contents: Mutex::default() }
    }

    /// # Errors
    /// The caches are not filled, or a Secret or ConfigMap cannot be read.
    pub async fn resolve(&self, resource: &ClickStackCollector) -> Result<Resolved, Error> {
        self.synced().await?;
        let namespace = resource.namespace().unwrap_or_default();
        let mut found = Found::new();
        for Reference { referent, .. } in references(&resource.spec) {
            if !found.contains_key(&referent)
                && let Some(content) = self.content(&namespace, &referent).await?
            {
                found.insert(referent, content);
            }
        }
        Ok(Resolved { found, children: self.children(resource) })
    }

    /// # Errors
    /// The caches are not filled yet.
    pub async fn synced(&self) -> Result<(), Error> {
        let synced = tokio::time::timeout(SYNC_WITHIN, self.caches.synced()).await;
        synced.map_err(|_| Error::NotSynced(SYNC_WITHIN))
    }

    /// Children that belong to this very resource, own writes included.
    pub fn children(&self, resource: &impl Resource) -> Vec<Live> {
        Kind::ALL.into_iter().flat_map(|kind| self.of_kind(kind, resource)).collect()
    }

    fn of_kind(&self, kind: Kind, resource: &impl Resource) -> Vec<Live> {
        let meta = resource.meta();
        let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), resource.name_any());
        let uid = meta.uid.as_deref().unwrap_or_default();
        let found = self.caches.children.of(kind, namespace, &name).into_iter();
        let live = found.filter(|object| is_owned(object, uid)).map(|object| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            Live { kind, name, object }
        });
        live.collect()
    }

    /// How the roles of a resource fare, of those that have a workload.
    pub async fn observed(&self, resource: &impl Resource, now: Timestamp) -> Vec<Observed> {
        let pods = self.pods(resource);
        let workloads = Kind::ALL.into_iter().filter(|kind| kind.is_workload());
        let children: Vec<_> = workloads.flat_map(|kind| self.of_kind(kind, resource)).collect();
        let mut roles: BTreeMap<Role, Vec<(String, &Live, Workload)>> = BTreeMap::new();
        // A workload that is going away has nothing to say.
        let is_staying = |child: &&Live| child.object["metadata"]["deletionTimestamp"].is_null();
        for child in children.iter().filter(is_staying) {
            let Some((role, found)) = workload::read(child.kind, &child.object) else { continue };
            let created = child.object["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
            roles.entry(role).or_default().push((created, child, found));
        }
        let mut all = Vec::new();
        for (role, (child, workload)) in roles.into_iter().filter_map(|(role, found)| Some((role, newest(found)?))) {
            let of_role: Vec<_> = pods.iter().filter(|pod| labels::role_of(pod.labels()) == Some(role)).collect();
            let mut seen = Observed::new(role, workload, of_role.iter().map(|pod| std::sync::Arc::as_ref(pod)), now);
            if role == Role::Gateway {
                let living = of_role.iter().filter(|pod| pods::counts(pod));
                seen.ways = living.map(|pod| Way { pod: pod.name_any(), word: self.caches.sights.of(pod) }).collect();
            }
            if seen.lacks_pods_for_no_reason() && child.kind != Kind::Deployment {
                match self.refused_pods(child).await {
                    Some(trouble) => seen.troubles.push(trouble),
                    None => seen.look_again_in(EVENT_WITHIN),
                }
            }
            all.push(seen);
        }
        // In the order of the flow back from ClickHouse: what is wrong with gateways is told before what waits for them.
        all.sort_by_key(|seen| std::cmp::Reverse(seen.role));
        all
    }

    /// Why a workload's controller cannot make pods. A Deployment says so in its status; others only in an event.
    async fn refused_pods(&self, child: &Live) -> Option<Trouble> {
        let text = |field: &str| child.object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let selector = format!("involvedObject.uid={},reason=FailedCreate", text("uid"));
        let events: Api<v1::Event> = Api::namespaced(self.client.clone(), &text("namespace"));
        let found = events.list(&ListParams::default().fields(&selector).limit(MOST_EVENTS)).await;
        // Without the right to read events the numbers of the workload have to do.
        let found = found.map(|found| found.items).unwrap_or_default();
        let last = found.into_iter().max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0))?;
        Some(not_started("FailedCreate", last.message.as_deref().unwrap_or("the reason is not told")))
    }

    /// The status last written, which the watch may not have brought yet.
    ///
    /// # Errors
    /// A resource that cannot be read as a whole is asked for, and the answer does not come.
    pub async fn status(&self, resource: &Guarded) -> Result<Option<Status>, Error> {
        let (name, namespace) = (resource.name_any(), resource.namespace().unwrap_or_default());
        let stored = self.caches.resources.get(&ObjectRef::from_obj(resource));
        let version = stored.as_ref().and_then(|stored| stored.resource_version());
        if let Some(written) = self.caches.unseen.newer(&namespace, &name, version.as_deref()) {
            return Ok(serde_json::from_value(written).ok());
        }
        if let Some(Ok(stored)) = stored.as_ref().map(|stored| &stored.0) {
            return Ok(stored.status.clone());
        }
        let kind = ApiResource::erase::<ClickStackCollector>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, &kind);
        let object = api.get_opt(&name).await.map_err(Error::Status)?;
        Ok(object.and_then(|mut object| serde_json::from_value(object.data["status"].take()).ok()))
    }

    fn pods(&self, resource: &impl Resource) -> Vec<std::sync::Arc<Pod>> {
        let namespace = resource.meta().namespace.as_deref().unwrap_or_default();
        self.caches.pods.of(&place(namespace, &resource.name_any()))
    }

    /// The keys of a Secret or ConfigMap, read again only when its version changed.
    async fn content(&self, namespace: &str, referent: &Referent) -> Result<Option<Content>, Error> {
        let place = (namespace.to_owned(), referent.clone());
        let version = self.caches.version(namespace, referent);
        if let Some((known, content)) = self.contents.lock().unwrap_or_else(PoisonError::into_inner).get(&place)
            && Some(known) == version.as_ref()
        {
            return Ok(Some(content.clone()));
        }
        let read = self.read(namespace, referent).await;
        let (kind, name) = (referent.kind(), referent.name().to_owned());
        let read = read.map_err(|error| Error::Content { kind, name, source: error })?;
        let mut known = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((meta, keys)) = read else {
            known.remove(&place);
            return Ok(None);
        };
        let read_at = meta.resource_version.unwrap_or_default();
        let content = Content { keys, version: format!("{}/{read_at}", meta.uid.unwrap_or_default()) };
        known.insert(place, (read_at, content.clone()));
        Ok(Some(content))
    }

    async fn read(&self, namespace: &str, referent: &Referent) -> kube::Result<Option<(ObjectMeta, BTreeSet<String>)>> {
        match referent {
            Referent::Secret(name) => {
                let api: Api<v1::Secret> = Api::namespaced(self.client.clone(), namespace);
                let read = api.get_opt(name).await?;
                Ok(read.map(|secret| (secret.metadata, secret.data.unwrap_or_default().into_keys().collect())))
            }
            Referent::ConfigMap(name) => {
                let api: Api<v1::ConfigMap> = Api::namespaced(self.client.clone(), namespace);
                let read = api.get_opt(name).await?;
                Ok(read.map(|map| {
                    let texts = map.data.unwrap_or_default().into_keys();
                    (map.metadata, texts.chain(map.binary_data.unwrap_or_default().into_keys()).collect())
                }))
            }
        }
    }
}

/// The workload of a role. One that it takes over from counts as pods of an earlier generation, even if it has none: it
/// is still there.
fn newest(mut workloads: Vec<(String, &Live, Workload)>) -> Option<(&Live, Workload)> {
    workloads.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let (_, child, newest) = workloads.pop()?;
    let earlier: i32 = workloads.iter().map(|(.., workload)| workload.total.max(1)).sum();
    Some((child, Workload { total: newest.total + earlier, ..newest }))
}

fn is_owned(object: &Value, uid: &str) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().any(|owner| owner["uid"] == uid)
}
