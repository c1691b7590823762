//! What probes and scrapers ask.
//!
//! Comes in: HTTP requests on two ports. Goes out: health in the words of a probe, metrics in Prometheus' text.
//! Must not wait for anything: a probe asks for a state, not for work.

use std::{
    future::ready,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::{
    metrics::{self, Progress},
    schema::State,
};

type Answer = http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// What health is made of.
#[derive(Clone, Debug)]
pub struct Health {
    /// Where blocks go, for a gateway. Absent: the role needs no destination to be of use.
    pub destination: Option<watch::Receiver<State>>,
    /// Only a role with a line of its own can stand still.
    pub line: Option<Arc<Progress>>,
    pub stopping: watch::Receiver<bool>,
}

impl Health {
    /// Why this process should be started anew, if it should.
    fn dead(&self) -> Option<String> {
        self.line.as_ref()?.standstill(Instant::now())
    }

    /// Why nothing should be sent here, if so. A destination once reached counts as reached: its outages are
    /// answered with "retry", and taking every gateway away would turn them into refused connections.
    fn unready(&self) -> Option<String> {
        if *self.stopping.borrow() {
            return Some("shutting down".to_owned());
        }
        match &*self.destination.as_ref()?.borrow() {
            State::Reached => None,
            State::Unknown => Some("ClickHouse has not been reached yet".to_owned()),
            State::Failed(reason) => Some(reason.clone()),
        }
    }

    /// Answers a probe. `/` is what the existing collector's health check answers on.
    pub fn answer(&self, request: &Request<Incoming>) -> std::future::Ready<Response<Answer>> {
        let trouble = match request.uri().path() {
            "/" | "/live" => self.dead(),
            "/ready" => self.dead().or_else(|| self.unready()),
            _ => return ready(respond(StatusCode::NOT_FOUND, "text/plain", "use /live or /ready\n".to_owned())),
        };
        let (status, body) = match trouble {
            None => (StatusCode::OK, serde_json::json!({ "status": "ok" })),
            Some(reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, serde_json::json!({ "status": "unavailable", "reason": reason }))
            }
        };
        ready(respond(status, "application/json", format!("{body}\n")))
    }
}

/// Asks the health of the collector that listens there, as its image's health check does.
///
/// # Errors
/// It does not answer in time, or says that it is not well.
pub async fn ask(address: SocketAddr) -> anyhow::Result<()> {
    // What listens on every address is reached through loopback.
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let uri = format!("http://{}/", SocketAddr::new(ip, address.port())).parse()?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let answer = tokio::time::timeout(ANSWER_WITHIN, client.get(uri)).await.context("no answer in time")??;
    anyhow::ensure!(answer.status().is_success(), "it answers {}", answer.status());
    Ok(())
}

/// Below the 5 s after which a container runtime gives up on a health check.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Answers a scraper.
pub fn scrape(request: &Request<Incoming>, registry: &Registry) -> std::future::Ready<Response<Answer>> {
    if request.uri().path() != "/metrics" {
        return ready(respond(StatusCode::NOT_FOUND, "text/plain", "use /metrics\n".to_owned()));
    }
    ready(respond(
        StatusCode::OK,
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        metrics::text(registry),
    ))
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Answer> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
