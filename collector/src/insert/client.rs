//! ClickHouse's HTTP interface.
//!
//! Comes in: a query, or a block and its token. Goes out: the answer, or an error with ClickHouse's exception
//! code. Must not repeat a request: whether that is safe is for the caller to know.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use crds::config::ClickHouse;
use futures::stream;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    connections::{Body, Connections},
    endpoints::{Endpoints, Server},
    login::{Login, LoginError},
    reach::Reach,
};
use crate::{
    client_tls::TlsError,
    table::{Block, Table},
    trouble::chain,
};

/// As much of an answer as is read: exceptions are shorter, and so is everything this collector asks.
const ANSWER_LIMIT: usize = 256 << 10;

/// The settings of every insert, whatever the user's profile says. `async_insert` is on by default since 26.2 and
/// would gather large blocks a second time; the others make a repeated block invisible, in the tables and in what is
/// rolled up from them.
const INSERT_SETTINGS: &str =
    "async_insert=0&deduplicate_blocks_in_dependent_materialized_views=1&insert_deduplicate=1&wait_end_of_query=1";

/// A way to ClickHouse; clones share its connections and what is known of its servers.
#[derive(Clone, Debug)]
pub struct Client {
    connections: Arc<Connections>,
    endpoints: Arc<Endpoints>,
    database: String,
    login: Login,
    timeout: Duration,
    reach: Reach,
}

/// Longest time to wait for the answer to a ping, which costs a server nothing.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether an insert fails when a view on the table does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Views {
    /// It does: what is rolled up is as complete as the table.
    Fed,
    /// It does not, and what fails is the table itself.
    Spared,
}

