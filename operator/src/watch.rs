//! Which object wakes which ClickStackCollector, and what is remembered of all of them.
//!
//! Comes in: watches of the API server. Goes out: a controller that wakes, and [`Caches`] that are never behind
//! what woke it. Must not decide anything.

use std::{fmt::Debug, sync::Arc};

use crds::v1alpha1::ClickStackCollector;
use futures::{Stream, StreamExt as _, TryStreamExt as _, future};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{ConfigMap, Pod, PodStatus, Secret, Service, ServiceAccount},
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::PodDisruptionBudget,
        rbac::v1::{Role, RoleBinding},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::{DeserializeGuard, PartialObjectMeta},
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

pub mod unseen;

use unseen::Unseen;

/// A resource that may have been stored before the schema was what it is: one that cannot be read must not hide
/// the others.
pub type Guarded = DeserializeGuard<ClickStackCollector>;

/// Everything the operator knows of one scope (all namespaces, or one) without asking.
#[derive(Clone, Debug)]
pub struct Caches {
    pub resources: Store<Guarded>,
    pub service_accounts: Store<ServiceAccount>,
    pub roles: Store<Role>,
    pub role_bindings: Store<RoleBinding>,
    pub config_maps: Store<ConfigMap>,
    pub services: Store<Service>,
    pub ingresses: Store<Ingress>,
    pub disruption_budgets: Store<PodDisruptionBudget>,
    pub network_policies: Store<NetworkPolicy>,
    pub autoscalers: Store<HorizontalPodAutoscaler>,
    pub deployments: Store<Deployment>,
    pub stateful_sets: Store<StatefulSet>,
    pub daemon_sets: Store<DaemonSet>,
    pub pods: Store<Pod>,
    /// Names and versions of Secrets, and of ConfigMaps of others. Their contents are not watched.
    pub secrets: Store<PartialObjectMeta<Secret>>,
    pub foreign_config_maps: Store<PartialObjectMeta<ConfigMap>>,
    /// Own writes that the stores have not seen yet.
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
    let unseen = Arc::new(Unseen::default());
    let lists = Lists(Arc::new(Sender::new(0)));
    let namespace = namespace.map(str::to_owned);
    let source = Source { client: client.clone(), namespace, unseen: unseen.clone(), lists: lists.clone() };
    let everything = watcher::Config::default();
    let ours = watcher::Config::default().labels(&labels::watched());

    let (resources, triggers) = source.objects::<Guarded>(None, everything.clone(), |_| {});
    let (service_accounts, accounts) = source.objects(Some(Kind::ServiceAccount), ours.clone(), |_| {});
    let (roles, permissions) = source.objects(Some(Kind::Role), ours.clone(), |_| {});
    let (role_bindings, bindings) = source.objects(Some(Kind::RoleBinding), ours.clone(), |_| {});
    let (config_maps, maps) = source.objects(Some(Kind::ConfigMap), ours.clone(), |_| {});
    let (services, addresses) = source.objects(Some(Kind::Service), ours.clone(), |_| {});
    let (ingresses, ways_in) = source.objects(Some(Kind::Ingress), ours.clone(), |_| {});
    let (disruption_budgets, budgets) = source.objects(Some(Kind::PodDisruptionBudget), ours.clone(), |_| {});
    let (network_policies, policies) = source.objects(Some(Kind::NetworkPolicy), ours.clone(), |_| {});
    let (autoscalers, scalers) = source.objects(Some(Kind::HorizontalPodAutoscaler), ours.clone(), |_| {});
    let (deployments, gateways) = source.objects(Some(Kind::Deployment), ours.clone(), |_| {});
    let (stateful_sets, sets) = source.objects(Some(Kind::StatefulSet), ours.clone(), |_| {});
    let (daemon_sets, agents) = source.objects(Some(Kind::DaemonSet), ours.clone(), |_| {});
    let (pods, pod_events) = source.objects(None, ours, prune_pod);
    let (secrets, secret_events) = source.objects(None, everything, prune_metadata);
    let of_others = watcher::Config::default().labels(&labels::not_ours());
    let (foreign_config_maps, map_events) = source.objects(None, of_others, prune_metadata);

