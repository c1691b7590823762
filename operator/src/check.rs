//! Whether an operator works, asked from outside, as the chart's test does. Comes in: the address of its probes and how
//! long to ask. Goes out: that it is ready, or why nobody says so. Must not need any right in the cluster.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header::HOST};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};

/// Longest time of one question, and from one to the next.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    #[error("no answer")]
    Exchange(#[source] hyper::Error),
    #[error("the address cannot be asked")]
    Request(#[source] http::Error),
    #[error("no answer within {PATIENCE:?}")]
    Timeout,
    #[error("it answers {0}")]
    Status(StatusCode),
}

/// # Errors
/// What the last question came to, when the time is over.
pub async fn check(address: &str, within: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + within;
    loop {
        let asked = tokio::time::timeout(PATIENCE, ask(address)).await.unwrap_or(Err(Error::Timeout));
        match asked {
            Err(error) if Instant::now() < deadline => {
                tracing::info!(error = crate::error::chain(&error), "not ready yet");
                tokio::time::sleep(PAUSE).await;
            }
            asked => return asked,
        }
    }
}

async fn ask(address: &str) -> Result<(), Error> {
    let stream = TcpStream::connect(address).await.map_err(Error::Connect)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Error::Exchange)?;
    // Ends with the sender; what goes wrong in it the sender is told.
    let connection = tokio::spawn(connection);
    let request = Request::get("/ready").header(HOST, address).body(Empty::<Bytes>::new()).map_err(Error::Request)?;
    let answer = sender.send_request(request).await.map_err(Error::Exchange);
    connection.abort();
    let status = answer?.status();
    if status.is_success() { Ok(()) } else { Err(Error::Status(status)) }
}
