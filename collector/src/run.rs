//! COMPOSITION: builds the stages, connects their queues, and owns the order of start and stop.
//!
//! Start: outlet, then line, then sockets, so that whatever is accepted has somewhere to go. Stop: not ready, a
//! moment for the world to look away, sockets, line, outlet; everything accepted is answered on the way.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use crds::config::{ClickHouse, Forward};
use prometheus_client::registry::Registry;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
};

use crate::{
    admin::{self, Health},
    assemble::{self, Assembler},
    budget::Budget,
    delivery::Delivery,
    forward::{Forwarder, peers::Peers},
    insert::{Client, Inserter},
    metrics::{BudgetGauge, Pipeline},
    receive::{Intake, listener, otlp_grpc, otlp_http},
    role::{Outlet, outlet},
    schema::{Schema, State},
    settings::Settings,
};

mod signals;

use signals::Signals;

/// Deliveries between the sockets and the line. Few: what waits here is admitted already, and a longer queue
/// would only hide from the budget that the line is behind.
const DELIVERIES: usize = 64;

/// Sealed blocks between the line and the inserts in flight: one to send while the next is made.
const BLOCKS: usize = 1;

/// The outlet, running.
struct Line {
    deliveries: mpsc::Sender<Delivery>,
    destination: Option<watch::Receiver<State>>,
    /// Speaks when the last delivery is answered for.
    done: oneshot::Receiver<()>,
}

/// Runs a collector until it is told to stop.
///
/// # Errors
/// A socket could not be opened, or the stop took longer than allowed.
pub async fn run(settings: Settings) -> Result<()> {
    // First: a process that is process 1 ignores a signal nobody has asked for.
    let mut signals = Signals::new()?;
    let mut registry = Registry::default();
    let metrics = Arc::new(Pipeline::new(&mut registry));
    let budget = Budget::new(settings.memory_budget);
    registry.register_collector(Box::new(BudgetGauge(budget.clone())));

    let (stop, stopping) = watch::channel(false);
    let (drain, draining) = watch::channel(false);
    let line = start_line(&settings, &metrics)?;
    let health = Health {
        destination: line.destination,
        line: (outlet(settings.config.role) == Outlet::ClickHouse).then(|| Arc::clone(&metrics)),
        stopping,
    };
    let intake = Intake { deliveries: line.deliveries, budget, request_limit: settings.request_limit };
    let mut admin = start_admin(&settings, health, registry).await?;
    let mut sockets = start_sockets(&settings, intake, draining).await?;
    tracing::info!(role = settings.config.role.as_str(), budget = settings.memory_budget, "collector started");

    signals.stop().await;
    tracing::info!("stopping: no longer ready");
    stop.send_replace(true);
    let shutdown = settings.config.shutdown;
    tokio::time::sleep(shutdown.lame_duck.0).await;
    drain.send_replace(true);
    let stopped = tokio::time::timeout(shutdown.timeout.0, async {
        while sockets.join_next().await.is_some() {}
        let _ = line.done.await;
    });
    let is_complete = stopped.await.is_ok();
    admin.shutdown().await;
    if !is_complete {
        bail!("not everything was answered within shutdown.timeout ({}); senders will send it again", shutdown.timeout);
    }
    tracing::info!("stopped: everything accepted is answered");
    Ok(())
}

/// Creates the tables once, for `migrate`.
///
/// # Errors
/// The role has no ClickHouse, or ClickHouse refused.
pub async fn migrate(settings: &Settings) -> Result<()> {
    let clickhouse = settings
        .config
        .clickhouse
        .as_ref()
        .context("this role has no clickhouse section, so there is nothing to migrate")?;
    schema(clickhouse, &Client::new(clickhouse)).migrate().await?;
    Ok(())
}

fn start_line(settings: &Settings, metrics: &Arc<Pipeline>) -> Result<Line> {
    match (outlet(settings.config.role), &settings.config.clickhouse, &settings.config.forward) {
        (Outlet::ClickHouse, Some(clickhouse), _) => start_inserting(settings, clickhouse, metrics),
        (Outlet::Gateway, _, Some(forward)) => Ok(start_forwarding(forward, metrics)),
        _ => bail!("the role has no outlet; check the configuration with check-config"),
    }
}

