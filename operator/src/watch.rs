//! Which object wakes which ClickStackCollector, and what is remembered of all of them.
//!
//! Comes in: watches of the API server. Goes out: a controller that wakes, and [`Caches`] that are never behind
//! what woke it. Must not decide anything.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

use crds::v1alpha1::ClickStackCollector;
use futures::{Stream, StreamExt as _, TryStreamExt as _, future, stream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{ConfigMap, Pod, PodStatus, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::{ApiResource, DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, PredicateConfig, WatchStreamExt as _, predicates,
        reflector::{ObjectRef, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::watch::Sender;

use crate::{
    desired::Kind,
    labels,
    metrics::Metrics,
    references::{Referent, references},
    sight::Sights,
};

mod children;
pub mod shelf;
mod told;
pub mod unseen;

pub use children::Children;
use shelf::{Item, Place, Shelf};
pub use told::Told;
use unseen::Unseen;

/// A resource that may have been stored before the schema was what it is: one that cannot be read must not hide
/// the others.
pub type Guarded = DeserializeGuard<ClickStackCollector>;

/// The pods of all resources, as much of them as is looked at.
pub type Pods = Arc<Shelf<Arc<Pod>>>;

/// Everything the operator knows of one scope (all namespaces, or one) without asking.
#[derive(Clone, Debug)]
pub struct Caches {
    pub resources: Store<Guarded>,
    pub children: Arc<Children>,
    pub pods: Pods,
    /// Names and versions of Secrets, and of ConfigMaps of others. Their contents are not watched.
    pub secrets: Store<PartialObjectMeta<Secret>>,
    pub foreign_config_maps: Store<PartialObjectMeta<ConfigMap>>,
    /// Own statuses that the store has not seen yet.
    pub unseen: Arc<Unseen>,
    /// What gateways tell, by their pods.
    pub sights: Sights,
    lists: Lists,
    /// Changes with every event of a resource.
    touched: tokio::sync::watch::Receiver<()>,
}

/// First lists that are still to come. A store's own `wait_until_ready` wakes only the last of those who wait, and
/// the controller waits too, so completeness is counted here.
#[derive(Clone, Debug)]
struct Lists(Arc<Sender<usize>>);

impl Lists {
    fn are_complete(&self) -> bool {
        *self.0.borrow() == 0
    }
}

impl Caches {
    /// The version of a Secret or ConfigMap that a resource points at.
    pub fn version(&self, namespace: &str, referent: &Referent) -> Option<String> {
        match referent {
            Referent::Secret(name) => self.secrets.get(&ObjectRef::new(name).within(namespace))?.resource_version(),
            Referent::ConfigMap(name) => {
                self.foreign_config_maps.get(&ObjectRef::new(name).within(namespace))?.resource_version()
            }
        }
    }

    /// Ends when everything that existed at the start is known; before that, whatever exists would look missing.
    ///
    pub async fn synced(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.lists.0.subscribe().wait_for(|missing| *missing == 0).await;
    }

    /// Speaks after anything has happened to a resource, its end included.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<()> {
        self.touched.clone()
    }
}

/// The controller of one scope and its caches; `None` is all namespaces. Nothing is read before it runs.
pub fn watch(client: &Client, namespace: Option<&str>, metrics: &Metrics) -> (Controller<Guarded>, Caches) {
    let source = Source {
        client: client.clone(),
        namespace: namespace.map(str::to_owned),
        lists: Lists(Arc::new(Sender::new(0))),
    };

    let (unseen, users) = (Arc::new(Unseen::default()), Arc::new(Shelf::default()));
    let (written, pointing) = (unseen.clone(), users.clone());
    let (resources, triggers) = source.objects::<Guarded>(
        config(),
        |_| {},
        move |event| {
            written.take_in(event);
            pointing.take_in(event, pointing_at);
        },
    );
    let children = Arc::new(Children::default());
    let of_children = Kind::ALL.map(|kind| {
        let api = source.api_with(&kind.api_resource());
        source.kept(api, children.shelf(kind), children::shelve).boxed()
    });
    let pods = Pods::default();
    let of_pods = source.kept(source.api(), pods.clone(), shelve_pod);
    let (secrets, secret_events) = source.objects(config(), prune_metadata, |_| {});
    let of_others = config().labels(&labels::not_ours());
    let (foreign_config_maps, map_events) = source.objects(of_others, prune_metadata, |_| {});

    let (touch, touched) = tokio::sync::watch::channel(());
    let triggers = triggers.inspect_ok(move |_| touch.send_replace(()));
    // Own status writes must not wake: a status that tells of a failure would defeat the back-off.
    let changes = triggers.predicate_filter(predicates::generation, PredicateConfig::default());
    let (of_secret, of_map) = (Users::new(&users, &source.lists), Users::new(&users, &source.lists));
    let (sights, news) = Sights::new(pods.clone(), metrics.clone());
    let controller = Controller::for_stream(changes, resources.clone())
        .reconcile_on(stream::select_all(of_children))
        .reconcile_on(of_pods)
        .watches_stream(secret_events, move |secret| of_secret.of(&secret, Referent::Secret))
        .watches_stream(map_events, move |map| of_map.of(&map, Referent::ConfigMap))
        .reconcile_on(news);
    let lists = source.lists;
    let caches = Caches { resources, children, pods, secrets, foreign_config_maps, unseen, sights, lists, touched };
    (controller, caches)
}

/// Objects of one page of a list: as many are in memory as they came, managed fields and all.
const PAGE: u32 = 100;

fn config() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

struct Source {
    client: Client,
    namespace: Option<String>,
    lists: Lists,
}

type Objects<K> = stream::BoxStream<'static, Result<K, watcher::Error>>;

impl Source {
    fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self) -> Api<K> {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn api_with(&self, kind: &ApiResource) -> Api<Told> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, kind),
            None => Api::all_with(self.client.clone(), kind),
        }
    }

    /// A store, and the stream that fills it. `see` runs when the store has taken an event in.
    fn objects<K>(
        &self,
        config: watcher::Config,
        prune: fn(&mut K),
        mut see: impl FnMut(&watcher::Event<K>) + Send + 'static,
    ) -> (Store<K>, Objects<K>)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let writer = Writer::default();
        let reader = writer.as_reader();
        let mut first = self.first_list();
        let events = watcher(self.api(), config).default_backoff().modify(move |object: &mut K| {
            object.managed_fields_mut().clear();
            prune(object);
        });
        let events = events.reflect(writer).inspect_ok(move |event| {
            see(event);
            first.follow(event);
        });
        (reader, logged(events.touched_objects(), K::kind(&()).into_owned()).boxed())
    }

    /// Keeps objects on a shelf, and tells whom there is news for. What the first lists bring is none: nobody is looked
    /// at before they are complete.
    fn kept<K, T>(
        &self,
        api: Api<K>,
        shelf: Arc<Shelf<T>>,
        shelve: fn(&K) -> Item<T>,
    ) -> impl Stream<Item = ObjectRef<Guarded>> + Send + 'static
    where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
        T: Clone + Send + 'static,
    {
        let mut first = self.first_list();
        let path = api.resource_url().to_owned();
        let events = watcher(api, config().labels(&labels::watched())).default_backoff();
        let news = events.map_ok(move |event| {
            let is_end = matches!(event, watcher::Event::InitDone);
            let owners = shelf.take_in(&event, shelve);
            let is_news = first.lists.are_complete();
            first.ends_if(is_end);
            stream::iter(owners.into_iter().filter(move |_| is_news).map(|owner| Ok(resource_at(&owner))))
        });
        logged(news.try_flatten(), path).filter_map(|owner| future::ready(owner.ok()))
    }

    fn first_list(&self) -> FirstList {
        self.lists.0.send_modify(|missing| *missing += 1);
        FirstList { lists: self.lists.clone(), is_over: false }
    }
}

