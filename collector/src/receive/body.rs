//! A body read and unpacked under the budget.
//!
//! Comes in: the body of a request as it arrives. Goes out: one OTLP protobuf message and the permit for its bytes.
//! Must not hold a byte that is not admitted, nor believe a length that is only claimed.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use tokio::time::Instant;

use super::{
    Intake, Refused,
    inflate::{Encoding, InflateError, inflate},
    otlp_json::{JsonError, to_protobuf},
};
use crate::{ack::Outcome, budget::Permit, delivery::Transport, signal::Signal};

/// The longest pause inside a body: a sender that says nothing for so long is gone, and what it holds is needed.
pub(super) const FRAME_WITHIN: Duration = Duration::from_secs(10);

/// How long the rest of a refused body is read.
const DISCARD_WITHIN: Duration = Duration::from_secs(2);

/// The longest a body waits for its turn, holding nothing: half of what senders wait for their answer.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// How long a body has its turn while it is read: 2 MiB take a hundredth of it in a cluster, and whoever is slower is
/// read on without.
const READ_IN_TURN: Duration = Duration::from_secs(1);

/// A compressed body counts as so many times its size: what it waits as is its unfolded form.
const FOLD: usize = 5;

/// What a body counts for at the least, and one that does not say its size: the mean of large requests.
const UNKNOWN: usize = 256 << 10;
const SMALLEST: usize = 4 << 10;

/// And at the most: no sender has more than an eighth of what is read ahead.
const LARGEST: usize = super::AHEAD / 8;

/// A frame so small leaves the connection's buffer, of 8 KiB and more, which it would keep from being filled again: a
/// short copy, instead of a new buffer for each request and eight times its size held for it.
const COPIED: usize = 4 << 10;

/// What a request is admitted as at the least once it has begun to come: besides its bytes there are its stream or
/// connection, its duty and its row.
const LEAST: usize = 8 << 10;

/// Below it a request is admitted as it is, and not in steps: what waits in thousands is small.
const EXACT: usize = 16 << 10;

/// As much of a claimed length is made room for at once, when the first bytes of it have come.
const CLAIM: usize = 1 << 20;

/// Larger bodies are unpacked beside the workers that serve sockets. This much, five times larger when it is
/// unfolded, takes them about half a millisecond, for which they would not be missed; the way to another thread costs
/// a small body more than it wins.
pub(super) const INLINE: usize = 128 << 10;

/// How a message is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

/// What stands around the message of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    pub(super) signal: Signal,
    pub(super) transport: Transport,
    pub(super) encoding: Encoding,
    pub(super) format: Format,
}

/// A body, admitted.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) body: Bytes,
    pub(super) permit: Permit,
    /// Its turn among those that are read and not opened yet, unless it was given up.
    pub(super) turn: Option<Permit>,
}

impl Intake {
    /// Reads a body as it comes, admitting it piece by piece. After a refusal what is left is read and thrown away for
    /// a moment, or the sender would see a broken connection instead of the answer.
    pub(super) async fn read(
        &self,
        transport: Transport,
        encoding: Encoding,
        mut body: Incoming,
    ) -> Result<Message, Outcome> {
        match self.take(&mut body, encoding).await {
            Ok(message) => {
                self.metrics.received(transport, message.body.len());
                Ok(message)
            }
            Err(refused) => {
                discard(body).await;
                Err(self.refuse(transport, refused))
            }
        }
    }

    /// Waits until it is this body's turn. What it claims to be is believed for as long as it keeps coming.
    async fn turn(&self, body: &Incoming, encoding: Encoding) -> Result<Permit, Refused> {
        let claimed = body.size_hint().exact().map_or(UNKNOWN, |size| usize::try_from(size).unwrap_or(usize::MAX));
        let fold = if encoding == Encoding::Identity { 1 } else { FOLD };
        let bytes = claimed.saturating_mul(fold).clamp(SMALLEST, LARGEST);
        let turn = tokio::time::timeout(TURN_WITHIN, self.ahead.wait(bytes)).await;
        turn.ok().flatten().ok_or(Refused::Budget)
    }

    async fn take(&self, body: &mut Incoming, encoding: Encoding) -> Result<Message, Refused> {
        let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if claimed > self.request_limit {
            return Err(Refused::TooLarge);
        }
        let mut turn = Some(self.turn(body, encoding).await?);
        let until = Instant::now() + READ_IN_TURN;
        let mut permit = self.budget.admit(1).ok_or(Refused::Budget)?;
        // A body of one frame stays where it is.
        let mut first = Bytes::new();
        let mut whole = Vec::new();
        loop {
            let Some(frame) = next_frame(body, &mut turn, until).await? else { break };
            let Ok(data) = frame.map_err(|_| Refused::Broken)?.into_data() else { continue };
            let length = first.len() + whole.len() + data.len();
            if length > self.request_limit {
                return Err(Refused::TooLarge);
            }
            self.admit(length.max(LEAST), &mut permit)?;
            if length == data.len() {
                first = if length <= COPIED { Bytes::copy_from_slice(&data) } else { data };
                continue;
            }
            if whole.is_empty() {
                whole = self.pool.buffer();
                whole.reserve(claimed.clamp(length, CLAIM.max(length)));
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&data);
        }
        let body = if whole.is_empty() { first } else { self.pool.body(whole) };
        Ok(Message { body, permit, turn })
    }