fn start_inserting(settings: &Settings, clickhouse: &ClickHouse, metrics: &Arc<Pipeline>) -> Result<Line> {
    let client = Client::new(clickhouse);
    let missing_table = Arc::new(Notify::new());
    let (state, destination) = watch::channel(State::Unknown);
    tokio::spawn(schema(clickhouse, &client).keep(Arc::clone(&missing_table), state));

    let (block_sender, blocks) = mpsc::channel(BLOCKS);
    let inserter = Inserter { client, retry_for: clickhouse.retry_for.0, metrics: Arc::clone(metrics), missing_table };
    let done = finishing(inserter.run(blocks));

    let (deliveries, delivered) = mpsc::channel(DELIVERIES);
    let assembler = Assembler::new(settings.blocks, Arc::clone(metrics));
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("assemble".to_owned())
        .spawn(move || assemble::run(assembler, delivered, &block_sender, &runtime))
        .context("cannot start the assembling thread")?;
    Ok(Line { deliveries, destination: Some(destination), done })
}

fn start_forwarding(forward: &Forward, metrics: &Arc<Pipeline>) -> Line {
    let peers = Peers::new(&forward.endpoint);
    tokio::spawn(peers.clone().watch());
    let forwarder =
        Forwarder { peers, timeout: forward.timeout.0, retry_for: forward.retry_for.0, metrics: Arc::clone(metrics) };
    let (deliveries, delivered) = mpsc::channel(DELIVERIES);
    Line { deliveries, destination: None, done: finishing(forwarder.run(delivered)) }
}

async fn start_admin(settings: &Settings, health: Health, registry: Registry) -> Result<JoinSet<()>> {
    // Never told to stop: probes must see "shutting down" to the end.
    let (_, forever) = watch::channel(false);
    let registry = Arc::new(registry);
    let addresses = &settings.config.admin;
    let health_socket = listener::bind(addresses.health)
        .await
        .with_context(|| format!("cannot listen on admin.health {}", addresses.health))?;
    let metrics_socket = listener::bind(addresses.metrics)
        .await
        .with_context(|| format!("cannot listen on admin.metrics {}", addresses.metrics))?;
    let mut servers = JoinSet::new();
    servers.spawn(listener::serve(health_socket, move |request| health.answer(&request), forever.clone()));
    servers.spawn(listener::serve(metrics_socket, move |request| admin::scrape(&request, &registry), forever));
    Ok(servers)
}

async fn start_sockets(settings: &Settings, intake: Intake, draining: watch::Receiver<bool>) -> Result<JoinSet<()>> {
    let otlp = &settings.config.receivers.otlp;
    let grpc_socket = listener::bind(otlp.grpc)
        .await
        .with_context(|| format!("cannot listen on receivers.otlp.grpc {}", otlp.grpc))?;
    let http_socket = listener::bind(otlp.http)
        .await
        .with_context(|| format!("cannot listen on receivers.otlp.http {}", otlp.http))?;
    let mut sockets = JoinSet::new();
    let grpc = intake.clone();
    sockets.spawn(listener::serve(
        grpc_socket,
        move |request| otlp_grpc::serve(request, grpc.clone()),
        draining.clone(),
    ));
    sockets.spawn(listener::serve(http_socket, move |request| otlp_http::serve(request, intake.clone()), draining));
    Ok(sockets)
}

fn schema(clickhouse: &ClickHouse, client: &Client) -> Schema {
    Schema { client: client.clone(), retention: clickhouse.retention.logs.0 }
}

/// Runs a stage and tells when it has ended.
fn finishing(stage: impl Future<Output = ()> + Send + 'static) -> oneshot::Receiver<()> {
    let (done, is_done) = oneshot::channel();
    tokio::spawn(async move {
        stage.await;
        let _ = done.send(());
    });
    is_done
}

/// Longest time the runtime waits for stray tasks at the very end.
pub const RUNTIME_STOP: Duration = Duration::from_secs(1);
