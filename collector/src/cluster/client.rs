//! HTTP to the API server.
//!
//! Comes in: a path, and what is to be written there. Goes out: an answer whose body is still to come. Token and authority are files of the pod, read at
//! every request: the kubelet replaces them. Must not print a token.

use std::{io, path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Where the API server is, and who asks.
#[derive(Clone, Debug)]
pub struct Api {
    /// `https://host:port`.
    pub endpoint: String,
    pub token_file: PathBuf,
    pub ca_file: PathBuf,
}

/// For a connection to come about and an answer to begin.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// The most of an answer that says why not.
const REASON: usize = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} holds no certificates")]
    Authority(PathBuf),
    #[error("cannot speak TLS")]
    Tls(#[from] rustls::Error),
    #[error("cannot ask")]
    Request(#[from] http::Error),
    #[error("cannot be reached")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("does not answer in time")]
    Late,
    #[error("answers {status}: {message}")]
    Refused { status: StatusCode, message: String },
}

impl Api {
    pub(super) async fn get(&self, path: &str) -> Result<Response<Incoming>, ClientError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Asks with a JSON document, if any, and answers with the API server's reason where it refuses.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let token = read(&self.token_file).await?;
        let authority = if self.endpoint.starts_with("http://") { Vec::new() } else { read(&self.ca_file).await? };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header(AUTHORIZATION, format!("Bearer {}", String::from_utf8_lossy(&token).trim()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let client = Client::builder(TokioExecutor::new()).build(self.connector(&authority)?);
        let asked = tokio::time::timeout(ANSWER_WITHIN, client.request(request));
        let response = asked.await.map_err(|_| ClientError::Late)??;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let read = tokio::time::timeout(ANSWER_WITHIN, Limited::new(response.into_body(), REASON).collect()).await;
        let text = read.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        Err(ClientError::Refused { status, message: value["message"].as_str().unwrap_or_default().to_owned() })
    }

    fn connector(&self, authority: &[u8]) -> Result<hyper_rustls::HttpsConnector<HttpConnector>, ClientError> {
        let mut roots = RootCertStore::empty();
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(authority).flatten().collect();
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 && self.endpoint.starts_with("https://") {
            return Err(ClientError::Authority(self.ca_file.clone()));
        }
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(ANSWER_WITHIN));
        tcp.set_keepalive(Some(ANSWER_WITHIN));
        // A peer that vanished without a word is noticed within half a minute, and not after minutes of old values.
        tcp.set_keepalive_interval(Some(Duration::from_secs(5)));
        tcp.set_keepalive_retries(Some(3));
        tcp.enforce_http(false);
        Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp))
    }
}

async fn read(file: &PathBuf) -> Result<Vec<u8>, ClientError> {
    tokio::fs::read(file).await.map_err(|error| ClientError::Read(file.clone(), error))
}
