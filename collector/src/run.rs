//! COMPOSITION: builds the stages, connects their queues, and owns the order of start and stop.
//!
//! Start: outlet, then line, then sockets, so that whatever is accepted has somewhere to go. Stop: not ready, a
//! moment for the world to look away, sockets, line, outlet; everything accepted is answered on the way.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::{
    admin::Health,
    budget::Budget,
    insert::Client,
    metrics::{BudgetGauge, Pipeline, ProcessReadings, UnfinishedGauge},
    receive::{AHEAD, Intake, auth::opamp, deliver, stream},
    role::{Outlet, outlet},
    schema::Schema,
    settings::Settings,
};

mod cluster;
mod line;
mod signals;
mod sockets;
mod sources;

use line::start_line;
use signals::Signals;
use sockets::{guard, start_admin, start_sockets};
use sources::Sources;

/// ClickHouse has a quarter of the time to stop; then siblings are called, who need the rest where much is left.
const PATIENCE: u32 = 4;

/// Runs a collector until it is told to stop.
///
/// # Errors
/// A socket could not be opened, or the stop took longer than allowed.
pub async fn run(settings: Settings) -> Result<()> {
    // First: a process that is process 1 ignores a signal nobody has asked for.
    let mut signals = Signals::new()?;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ProcessReadings::starting_now()));
    let metrics = Arc::new(Pipeline::new(&mut registry));
    let budget = Budget::new(settings.request_budget());
    let (ahead, blocks) = (Budget::new(AHEAD), Budget::new(settings.memory_budget / 2));
    let gauge = BudgetGauge { held: budget.clone(), ahead: ahead.clone(), blocks: blocks.clone() };
    registry.register_collector(Box::new(gauge));

    let (stop, stopping) = watch::channel(false);
    let (drain, draining) = watch::channel(false);
    let (call_siblings, called) = watch::channel(false);
    let line = start_line(&settings, &metrics, blocks, &mut registry, called)?;
    let (guard, opamp) = guard(&settings, &mut registry)?;
    let health = Health {
        destination: line.destination,
        way: line.way,
        line: matches!(outlet(&settings.config), Some(Outlet::ClickHouse(_))).then(|| Arc::clone(&metrics.progress)),
        doubt: opamp.as_ref().map(opamp::Client::doubt),
        stopping,
    };
    let ill = {
        let health = health.clone();
        move || health.dead()
    };
    let sources = {
        let (deliveries, budget, stopping) = (line.deliveries.clone(), budget.clone(), draining.clone());
        Sources::new(&settings, &deliver::Outlet { deliveries, budget, stopping }, line.positions, &mut registry)?
    };
    let local_pods = sources.local_pods(&settings, &mut registry);
    let streams = Arc::new(stream::Metrics::new(&mut registry));
    let intake = Intake::new(line.deliveries, budget, ahead, settings.request_limit, metrics).knowing(local_pods);
    registry.register_collector(Box::new(UnfinishedGauge(intake.unfinished())));
    let mut admin = start_admin(&settings, health, registry).await?;
    let known = (line.handovers, line.keeper);
    let mut sockets = start_sockets(&settings, (intake, guard), known, streams, draining.clone()).await?;
    if let Some(opamp) = opamp {
        sockets.spawn(opamp.run(ill, draining));
    }
    sources.start(&settings, &mut sockets)?;
    tracing::info!(role = settings.config.role.as_str(), budget = settings.memory_budget, "collector started");

    signals.stop().await;
    tracing::info!("stopping: no longer ready");
    stop.send_replace(true);
    let shutdown = settings.config.shutdown;
    tokio::time::sleep(shutdown.lame_duck.0).await;
    drain.send_replace(true);
    let stopped = tokio::time::timeout(shutdown.timeout.0, async {
        let mut stop = std::pin::pin!(async {
            while sockets.join_next().await.is_some() {}
            let _ = line.done.await;
        });
        if tokio::time::timeout(shutdown.timeout.0 / PATIENCE, &mut stop).await.is_err() {
            call_siblings.send_replace(true);
            stop.await;
        }
    });
    let is_complete = stopped.await.is_ok();
    admin.shutdown().await;
    if !is_complete && settings.config.spool.is_some() {
        tracing::warn!("stopped: what is not stored yet waits in the spool for the next process on it");
        return Ok(());
    }
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
    Schema::new(clickhouse, Client::new(clickhouse, settings.login.clone())).migrate().await?;
    Ok(())
}

/// Runs a command to its end.
///
/// # Errors
/// There is no runtime, or the command failed.
pub fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(work);
    // The process ends. A runtime that is taken apart would make threads of the line panic that still wait in it.
    std::mem::forget(runtime);
    result
}
