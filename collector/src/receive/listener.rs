//! Accepts connections and hands their requests to a service, until told to stop.
//!
//! Comes in: a bound socket, what serves a peer and perhaps certificates. Goes out: nothing; it ends when the last connection
//! has ended. On shutdown no new connection is taken, open ones are told to go away after the answers they wait for.
//! Must not let one connection hold up the next: handshakes are made beside the loop that accepts.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::server::TlsStream;

use super::{Answer, tls::Tls};

/// Connections at once; above it new ones wait in the kernel's queue. A connection costs about 20 KiB at rest.
const CONNECTIONS: usize = 4096;

/// Bytes of an HTTP/1 connection read at once, and the most its headers may take. Measured: a quarter less time for a
/// request of 380 KB than with hyper's own choice, and nothing to win beyond.
const BUFFER: usize = 64 << 10;

/// HTTP/2 flow control: bytes a sender may have on the way for one request and for its connection. Large enough for
/// most requests without a pause. Bounded, since it is taken in before anybody asks for it: outside the budget, and by
/// every connection. Frames stay at 16 KiB: senders make them no larger.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// Requests at once on one connection.
const STREAMS: u32 = 256;

/// A sender that has not finished its handshake or its headers by then, or does not answer a ping, is gone.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// Opens a socket.
///
/// # Errors
/// The address is in use or not this machine's.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop` turns true and every open request is answered. What a connection's requests have in common is
/// made once for each connection, from its peer's address: `service_of`.
pub async fn serve<C, S, F>(listener: TcpListener, tls: Option<Tls>, service_of: C, mut stop: watch::Receiver<bool>)
where
    C: Fn(IpAddr) -> S + Send + 'static,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Answer>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let builder = builder();
    loop {
        let accepted = tokio::select! {
            accepted = accept_when_room(&listener, &graceful) => accepted,
            () = told_to(&mut stop) => break,
        };
        let Some((stream, peer)) = or_pause(accepted).await else { continue };
        let _ = stream.set_nodelay(true);
        let connection = Connection { builder: builder.clone(), watcher: graceful.watcher() };
        let (service, tls, mut stop) = (service_of(peer.ip()), tls.clone(), stop.clone());
        tokio::spawn(async move {
            let accepted = tokio::select! {
                accepted = greet(stream, tls) => accepted,
                () = told_to(&mut stop) => return,
            };
            match accepted {
                Some(Greeted::Plain(stream)) => connection.serve(stream, service).await,
                Some(Greeted::Tls(stream)) => connection.serve(*stream, service).await,
                None => {}
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// What a connection is served with.
struct Connection {
    builder: auto::Builder<TokioExecutor>,
    watcher: Watcher,
}

impl Connection {
    async fn serve<I, S, F>(self, stream: I, service: S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Response<Answer>> + Send + 'static,
    {
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = service(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = self.watcher.watch(connection).await {
            tracing::debug!(%error, "connection ended");
        }
    }
}

/// A connection that may speak HTTP now.
enum Greeted {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Waits for the first word and for the handshake, if there is one; nothing where either does not come in time or
/// fails.
async fn greet(stream: TcpStream, tls: Option<Tls>) -> Option<Greeted> {
    if !speaks(&stream).await {
        return None;
    }
    let Some(tls) = tls else { return Some(Greeted::Plain(stream)) };
    match tokio::time::timeout(HEADER_TIMEOUT, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => Some(Greeted::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
}

/// Waits for the word. Where nobody is left to give it, for ever.
pub(super) async fn told_to(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What was accepted. Out of file descriptors, most likely, where there is nothing: connections are given time to end.
pub(super) async fn or_pause<T>(accepted: std::io::Result<T>) -> Option<T> {
    match accepted {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// The next connection, as soon as there is room for one.
async fn accept_when_room(
    listener: &TcpListener,
    graceful: &GracefulShutdown,
) -> std::io::Result<(TcpStream, SocketAddr)> {
    while graceful.count() >= CONNECTIONS {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    listener.accept().await
}

/// Whether a connection has said its first word in time. The server below knows a time limit only from the first
/// byte on, so that a connection that never speaks would stay for ever.
async fn speaks(stream: &TcpStream) -> bool {
    tokio::time::timeout(HEADER_TIMEOUT, stream.readable()).await.is_ok_and(|readable| readable.is_ok())
}
