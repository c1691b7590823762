//! One connection: its messages to requests, and words back once they are stored.
//!
//! Comes in: bytes of a protocol whose messages follow each other. Goes out: records; to a sender that asks, what it is
//! owed, and to one that is to send again the end of its connection. Must not read on while what was read has no way out, so that a
//! sender waits instead of this process's memory.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    time::Instant,
};

use super::{Batches, Closed, Metrics, Outgoing, Owed, Progress, Protocol, Socket, patience::Patience};
use crate::{
    ack::Outcome,
    receive::{Intake, body::INLINE, listener::told_to},
};

/// Bytes read at once, and admitted only then.
pub(super) const READ: usize = 16 << 10;

/// A buffer that has grown beyond goes with its message.
const LARGE: usize = 64 << 10;

/// Words that a connection is owed at most, of some 300 bytes each: beyond, nothing more is read.
const OWED: usize = 256;

/// A sender that does not take its answer by then is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// Words, and what became of what they are owed for.
type Awaited = Pin<Box<dyn Future<Output = (Vec<u8>, Outcome)> + Send>>;

/// A connection as it is served.
pub struct Connection<P: Protocol> {
    socket: Socket,
    protocol: P,
    stopping: watch::Receiver<bool>,
    outgoing: Outgoing,
    buffer: BytesMut,
    /// What is taken now.
    message: Option<Message<P::Taking>>,
    /// Whether the sender of the last message asks what becomes of it.
    asks: bool,
    owed: FuturesUnordered<Awaited>,
    /// Its sender has said the last word, or is not waited for any longer.
    has_ended: bool,
    /// Nothing more is read.
    is_ending: bool,
    /// Why it ends, where it ends in peace.
    end: Closed,
    patience: Patience,
    /// When it is closed, because something is to be sent again.
    leaving: Option<Instant>,
    has_told: bool,
}

/// A message that has come whole.
struct Message<T> {
    taking: T,
    length: usize,
    /// There is more of it than fits into a request, or unfolds in a moment.
    is_long: bool,
    owed: Option<Owed>,
}

impl<P: Protocol> Connection<P> {
    /// Serves a connection to its end.
    pub async fn serve(
        socket: Socket,
        protocol: P,
        intake: Intake,
        metrics: Arc<Metrics>,
        stopping: watch::Receiver<bool>,
    ) {
        let Some(outgoing) = Outgoing::new(P::NAME, intake, Arc::clone(&metrics), stopping.clone()) else { return };
        metrics.opened(P::NAME.receiver);
        let mut connection = Self {
            socket,
            protocol,
            stopping,
            outgoing,
            buffer: BytesMut::new(),
            message: None,
            asks: false,
            owed: FuturesUnordered::new(),
            has_ended: false,
            is_ending: false,
            end: Closed::Ended,
            patience: Patience::new(),
            leaving: None,
            has_told: false,
        };
        let greeted = tokio::select! {
            greeted = connection.protocol.greet(&mut connection.socket, &mut connection.buffer) => greeted,
            () = told_to(&mut connection.stopping) => Err(Closed::Ended),
        };
        let closed = match greeted {
            Ok(()) => connection.converse().await,
            Err(closed) => closed,
        };
        tracing::debug!(receiver = P::NAME.receiver, reason = closed.as_str(), "connection ended");
        // What nobody sends again is not given up with its connection.
        connection.into_outgoing().finish().await;
        metrics.closed(P::NAME.receiver, closed);
    }

    /// What is left of a connection that has ended: nobody listens, and what was read and not taken is nobody's.
    fn into_outgoing(mut self) -> Outgoing {
        self.feed();
        self.outgoing
    }