/// Why a request to ClickHouse did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    #[error("{}", chain(.0))]
    Login(#[from] LoginError),
    #[error("no TLS towards ClickHouse: {}", chain(.0))]
    Tls(#[from] TlsError),
    #[error("no request: {0}")]
    Request(#[from] http::Error),
    #[error("no connection to ClickHouse: {0}")]
    Unreachable(String),
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

    /// Whether the server may have seen the request: then a part of it may be done.
    pub const fn may_have_arrived(&self) -> bool {
        !matches!(self, Self::Login(_) | Self::Tls(_) | Self::Request(_) | Self::Unreachable(_))
    }

    /// Whether the server as a whole is in doubt, and not this request.
    const fn is_of_the_server(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Connection(_) | Self::Timeout(_) | Self::Status(_))
    }
}

impl Client {
    pub fn new(clickhouse: &ClickHouse, login: Login) -> Self {
        Self {
            connections: Arc::new(Connections::new(clickhouse.tls.as_ref())),
            endpoints: Arc::new(Endpoints::new(clickhouse.addresses())),
            database: clickhouse.database.clone(),
            login,
            timeout: clickhouse.timeout.0,
            reach: Reach::default(),
        }
    }

    /// What is known of the way, by everything that was asked on it.
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// How long one request may take.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The server for a request that may go to any.
    pub fn server(&self) -> Server {
        self.endpoints.choose(Instant::now())
    }

    /// Every server, in the order of the configuration.
    pub fn servers(&self) -> impl Iterator<Item = Server> + use<> {
        self.endpoints.all()
    }

    /// Its address, for people.
    pub fn address(&self, server: Server) -> &str {
        self.endpoints.address(server)
    }

    /// Whatever it is asked next, another one is asked first.
    pub fn pass_over(&self, server: Server) {
        if self.endpoints.pass_over(server, Instant::now()) && self.servers().nth(1).is_some() {
            tracing::warn!(server = self.address(server), "clickhouse server fails, passed over for a while");
        }
    }

    /// Inserts a block under a token.
    ///
    /// # Errors
    /// It is not known to be stored; see [`super::verdict`] for what to do.
    pub async fn insert(&self, block: &Block, token: &str, server: Server, views: Views) -> Result<(), InsertError> {
        let query =
            format!("INSERT INTO `{}`.`{}` ({}) FORMAT Native", self.database, block.table.name(), block.columns);
        let spared = match views {
            Views::Fed => "",
            Views::Spared => "&materialized_views_ignore_errors=1",
        };
        let settings = format!("{INSERT_SETTINGS}{spared}&decompress=1&insert_deduplication_token={token}");
        let frames: Vec<_> = block.body.iter().cloned().map(|part| Ok(Frame::data(part))).collect();
        let body = BodyExt::boxed_unsync(StreamBody::new(stream::iter(frames)));
        self.request(server, &query, &settings, body).await.map(drop)
    }

    /// Runs a statement on the server in use and returns its answer.
    ///
    /// # Errors
    /// ClickHouse did not answer, or with an exception.
    pub async fn query(&self, sql: &str) -> Result<String, InsertError> {
        self.query_at(self.server(), sql).await
    }

    /// Runs a statement on one server.
    ///
    /// # Errors
    /// It did not answer, or with an exception.
    pub async fn query_at(&self, server: Server, sql: &str) -> Result<String, InsertError> {
        let body = BodyExt::boxed_unsync(Full::new(Bytes::copy_from_slice(sql.as_bytes())));
        let answer = self.request(server, "", "wait_end_of_query=1", body).await?;
        Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
    }

    /// Asks whether any server is there. Nobody logs in, and no log of queries grows by it.
    ///
    /// # Errors
    /// None of them answers; the failure of the one in use.
    pub(super) async fn ping(&self) -> Result<(), InsertError> {
        let first = self.ping_at(self.server()).await;
        if first.is_ok() {
            return first;
        }
        for server in self.servers() {
            if self.ping_at(server).await.is_ok() {
                return Ok(());
            }
        }
        first
    }

    /// Any answer will do but one that says that the server behind a proxy is away.
    async fn ping_at(&self, server: Server) -> Result<(), InsertError> {
        let request = Request::get(format!("{}/ping", self.address(server)))
            .body(BodyExt::boxed_unsync(Full::new(Bytes::new())))?;
        let limit = PING_TIMEOUT.min(self.timeout);
        let exchange = tokio::time::timeout(limit, self.exchange(request)).await;
        match exchange.unwrap_or(Err(InsertError::Timeout(limit))) {
            Err(InsertError::Status(status)) if !status.is_server_error() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Whether a server's table knows the tokens that its replicas were given.
    pub async fn is_replicated(&self, server: Server, table: Table) -> bool {
        let sql = format!(
            "SELECT match(engine, '^(Replicated|Shared)') FROM system.tables WHERE database = '{}' AND name = '{}'",
            self.database,
            table.name()
        );
        self.query_at(server, &sql).await.is_ok_and(|answer| answer == "1")
    }

    async fn request(&self, server: Server, query: &str, settings: &str, body: Body) -> Result<Bytes, InsertError> {
        let mut uri = format!("{}/?{settings}", self.address(server));
        if !query.is_empty() {
            uri.push_str("&query=");
            uri.extend(utf8_percent_encode(query, NON_ALPHANUMERIC));
        }
        let mut request = Request::post(uri).body(body)?;
        let answer = match self.login.authenticate(request.headers_mut()).await {
            Ok(()) => tokio::time::timeout(self.timeout, self.exchange(request)).await,
            Err(error) => Ok(Err(error.into())),
        };
        let answer = answer.unwrap_or(Err(InsertError::Timeout(self.timeout)));
        match &answer {
            Err(error) if error.is_of_the_server() => self.pass_over(server),
            _ => self.endpoints.works(server),
        }
        self.reach.answered(answer.as_ref().err());
        answer
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Bytes, InsertError> {
        let sent = self.connections.http().await?.request(request).await;
        let response = sent.map_err(|error| match error.is_connect() {
            true => InsertError::Unreachable(chain(&error)),
            false => InsertError::Connection(chain(&error)),
        })?;
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
