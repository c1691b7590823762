//! What a protocol says of its messages: where one ends, and what is in it.
//!
//! Comes in: bytes. Goes out: records into batches, and what the sender is owed for them; or why its connection ends. Must
//! not read a socket, but for what comes before the first message.

use std::future::Future;

use bytes::{Bytes, BytesMut};

use super::{Batches, Name, Socket};
use crate::ack::Answer;

/// How messages of a protocol are told apart and read.
pub trait Protocol: Send + 'static {
    const NAME: Name;

    /// A message that is taken, as far as it has come.
    type Taking: Send + 'static;

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

    /// Begins to take a message; what its sender asks for comes with it. `now` is in nanoseconds since the Unix epoch.
    ///
    /// # Errors
    /// Nothing more can be read after it.
    fn begin(message: Bytes, batches: &mut Batches, now: u64) -> Result<(Self::Taking, Option<Owed>), Closed>;

    /// Makes records of it, until a request is full of them or room is wanted.
    fn take(taking: &mut Self::Taking, batches: &mut Batches) -> Progress;
}

/// How far a message was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    Done,
    /// There is more of it, for which there has to be room.
    Paused,
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
