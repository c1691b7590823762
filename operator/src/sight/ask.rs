//! One question to one gateway. Comes in: an address, what is known, how long to wait for news. Goes out: what it
//! tells. Must not take long, and must not read more than a gateway has to say.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use crds::destination::{self, Destination};
use http::{
    Request, StatusCode,
    header::{ETAG, HOST, IF_NONE_MATCH},
};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest time for a connection and, beyond the time asked for, for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A few lines of text.
const LONGEST_ANSWER: usize = 16 << 10;

#[derive(Debug)]
pub(super) enum Answer {
    /// What was known still holds.
    Same,
    News {
        destination: Destination,
        tag: Option<String>,
    },
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    #[error("no answer")]
    Exchange(#[source] hyper::Error),
    #[error("no request")]
    Request(#[source] http::Error),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("an answer that is too long or broken off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("an answer with status {0}")]
    Status(StatusCode),
    #[error("an answer that is not understood")]
    Json(#[source] serde_json::Error),
}

pub(super) async fn ask(address: SocketAddr, known: Option<&str>, wait: Duration) -> Result<Answer, Error> {
    let connected = within(PATIENCE, async { TcpStream::connect(address).await.map_err(Error::Connect) }).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(connected)).await.map_err(Error::Exchange)?;
    // Ends with the sender; what goes wrong in it the sender is told.
    let connection = tokio::spawn(connection);
    let asked = within(wait + PATIENCE, async {
        let response = sender.send_request(request(address, known, wait)?).await.map_err(Error::Exchange)?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Answer::Same);
        }
        if !status.is_success() {
            return Err(Error::Status(status));
        }
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await.map_err(Error::Body)?;
        let destination = serde_json::from_slice(&body.to_bytes()).map_err(Error::Json)?;
        Ok(Answer::News { destination, tag })
    });
    let answer = asked.await;
    connection.abort();
    answer
}

fn request(address: SocketAddr, known: Option<&str>, wait: Duration) -> Result<Request<Empty<Bytes>>, Error> {
    let mut request = Request::get(destination::PATH).header(HOST, address.to_string());
    if let Some(tag) = known {
        request = request.header(IF_NONE_MATCH, tag).header("prefer", format!("wait={}", wait.as_secs()));
    }
    request.body(Empty::new()).map_err(Error::Request)
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(Error::Timeout(limit)))
}