    /// Makes the permit large enough for so many bytes, in steps that need not be asked for often.
    pub(super) fn admit(&self, length: usize, permit: &mut Permit) -> Result<(), Refused> {
        const STEP: usize = 64 << 10;
        if let Some(missing) = length.checked_sub(permit.bytes()).filter(|missing| *missing > 0) {
            let room = self.request_limit.saturating_sub(permit.bytes()).max(missing);
            let step = if length <= EXACT { 1 } else { STEP };
            let more = missing.next_multiple_of(step).min(room);
            if !permit.grow(more) && !permit.grow(missing) {
                return Err(Refused::Budget);
            }
        }
        Ok(())
    }

    /// Whether those who hold something, and do nothing with it, are in the way of others.
    pub(super) fn is_scarce(&self) -> bool {
        self.budget.is_scarce() || self.unfinished.is_scarce()
    }

    /// Undoes what stands around the message, admitting what comes out of it as it comes.
    pub(super) async fn unpack(&self, message: Message, packing: Packing) -> Result<Message, Outcome> {
        if packing.encoding == Encoding::Identity && packing.format == Format::Protobuf {
            return Ok(message);
        }
        let Message { body, mut permit, turn } = message;
        if body.len() <= INLINE {
            let body = self.unfold(body, packing, &mut permit)?;
            return Ok(Message { body, permit, turn });
        }
        let Ok(slot) = std::sync::Arc::clone(&self.unfolding).acquire_owned().await else {
            return Err(Outcome::retry());
        };
        let intake = self.clone();
        let unfolded = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let body = intake.unfold(body, packing, &mut permit)?;
            Ok(Message { body, permit, turn })
        });
        unfolded.await.unwrap_or(Err(Outcome::retry()))
    }

    fn unfold(&self, body: Bytes, packing: Packing, permit: &mut Permit) -> Result<Bytes, Outcome> {
        let message = match packing.encoding {
            Encoding::Identity => body,
            encoding => {
                let has_room = |length| self.admit(length, permit).is_ok();
                let unfolded = inflate(&body, encoding, self.request_limit, self.pool.buffer(), has_room);
                self.pool.body(unfolded.map_err(|error| self.refuse(packing.transport, error.into()))?)
            }
        };
        match packing.format {
            Format::Protobuf => Ok(message),
            Format::Json => self.transcode(packing, &message, permit),
        }
    }

    /// JSON to the wire format, so that behind the receivers there is one way. What is written is smaller than what was
    /// read, and nobody else holds it: the permit for the one is the permit for the other, but for strange numbers.
    fn transcode(&self, packing: Packing, json: &[u8], permit: &mut Permit) -> Result<Bytes, Outcome> {
        let refuse = |refused| self.refuse(packing.transport, refused);
        match to_protobuf(packing.signal, json, self.request_limit) {
            Ok(message) => {
                self.admit(message.len(), permit).map_err(refuse)?;
                Ok(message.into())
            }
            Err(JsonError::TooLarge(_)) => Err(refuse(Refused::TooLarge)),
            Err(error) => {
                self.metrics.turned_away(packing.transport, Refused::Malformed.as_str());
                Err(Outcome::Reject(error.to_string().into()))
            }
        }
    }

    /// Counts a body that was not taken, and says what its sender is told.
    fn refuse(&self, transport: Transport, refused: Refused) -> Outcome {
        self.metrics.turned_away(transport, refused.as_str());
        match refused {
            Refused::TooLarge => Outcome::TooLarge,
            Refused::Malformed => Outcome::Reject(InflateError::Corrupt.to_string().into()),
            // Nothing is known to be wrong with the rows; whoever still listens may send them again.
            Refused::Budget | Refused::Broken => Outcome::retry(),
        }
    }
}

impl From<InflateError> for Refused {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLarge(_) => Self::TooLarge,
            InflateError::NoRoom => Self::Budget,
            InflateError::Corrupt => Self::Malformed,
        }
    }
}

/// The next part of a body. Whoever has not sent it whole until then gives its turn up and is still listened to.
async fn next_frame(
    body: &mut Incoming,
    turn: &mut Option<Permit>,
    until: Instant,
) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, Refused> {
    if turn.is_some() {
        match tokio::time::timeout_at(until, body.frame()).await {
            Ok(frame) => return Ok(frame),
            Err(_) => *turn = None,
        }
    }
    tokio::time::timeout(FRAME_WITHIN, body.frame()).await.map_err(|_| Refused::Broken)
}

/// Reads what is left and throws it away, for a moment.
pub(super) async fn discard(mut body: Incoming) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(DISCARD_WITHIN, rest).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{budget::Budget, metrics::Pipeline};

    #[test]
    fn a_small_request_is_admitted_as_it_is_and_not_in_steps() {
        let pipeline = Arc::new(Pipeline::new(&mut Registry::default()));
        let (held, ahead) = (Budget::new(100 << 10), Budget::new(1 << 20));
        let intake = Intake::new(mpsc::channel(1).0, held.clone(), ahead, 64 << 10, pipeline);
        let mut small = || {
            let mut permit = held.admit(1)?;
            intake.admit(LEAST, &mut permit).ok().map(|()| permit)
        };
        let held: Vec<_> = std::iter::from_fn(&mut small).collect();
        assert_eq!(held.len(), 100 / 8);
    }
}
