//! Syslog over TCP and UDP: RFC 5424 and 3164.
//!
//! Comes in: a connection, or datagrams of one message each. Goes out: log records. Nobody is answered: over TCP a sender
//! waits while what was read has no way out, over UDP what finds no room is lost and counted.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use tokio::{net::UdpSocket, sync::watch};

use super::{
    Intake, Refused,
    listener::told_to,
    stream::{Batches, Closed, Connection, Metrics, Name, Outgoing, Owed, Progress, Protocol, Seats, Socket, now},
};
use crate::{delivery::Transport, signal::Signal};

use message::Message;

mod framing;
mod message;
mod record;

/// Datagrams read before others have a turn.
const AT_ONCE: usize = 256;

/// Longer than any.
const DATAGRAM: usize = 64 << 10;

/// What stands behind the sockets.
#[derive(Clone, Debug)]
pub struct Syslog {
    pub intake: Intake,
    pub metrics: Arc<Metrics>,
}

impl Syslog {
    /// Room for its connections.
    pub fn seats(&self) -> Seats {
        Seats::new(NAME.receiver, Arc::clone(&self.metrics))
    }

    /// Serves one connection.
    pub async fn serve(self, socket: Socket, peer: IpAddr, stopping: watch::Receiver<bool>) {
        Connection::serve(socket, Lines, self.intake.for_relay(peer), self.metrics, stopping).await;
    }

    /// Serves datagrams until told to stop, and what was taken is answered for. All of them have the share of one sender:
    /// what a datagram says of where it comes from is not known to be true.
    pub async fn receive(self, socket: UdpSocket, mut stopping: watch::Receiver<bool>) {
        let intake = self.intake.for_relay(IpAddr::from([0, 0, 0, 0]));
        let Some(mut outgoing) = Outgoing::new(NAME, intake, self.metrics, stopping.clone()) else { return };
        let mut buffer = vec![0; DATAGRAM];
        loop {
            // Gives back what is not needed.
            let _ = outgoing.batches.hold(0);
            outgoing.launch();
            tokio::select! {
                readable = socket.readable(), if outgoing.has_way() => {
                    if readable.is_err() {
                        break;
                    }
                    read(&socket, &mut buffer, &mut outgoing);
                }
                () = outgoing.answered(), if !outgoing.is_idle() => {}
                () = told_to(&mut stopping) => break,
            }
        }
        outgoing.launch_kept();
        outgoing.finish().await;
    }
}

const NAME: Name = Name { receiver: "syslog", transport: Transport::Syslog };

/// What has come already.
fn read(socket: &UdpSocket, buffer: &mut [u8], outgoing: &mut Outgoing) {
    for _ in 0..AT_ONCE {
        // An error is one of an earlier send, of which there are none.
        let Ok(length) = socket.try_recv(buffer) else { break };
        match outgoing.batches.hold(length) {
            Ok(()) => take(&buffer[..length], &mut outgoing.batches, now()),
            Err(_) => {
                let metrics = &outgoing.batches.intake.metrics;
                metrics.turned_away(NAME.transport, Refused::Budget.as_str());
                metrics.refused(Signal::Logs, NAME.transport, 0);
            }
        }
        if !outgoing.has_way() {
            break;
        }
    }
    outgoing.count();
}

fn take(message: &[u8], batches: &mut Batches, now: u64) {
    let message = Message::of(message, now);
    if message != Message::default() {
        batches.begin();
        batches.push(|record| record::write(&message, now, record));
    }
}

struct Lines;

impl Protocol for Lines {
    const NAME: Name = NAME;

    type Taking = (Bytes, u64);

    fn whole(&mut self, bytes: &[u8], is_all: bool) -> Result<Option<usize>, Closed> {
        framing::whole(bytes, is_all).map_err(|framing::TooLong| Closed::TooLarge)
    }

    fn begin(message: Bytes, _batches: &mut Batches, now: u64) -> Result<(Self::Taking, Option<Owed>), Closed> {
        Ok(((message, now), None))
    }

    fn take((message, now): &mut Self::Taking, batches: &mut Batches) -> Progress {
        take(framing::message(message), batches, *now);
        Progress::Done
    }
}

#[cfg(test)]
mod tests;
