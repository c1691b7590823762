//! One HTTP request: comes in a URL, headers and a body, goes out the status, headers and body of the
//! answer. Must not retry, and must not read meaning into a status.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A client that keeps its connections. Make one per server: a connection to a killed server is
/// dropped with it.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    answer_within: Duration,
}

impl Default for Http {
    fn default() -> Http {
        Http::patient(ANSWER_WITHIN)
    }
}

impl Http {
    /// One that waits as long as is said for each answer.
    pub fn patient(answer_within: Duration) -> Http {
        Http { client: Client::builder(TokioExecutor::new()).build_http(), answer_within }
    }

    pub async fn get(&self, url: &str) -> anyhow::Result<Response> {
        self.send(Method::GET, url, &[], Bytes::new()).await
    }

    pub async fn post(&self, url: &str, headers: &[(&str, &str)], body: Bytes) -> anyhow::Result<Response> {
        self.send(Method::POST, url, headers, body).await
    }

    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Response> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        tokio::time::timeout(self.answer_within, self.answer(request))
            .await
            .with_context(|| format!("{url}: no answer within {:?}", self.answer_within))?
            .with_context(|| url.to_owned())
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response> {
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response { status: head.status, headers: head.headers, body })
    }
}
