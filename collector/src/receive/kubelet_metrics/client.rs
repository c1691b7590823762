//! HTTP to the kubelet.
//!
//! Comes in: where it is, and the files that say who asks and who may answer; they are read each time, since the kubelet
//! itself replaces them. Goes out: its summary, within a bound. Must not show a token without TLS, nor print one.

use std::{error::Error, io, path::PathBuf};

use bytes::Bytes;
use crds::config::{ClientTls, KubeletMetrics};
use http::{Request, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Body;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    client_tls::{Client as Tls, TlsError},
    cluster::Api,
};

/// The most that is read of a summary: five hundred pods of ten containers have less.
pub(super) const LARGEST_ANSWER: usize = 16 << 20;

/// The most of an answer that says why not.
const REASON: usize = 1 << 10;

const PATH: &str = "/stats/summary";

#[derive(Debug)]
pub(super) struct Client {
    /// `https://host:port`.
    endpoint: String,
    token_file: PathBuf,
    tls: Tls,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum KubeletError {
    #[error("cannot read {0}")]
    Token(PathBuf, #[source] io::Error),
    #[error("cannot speak TLS")]
    Tls(#[from] TlsError),
    #[error("cannot ask {0}")]
    Request(String, #[source] http::Error),
    #[error("{0} cannot be reached")]
    Unreachable(String, #[source] legacy::Error),
    #[error(
        "the certificate of {0} is not one to trust. A kubelet signs its own unless serverTLSBootstrap is set: name the \
         authority of its certificate, or set insecureSkipVerify"
    )]
    Certificate(String, #[source] legacy::Error),
    #[error("{endpoint} answers {status}: {reason}")]
    Refused { endpoint: String, status: StatusCode, reason: String },
    #[error("the answer of {0} is larger than {LARGEST_ANSWER} bytes")]
    TooLarge(String),
    #[error("the answer of {0} breaks off")]
    Body(String, #[source] Box<dyn Error + Send + Sync>),
}

impl Client {
    /// `api` says who this process is in its cluster, and whom the cluster trusts.
    pub(super) fn new(endpoint: String, config: &KubeletMetrics, api: &Api) -> Self {
        let authority = config.ca_file.clone().unwrap_or_else(|| api.ca_file.display().to_string());
        let tls = ClientTls {
            ca_file: (!config.insecure_skip_verify).then_some(authority),
            insecure_skip_verify: config.insecure_skip_verify,
            ..ClientTls::default()
        };
        Self { endpoint, token_file: api.token_file.clone(), tls: Tls::new(Some(&tls)) }
    }

    /// One connection for each summary: they are seconds apart, and what was read of the files goes with it.
    pub(super) async fn summary(&self) -> Result<Bytes, KubeletError> {
        let endpoint = || self.endpoint.clone();
        let token = tokio::fs::read_to_string(&self.token_file).await;
        let token = token.map_err(|error| KubeletError::Token(self.token_file.clone(), error))?;
        let request = Request::get(format!("{}{PATH}", self.endpoint))
            .header(AUTHORIZATION, format!("Bearer {}", token.trim()))
            .body(Empty::<Bytes>::new());
        let request = request.map_err(|error| KubeletError::Request(endpoint(), error))?;
        let tls = self.tls.config(&self.tls.read().await?)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector.wrap_connector(tcp));
        let response = client.request(request).await.map_err(|error| {
            if is_untrusted(&error) {
                KubeletError::Certificate(endpoint(), error)
            } else {
                KubeletError::Unreachable(endpoint(), error)
            }
        })?;
        let status = response.status();
        if !status.is_success() {
            let reason = beginning(response.into_body()).await;
            return Err(KubeletError::Refused { endpoint: endpoint(), status, reason });
        }
        let read = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = read.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => KubeletError::TooLarge(endpoint()),
            Err(error) => KubeletError::Body(endpoint(), error),
        });
        Ok(body?.to_bytes())
    }
}

/// As much as fits, in one line.
async fn beginning(mut body: impl Body<Data = Bytes> + Unpin) -> String {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            text.extend_from_slice(&data[..data.len().min(REASON - text.len())]);
        }
        if text.len() == REASON {
            break;
        }
    }
    String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether what failed is the certificate, and not the way there.
fn is_untrusted(error: &legacy::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return matches!(error, rustls::Error::InvalidCertificate(_));
        }
        // What an error of I/O is made of is not its source, but that one's.
        cause = match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}