    let (touch, touched) = tokio::sync::watch::channel(());
    let triggers = triggers.inspect_ok(move |_| touch.send_replace(()));
    // Own status writes must not wake: a status that tells of a failure would defeat the back-off.
    let changes = triggers.predicate_filter(predicates::generation, PredicateConfig::default());
    let (secret_readers, map_readers) = (resources.clone(), resources.clone());
    let (sights, news) = Sights::new(pods.clone(), metrics.clone());
    let controller = Controller::for_stream(changes, resources.clone())
        .owns_stream(accounts)
        .owns_stream(permissions)
        .owns_stream(bindings)
        .owns_stream(maps)
        .owns_stream(addresses)
        .owns_stream(ways_in)
        .owns_stream(budgets)
        .owns_stream(policies)
        .owns_stream(scalers)
        .owns_stream(gateways)
        .owns_stream(sets)
        .owns_stream(agents)
        .watches_stream(pod_events, |pod: Pod| resource_of(&pod))
        .watches_stream(secret_events, move |secret| users_of(&secret_readers, &secret, Referent::Secret))
        .watches_stream(map_events, move |map| users_of(&map_readers, &map, Referent::ConfigMap))
        .reconcile_on(news);
    let caches = Caches {
        resources,
        service_accounts,
        roles,
        role_bindings,
        config_maps,
        services,
        ingresses,
        disruption_budgets,
        network_policies,
        autoscalers,
        deployments,
        stateful_sets,
        daemon_sets,
        pods,
        secrets,
        foreign_config_maps,
        unseen,
        sights,
        lists,
        touched,
    };
    (controller, caches)
}

struct Source {
    client: Client,
    namespace: Option<String>,
    unseen: Arc<Unseen>,
    lists: Lists,
}

type Objects<K> = futures::stream::BoxStream<'static, Result<K, watcher::Error>>;

impl Source {
    /// A store and the stream that fills it. Without a kind it is not written by `apply`, except for the
    /// resource's own status.
    fn objects<K>(&self, kind: Option<Kind>, config: watcher::Config, prune: fn(&mut K)) -> (Store<K>, Objects<K>)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let api = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let writer = Writer::default();
        let reader = writer.as_reader();
        let (unseen, lists) = (self.unseen.clone(), self.lists.clone());
        lists.0.send_modify(|missing| *missing += 1);
        let mut is_listed = false;
        let events = watcher(api, config).default_backoff().modify(move |object: &mut K| {
            object.managed_fields_mut().clear();
            prune(object);
        });
        let events = events.reflect(writer).inspect_ok(move |event| {
            forget(&unseen, kind, event);
            // A watch that starts over lists again; only its first list was waited for.
            if matches!(event, watcher::Event::InitDone) && !std::mem::replace(&mut is_listed, true) {
                lists.0.send_modify(|missing| *missing -= 1);
            }
        });
        (reader, logged(events.touched_objects()).boxed())
    }
}

/// A watch that fails is repeated, later each time; a person must see why.
fn logged<K>(objects: impl Stream<Item = Result<K, watcher::Error>>) -> impl Stream<Item = Result<K, watcher::Error>>
where
    K: Resource<DynamicType = ()>,
{
    objects.filter(|object| {
        if let Err(error) = object {
            tracing::warn!(kind = %K::kind(&()), error = crate::error::chain(error), "a watch failed");
        }
        future::ready(object.is_ok())
    })
}

/// Runs after the store has taken the event in.
fn forget<K: Resource<DynamicType = ()>>(unseen: &Unseen, kind: Option<Kind>, event: &watcher::Event<K>) {
    let kind = kind.map_or("", Kind::as_str);
    match event {
        watcher::Event::Apply(object) => unseen.seen(kind, object.meta()),
        watcher::Event::Delete(object) => unseen.deleted(kind, object.meta()),
        watcher::Event::InitDone => unseen.listed(kind),
        watcher::Event::Init | watcher::Event::InitApply(_) => {}
    }
}

/// The resource a pod was made for.
pub fn resource_of(pod: &Pod) -> Option<ObjectRef<Guarded>> {
    let name = pod.labels().get(labels::INSTANCE)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}

/// The resources that point at an object.
fn users_of<K>(
    resources: &Store<Guarded>,
    object: &PartialObjectMeta<K>,
    kind: fn(String) -> Referent,
) -> Vec<ObjectRef<Guarded>> {
    let referent = kind(object.metadata.name.clone().unwrap_or_default());
    let uses = |guarded: &Guarded| {
        let Ok(resource) = &guarded.0 else { return false };
        resource.namespace() == object.metadata.namespace
            && references(&resource.spec).iter().any(|reference| reference.referent == referent)
    };
    resources.state_filter(uses).iter().map(|resource| ObjectRef::from_obj(resource.as_ref())).collect()
}

/// Keeps what `status` looks at: a large cluster has many pods.
fn prune_pod(pod: &mut Pod) {
    pod.spec = None;
    pod.metadata.annotations = None;
    pod.metadata.owner_references = None;
    pod.status = pod.status.take().map(|status| PodStatus {
        phase: status.phase,
        conditions: status.conditions,
        container_statuses: status.container_statuses,
        init_container_statuses: status.init_container_statuses,
        pod_ip: status.pod_ip,
        ..PodStatus::default()
    });
}

fn prune_metadata<K>(object: &mut PartialObjectMeta<K>) {
    object.metadata.annotations = None;
    object.metadata.labels = None;
    object.metadata.owner_references = None;
}
