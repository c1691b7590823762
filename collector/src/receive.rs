//! Sockets to deliveries, and outcomes back to senders.
//!
//! Comes in: OTLP requests. Goes out: one [`Delivery`] each, and to the sender the answer its protocol has for the
//! outcome. A body is admitted to the budget while it is read, so that what this process holds never passes it.
//! Must not decide anything about rows.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::sync::mpsc;

use crate::{
    ack::{Ack, Outcome},
    budget::{Budget, Permit},
    delivery::{Delivery, Transport},
    signal::Signal,
};

use inflate::{Encoding, InflateError, inflate};

pub mod inflate;
pub mod listener;
pub mod otlp_grpc;
pub mod otlp_http;
pub mod otlp_json;
mod status;

/// The body of every answer.
pub type Answer = http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// The longest a sender is held: what a request can need at most, so that no connection hangs for ever on a
/// fault of ours. Past it the sender is told to send again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The longest pause inside a body: a sender that says nothing for so long is gone, and what it holds is needed.
const FRAME_WITHIN: Duration = Duration::from_secs(10);

/// How long the rest of a refused body is read.
const DISCARD_WITHIN: Duration = Duration::from_secs(2);

/// Where receivers hand on what they get.
#[derive(Clone, Debug)]
pub struct Intake {
    pub deliveries: mpsc::Sender<Delivery>,
    pub budget: Budget,
    /// Largest request, in bytes, after decompression.
    pub request_limit: usize,
}

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// Larger than the limit.
    TooLarge,
    /// The budget is used up.
    Busy,
    /// The sender hung up or broke its protocol.
    Broken,
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge => Self::TooLarge,
            Refusal::Busy => Self::retry(),
            // Nothing is known to be wrong with the rows; whoever still listens may send them again.
            Refusal::Broken => Self::retry(),
        }
    }
}

impl Intake {
    /// Reads a body as it comes, admitting it piece by piece: a length that is only claimed reserves nothing. After a
    /// refusal what is left is read and thrown away for a moment, or the sender would see a broken connection
    /// instead of the answer.
    async fn read(&self, mut body: Incoming) -> Result<(Bytes, Permit), Refusal> {
        let mut whole = BytesMut::new();
        match self.take(&mut body, &mut whole).await {
            Ok(permit) => Ok((whole.freeze(), permit)),
            Err(refusal) => {
                drop(whole);
                let _ = tokio::time::timeout(DISCARD_WITHIN, discard(body)).await;
                Err(refusal)
            }
        }
    }

    async fn take(&self, body: &mut Incoming, whole: &mut BytesMut) -> Result<Permit, Refusal> {
        if body.size_hint().lower() > self.request_limit as u64 {
            return Err(Refusal::TooLarge);
        }
        let mut permit = self.budget.admit(1).ok_or(Refusal::Busy)?;
        loop {
            let next = tokio::time::timeout(FRAME_WITHIN, body.frame()).await.map_err(|_| Refusal::Broken)?;
            let Some(frame) = next else { return Ok(permit) };
            let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else { continue };
            let length = whole.len() + data.len();
            if length > self.request_limit {
                return Err(Refusal::TooLarge);
            }
            self.admit(length, &mut permit)?;
            whole.extend_from_slice(&data);
        }
    }

    /// Makes the permit large enough for so many bytes, in steps that need not be asked for often.
    fn admit(&self, length: usize, permit: &mut Permit) -> Result<(), Refusal> {
        const STEP: usize = 64 << 10;
        if let Some(missing) = length.checked_sub(permit.bytes()).filter(|missing| *missing > 0) {
            let room = self.request_limit.saturating_sub(permit.bytes()).max(missing);
            let more = missing.next_multiple_of(STEP).min(room);
            permit.join(self.budget.admit(more).ok_or(Refusal::Busy)?);
        }
        Ok(())
    }

    /// Undoes the content encoding, admitting what comes out of it as it comes.
    fn inflate(&self, body: Bytes, encoding: Encoding, permit: &mut Permit) -> Result<Bytes, Outcome> {
        let inflated = inflate(body, encoding, self.request_limit, |length| self.admit(length, permit).is_ok());
        inflated.map_err(|error| match error {
            InflateError::TooLarge(_) => Outcome::TooLarge,
            InflateError::NoRoom => Outcome::retry(),
            InflateError::Corrupt => Outcome::Reject(error.to_string().into()),
        })
    }

    /// Hands on a request and waits for its outcome.
    async fn deliver(&self, signal: Signal, transport: Transport, body: Bytes, permit: Permit) -> Outcome {
        let (ack, answer) = Ack::new(permit);
        let delivery = Delivery { signal, body, transport, ack };
        // A line that is gone has dropped the delivery, and dropping it answers "retry".
        let wait = async {
            let _ = self.deliveries.send(delivery).await;
            answer.outcome().await
        };
        tokio::time::timeout(LONGEST_WAIT, wait).await.unwrap_or(Outcome::retry())
    }
}

async fn discard(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn full(bytes: impl Into<Bytes>) -> Answer {
    Full::new(bytes.into()).boxed_unsync()
}
