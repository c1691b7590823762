//! The process's own HTTP address: `/live`, `/ready`, `/metrics`, `/resources`. Must not tell anything about resources'
//! content.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::{history::History, metrics::Metrics};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

/// What the probes answer from.
#[derive(Clone, Debug, Default)]
pub struct Health {
    is_ready: Arc<AtomicBool>,
}

impl Health {
    /// Ready is who leads with full caches, and who stands by.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Relaxed);
    }
}

/// # Errors
/// The address is taken.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

/// Answers until the process ends.
pub async fn serve(listener: TcpListener, health: Health, metrics: Metrics, history: History) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: others must close theirs first.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let (health, metrics, history) = (health.clone(), metrics.clone(), history.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let response = answer(request.method(), request.uri().path(), &health, &metrics, &history);
            async move { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            let mut server = http1::Builder::new();
            let server = server.timer(TokioTimer::new()).header_read_timeout(std::time::Duration::from_secs(10));
            // A caller that goes away early is its own affair.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(method: &Method, path: &str, health: &Health, metrics: &Metrics, history: &History) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    let (status, kind, body) = match (method, path) {
        (&Method::GET | &Method::HEAD, "/live") => (StatusCode::OK, plain, "alive\n".to_owned()),
        (&Method::GET | &Method::HEAD, "/ready") if health.is_ready.load(Ordering::Relaxed) => {
            (StatusCode::OK, plain, "ready\n".to_owned())
        }
        (&Method::GET | &Method::HEAD, "/ready") => {
            (StatusCode::SERVICE_UNAVAILABLE, plain, "the first lists are not complete\n".to_owned())
        }
        (&Method::GET, "/metrics") => {
            (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.text())
        }
        (&Method::GET, "/resources") => (StatusCode::OK, "application/json", history.text()),
        (_, "/live" | "/ready" | "/metrics" | "/resources") => (StatusCode::METHOD_NOT_ALLOWED, plain, String::new()),
        _ => (StatusCode::NOT_FOUND, plain, "/live, /ready, /metrics, /resources\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
