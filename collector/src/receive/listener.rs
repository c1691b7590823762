//! Accepts connections and hands their requests to a service, until told to stop.
//!
//! Comes in: a bound socket and a service. Goes out: nothing; it ends when the last connection has ended. On
//! shutdown no new connection is taken, open ones are told to go away after the answers they wait for.

use std::{convert::Infallible, future::Future, net::SocketAddr, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::Answer;

/// Connections at once; above it new ones wait in the kernel's queue. A connection costs about 20 KiB at rest.
const CONNECTIONS: usize = 4096;

/// HTTP/2 flow control: bytes a sender may have on the way for one request and for its connection. Large enough for
/// a full request without a pause, bounded for a sender that means harm.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Requests at once on one connection.
const STREAMS: u32 = 256;

/// A sender that has not finished its headers by then, or does not answer a ping, is gone.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// Opens a socket.
///
/// # Errors
/// The address is in use or not this machine's.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop` turns true and every open request is answered.
pub async fn serve<S, F>(listener: TcpListener, service: S, mut stop: watch::Receiver<bool>)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Answer>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let builder = builder();
    loop {
        let accepted = tokio::select! {
            accepted = accept_when_room(&listener, &graceful) => accepted,
            () = told_to(&mut stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            // Out of file descriptors, most likely: give connections the time to end.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        let service = service_fn(move |request| {
            let answer = service(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let (builder, watcher, mut stop) = (builder.clone(), graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                spoke = speaks(&stream) => if !spoke { return },
                () = told_to(&mut stop) => return,
            }
            let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
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
async fn told_to(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
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
