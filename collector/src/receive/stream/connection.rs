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

use bytes::{Bytes, BytesMut};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    time::Instant,
};

use super::{Batches, Metrics, Name, Outgoing, Socket};
use crate::{
    ack::{Answer, Outcome},
    receive::{
        Intake,
        body::{FRAME_WITHIN, INLINE},
        listener::told_to,
    },
};

/// Bytes read at once.
const READ: usize = 16 << 10;

/// A buffer that has grown beyond is given back once it is empty.
const LARGE: usize = 256 << 10;

/// A sender that says nothing for so long has a connection it does not need. Most that ask for no answer find out that
/// it is closed before they send again, and not all: so it is long.
const IDLE: Duration = Duration::from_secs(3600);

/// How long a message waits for room in the budget, and how often it looks.
const ROOM_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Words that a connection is owed at most, of some 300 bytes each: beyond, nothing more is read.
const OWED: usize = 256;

/// A sender that does not take its answer by then is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How messages of a protocol are told apart and read.
pub trait Protocol: Send + 'static {
    const NAME: Name;

    /// Whether its senders keep what they have no word for. Those that do not wait for as long as there is no room.
    const SENDS_AGAIN: bool;

    /// What comes before the messages, with what was read of them.
    fn greet(
        &mut self,
        _socket: &mut Socket,
        _buffer: &mut BytesMut,
    ) -> impl Future<Output = Result<(), Closed>> + Send {
        std::future::ready(Ok(()))
    }

    /// The length of the first message, once it is whole. `is_all`: nothing will come after these bytes.
    ///
    /// # Errors
    /// The bytes are none of this protocol.
    fn whole(&mut self, bytes: &[u8], is_all: bool) -> Result<Option<usize>, Closed>;

    /// A message to records. `now` is in nanoseconds since the Unix epoch.
    ///
    /// # Errors
    /// Nothing more can be read after it.
    fn take(message: &Bytes, batches: &mut Batches, now: u64) -> Result<Option<Owed>, Closed>;
}

/// Words that a sender gets once its message is stored.
#[derive(Debug)]
pub struct Owed {
    pub words: Vec<u8>,
    pub answer: Answer,
}

/// Why a connection has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closed {
    /// Its sender has nothing more to say, or this process ends.
    Ended,
    /// What it says is none of its protocol.
    Malformed,
    /// A message larger than a request may be.
    TooLarge,
    /// The budget is used up.
    Budget,
    /// It fell silent, hung up or listened no more in the middle.
    Broken,
    Idle,
    Unauthenticated,
    /// Its address has as many as it may.
    Share,
    /// Something is not stored, and is to be sent again.
    Retry,
}

/// Words, and what became of what they are owed for.
type Awaited = Pin<Box<dyn Future<Output = (Vec<u8>, Outcome)> + Send>>;

/// A connection as it is served.
pub struct Connection<P> {
    socket: Socket,
    protocol: P,
    stopping: watch::Receiver<bool>,
    outgoing: Outgoing,
    buffer: BytesMut,
    owed: FuturesUnordered<Awaited>,
    /// Its sender has said the last word.
    has_ended: bool,
    /// Nothing more is read.
    is_ending: bool,
    /// Since when there is no room.
    starved: Option<Instant>,
    /// When it is closed, because something is to be sent again.
    leaving: Option<Instant>,
    /// When something was read, or could not be.
    heard: Instant,
    has_told: bool,
}

