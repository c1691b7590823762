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

mod inflate;
pub mod listener;
pub mod otlp_grpc;
pub mod otlp_http;
mod status;

/// The body of every answer.
pub type Answer = http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// The longest a sender is held: what a request can need at most, so that no connection hangs for ever on a
/// fault of ours. Past it the sender is told to send again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

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
            Refusal::Broken => Self::Reject("the request's body ends early".into()),
        }
    }
}

impl Intake {
    /// Reads a body as it comes, admitting it piece by piece.
    async fn read(&self, mut body: Incoming) -> Result<(Bytes, Permit), Refusal> {
        let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if expected > self.request_limit {
            return Err(Refusal::TooLarge);
        }
        let mut permit = self.budget.admit(expected.max(1)).ok_or(Refusal::Busy)?;
        let mut whole = BytesMut::with_capacity(expected);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else { continue };
            let length = whole.len() + data.len();
            if length > self.request_limit {
                return Err(Refusal::TooLarge);
            }
            self.admit(length, &mut permit)?;
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), permit))
    }

    /// Makes the permit large enough for so many bytes, in steps that need not be asked for often.
    fn admit(&self, length: usize, permit: &mut Permit) -> Result<(), Refusal> {
        const STEP: usize = 64 << 10;
        if length > permit.bytes() {
            let more = (length - permit.bytes()).next_multiple_of(STEP).min(self.request_limit);
            permit.join(self.budget.admit(more).ok_or(Refusal::Busy)?);
        }
        Ok(())
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

fn full(bytes: impl Into<Bytes>) -> Answer {
    Full::new(bytes.into()).boxed_unsync()
}