    async fn converse(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.step().await {
                self.outgoing.launch_kept();
                return closed;
            }
        }
    }

    async fn step(&mut self) -> Result<(), Closed> {
        self.take_whole().await?;
        self.outgoing.launch();
        if self.is_over() {
            return Err(self.end);
        }
        let (reads, unfinished) = (self.reads(), self.buffer.len());
        if !reads {
            self.patience.rests();
        } else if let Some(end) = self.patience.is_over(unfinished, || self.outgoing.batches.intake.is_scarce()) {
            // As if its sender had said the last word: what there is of it may be worth something.
            (self.has_ended, self.is_ending, self.end) = (true, true, end);
            return Ok(());
        }
        let until = self.leaving.unwrap_or_else(|| self.patience.until(reads, unfinished));
        self.buffer.reserve(READ);
        let mut room = (&mut self.buffer).limit(READ);
        tokio::select! {
            read = self.socket.read_buf(&mut room), if reads => match read {
                Ok(0) => (self.has_ended, self.is_ending) = (true, true),
                Ok(read) => {
                    self.patience.hears(unfinished == 0);
                    self.outgoing.batches.intake.metrics.received(P::NAME.transport, read);
                }
                Err(_) => return Err(Closed::Broken),
            },
            () = self.outgoing.answered(), if !self.outgoing.is_idle() => {}
            Some((words, outcome)) = self.owed.next(), if !self.owed.is_empty() => self.tell(&words, outcome).await?,
            () = told_to(&mut self.stopping), if !self.is_ending => self.is_ending = true,
            () = tokio::time::sleep_until(until) => if self.leaving.is_some() { return Err(Closed::Retry) },
        }
        Ok(())
    }

    /// Takes the messages that are whole, as long as there is room for what comes of them.
    async fn take_whole(&mut self) -> Result<(), Closed> {
        while self.leaving.is_none() && self.owed.len() < OWED {
            self.outgoing.launch_full();
            if self.outgoing.batches.is_waiting() || !self.has_room()? || !self.begins()? {
                break;
            }
            self.take().await?;
        }
        Ok(())
    }

    /// Whether what was read can be held, and what comes of it.
    fn has_room(&mut self) -> Result<bool, Closed> {
        let read = self.buffer.len() + self.message.as_ref().map_or(0, |message| message.length);
        let Err(lack) = self.outgoing.batches.hold(read) else {
            self.feed();
            return Ok(true);
        };
        if !self.patience.is_starved() {
            self.outgoing.metrics.waits(P::NAME.receiver, true);
        }
        self.patience.starves(lack, self.asks)?;
        Ok(false)
    }

    fn feed(&mut self) {
        if self.patience.is_starved() {
            self.outgoing.metrics.waits(P::NAME.receiver, false);
            self.patience.feeds();
        }
    }

    /// Whether there is a message to take.
    fn begins(&mut self) -> Result<bool, Closed> {
        if self.message.is_some() {
            return Ok(true);
        }
        let Some(length) = self.protocol.whole(&self.buffer, self.has_ended)? else {
            if self.buffer.len() > self.outgoing.batches.intake.request_limit {
                return Err(Closed::TooLarge);
            }
            if self.is_ending && !self.buffer.is_empty() {
                self.give_up_the_rest();
            }
            return Ok(false);
        };
        let message = split(&mut self.buffer, length);
        let (taking, owed) = P::begin(message, &mut self.outgoing.batches, now())?;
        self.asks = owed.is_some();
        self.patience.takes(self.asks)?;
        self.message = Some(Message { taking, length, is_long: length > INLINE, owed });
        Ok(true)
    }

    /// Half a message, of which no more is read: what is on its way may take long, and others need the room.
    fn give_up_the_rest(&mut self) {
        self.buffer = BytesMut::new();
        // Gives back; there is always room for nothing.
        let _ = self.outgoing.batches.hold(0);
        if self.end == Closed::Ended {
            self.end = Closed::Broken;
        }
    }

    /// A long message is taken beside the workers that serve sockets.
    async fn take(&mut self) -> Result<(), Closed> {
        let Some(mut message) = self.message.take() else { return Ok(()) };
        let batches = &mut self.outgoing.batches;
        let progress = if message.is_long {
            let unfolding = Arc::clone(&batches.intake.unfolding);
            let Ok(slot) = unfolding.acquire_owned().await else { return Err(Closed::Ended) };
            let Some(spare) = Batches::new(batches.intake.clone()) else { return Err(Closed::Ended) };
            let mut taking = std::mem::replace(batches, spare);
            let taken = tokio::task::spawn_blocking(move || {
                let _slot = slot;
                (P::take(&mut message.taking, &mut taking), message, taking)
            });
            let Ok((progress, took, taking)) = taken.await else { return Err(Closed::Broken) };
            (message, *batches) = (took, taking);
            progress
        } else {
            P::take(&mut message.taking, batches)
        };
        self.outgoing.count();
        match progress {
            Progress::Paused => self.message = Some(Message { is_long: true, ..message }),
            Progress::Done => {
                if let Some(Owed { words, answer }) = message.owed {
                    self.owed.push(Box::pin(async move { (words, answer.outcome().await) }));
                }
            }
        }
        Ok(())
    }

    fn reads(&self) -> bool {
        let is_open = !self.is_ending && self.leaving.is_none();
        let is_free = self.message.is_none() && !self.patience.is_starved();
        is_open && is_free && self.owed.len() < OWED && self.outgoing.has_way()
    }

    /// Everything that was read is answered for.
    fn is_over(&self) -> bool {
        let is_taken = self.message.is_none() && !self.patience.is_starved();
        let is_answered = self.outgoing.is_idle() && self.owed.is_empty() && self.outgoing.batches.is_empty();
        self.is_ending && is_taken && is_answered
    }

    /// The outcome table's column for protocols that can only say yes. Who is to send again is left, after the time that
    /// others are told to wait: it would wait longer for a word that does not come.
    async fn tell(&mut self, words: &[u8], outcome: Outcome) -> Result<(), Closed> {
        match outcome {
            Outcome::Retry { after } => {
                self.leaving.get_or_insert(Instant::now() + after);
                return Ok(());
            }
            Outcome::Delivered { .. } => {}
            Outcome::Reject(reason) => self.warn(&reason),
            Outcome::TooLarge => self.warn("a request is larger than limits.requestBytes"),
        }
        let written = tokio::time::timeout(WRITE_WITHIN, async {
            self.socket.write_all(words).await?;
            self.socket.flush().await
        });
        if matches!(written.await, Ok(Ok(()))) { Ok(()) } else { Err(Closed::Broken) }
    }

    /// Once for each connection.
    fn warn(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.has_told, true) {
            tracing::warn!(receiver = P::NAME.receiver, reason, "records are refused for good");
        }
    }
}

/// Takes a message off. The memory of a large one goes with it: what has come of the next one gets its own.
fn split(buffer: &mut BytesMut, length: usize) -> Bytes {
    let message = buffer.split_to(length).freeze();
    if length > LARGE {
        *buffer = BytesMut::from(&buffer[..]);
    }
    message
}

/// In nanoseconds since the Unix epoch.
pub(in crate::receive) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_large_message_goes_with_it() {
        let mut buffer = BytesMut::with_capacity(4 << 20);
        buffer.extend_from_slice(&[1; (1 << 20) + 10]);
        let message = split(&mut buffer, 1 << 20);
        assert_eq!((message.len(), &buffer[..]), (1 << 20, &[1; 10][..]));
        assert!(buffer.capacity() <= LARGE, "{}", buffer.capacity());
    }
}