impl Closed {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Budget => "budget",
            Self::Broken => "broken",
            Self::Idle => "idle",
            Self::Unauthenticated => "unauthenticated",
            Self::Share => "share",
            Self::Retry => "retry",
        }
    }
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
            owed: FuturesUnordered::new(),
            has_ended: false,
            is_ending: false,
            starved: None,
            leaving: None,
            heard: Instant::now(),
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
        let Self { outgoing, socket, .. } = connection;
        drop(socket);
        // What nobody sends again is not given up with its connection.
        outgoing.finish().await;
        metrics.closed(P::NAME.receiver, closed);
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
        if self.is_ending && self.outgoing.is_idle() && self.owed.is_empty() && self.outgoing.batches.is_empty() {
            return Err(if self.buffer.is_empty() { Closed::Ended } else { Closed::Broken });
        }
        let reads = self.reads();
        if !reads {
            self.heard = Instant::now();
        }
        let until = self.until(reads);
        self.buffer.reserve(READ);
        tokio::select! {
            read = self.socket.read_buf(&mut self.buffer), if reads => match read {
                Ok(0) => (self.has_ended, self.is_ending) = (true, true),
                Ok(read) => {
                    self.heard = Instant::now();
                    self.outgoing.batches.intake.metrics.received(P::NAME.transport, read);
                }
                Err(_) => return Err(Closed::Broken),
            },
            () = self.outgoing.answered(), if !self.outgoing.is_idle() => {}
            Some((words, outcome)) = self.owed.next(), if !self.owed.is_empty() => self.tell(&words, outcome).await?,
            () = told_to(&mut self.stopping), if !self.is_ending => self.is_ending = true,
            () = tokio::time::sleep_until(until) => return self.late(reads),
        }
        Ok(())
    }

    /// Takes the messages that are whole, as long as there is room for what comes of them.
    async fn take_whole(&mut self) -> Result<(), Closed> {
        while !self.outgoing.batches.is_waiting() && self.leaving.is_none() && self.owed.len() < OWED {
            if !self.outgoing.batches.hold(self.buffer.len()) {
                let since = *self.starved.get_or_insert_with(Instant::now);
                let is_over = P::SENDS_AGAIN && since.elapsed() >= ROOM_WITHIN;
                return if is_over { Err(Closed::Budget) } else { Ok(()) };
            }
            self.starved = None;
            let Some(length) = self.protocol.whole(&self.buffer, self.has_ended)? else {
                let is_small = self.buffer.len() <= self.outgoing.batches.intake.request_limit;
                return if is_small { Ok(()) } else { Err(Closed::TooLarge) };
            };
            let message = self.buffer.split_to(length).freeze();
            let owed = self.take(message).await?;
            if let Some(Owed { words, answer }) = owed {
                self.owed.push(Box::pin(async move { (words, answer.outcome().await) }));
            }
            if self.buffer.is_empty() && self.buffer.capacity() > LARGE {
                self.buffer = BytesMut::new();
            }
        }
        Ok(())
    }

    /// A large message is read beside the workers that serve sockets.
    async fn take(&mut self, message: Bytes) -> Result<Option<Owed>, Closed> {
        let now = now();
        let batches = &mut self.outgoing.batches;
        let taken = if message.len() <= INLINE {
            P::take(&message, batches, now)
        } else {
            let unfolding = Arc::clone(&batches.intake.unfolding);
            let Ok(slot) = unfolding.acquire_owned().await else { return Err(Closed::Ended) };
            let Some(spare) = Batches::new(batches.intake.clone()) else { return Err(Closed::Ended) };
            let mut taking = std::mem::replace(batches, spare);
            let taken = tokio::task::spawn_blocking(move || {
                let _slot = slot;
                (P::take(&message, &mut taking, now), taking)
            });
            let Ok((taken, taking)) = taken.await else { return Err(Closed::Broken) };
            *batches = taking;
            taken
        };
        self.outgoing.count();
        taken
    }

    fn reads(&self) -> bool {
        let is_open = !self.is_ending && self.leaving.is_none();
        is_open && self.starved.is_none() && self.owed.len() < OWED && self.outgoing.has_way()
    }

    /// When something has to happen, if nothing else does.
    fn until(&self, reads: bool) -> Instant {
        let rest = || self.heard + if self.buffer.is_empty() { IDLE } else { FRAME_WITHIN };
        match (self.leaving, self.starved) {
            (Some(leaving), _) => leaving,
            (None, Some(_)) => Instant::now() + LOOK_EVERY,
            (None, None) if reads => rest(),
            (None, None) => Instant::now() + IDLE,
        }
    }

    fn late(&self, reads: bool) -> Result<(), Closed> {
        match self.leaving {
            Some(_) => Err(Closed::Retry),
            None if !reads => Ok(()),
            None if self.buffer.is_empty() => Err(Closed::Idle),
            None => Err(Closed::Broken),
        }
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

/// In nanoseconds since the Unix epoch.
pub(in crate::receive) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
