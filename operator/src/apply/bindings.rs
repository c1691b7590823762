//! WRITES the bindings that let collectors read the cluster.
//!
//! Comes in: the resources there are, and the bindings as they are. Goes out: the two made equal, whenever one of them
//! changes. Must not write any other binding: the operator's own rights end at these names, and at the ClusterRoles they
//! bind, so the API server sees to it too.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crds::{config::Role, v1alpha1::ClickStackCollector};
use futures::{Stream, StreamExt as _, future};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::Value;
use tokio::sync::watch::{Receiver, Sender};

use super::FIELD_MANAGER;
use crate::{
    error::{Backoff, chain},
    grants,
    metrics::Metrics,
    status::Access,
    watch::Caches,
};

const KIND: &str = "ClusterRoleBinding";

/// Resources that change together make one write.
const PAUSE: Duration = Duration::from_millis(200);

/// For the first look at a binding, and for a write.
const WITHIN: Duration = Duration::from_secs(30);

/// The bindings of one operator: none, where it is limited to namespaces.
pub struct Bindings {
    client: Client,
    caches: Caches,
    metrics: Metrics,
    roles: Vec<Bound>,
    /// Rung when what is wrong with them changes.
    news: Sender<()>,
}

/// One ClusterRole and who is bound to it.
struct Bound {
    role: Role,
    cluster_role: String,
    /// None inside: it is known to be absent.
    live: Sender<Option<Option<Value>>>,
    trouble: Mutex<Option<String>>,
    /// One write at a time: each says everything.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bindings").finish_non_exhaustive()
    }
}

