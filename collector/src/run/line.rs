//! The line of a collector, built: comes in what a process is told, goes out where deliveries are put and a word when the
//! last one is answered for. Must not hold logic: each stage has its own.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use crds::{
    config::{ClickHouse, Forward, Role, Spool},
    destination::Destination,
};
use prometheus_client::registry::Registry;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot, watch},
};

use crate::{
    assemble::{self, Assembler, Direct},
    budget::Budget,
    delivery::Delivery,
    errand::Choose,
    forward::{self, Forwarder, peers::Peers, token::Token},
    handover::Handover,
    id::Keeper,
    insert::{Client, Inserter, Siblings},
    metrics::{Pipeline, ShelfMetrics},
    positions,
    relay::Relay,
    role::{Outlet, outlet},
    schema::{Schema, State},
    settings::Settings,
    spool::{
        self, Disk, Writer,
        shelf::{self, Shelf},
    },
    table::{Block, Layouts},
};

/// Deliveries between the sockets and the line. Few: what waits here is admitted already, and a longer queue
/// would only hide from the budget that the line is behind.
const DELIVERIES: usize = 64;

/// Sealed blocks between the line and the inserts in flight: one to send while the next is made.
const BLOCKS: usize = 1;

/// The outlet, running.
pub(super) struct Line {
    pub(super) deliveries: mpsc::Sender<Delivery>,
    pub(super) destination: Option<watch::Receiver<State>>,
    /// What is told of the way to it.
    pub(super) way: Option<watch::Receiver<Destination>>,
    /// Where blocks of siblings go.
    pub(super) handovers: Option<mpsc::Sender<Handover>>,
    /// Who it is, where it keeps what it takes.
    pub(super) keeper: Option<Keeper>,
    /// Where it keeps positions of files with what is read from them.
    pub(super) positions: Option<positions::Shared>,
    /// Speaks when the last delivery is answered for.
    pub(super) done: oneshot::Receiver<()>,
}

pub(super) fn start_line(
    settings: &Settings,
    metrics: &Arc<Pipeline>,
    blocks: Budget,
    registry: &mut Registry,
    called: watch::Receiver<bool>,
) -> Result<Line> {
    match outlet(&settings.config) {
        Some(Outlet::ClickHouse(clickhouse)) => {
            start_inserting(settings, clickhouse, metrics, blocks, registry, called)
        }
        Some(Outlet::Gateway(forward)) => start_forwarding(settings, forward, metrics, blocks, registry),
        None => bail!("there is no outlet; check the configuration with check-config"),
    }
}

fn start_inserting(
    settings: &Settings,
    clickhouse: &ClickHouse,
    metrics: &Arc<Pipeline>,
    room: Budget,
    registry: &mut Registry,
    called: watch::Receiver<bool>,
) -> Result<Line> {
    let client = Client::new(clickhouse, settings.login.clone());
    let stale_schema = Arc::new(Notify::new());
    let (state, destination) = watch::channel(State::Unknown);
    let (layouts, known_layouts) = watch::channel(Layouts::default());
    tokio::spawn(Schema::new(clickhouse, client.clone()).keep(Arc::clone(&stale_schema), state, layouts));

    let reach = client.reach().clone();
    tokio::spawn(reach.clone().keep(client.clone()));

    let (block_sender, blocks) = mpsc::channel(BLOCKS);
    let inserter = Inserter {
        client,
        retry_for: clickhouse.retry_for.0,
        table_share: settings.memory_budget / 2,
        metrics: Arc::clone(metrics),
        layouts: known_layouts.clone(),
        stale_schema,
        siblings: siblings(settings, metrics, called.clone())?,
        cut: crate::columns::cut::cut,
    };
    let has_siblings = inserter.siblings.is_some();
    let done = finishing(inserter.run(blocks));

    let (deliveries, delivered) = mpsc::channel(DELIVERIES);
    let assembler = Assembler::new(settings.blocks, known_layouts, Arc::clone(metrics))
        .reading_numeric_levels(settings.config.transform.numeric_levels);
    let outlet = assemble::Outlet { blocks: block_sender.clone(), room: room.clone(), runtime: Handle::current() };
    let (mut handovers, mut keeper) = (None, None);
    let runtime = Handle::current();
    let done = match &settings.config.spool {
        None => {
            let source = Direct::new(delivered, runtime);
            start_thread("assemble", move || assemble::run(assembler, source, &outlet))?;
            done
        }
        Some(spool) => {
            let options = spool::Options { called: has_siblings.then_some(called), ..options(spool) };
            let (writer, feed) = spool::open(&options, delivered, registry)?;
            keeper = Some(writer.keeper());
            start_thread("assemble", move || assemble::run(assembler, feed, &outlet))?;
            // Without siblings, what they have handed over before is stored all the same.
            handovers = Some(start_shelf(spool, block_sender, room, registry)?).filter(|_| has_siblings);
            both(done, start_writer(writer, runtime)?)
        }
    };
    let (destination, way) = (Some(destination), Some(reach.told()));
    Ok(Line { deliveries, destination, way, handovers, keeper, positions: None, done })
}

/// Handovers between the inserter and the siblings: one on its way while the next is packed.
const HANDOVERS: usize = 1;

