//! Connections to ClickHouse, with or without TLS.
//!
//! Comes in: names of PEM files. Goes out: an HTTP client that keeps its connections, HTTP/2 where the peer offers
//! it. The files are read at every request and a client is made anew when they have changed, so that a rotated
//! certificate takes effect by itself. Must not fall back to less than what the files ask for.

use std::{
    convert::Infallible,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use crds::config::ClickHouseTls;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, pem, pem::PemObject},
};

mod unverified;

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

/// Why there is no TLS client.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} is not PEM")]
    Pem(PathBuf, #[source] pem::Error),
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    #[error("clickhouse.tls.serverName is not a host name")]
    ServerName(#[source] InvalidDnsNameError),
    #[error("the certificates cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// What clients are made of, and the one made last.
#[derive(Debug)]
pub(super) struct Connections {
    tls: ClickHouseTls,
    made: Mutex<Option<Made>>,
}

#[derive(Clone, Debug)]
struct Made {
    from: Files,
    http: Http,
}

/// Contents of the files, in the order CA, certificate, key.
#[derive(Clone, Eq, PartialEq)]
struct Files([Option<Vec<u8>>; 3]);

/// One of them is a private key.
impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files(…)")
    }
}

impl Connections {
    pub(super) fn new(tls: Option<&ClickHouseTls>) -> Self {
        Self { tls: tls.cloned().unwrap_or_default(), made: Mutex::default() }
    }

    /// The client for the files as they are now. Files that cannot be used are no reason to give up one that works:
    /// a rotation may be half done.
    pub(super) async fn http(&self) -> Result<Http, TlsError> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh = match self.read().await {
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
                tracing::warn!(error = %super::client::chain(&error), "tls files have changed and cannot be used, the ones before are kept");
                Ok(made.http)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn read(&self) -> Result<Files, TlsError> {
        let mut files = Files([None, None, None]);
        let named = [&self.tls.ca_file, &self.tls.cert_file, &self.tls.key_file];
        for (name, content) in named.into_iter().zip(&mut files.0) {
            if let Some(name) = name {
                let read = tokio::fs::read(name).await;
                *content = Some(read.map_err(|error| TlsError::Read(PathBuf::from(name), error))?);
            }
        }
        Ok(files)
    }

    fn make(&self, files: Files) -> Result<Made, TlsError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        tcp.enforce_http(false);
        let mut builder = HttpsConnectorBuilder::new().with_tls_config(self.config(&files)?).https_or_http();
        if let Some(name) = &self.tls.server_name {
            let name = ServerName::try_from(name.clone()).map_err(TlsError::ServerName)?;
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

    fn config(&self, files: &Files) -> Result<ClientConfig, TlsError> {
        let [ca, cert, key] = &files.0;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?;
        let builder = if self.tls.insecure_skip_verify {
            let anything = unverified::Unverified::new(provider);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(anything))
        } else {
            builder.with_root_certificates(roots(self.tls.ca_file.as_deref(), ca.as_deref())?)
        };
        let (Some(cert), Some(key)) = (cert, key) else { return Ok(builder.with_no_client_auth()) };
        let (cert_file, key_file) = (self.tls.cert_file.as_deref(), self.tls.key_file.as_deref());
        let chain = certificates(cert_file, cert)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Pem(path(key_file), error))?;
        builder.with_client_auth_cert(chain, key).map_err(TlsError::Unusable)
    }
}

/// A file of authorities replaces the public ones: who runs an authority of their own wants no other to vouch.
fn roots(file: Option<&str>, ca: Option<&[u8]>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(ca) => {
            for certificate in certificates(file, ca)? {
                roots.add(certificate).map_err(TlsError::Unusable)?;
            }
        }
    }
    Ok(roots)
}

fn certificates(file: Option<&str>, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(|error| TlsError::Pem(path(file), error))?;
    if all.is_empty() { Err(TlsError::Empty(path(file))) } else { Ok(all) }
}

fn path(file: Option<&str>) -> PathBuf {
    PathBuf::from(file.unwrap_or_default())
}