impl Bindings {
    pub fn new(client: Client, caches: Caches, metrics: Metrics, roles: Vec<(Role, String)>) -> Arc<Self> {
        let roles = roles.into_iter().map(|(role, cluster_role)| Bound {
            role,
            cluster_role,
            live: Sender::new(None),
            trouble: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        Arc::new(Self { client, caches, metrics, roles: roles.collect(), news: Sender::new(()) })
    }

    /// Gives a resource's collectors what they ask for: before they start, for without the right they would begin with a
    /// pause. What fails is repeated beside.
    pub async fn grant(&self, resource: &ClickStackCollector) -> Access {
        let mut access = Access::NotAsked;
        for role in grants::ASKING.into_iter().filter(|role| grants::asks(&resource.spec, *role)) {
            let Some(bound) = self.roles.iter().find(|bound| bound.role == role) else { return Access::OfOthers };
            let account = grants::account(resource, role);
            let is_held = bound.accounts().is_some_and(|held| held.contains(&account));
            // A binding that cannot be looked at is told by whoever looks.
            let is_hopeless = bound.live.borrow().is_none() && bound.trouble().is_some();
            if !is_held && !is_hopeless {
                let written = tokio::time::timeout(WITHIN, self.settle(bound)).await;
                bound.remember(
                    written.unwrap_or_else(|_| Err(format!("{KIND} {} is not known yet", bound.cluster_role))),
                );
            }
            match bound.trouble() {
                Some(cause) => return Access::Failed { cause },
                None => access = Access::Given,
            }
        }
        access
    }

    /// Something, whenever a resource should be told anew.
    pub fn news(&self) -> impl Stream<Item = ()> + Send + 'static {
        futures::stream::unfold(self.news.subscribe(), |mut news| async {
            news.changed().await.ok().map(|()| ((), news))
        })
    }

    /// Keeps them true, for ever.
    pub async fn keep(self: Arc<Self>) {
        future::join_all(self.roles.iter().map(|bound| self.keep_one(bound))).await;
    }

    async fn keep_one(&self, bound: &Bound) {
        let config = watcher::Config::default().fields(&format!("metadata.name={}", bound.cluster_role));
        let watched = watcher(Api::<ClusterRoleBinding>::all(self.client.clone()), config).default_backoff();
        let mut watched = watched.boxed();
        let (mut changes, backoff) = (self.caches.changes(), Backoff::default());
        let mut retry = None;
        let mut listed = None;
        loop {
            let before = bound.trouble();
            tokio::select! {
                event = watched.next() => match event {
                    Some(Ok(event)) => bound.take_in(event, &mut listed),
                    Some(Err(error)) => bound.remember(Err(format!("cannot watch {KIND} {}: {}", bound.cluster_role, chain(&error)))),
                    None => return,
                },
                () = settled_down(&mut changes) => {}
                () = tokio::time::sleep(retry.unwrap_or(Duration::MAX)), if retry.is_some() => {}
            }
            let is_known = bound.live.borrow().is_some();
            if is_known {
                let written = self.settle(bound).await;
                retry = written.is_err().then(|| backoff.failed(""));
                if written.is_ok() {
                    backoff.succeeded("");
                }
                bound.remember(written);
            }
            if bound.trouble() != before {
                self.news.send_replace(());
            }
        }
    }

    /// Makes the binding what the resources want, as soon as both are known.
    async fn settle(&self, bound: &Bound) -> Result<(), String> {
        self.caches.synced().await;
        // The sender lives in `bound`, so the wait cannot fail.
        let _ = bound.live.subscribe().wait_for(Option::is_some).await;
        let _turn = bound.turn.lock().await;
        let live = bound.live.borrow().clone().flatten().unwrap_or_default();
        let resources = self.caches.resources.state();
        let accounts = grants::wanted(bound.role, resources.iter().map(AsRef::as_ref), &grants::accounts(&live));
        let binding = grants::binding(&bound.cluster_role, &accounts);
        if grants::is_current(&binding, &live) {
            return Ok(());
        }
        let name = bound.cluster_role.as_str();
        tracing::info!(kind = KIND, name, accounts = accounts.len(), "applies");
        self.metrics.wrote(KIND, "apply");
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let api = Api::<ClusterRoleBinding>::all(self.client.clone());
        match api.patch(name, &parameters, &Patch::Apply(&binding)).await {
            Ok(answer) => bound.see(Some(answer)),
            Err(error) => {
                self.metrics.failed("bind");
                return Err(format!("cannot write {KIND} {name}: {}", chain(&error)));
            }
        }
        Ok(())
    }
}

impl Bound {
    fn accounts(&self) -> Option<BTreeSet<grants::Account>> {
        self.live.borrow().as_ref().map(|live| live.as_ref().map(grants::accounts).unwrap_or_default())
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, result: Result<(), String>) {
        if let Err(cause) = &result
            && self.trouble().as_ref() != Some(cause)
        {
            tracing::warn!(name = self.cluster_role, cause, "collectors may lack rights");
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = result.err();
    }

    /// `listed` is what a list that is under way has brought.
    fn take_in(&self, event: watcher::Event<ClusterRoleBinding>, listed: &mut Option<ClusterRoleBinding>) {
        match event {
            watcher::Event::Init => *listed = None,
            watcher::Event::InitApply(binding) => *listed = Some(binding),
            watcher::Event::InitDone => self.see(listed.take()),
            watcher::Event::Apply(binding) => self.see(Some(binding)),
            watcher::Event::Delete(_) => self.see(None),
        }
    }

    /// An event that is older than the answer to a write says nothing new.
    fn see(&self, binding: Option<ClusterRoleBinding>) {
        let binding = binding.and_then(|binding| serde_json::to_value(binding).ok());
        let version = |binding: &Value| binding["metadata"]["resourceVersion"].as_str()?.parse::<u64>().ok();
        self.live.send_modify(|live| {
            let known = live.as_ref().and_then(|live| version(live.as_ref()?));
            let is_older = binding.as_ref().and_then(version).is_some_and(|version| Some(version) < known);
            if !is_older {
                *live = Some(binding);
            }
        });
    }
}

/// A change, and a moment for those that come with it.
async fn settled_down(changes: &mut Receiver<()>) {
    if changes.changed().await.is_err() {
        future::pending::<()>().await;
    }
    tokio::time::sleep(PAUSE).await;
    changes.borrow_and_update();
}
