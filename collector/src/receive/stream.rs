//! Connections of protocols that are no HTTP: accepted, secured, and handed on until told to stop.
//!
//! Comes in: a bound socket, perhaps certificates, and what a connection is served with. Goes out: nothing; it ends when
//! the last connection has ended. Must not let one connection hold up the next, nor one sender take them all, nor know what
//! is said.

use std::{future::Future, io, net::IpAddr, os::fd::AsFd, time::Duration};

use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::{
    listener::{HEADER_TIMEOUT, or_pause, told_to},
    tls::Tls,
};

mod batches;
mod connection;
mod metrics;
mod outgoing;
mod patience;
mod protocol;
mod seats;

pub(super) use batches::{Batches, Lack};
pub(super) use connection::{Connection, now};
pub use metrics::Metrics;
pub(super) use outgoing::{Name, Outgoing};
pub(super) use protocol::{Closed, Owed, Progress, Protocol};
pub use seats::Seats;

/// A peer that is gone without a word is found out after two minutes: whoever has nothing to say says nothing for
/// hours, and is still there.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(15), 4);

/// A connection, secured where that is wanted.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub type Socket = Box<dyn Stream>;

/// Serves until `stop` turns true and every connection has ended.
pub async fn serve<S, F>(
    listener: TcpListener,
    tls: Option<Tls>,
    seats: Seats,
    service: S,
    mut stop: watch::Receiver<bool>,
) where
    S: Fn(Socket, IpAddr, watch::Receiver<bool>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < seats.most => accepted,
            Some(_) = connections.join_next(), if connections.len() >= seats.most => continue,
            () = told_to(&mut stop) => break,
        };
        let Some((stream, peer)) = or_pause(accepted).await else { continue };
        let Some(seat) = seats.take(peer.ip()) else {
            tracing::debug!(%peer, "its address has as many connections as it may");
            continue;
        };
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "cannot set up a connection");
        }
        let (service, tls, mut stop) = (service.clone(), tls.clone(), stop.clone());
        connections.spawn(async move {
            let _seat = seat;
            let secured = tokio::select! {
                secured = secure(stream, tls) => secured,
                () = told_to(&mut stop) => return,
            };
            if let Some(socket) = secured {
                service(socket, peer.ip(), stop).await;
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    let (idle, interval, probes) = KEEPALIVE;
    let socket = stream.as_fd();
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, idle)?;
    sockopt::set_tcp_keepintvl(socket, interval)?;
    Ok(sockopt::set_tcp_keepcnt(socket, probes)?)
}

/// Nothing where the handshake fails, or takes too long.
async fn secure(stream: TcpStream, tls: Option<Tls>) -> Option<Socket> {
    let Some(tls) = tls else { return Some(Box::new(stream)) };
    match tokio::time::timeout(HEADER_TIMEOUT, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