/// How long a block is offered before it is looked at again: ClickHouse may have it meanwhile.
const OFFERED_FOR: Duration = Duration::from_secs(2);

fn siblings(settings: &Settings, metrics: &Arc<Pipeline>, called: watch::Receiver<bool>) -> Result<Option<Siblings>> {
    let Some(siblings) = settings.config.spool.as_ref().and_then(|spool| spool.siblings.as_ref()) else {
        return Ok(None);
    };
    let (handovers, handed_over) = mpsc::channel(HANDOVERS);
    let forwarder = Forwarder { retry_for: OFFERED_FOR, ..forwarder(siblings, metrics)? };
    tokio::spawn(forwarder.hand_over(handed_over));
    Ok(Some(Siblings { handovers, called }))
}

/// Blocks of siblings take a quarter of the spool's size beside it: they are rows without what OTLP needs to say them,
/// compressed, a tenth of the deliveries they are made of.
fn start_shelf(
    spool: &Spool,
    blocks: mpsc::Sender<Block>,
    room: Budget,
    registry: &mut Registry,
) -> Result<mpsc::Sender<Handover>> {
    let folder = shelf::Folder::of(Path::new(&spool.directory), spool.size.0 / 4);
    let folder = folder.with_context(|| format!("spool.directory: {} cannot be used", spool.directory))?;
    let (handovers, handed_over) = mpsc::channel(HANDOVERS);
    let metrics = Arc::new(ShelfMetrics::new(registry));
    tokio::spawn(Shelf { folder, blocks, room, metrics }.run(handed_over));
    Ok(handovers)
}

fn forwarder(forward: &Forward, metrics: &Arc<Pipeline>) -> Result<Forwarder> {
    let peers = Peers::new(&forward.endpoint, forward.tls.as_ref()).context("cannot know gateways")?;
    tokio::spawn(peers.clone().watch());
    Ok(Forwarder {
        peers,
        token: forward.token_file.as_ref().map(Token::new),
        timeout: forward.timeout.0,
        retry_for: forward.retry_for.0,
        same_gateway_for: forward.same_gateway_for.0,
        metrics: Arc::clone(metrics),
        reach: forward::Reach::default(),
    })
}

fn options(spool: &Spool) -> spool::Options<'_> {
    spool::Options {
        directory: Path::new(&spool.directory),
        size: spool.size.0,
        max_age: spool.max_age.map(|age| age.0),
        check: assemble::check,
        called: None,
        chooser: None,
    }
}

/// The writer ends after the line and the outlet.
fn start_writer<D: Disk>(writer: Writer<D>, runtime: Handle) -> Result<oneshot::Receiver<()>> {
    let (kept, is_kept) = oneshot::channel();
    start_thread("spool", move || {
        writer.run(&runtime);
        let _ = kept.send(());
    })?;
    Ok(is_kept)
}

fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.with_context(|| format!("cannot start the thread {name}")).map(drop)
}

fn start_forwarding(
    settings: &Settings,
    forward: &Forward,
    metrics: &Arc<Pipeline>,
    room: Budget,
    registry: &mut Registry,
) -> Result<Line> {
    let forwarder = forwarder(forward, metrics)?;
    // The gateways of agents are the operator's own, and tell of themselves.
    let way = (settings.config.role == Role::Gateway).then(|| forwarder.reach.told());
    if way.is_some() {
        tokio::spawn(forwarder.clone().ping());
    }
    let (to_forwarder, forwarded) = mpsc::channel(DELIVERIES);
    let (chooser, meeting): (Arc<dyn Choose>, _) = (Arc::new(forwarder.peers.clone()), forwarder.clone().meet());
    let done = finishing(forwarder.run(forwarded));
    let Some(spool) = &settings.config.spool else {
        let (deliveries, destination, handovers, keeper, positions) = (to_forwarder, None, None, None, None);
        return Ok(Line { deliveries, destination, way, handovers, keeper, positions, done });
    };
    tokio::spawn(meeting);
    let (deliveries, delivered) = mpsc::channel(DELIVERIES);
    let options = spool::Options { chooser: Some(chooser), ..options(spool) };
    let (writer, feed) = spool::open(&options, delivered, registry)?;
    let (keeper, positions) = (Some(writer.keeper()), Some(writer.positions()));
    let has_shelf = spool::shelf::Folder::has_blocks(spool.directory.as_ref())
        .with_context(|| format!("spool.directory: {} cannot be read", spool.directory))?;
    if feed.has_blocks() || has_shelf {
        bail!(
            "spool.directory: {} holds rows of a gateway that wrote to ClickHouse; let one with the old configuration \
             store them, or use another folder",
            spool.directory
        );
    }
    let (runtime, metrics) = (Handle::current(), Arc::clone(metrics));
    let relay = Relay { deliveries: to_forwarder, room, check: assemble::check, runtime, metrics };
    start_thread("relay", move || relay.run(feed))?;
    let done = start_writer(writer, Handle::current())?;
    Ok(Line { deliveries, destination: None, way, handovers: None, keeper, positions, done })
}

/// Tells when both have.
fn both(one: oneshot::Receiver<()>, other: oneshot::Receiver<()>) -> oneshot::Receiver<()> {
    finishing(async {
        let _ = (one.await, other.await);
    })
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