/// A watch that starts over lists again; only its first list is waited for.
struct FirstList {
    lists: Lists,
    is_over: bool,
}

impl FirstList {
    fn follow<K>(&mut self, event: &watcher::Event<K>) {
        self.ends_if(matches!(event, watcher::Event::InitDone));
    }

    /// Once what it brought is kept.
    fn ends_if(&mut self, is_end: bool) {
        if is_end && !std::mem::replace(&mut self.is_over, true) {
            self.lists.0.send_modify(|missing| *missing -= 1);
        }
    }
}

/// A watch that fails is repeated, later each time; a person must see why.
fn logged<T>(
    objects: impl Stream<Item = Result<T, watcher::Error>>,
    of: String,
) -> impl Stream<Item = Result<T, watcher::Error>> {
    objects.filter(move |object| {
        if let Err(error) = object {
            tracing::warn!(of, error = crate::error::chain(error), "a watch failed");
        }
        future::ready(object.is_ok())
    })
}

/// The resource a pod was made for.
pub fn resource_of(pod: &Pod) -> Option<ObjectRef<Guarded>> {
    let name = pod.labels().get(labels::INSTANCE)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}

fn place_of(resource: &ObjectRef<Guarded>) -> Place {
    shelf::place(resource.namespace.as_deref().unwrap_or_default(), &resource.name)
}

