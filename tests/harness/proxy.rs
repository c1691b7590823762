//! A TCP proxy with a fault in it: comes in where to pass connections on, and what is wrong at the moment, goes out a
//! port to connect to. Must not know a protocol: it sees bytes, and that an answer follows a body.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::ports::free_port;

mod pass;
#[cfg(test)]
mod tests;

/// What is wrong with the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wrong {
    Nothing,
    /// Nobody listens, and what was connected is gone.
    Refuses,
    /// What comes back is held for so long.
    Delays(Duration),
    /// So many bytes a second, in each direction of each connection.
    Throttles(u32),
    /// One body in so many is broken off in its middle, with a reset to both sides.
    ResetsInBody(u64),
    /// One answer to a body in so many is swallowed, with a reset to both sides: the body was taken.
    ResetsAfterBody(u64),
}

/// A proxy owned by a test.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    line: Arc<Line>,
    /// Absent while it refuses.
    accepting: Mutex<Option<AbortHandle>>,
}

/// What the connections of a proxy share.
#[derive(Debug)]
struct Line {
    to: SocketAddr,
    wrong: watch::Sender<Wrong>,
    /// Bodies seen, to choose one in so many.
    bodies: AtomicU64,
    broken: AtomicU64,
}

impl Proxy {
    /// One that passes everything on to `to`.
    pub async fn start(to: SocketAddr) -> anyhow::Result<Proxy> {
        let address = (Ipv4Addr::LOCALHOST, free_port("127.0.0.1")?).into();
        let line = Line { to, wrong: watch::Sender::new(Wrong::Nothing), bodies: 0.into(), broken: 0.into() };
        let proxy = Proxy { address, line: Arc::new(line), accepting: Mutex::new(None) };
        proxy.listen().await?;
        Ok(proxy)
    }

    /// From now on this is wrong, also with connections that are open.
    pub async fn set(&self, wrong: Wrong) -> anyhow::Result<()> {
        self.line.wrong.send_replace(wrong);
        if wrong == Wrong::Refuses {
            self.cut().await;
            return Ok(());
        }
        self.listen().await
    }

    /// How many bodies or answers it has broken.
    pub fn broken(&self) -> u64 {
        self.line.broken.load(Ordering::Relaxed)
    }

    async fn cut(&self) {
        if let Some(accepting) = self.accepting.lock().await.take() {
            accepting.abort();
        }
    }

    async fn listen(&self) -> anyhow::Result<()> {
        let mut accepting = self.accepting.lock().await;
        if accepting.is_none() {
            let listener = TcpListener::bind(self.address).await?;
            *accepting = Some(tokio::spawn(accept(listener, Arc::clone(&self.line))).abort_handle());
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.get_mut().take() {
            accepting.abort();
        }
    }
}

/// Ends with its connections when it is aborted: they belong to its set.
async fn accept(listener: TcpListener, line: Arc<Line>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Ok((near, _)) = listener.accept() => {
                let line = Arc::clone(&line);
                open.spawn(async move {
                    let Ok(far) = TcpStream::connect(line.to).await else { return };
                    pass::both_ways(near, far, &line).await;
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
}
