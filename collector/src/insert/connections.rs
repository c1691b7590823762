//! Connections to ClickHouse, with or without TLS.
//!
//! Comes in: names of PEM files. Goes out: an HTTP client that keeps its connections, HTTP/2 where the peer offers
//! it. The files are read at every request and a client is made anew when they have changed, so that a rotated
//! certificate takes effect by itself. Must not fall back to less than what the files ask for.

use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use crds::config::ClientTls;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::{
    client_tls::{Client, Files, TlsError},
    trouble::chain,
};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
type Http = legacy::Client<HttpsConnector<HttpConnector>, Body>;

/// Time for a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// ClickHouse closes idle connections after 10 s (`keep_alive_timeout`); be the first.
const IDLE: Duration = Duration::from_secs(8);

/// An HTTP/2 peer that does not answer a ping in this time is gone, and its connection with it.
const PING: Duration = Duration::from_secs(10);

/// A packet on an idle TCP connection, so that what is between forgets it not and a dead peer shows.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// What clients are made of, and the one made last.
#[derive(Debug)]
pub(super) struct Connections {
    tls: Client,
    made: Mutex<Option<Made>>,
}

#[derive(Clone, Debug)]
struct Made {
    from: Files,
    http: Http,
}

impl Connections {
    pub(super) fn new(tls: Option<&ClientTls>) -> Self {
        Self { tls: Client::new(tls), made: Mutex::default() }
    }

    /// The client for the files as they are now. Files that cannot be used are no reason to give up one that works:
    /// a rotation may be half done.
    pub(super) async fn http(&self) -> Result<Http, TlsError> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh = match self.tls.read().await {
            Ok(files) => match &made {
                Some(made) if made.from == files => return Ok(made.http.clone()),
                _ => self.make(files),
            },
            Err(error) => Err(error),
        };
        match (fresh, made) {
            (Ok(fresh), _) => {
                let http = fresh.http.clone();
                *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
                Ok(http)
            }
            (Err(error), Some(made)) => {
                tracing::warn!(error = %chain(&error), "tls files have changed and cannot be used, the ones before are kept");
                Ok(made.http)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn make(&self, files: Files) -> Result<Made, TlsError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        tcp.enforce_http(false);
        let mut builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.config(&files)?).https_or_http();
        if let Some(name) = self.tls.server_name()? {
            builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        let http = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .build(builder.enable_all_versions().wrap_connector(tcp));
        Ok(Made { from: files, http })
    }
}
