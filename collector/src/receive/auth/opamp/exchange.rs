//! One question to the OpAMP server, over plain HTTP.
//!
//! Comes in: a message. Goes out: the server's, or why there is none and when to ask again. TLS files are read for each
//! question, so that a rotated certificate takes effect by itself. Must not wait or read without a bound.

use std::time::Duration;

use bytes::Bytes;
use crds::config::{OPAMP_PATH, Opamp};
use http::{
    HeaderMap, Request, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use prost::Message;
use tokio::task::JoinHandle;

use super::messages::{AgentToServer, ServerErrorResponse, ServerToAgent};
use crate::client_tls::{Client, Files, TlsError};

/// From the connection to the last byte of the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// HyperDX's configuration has some 5 KB, and a token 40 bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// The longest wait that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Of a server's own words, in characters.
const LONGEST_MESSAGE: usize = 200;

/// Where the server is.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    tls: Client,
    /// The files of TLS, while they are being read: a disk that hangs is asked once.
    reading: Option<JoinHandle<Result<Files, TlsError>>>,
    within: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error("cannot use TLS")]
    Tls(#[source] TlsError),
    #[error("the files of tls are not read within {0:?}")]
    Files(Duration),
    #[error("cannot be asked")]
    Request(#[source] http::Error),
    #[error("cannot be reached")]
    Unreachable(#[source] legacy::Error),
    #[error("no answer within {ANSWER_WITHIN:?}")]
    Late,
    #[error("answers {status}")]
    Status { status: StatusCode, after: Option<Duration> },
    #[error("the answer breaks off, or is larger than 1 MiB")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is no message of OpAMP")]
    Form(#[source] prost::DecodeError),
    #[error("the answer is not for this agent")]
    Stranger,
    #[error("reports {what}: {message}")]
    Reported { what: &'static str, message: String, after: Option<Duration> },
}

impl Server {
    pub(super) fn new(config: &Opamp) -> Self {
        let url = format!("{}{OPAMP_PATH}", config.endpoint.trim_end_matches('/'));
        Self { url, tls: Client::new(config.tls.as_ref()), reading: None, within: ANSWER_WITHIN }
    }

    pub(super) async fn ask(&mut self, message: &AgentToServer) -> Result<ServerToAgent, ExchangeError> {
        let files = self.files().await?;
        let http = self.http(&files).map_err(ExchangeError::Tls)?;
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, concat!("clickstack-collector/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(message.encode_to_vec())))
            .map_err(ExchangeError::Request)?;
        let answer = async {
            let answer = http.request(request).await.map_err(ExchangeError::Unreachable)?;
            let (status, after) = (answer.status(), retry_after(answer.headers()));
            if status != StatusCode::OK {
                return Err(ExchangeError::Status { status, after });
            }
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
            Ok(body.map_err(ExchangeError::Body)?.to_bytes())
        };
        let body = tokio::time::timeout(ANSWER_WITHIN, answer).await.map_err(|_| ExchangeError::Late)??;
        understood(&body, &message.instance_uid)
    }

    async fn files(&mut self) -> Result<Files, ExchangeError> {
        let reading = self.reading.get_or_insert_with(|| {
            let tls = self.tls.clone();
            tokio::spawn(async move { tls.read().await })
        });
        let read = tokio::time::timeout(self.within, reading).await.map_err(|_| ExchangeError::Files(self.within))?;
        self.reading = None;
        read.map_err(|_| ExchangeError::Files(self.within))?.map_err(ExchangeError::Tls)
    }

    fn http(&self, files: &Files) -> Result<legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>, TlsError> {
        let config = self.tls.config(files)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let mut builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
        if let Some(name) = self.tls.server_name()? {
            builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        // A question in half a minute keeps no connection.
        let client = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).clone();
        Ok(client.build(builder.enable_http1().wrap_connector(tcp)))
    }
}

impl ExchangeError {
    /// What it is counted as.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Tls(_) | Self::Files(_) => "tls",
            Self::Request(_) | Self::Unreachable(_) => "unreachable",
            Self::Late => "late",
            Self::Status { .. } => "status",
            Self::Body(_) | Self::Form(_) | Self::Stranger => "malformed",
            Self::Reported { .. } => "reported",
        }
    }

    /// How long the server wants to be left alone.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::Status { after, .. } | Self::Reported { after, .. } => after.map(|after| after.min(LONGEST_PAUSE)),
            _ => None,
        }
    }
}

/// What an answer to this agent says. One that came by mistake, an empty one too, has another name in it.
fn understood(body: &[u8], uid: &[u8]) -> Result<ServerToAgent, ExchangeError> {
    let answer = ServerToAgent::decode(body).map_err(ExchangeError::Form)?;
    match &answer.error_response {
        _ if answer.instance_uid != uid => Err(ExchangeError::Stranger),
        Some(error) => Err(reported(error)),
        None => Ok(answer),
    }
}

fn reported(error: &ServerErrorResponse) -> ExchangeError {
    let what = match error.kind {
        1 => "a bad request",
        2 => "that it is unavailable",
        _ => "an error",
    };
    let after = error.retry_info.map(|info| Duration::from_nanos(info.retry_after_nanoseconds));
    ExchangeError::Reported { what, message: error.error_message.chars().take(LONGEST_MESSAGE).collect(), after }
}

/// In seconds; a date is not worth a calendar.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::auth::opamp::messages::RetryInfo;

    fn answer() -> ServerToAgent {
        ServerToAgent { instance_uid: vec![7; 16], ..ServerToAgent::default() }
    }

    #[test]
    fn an_answer_is_for_who_has_asked() {
        let understand = |message: &ServerToAgent| understood(&message.encode_to_vec(), &[7; 16]);
        assert_eq!(understand(&answer()).unwrap(), answer());
        for stranger in [ServerToAgent::default(), ServerToAgent { instance_uid: vec![8; 16], ..answer() }] {
            assert!(matches!(understand(&stranger), Err(ExchangeError::Stranger)));
        }
        for garbage in [&b"<html>no</html>"[..], b"{\"status\":\"OK\"}", b"Internal Server Error"] {
            let error = understood(garbage, &[7; 16]).unwrap_err();
            assert_eq!(error.as_str(), "malformed");
        }
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_some() {
        let wait = |nanoseconds| {
            let retry_info = Some(RetryInfo { retry_after_nanoseconds: nanoseconds });
            reported(&ServerErrorResponse { kind: 2, error_message: "x".repeat(1000), retry_info })
        };
        let error = wait(3_000_000_000);
        assert_eq!((error.after(), error.as_str()), (Some(Duration::from_secs(3)), "reported"));
        assert!(error.to_string().len() < 300);
        assert_eq!(wait(u64::MAX).after(), Some(LONGEST_PAUSE));
        let after = |text: &'static str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }

    #[tokio::test]
    async fn a_disk_that_does_not_give_the_files_of_tls_holds_nothing_up() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        // Whoever opens it to read waits until somebody opens it to write.
        mknodat(CWD, &ca, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let tls = crds::config::ClientTls { ca_file: Some(ca.display().to_string()), ..Default::default() };
        let mut server = Server::new(&Opamp { tls: Some(tls), ..Opamp::at("https://127.0.0.1:1") });
        server.within = Duration::from_millis(20);
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            outcomes.push(server.ask(&AgentToServer::default()).await.unwrap_err());
        }
        // Ends what reads, also where this test fails.
        std::fs::write(&ca, "none").unwrap();
        assert!(outcomes.iter().all(|error| matches!(error, ExchangeError::Files(_))), "{outcomes:?}");
        server.within = ANSWER_WITHIN;
        let read = server.ask(&AgentToServer::default()).await.unwrap_err();
        assert!(matches!(read, ExchangeError::Tls(TlsError::Empty(_))), "{read:?}");
    }

    #[test]
    fn the_path_is_put_behind_the_address_once() {
        for endpoint in ["http://app:4320", "http://app:4320/"] {
            assert_eq!(Server::new(&Opamp::at(endpoint)).url, "http://app:4320/v1/opamp");
        }
    }
}
