//! What becomes of a delivery, and the promise that somebody is told.
//!
//! Comes in: the outcome of each part a delivery was split into. Goes out: one outcome, to the receiver that
//! waits for it. Must not lose one: a part dropped unanswered, on whatever path, is answered [`Outcome::Retry`],
//! so forgetting can only cost a resend and never a row.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{budget::Permit, record::Malformed};

/// What a sender is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Every record is stored, but for `rejected` ones that never can be.
    Delivered { rejected: u64 },
    /// Nothing is promised; the sender sends again, after this time where it can.
    Retry { after: Duration },
    /// Refused for good, with the reason.
    Reject(Cow<'static, str>),
    /// Larger than this collector takes; refused for good.
    TooLarge,
}

/// How long a sender waits when nothing better is known: as long as a ClickHouse restart takes at the least.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Outcome {
    pub const fn is_retry(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }

    pub const fn retry() -> Self {
        Self::Retry { after: RETRY_AFTER }
    }

    /// A request that cannot be read: refused for good.
    pub fn malformed(malformed: Malformed) -> Self {
        Self::Reject(format!("the request is not a valid OTLP message: {malformed}").into())
    }

    /// The outcome of a whole from those of two parts: only what both can stand for is promised.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Retry { after: a }, Self::Retry { after: b }) => Self::Retry { after: a.max(b) },
            (retry @ Self::Retry { .. }, _) | (_, retry @ Self::Retry { .. }) => retry,
            (Self::TooLarge, _) | (_, Self::TooLarge) => Self::TooLarge,
            (reject @ Self::Reject(_), _) | (_, reject @ Self::Reject(_)) => reject,
            (Self::Delivered { rejected: a }, Self::Delivered { rejected: b }) => Self::Delivered { rejected: a + b },
        }
    }
}

/// The duty to answer for one part of a delivery.
#[derive(Debug)]
pub struct Ack {
    shared: Arc<Shared>,
    is_settled: bool,
}

/// The receiver's end.
#[derive(Debug)]
pub struct Answer(oneshot::Receiver<Told>);

/// An outcome, and how many records it is about where somebody has counted them.
type Told = (Outcome, u64);

/// Answers when the last part is gone: then, and only then, is everything known.
#[derive(Debug)]
struct Shared {
    outcome: Mutex<Option<Outcome>>,
    reply: Mutex<Option<oneshot::Sender<Told>>>,
    has_stored: AtomicBool,
    /// Why some part was refused whole.
    refused: OnceLock<&'static str>,
    records: AtomicU64,
    /// Held until the answer: bytes are in flight for as long as somebody may still need them.
    _permit: Option<Permit>,
}

impl Ack {
    /// A duty for a whole delivery; the permit for its bytes is given back with the answer.
    pub fn new(permit: Permit) -> (Self, Answer) {
        let (reply, answer) = oneshot::channel();
        (Self::of(Some(reply), Some(permit)), Answer(answer))
    }

    /// A duty for something whose bytes are admitted elsewhere.
    pub fn unbacked() -> (Self, Answer) {
        let (reply, answer) = oneshot::channel();
        (Self::of(Some(reply), None), Answer(answer))
    }

    /// The duty for a delivery that was answered before: nobody hears of it.
    pub fn to_nobody() -> Self {
        Self::of(None, None)
    }

    fn of(reply: Option<oneshot::Sender<Told>>, permit: Option<Permit>) -> Self {
        let shared = Shared {
            outcome: Mutex::default(),
            reply: Mutex::new(reply),
            has_stored: AtomicBool::new(false),
            refused: OnceLock::new(),
            records: AtomicU64::new(0),
            _permit: permit,
        };
        Self { shared: Arc::new(shared), is_settled: false }
    }

    /// Another part of the same delivery, with a duty of its own.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), is_settled: false }
    }

    /// The delivery turns out to have so many records.
    pub fn count(&self, records: u64) {
        self.shared.records.store(records, Ordering::Relaxed);
    }

    /// Whether somebody hears the answer.
    pub fn is_awaited(&self) -> bool {
        self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_abandoned(&self) -> bool {
        let reply = self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner);
        reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Whether another part is stored, none is to be sent again, and somebody still waits for the answer. Told to
    /// send again, that sender would repeat what is stored.
    pub fn is_half_stored(&self) -> bool {
        let reply = self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner);
        let is_awaited = reply.as_ref().is_some_and(|reply| !reply.is_closed());
        let outcome = self.shared.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let has_stored = self.shared.has_stored.load(Ordering::Relaxed);
        is_awaited && has_stored && matches!(*outcome, Some(Outcome::Delivered { .. }))
    }

    /// Answers for this part: its rows are in ClickHouse.
    pub fn stored(self) {
        self.stored_but_for(0);
    }

    /// Answers for this part: its rows are in ClickHouse, but for some that it never takes.
    pub fn stored_but_for(self, rejected: u64) {
        self.shared.has_stored.store(true, Ordering::Relaxed);
        self.settle(Outcome::Delivered { rejected });
    }

    /// Answers for this part: all of its rows are refused, as far as this part knows. That is a rejection only where no
    /// other part of the delivery is stored.
    pub fn refused(self, rejected: u64, reason: &'static str) {
        let _ = self.shared.refused.set(reason);
        self.settle(Outcome::Delivered { rejected });
    }

    /// Answers for this part.
    pub fn settle(mut self, outcome: Outcome) {
        self.is_settled = true;
        self.shared.add(outcome);
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if !self.is_settled {
            self.shared.add(Outcome::retry());
        }
    }
}

impl Shared {
    /// What all parts can stand for together.
    fn outcome(&mut self) -> Outcome {
        let outcome = self.outcome.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        match (outcome, self.refused.get()) {
            (Some(Outcome::Delivered { .. }), Some(reason)) if !*self.has_stored.get_mut() => {
                Outcome::Reject((*reason).into())
            }
            (outcome, _) => outcome.unwrap_or(Outcome::retry()),
        }
    }

    fn add(&self, outcome: Outcome) {
        let mut held = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(match held.take() {
            Some(earlier) => earlier.and(outcome),
            None => outcome,
        });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let outcome = self.outcome();
        let reply = self.reply.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reply) = reply {
            // A receiver that no longer waits has hung up on its sender, who sends again.
            let _ = reply.send((outcome, *self.records.get_mut()));
        }
    }
}

impl Answer {
    pub async fn outcome(self) -> Outcome {
        self.told().await.0
    }

    /// The outcome, and the number of records: 0 where nobody has opened the delivery.
    pub async fn told(self) -> (Outcome, u64) {
        self.0.await.unwrap_or((Outcome::retry(), 0))
    }
}

#[cfg(test)]
mod tests;
