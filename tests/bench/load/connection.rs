//! One connection, as bare as hyper gives it: comes in an encoded body, goes out its answer in three words. HTTP/1.1
//! carries one request at a time, HTTP/2 as many as share it.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::cases::{Case, Encoding, Transport};

/// A receiver's own frames and windows decide how fast bodies go; answers are small.
const ANSWER_WINDOW: u32 = 64 << 10;

/// What a receiver answered.
#[derive(Debug)]
pub enum Answer {
    Taken,
    /// To be sent again.
    Later(String),
    Refused(String),
}

#[derive(Debug)]
enum Handle {
    Http(http1::SendRequest<Full<Bytes>>),
    Grpc(http2::SendRequest<Full<Bytes>>),
}

#[derive(Debug)]
pub struct Connection {
    handle: Handle,
    uri: Uri,
    headers: HeaderMap,
}

impl Connection {
    pub async fn open(address: SocketAddr, case: &Case) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        Ok(match case.transport {
            Transport::Http => {
                let (handle, driver) = http1::handshake(io).await?;
                tokio::spawn(driver);
                Connection {
                    handle: Handle::Http(handle),
                    uri: case.signal.http_path().parse()?,
                    headers: http_headers(address, case.encoding)?,
                }
            }
            Transport::Grpc => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.initial_stream_window_size(ANSWER_WINDOW).max_concurrent_reset_streams(0);
                let (handle, driver) = builder.handshake(io).await?;
                tokio::spawn(driver);
                Connection {
                    handle: Handle::Grpc(handle),
                    uri: format!("http://{address}{}", case.signal.grpc_path()).parse()?,
                    headers: grpc_headers(case.encoding)?,
                }
            }
        })
    }

    /// The same connection for one more worker.
    pub fn share(&self) -> anyhow::Result<Connection> {
        match &self.handle {
            Handle::Grpc(handle) => Ok(Connection {
                handle: Handle::Grpc(handle.clone()),
                uri: self.uri.clone(),
                headers: self.headers.clone(),
            }),
            Handle::Http(_) => anyhow::bail!("HTTP/1.1 carries one request at a time"),
        }
    }

    pub async fn send(&mut self, body: Bytes) -> anyhow::Result<Answer> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        match &mut self.handle {
            Handle::Http(handle) => {
                handle.ready().await?;
                of_http(handle.send_request(request).await?).await
            }
            Handle::Grpc(handle) => {
                handle.ready().await?;
                of_grpc(handle.send_request(request).await?).await
            }
        }
    }
}

fn http_headers(address: SocketAddr, encoding: Encoding) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_str(&address.to_string())?);
    headers.insert("content-type", HeaderValue::from_static("application/x-protobuf"));
    if encoding != Encoding::Identity {
        headers.insert("content-encoding", HeaderValue::from_str(&encoding.name())?);
    }
    Ok(headers)
}

fn grpc_headers(encoding: Encoding) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("te", HeaderValue::from_static("trailers"));
    if encoding != Encoding::Identity {
        headers.insert("grpc-encoding", HeaderValue::from_str(&encoding.name())?);
    }
    Ok(headers)
}

async fn of_http(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let reason = || format!("{}: {}", head.status, String::from_utf8_lossy(&body));
    Ok(match head.status.as_u16() {
        200 => Answer::Taken,
        429 | 502 | 503 | 504 => Answer::Later(reason()),
        _ => Answer::Refused(reason()),
    })
}

/// The status is in the trailers, or in the head where there is no message.
async fn of_grpc(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let field = |name: &str| body.trailers().and_then(|t| t.get(name)).or_else(|| head.headers.get(name));
    let status = field("grpc-status").and_then(|status| status.to_str().ok()).unwrap_or("none");
    let reason = || format!("{} grpc-status {status}: {:?}", head.status, field("grpc-message"));
    Ok(match status {
        "0" => Answer::Taken,
        // CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS.
        "1" | "4" | "8" | "10" | "11" | "14" | "15" => Answer::Later(reason()),
        _ => Answer::Refused(reason()),
    })
}
