//! Every socket of a process, opened: comes in addresses and what serves them, goes out tasks that end when told.

use std::sync::Arc;

use anyhow::{Context, Result};
use crds::config::{self, Auth, FluentForward};
use prometheus_client::registry::Registry;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    admin::{self, Health},
    handover::Handover,
    id::Keeper,
    insert::Secret,
    receive::{
        Intake,
        auth::{Guard, opamp},
        cors::Cors,
        fluent_forward::{Forward, SharedKey},
        listener,
        otlp_grpc::Grpc,
        otlp_http::Http,
        stream,
        syslog::Syslog,
        tls::Tls,
    },
    role::is_sent_to,
    settings::Settings,
};

pub(super) async fn start_admin(settings: &Settings, health: Health, registry: Registry) -> Result<JoinSet<()>> {
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
    let probed = move |_| {
        let health = health.clone();
        move |request| health.clone().answer(request)
    };
    let scraped = move |_| {
        let registry = Arc::clone(&registry);
        move |request| admin::scrape(&request, &registry)
    };
    servers.spawn(listener::serve(health_socket, None, probed, forever.clone()));
    servers.spawn(listener::serve(metrics_socket, None, scraped, forever));
    Ok(servers)
}

/// Who may send, and who asks a server for that, where one says so.
pub(super) fn guard(settings: &Settings, registry: &mut Registry) -> Result<(Guard, Option<opamp::Client>)> {
    let auth = if is_sent_to(settings.config.role) { &settings.config.receivers.otlp.auth } else { &Auth::default() };
    if let Some(server) = &auth.opamp {
        let (client, advice) = opamp::Client::new(server, registry);
        return Ok((Guard::advised(advice), Some(client)));
    }
    Ok((Guard::new(auth, settings.sender_token.as_ref().and_then(Secret::text))?, None))
}

pub(super) async fn start_sockets(
    settings: &Settings,
    (intake, guard): (Intake, Guard),
    (handovers, keeper): (Option<mpsc::Sender<Handover>>, Option<Keeper>),
    streams: Arc<stream::Metrics>,
    draining: watch::Receiver<bool>,
) -> Result<JoinSet<()>> {
    if !is_sent_to(settings.config.role) {
        return Ok(JoinSet::new());
    }
    let otlp = &settings.config.receivers.otlp;
    let grpc_socket = listener::bind(otlp.grpc)
        .await
        .with_context(|| format!("cannot listen on receivers.otlp.grpc {}", otlp.grpc))?;
    let http_socket = listener::bind(otlp.http)
        .await
        .with_context(|| format!("cannot listen on receivers.otlp.http {}", otlp.http))?;
    let tls = otlp.tls.as_ref().map(Tls::new).transpose().context("receivers.otlp.tls")?;
    let streamed = intake.clone();
    let grpc = Grpc { intake: intake.clone(), guard: guard.clone(), handovers, keeper };
    let http = Http { intake, guard, cors: Cors::new(&otlp.cors) };
    let mut sockets = JoinSet::new();
    let over_grpc = move |peer| {
        let grpc = Arc::new(Grpc { intake: grpc.intake.for_sender(peer), ..grpc.clone() });
        move |request| Arc::clone(&grpc).serve(request)
    };
    let over_http = move |peer| {
        let http = Arc::new(Http { intake: http.intake.for_sender(peer), ..http.clone() });
        move |request| Arc::clone(&http).serve(request)
    };
    sockets.spawn(listener::serve(grpc_socket, tls.clone(), over_grpc, draining.clone()));
    sockets.spawn(listener::serve(http_socket, tls, over_http, draining.clone()));
    if let Some(config) = &settings.config.receivers.fluent_forward {
        let receiving = fluent_forward(settings, config, streamed.clone(), Arc::clone(&streams), draining.clone());
        sockets.spawn(receiving.await?);
    }
    if let Some(config) = &settings.config.receivers.syslog {
        let syslog = Syslog { intake: streamed, metrics: streams };
        start_syslog(config, syslog, &draining, &mut sockets).await?;
    }
    Ok(sockets)
}

async fn start_syslog(
    config: &config::Syslog,
    syslog: Syslog,
    draining: &watch::Receiver<bool>,
    sockets: &mut JoinSet<()>,
) -> Result<()> {
    let cannot = || format!("cannot listen on receivers.syslog.address {}", config.address);
    let tls = config.tls.as_ref().map(Tls::new).transpose().context("receivers.syslog.tls")?;
    let socket = listener::bind(config.address).await.with_context(cannot)?;
    if tls.is_none() {
        let socket = UdpSocket::bind(config.address).await.with_context(cannot)?;
        sockets.spawn(syslog.clone().receive(socket, draining.clone()));
    }
    let seats = syslog.seats();
    let serve = move |socket, peer, stopping| syslog.clone().serve(socket, peer, stopping);
    sockets.spawn(stream::serve(socket, tls, seats, serve, draining.clone()));
    Ok(())
}

async fn fluent_forward(
    settings: &Settings,
    config: &FluentForward,
    intake: Intake,
    metrics: Arc<stream::Metrics>,
    draining: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + 'static> {
    let socket = listener::bind(config.address)
        .await
        .with_context(|| format!("cannot listen on receivers.fluentForward.address {}", config.address))?;
    let key = config.shared_key_file.as_deref().map(SharedKey::new).transpose();
    let key = key.context("receivers.fluentForward.sharedKeyFile")?;
    let tls = config.tls.as_ref().map(Tls::new).transpose().context("receivers.fluentForward.tls")?;
    let hostname = settings.node.pod.clone().unwrap_or_else(|| "clickstack-collector".to_owned());
    let forward = Forward { intake, metrics, key, hostname };
    let seats = forward.seats();
    let serve = move |socket, peer, stopping| forward.clone().serve(socket, peer, stopping);
    Ok(stream::serve(socket, tls, seats, serve, draining))
}
