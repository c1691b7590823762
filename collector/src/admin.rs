//! What probes, scrapers and the operator ask.
//!
//! Comes in: HTTP requests on two ports. Goes out: health in the words of a probe, the way out of a gateway as JSON,
//! metrics in Prometheus' text. Must not wait for anything but news, and for those only who asks to: a probe asks for
//! a state, not for work.

use std::{
    future::ready,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use crds::destination::{self, Destination, Schema};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
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
    /// Where blocks go, if any are made.
    pub destination: Option<watch::Receiver<State>>,
    /// What a gateway tells of its way out. Absent: the role needs none to be of use.
    pub way: Option<watch::Receiver<Destination>>,
    /// Only a role with a line of its own can stand still.
    pub line: Option<Arc<Progress>>,
    /// Why it is not known who may send, where a server says so and has not yet.
    pub doubt: Option<watch::Receiver<Option<String>>>,
    pub stopping: watch::Receiver<bool>,
}

impl Health {
    /// Why this process should be started anew, if it should.
    pub fn dead(&self) -> Option<String> {
        self.line.as_ref()?.standstill(Instant::now())
    }

    /// Why nothing should be sent here, if so. A destination once reached counts as reached: its outages are
    /// answered with "retry", and taking every gateway away would turn them into refused connections.
    fn unready(&self) -> Option<String> {
        if *self.stopping.borrow() {
            return Some("shutting down".to_owned());
        }
        // Once known counts as known too. Until then a gateway that knows is of more use than this one.
        if let Some(doubt) = self.doubt.as_ref().and_then(|doubt| doubt.borrow().clone()) {
            return Some(doubt);
        }
        let Some(destination) = &self.destination else { return self.unreached() };
        match &*destination.borrow() {
            State::Reached => None,
            State::Unknown => Some("ClickHouse has not been reached yet".to_owned()),
            State::Failed(reason) => Some(reason.clone()),
        }
    }

    /// Why a gateway that forwards cannot do so yet.
    fn unreached(&self) -> Option<String> {
        let told = self.way.as_ref()?.borrow();
        let why = || told.trouble.as_ref().map_or("it has not answered yet", |trouble| trouble.message.as_str());
        (told.schema == Schema::Pending).then(|| format!("the gateway that is forwarded to: {}", why()))
    }

    /// Answers a probe. `/` is what the existing collector's health check answers on.
    pub async fn answer<B>(self, request: Request<B>) -> Response<Answer> {
        let trouble = match (request.uri().path(), &self.way) {
            ("/" | "/live", _) => self.dead(),
            ("/ready", _) => self.dead().or_else(|| self.unready()),
            (destination::PATH, Some(way)) => return told(way.clone(), request.headers()).await,
            _ => return respond(StatusCode::NOT_FOUND, "text/plain", "use /live or /ready\n".to_owned()),
        };
        let (status, body) = match trouble {
            None => (StatusCode::OK, serde_json::json!({ "status": "ok" })),
            Some(reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, serde_json::json!({ "status": "unavailable", "reason": reason }))
            }
        };
        respond(status, "application/json", format!("{body}\n"))
    }
}

/// The way out as it is, or, for who knows that already and prefers to wait (RFC 7240), as it becomes within
/// that time. Every answer carries an ETag, which is one of its content.
async fn told(mut way: watch::Receiver<Destination>, headers: &HeaderMap) -> Response<Answer> {
    let known = headers.get(IF_NONE_MATCH);
    let preferred = headers.get("prefer").and_then(|value| value.to_str().ok()?.strip_prefix("wait=")?.parse().ok());
    let wait = Duration::from_secs(preferred.unwrap_or(0)).min(LONGEST_WAIT);
    let is_news = |destination: &Destination| known != Some(&tag(&json(destination)));
    // Neither the end of the time nor that of the sender matters: what is told is what is known then.
    let _ = tokio::time::timeout(wait, way.wait_for(is_news)).await;
    let body = json(&way.borrow());
    let etag = tag(&body);
    let mut response = if known == Some(&etag) {
        respond(StatusCode::NOT_MODIFIED, "application/json", String::new())
    } else {
        respond(StatusCode::OK, "application/json", body)
    };
    response.headers_mut().insert(ETAG, etag);
    response
}

fn json(destination: &Destination) -> String {
    // Texts and numbers always have a JSON form.
    serde_json::to_string(destination).unwrap_or_default() + "\n"
}

/// The same content has the same tag in every process of this build.
fn tag(body: &str) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    // Digits and quotes are always a header's value.
    HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish())).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Below the time after which proxies and firewalls forget a silent connection.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a probe is answered when the line has last moved so many seconds ago.
    async fn probed(path: &str, seconds: u64) -> (StatusCode, String) {
        let since = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let line = Some(Arc::new(Progress::new(since)));
        let stopping = watch::channel(false).1;
        let health = Health { destination: None, way: None, line, doubt: None, stopping };
        let answer = health.answer(Request::get(path).body(()).unwrap()).await;
        let (parts, body) = answer.into_parts();
        (parts.status, String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned())
    }

    #[tokio::test]
    async fn a_line_that_stands_still_fails_every_probe_and_says_for_how_long() {
        for path in ["/", "/live", "/ready"] {
            assert_eq!(probed(path, 1).await.0, StatusCode::OK, "{path}");
            let (status, told) = probed(path, 90).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(told.contains("no progress for 90 s"), "{path}: {told}");
        }
        assert_eq!(probed("/metrics", 90).await.0, StatusCode::NOT_FOUND);
    }
}
