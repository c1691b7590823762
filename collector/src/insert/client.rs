//! ClickHouse's HTTP interface.
//!
//! Comes in: a query, or a block and its token. Goes out: the answer, or an error with ClickHouse's exception
//! code. Credentials are read from their files at every request, so that a rotated Secret takes effect by itself;
//! they go into headers and nowhere else.

use std::{convert::Infallible, path::PathBuf, time::Duration};

use bytes::Bytes;
use crds::config::ClickHouse;
use futures::stream;
use http::{HeaderValue, Request, Response, StatusCode, header::HeaderName};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::table::Block;

/// Time for a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// As much of an answer as is read: exceptions are shorter, and so is everything this collector asks.
const ANSWER_LIMIT: usize = 256 << 10;

/// The settings of every insert. `async_insert` is on by default since 26.2 and would gather large blocks a second
/// time; the others make a repeated block invisible, in the tables and in what is rolled up from them.
const INSERT_SETTINGS: &str =
    "async_insert=0&deduplicate_blocks_in_dependent_materialized_views=1&insert_deduplicate=1&wait_end_of_query=1";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A way to one ClickHouse server; clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    /// `http://host:8123/?database=…`.
    base: String,
    database: String,
    username_file: Option<PathBuf>,
    password_file: Option<PathBuf>,
    timeout: Duration,
}

/// Why a request to ClickHouse did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    #[error("cannot read the credentials in {0}")]
    Credentials(PathBuf, #[source] std::io::Error),
    #[error("the credentials cannot be sent in a header")]
    CredentialsText,
    #[error("no answer from ClickHouse: {0}")]
    Connection(String),
    #[error("no answer from ClickHouse within {0:?}")]
    Timeout(Duration),
    #[error("ClickHouse answers with code {code} ({name})")]
    Exception { code: u32, name: String },
    #[error("an answer with status {0} that is not ClickHouse's")]
    Status(StatusCode),
}

impl InsertError {
    /// ClickHouse's exception code, where there was an answer.
    pub const fn code(&self) -> Option<u32> {
        match self {
            Self::Exception { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl Client {
    pub fn new(clickhouse: &ClickHouse) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // ClickHouse closes idle connections after 10 s (`keep_alive_timeout`); be the first.
            .pool_idle_timeout(Duration::from_secs(8))
            .build(tls);
        Self {
            http,
            base: format!("{}/?", clickhouse.endpoint.trim_end_matches('/')),
            database: clickhouse.database.clone(),
            username_file: clickhouse.username_file.as_ref().map(PathBuf::from),
            password_file: clickhouse.password_file.as_ref().map(PathBuf::from),
            timeout: clickhouse.timeout.0,
        }
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// How long one request may take.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Inserts a block under a token.
    ///
    /// # Errors
    /// It is not known to be stored; see [`super::verdict`] for what to do.
    pub async fn insert(&self, block: &Block, token: &str) -> Result<(), InsertError> {
        let query =
            format!("INSERT INTO `{}`.`{}` ({}) FORMAT Native", self.database, block.table.name(), block.columns);
        let settings = format!("{INSERT_SETTINGS}&decompress=1&insert_deduplication_token={token}");
        let frames: Vec<_> = block.body.iter().cloned().map(|part| Ok(Frame::data(part))).collect();
        let body = BodyExt::boxed_unsync(StreamBody::new(stream::iter(frames)));
        self.request(&query, &settings, body).await.map(drop)
    }

    /// Runs a statement and returns its answer.
    ///
    /// # Errors
    /// ClickHouse did not answer, or with an exception.
    pub async fn query(&self, sql: &str) -> Result<String, InsertError> {
        let body = BodyExt::boxed_unsync(Full::new(Bytes::copy_from_slice(sql.as_bytes())));
        let answer = self.request("", "wait_end_of_query=1", body).await?;
        Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
    }

    async fn request(&self, query: &str, settings: &str, body: Body) -> Result<Bytes, InsertError> {
        let mut uri = format!("{}{settings}", self.base);
        if !query.is_empty() {
            uri.push_str("&query=");
            uri.extend(utf8_percent_encode(query, NON_ALPHANUMERIC));
        }
        let mut request = Request::post(uri).body(body).map_err(|error| InsertError::Connection(error.to_string()))?;
        self.authenticate(&mut request).await?;
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .map_err(|_| InsertError::Timeout(self.timeout))?
    }

    async fn authenticate(&self, request: &mut Request<Body>) -> Result<(), InsertError> {
        for (file, name) in [(&self.username_file, "x-clickhouse-user"), (&self.password_file, "x-clickhouse-key")] {
            let Some(file) = file else { continue };
            let text =
                tokio::fs::read_to_string(file).await.map_err(|error| InsertError::Credentials(file.clone(), error))?;
            let mut value = HeaderValue::from_bytes(text.trim_end_matches(['\r', '\n']).as_bytes())
                .map_err(|_| InsertError::CredentialsText)?;
            value.set_sensitive(true);
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Bytes, InsertError> {
        let response = self.http.request(request).await.map_err(|error| InsertError::Connection(chain(&error)))?;
        let (code, status) = (exception_code(&response), response.status());
        let is_clickhouse = response.headers().contains_key("x-clickhouse-query-id");
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        let body = body.map_err(|error| InsertError::Connection(error.to_string()))?.to_bytes();
        match code {
            // The header counts even beside status 200: an exception after the first byte of the answer.
            Some(code) => Err(InsertError::Exception { code, name: exception_name(&body) }),
            // A proxy on the way may say 200 on its own; only ClickHouse can promise that rows are stored.
            None if status.is_success() && is_clickhouse => Ok(body),
            None => Err(InsertError::Status(status)),
        }
    }
}

fn exception_code(response: &Response<Incoming>) -> Option<u32> {
    response.headers().get("x-clickhouse-exception-code")?.to_str().ok()?.parse().ok()
}

/// The exception's name, which stands in brackets near its end: `… (UNKNOWN_TABLE) (version 26.7.2.1 …)`. The rest
/// of the text may quote values of rows, and rows belong in no log.
fn exception_name(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let names = text.rsplit('(').filter_map(|part| part.split_once(')')).map(|(name, _)| name);
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    names.into_iter().find(is_name).unwrap_or("unnamed").to_owned()
}

/// An error with its causes on one line; hyper says "client error" and keeps the reason in the cause.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