fn resource_at(place: &Place) -> ObjectRef<Guarded> {
    let (namespace, name) = place.split_once('/').unwrap_or_default();
    ObjectRef::new(name).within(namespace)
}

/// What a resource points at, as owners of it, so to speak: who changes wakes it.
fn pointing_at(guarded: &Guarded) -> Item<ObjectRef<Guarded>> {
    let namespace = guarded.namespace().unwrap_or_default();
    let found = guarded.0.as_ref().map(|resource| references(&resource.spec)).unwrap_or_default();
    let places = found.into_iter().map(|reference| place_of_referent(&namespace, &reference.referent));
    let places: BTreeSet<_> = places.collect();
    Item::new(guarded, places.into_iter().collect(), ObjectRef::from_obj(guarded))
}

fn place_of_referent(namespace: &str, referent: &Referent) -> Place {
    format!("{}/{namespace}/{}", referent.kind(), referent.name()).into()
}

/// The resources that point at an object of others.
struct Users {
    shelf: Arc<Shelf<ObjectRef<Guarded>>>,
    lists: Lists,
}

impl Users {
    fn new(shelf: &Arc<Shelf<ObjectRef<Guarded>>>, lists: &Lists) -> Self {
        Self { shelf: Arc::clone(shelf), lists: lists.clone() }
    }

    fn of<K>(&self, object: &PartialObjectMeta<K>, kind: fn(String) -> Referent) -> Vec<ObjectRef<Guarded>> {
        if !self.lists.are_complete() {
            return Vec::new();
        }
        let metadata = &object.metadata;
        let referent = kind(metadata.name.clone().unwrap_or_default());
        self.shelf.of(&place_of_referent(metadata.namespace.as_deref().unwrap_or_default(), &referent))
    }
}

/// Keeps what `status` looks at: a large cluster has many pods.
fn shelve_pod(pod: &Pod) -> Item<Arc<Pod>> {
    let owner = resource_of(pod).map(|resource| place_of(&resource));
    let ObjectMeta { name, namespace, uid, labels, deletion_timestamp, .. } = pod.metadata.clone();
    let metadata = ObjectMeta { name, namespace, uid, labels, deletion_timestamp, ..ObjectMeta::default() };
    let status = pod.status.clone().map(|status| PodStatus {
        phase: status.phase,
        conditions: status.conditions,
        container_statuses: status.container_statuses,
        init_container_statuses: status.init_container_statuses,
        pod_ip: status.pod_ip,
        ..PodStatus::default()
    });
    Item::new(pod, owner.into_iter().collect(), Arc::new(Pod { metadata, spec: None, status }))
}

fn prune_metadata<K>(object: &mut PartialObjectMeta<K>) {
    object.metadata.annotations = None;
    object.metadata.labels = None;
    object.metadata.owner_references = None;
}
