//! Fluent's forward protocol, version 1, over TCP: what Fluentd, Fluent Bit and their libraries send.
//!
//! Comes in: a connection. Goes out: log records, and `ack` for the chunks whose senders ask, once they are stored: the
//! same promise as an answer over OTLP. Heartbeats over UDP are not answered; senders need them only where they are told
//! to. Must not take a message before its sender has shown that it knows the key, where there is one.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use bytes::{Bytes, BytesMut};
use rmp::encode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
};

use super::{
    Intake,
    files::{self, FilesError},
    listener::HEADER_TIMEOUT,
    stream::{Batches, Closed, Connection, Metrics, Name, Owed, Progress, Protocol, Seats, Socket},
};
use crate::delivery::Transport;

use handshake::{Nonce, Ping};
use message::{Framing, NoMessage};
use msgpack::{Invalid, Reader};
use taking::Taking;
pub use whole::{Whole, read};

mod handshake;
mod message;
mod msgpack;
mod record;
mod taking;
mod unfolded;
mod whole;

/// Bytes of a PING at most.
const LONGEST_PING: usize = 4 << 10;

/// What stands behind the socket.
#[derive(Clone, Debug)]
pub struct Forward {
    pub intake: Intake,
    pub metrics: Arc<Metrics>,
    pub key: Option<SharedKey>,
    /// What senders are told we are; not what they call themselves.
    pub hostname: String,
}

/// A key that senders must know, as it is in its file now.
#[derive(Clone)]
pub struct SharedKey(watch::Receiver<Arc<Vec<u8>>>);

impl std::fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedKey")
    }
}

impl SharedKey {
    /// # Errors
    /// The file cannot be read, or is empty.
    pub fn new(path: &str) -> Result<Self, FilesError> {
        files::keep(vec![PathBuf::from(path)], |contents| {
            let key = contents.first().map(|content| content.trim_ascii().to_vec()).unwrap_or_default();
            // With it, everybody would know the key.
            if key.is_empty() { Err("the file holds no key".to_owned()) } else { Ok(key) }
        })
        .map(Self)
    }
}

impl Forward {
    /// Room for its connections.
    pub fn seats(&self) -> Seats {
        Seats::new(Fluent::NAME.receiver, Arc::clone(&self.metrics))
    }

    /// Serves one connection.
    pub async fn serve(self, socket: Socket, peer: IpAddr, stopping: watch::Receiver<bool>) {
        let Self { intake, metrics, key, hostname } = self;
        let protocol = Fluent { framing: Framing::default(), key, hostname };
        Connection::serve(socket, protocol, intake.for_relay(peer), metrics, stopping).await;
    }
}

async fn greet(socket: &mut Socket, buffer: &mut BytesMut, key: &[u8], hostname: &str) -> Result<(), Closed> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce).map_err(|_| Closed::Unauthenticated)?;
    write(socket, &handshake::helo(&nonce)).await?;
    let length = loop {
        match Reader(buffer).skip() {
            Ok(whole) => break whole.len(),
            Err(Invalid::Short) if buffer.len() < LONGEST_PING => {}
            Err(_) => return Err(Closed::Unauthenticated),
        }
        if !matches!(socket.read_buf(buffer).await, Ok(1..)) {
            return Err(Closed::Unauthenticated);
        }
    };
    let ping = buffer.split_to(length);
    let ping = Ping::of(&ping).map_err(|NoMessage| Closed::Unauthenticated)?;
    if !ping.knows(&nonce, key) {
        write(socket, &handshake::refusal()).await?;
        return Err(Closed::Unauthenticated);
    }
    write(socket, &ping.welcome(&nonce, key, hostname)).await
}

async fn write(socket: &mut Socket, words: &[u8]) -> Result<(), Closed> {
    socket.write_all(words).await.map_err(|_| Closed::Broken)?;
    socket.flush().await.map_err(|_| Closed::Broken)
}

struct Fluent {
    framing: Framing,
    key: Option<SharedKey>,
    hostname: String,
}

impl Protocol for Fluent {
    const NAME: Name = Name { receiver: "fluentforward", transport: Transport::Fluent };

    type Taking = Taking;

    async fn greet(&mut self, socket: &mut Socket, buffer: &mut BytesMut) -> Result<(), Closed> {
        let Some(key) = &self.key else { return Ok(()) };
        let key = Arc::clone(&key.0.borrow());
        let greeted = tokio::time::timeout(HEADER_TIMEOUT, greet(socket, buffer, &key, &self.hostname));
        greeted.await.unwrap_or(Err(Closed::Unauthenticated))
    }

    fn whole(&mut self, bytes: &[u8], _is_all: bool) -> Result<Option<usize>, Closed> {
        Ok(self.framing.whole(bytes)?)
    }

    fn begin(message: Bytes, batches: &mut Batches, now: u64) -> Result<(Self::Taking, Option<Owed>), Closed> {
        let (taking, words) = Taking::of(message, now)?;
        let Some(words) = words else {
            batches.begin();
            return Ok((taking, None));
        };
        let answer = batches.begin_owed(words.len());
        Ok((taking, Some(Owed { words, answer })))
    }

    fn take(taking: &mut Self::Taking, batches: &mut Batches) -> Progress {
        taking.take(batches)
    }
}

/// The chunk's name, as it came.
fn ack(chunk: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to a vector cannot fail.
    let _ = encode::write_map_len(&mut out, 1);
    let _ = encode::write_str(&mut out, "ack");
    match std::str::from_utf8(chunk) {
        Ok(text) => drop(encode::write_str(&mut out, text)),
        Err(_) => drop(encode::write_bin(&mut out, chunk)),
    }
    out
}

impl From<NoMessage> for Closed {
    fn from(NoMessage: NoMessage) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests;
