//! Composition: client, admin address, lease, one controller for each scope, and the order in which they end.
//!
//! Must not contain logic of its own.

use std::{sync::Arc, time::Duration};

use crds::config::Role;
use futures::{StreamExt as _, future};
use kube::{
    Client,
    runtime::controller::{Config, Error as ControllerError},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Health},
    apply::{Bindings, Writer},
    args::Args,
    error::{Backoff, chain},
    history::History,
    metrics::Metrics,
    reconcile::{Context, failed, reconcile},
    resolve::Reader,
    watch::watch,
};

mod lease;

use lease::Lease;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot connect to Kubernetes")]
    Client(#[source] kube::Error),
    #[error("cannot find out how to reach Kubernetes; run in a pod, or set KUBECONFIG")]
    Config(#[source] kube::config::InferConfigError),
    #[error("cannot serve probes")]
    Admin(#[source] admin::Error),
    #[error("cannot listen for signals")]
    Signal(#[source] std::io::Error),
    #[error("cannot lead")]
    Lease(#[source] lease::Error),
}

/// One child write makes several events within a few milliseconds; they are one wake.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Reconciles at once. Each sends what may go out together at once, up to eight requests: two keep an API server of two
/// processors busy, and more only wait in it, each for all the others.
const CONCURRENCY: u16 = 2;

/// # Errors
/// Whatever keeps the operator from its work for good; the process should end and be started again.
pub async fn run(args: Args) -> Result<(), Error> {
    let config = kube::Config::infer().await.map_err(Error::Config)?;
    let lease_namespace = args.lease_namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(Error::Client)?;
    let (health, metrics, history) = (Health::default(), Metrics::default(), History::default());
    let stop = stop_on_signal()?;
    let listener = admin::listen(args.admin_address).await.map_err(Error::Admin)?;
    tokio::spawn(admin::serve(listener, health.clone(), metrics.clone(), history.clone()));

    let identity = args.identity.clone().unwrap_or_else(lease::random_identity);
    let mut lease = Lease::new(client.clone(), &lease_namespace, &args.lease_name, identity);
    // Standing by is a healthy state.
    health.set_ready(true);
    tokio::select! {
        () = lease.acquire() => {}
        () = stop.cancelled() => return Ok(()),
    }
    metrics.leads(true);
    health.set_ready(false);
    let ended = tokio::select! {
        () = control(&args, &client, (&health, &metrics, &history), &stop) => Ok(()),
        error = lease.hold() => Err(Error::Lease(error)),
    };
    lease.release().await;
    ended
}

fn stop_on_signal() -> Result<CancellationToken, Error> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signal, stop) = (signal(kind).map_err(Error::Signal)?, stop.clone());
        tokio::spawn(async move {
            signal.recv().await;
            tracing::info!("asked to stop");
            stop.cancel();
        });
    }
    Ok(stop)
}

/// Runs until `stop`; reconciles that have begun are finished.
async fn control(
    args: &Args,
    client: &Client,
    (health, metrics, history): (&Health, &Metrics, &History),
    stop: &CancellationToken,
) {
    let scopes: Vec<_> = match args.namespaces.as_slice() {
        [] => vec![None],
        namespaces => namespaces.iter().map(|namespace| Some(namespace.clone())).collect(),
    };
    let synced = Arc::new(tokio::sync::Barrier::new(scopes.len()));
    let controllers = scopes.into_iter().map(|scope| {
        let (controller, caches) = watch(client, scope.as_deref(), metrics);
        metrics.conditions_of(caches.resources.clone());
        let bindings = Bindings::new(client.clone(), caches.clone(), metrics.clone(), bound_roles(args));
        tokio::spawn(bindings.clone().keep());
        let controller = controller.reconcile_all_on(bindings.news());
        let context = Context {
            bindings,
            reader: Reader::new(client.clone(), caches.clone()),
            writer: Writer {
                client: client.clone(),
                known: caches.children.clone(),
                unseen: caches.unseen.clone(),
                metrics: metrics.clone(),
            },
            default_image: args.collector_image.clone(),
            backoff: Backoff::default(),
            metrics: metrics.clone(),
            history: history.clone(),
        };
        let (health, synced, watched, resources) = (health.clone(), synced.clone(), caches.clone(), caches.resources);
        tokio::spawn(async move {
            watched.synced().await;
            if synced.wait().await.is_leader() {
                tracing::info!("leads, and knows what is there");
                health.set_ready(true);
            }
        });
        let (metrics, history) = (metrics.clone(), history.clone());
        controller
            .with_config(Config::default().debounce(DEBOUNCE).concurrency(CONCURRENCY))
            .graceful_shutdown_on(stop.clone().cancelled_owned())
            .run(reconcile, failed, Arc::new(context))
            .for_each(move |ended| {
                metrics.resources(scope.as_deref(), resources.len());
                log(ended, &history);
                future::ready(())
            })
    });
    future::join_all(controllers).await;
}

/// Only who looks after all namespaces can bind an account to what is in all of them.
fn bound_roles(args: &Args) -> Vec<(Role, String)> {
    let roles = [(Role::Agent, &args.agent_cluster_role), (Role::Cluster, &args.cluster_cluster_role)];
    let bound = roles.into_iter().filter_map(|(role, name)| Some((role, name.clone()?)));
    bound.filter(|_| args.namespaces.is_empty()).collect()
}

/// Failures of reconciles are logged where they are handled; a resource that is gone is no failure.
fn log<T>(ended: Result<T, ControllerError<crate::error::Error, kube::runtime::watcher::Error>>, history: &History) {
    match ended {
        Ok(_) | Err(ControllerError::ReconcilerFailed(..)) => {}
        Err(ControllerError::ObjectNotFound(gone)) => {
            history.forget(gone.namespace.as_deref().unwrap_or_default(), &gone.name);
        }
        Err(error) => tracing::warn!(error = chain(&error), "the controller's queue failed"),
    }
}
