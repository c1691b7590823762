//! Records of one connection, gathered into requests.
//!
//! Comes in: messages, and the records of each. Goes out: requests of about a megabyte, admitted to the budget, with the
//! duties to answer for the messages they are made of. Must not hold a byte that is not admitted, but for one record, nor
//! lose a duty: a message is answered for when the last of its records is.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Closed;
use crate::{
    ack::{Ack, Answer, Outcome},
    budget::Permit,
    delivery::Transport,
    receive::{
        Intake, Refused,
        inflate::{Encoding, InflateError, inflate},
        log_request::{LogRequest, Record, Unfit},
    },
};

/// A request is closed at so many bytes: as large as batches of log files are.
pub(super) const PIECE: usize = 1 << 20;

/// What a duty counts for, beside the words that go with it.
const DUTY: usize = 128;

/// As much is kept for what comes next.
const SLACK: usize = 128 << 10;

/// A request and what it is owed to.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) request: LogRequest,
    pub(super) parts: Vec<Ack>,
    /// Somebody's records are in it who does not ask, and so does not send again.
    pub(super) is_kept: bool,
    /// Bytes of duties.
    owed: usize,
}

/// Requests that grow, and those that wait to be sent.
#[derive(Debug)]
pub(in crate::receive) struct Batches {
    pub(in crate::receive) intake: Intake,
    permit: Permit,
    open: Batch,
    ready: VecDeque<Batch>,
    /// Bytes that are read and not taken yet.
    read: usize,
    /// The message that is taken.
    message: Taken,
    /// Records since they were asked for.
    pub(super) bad: u64,
    pub(super) records: u64,
}

#[derive(Debug, Default)]
struct Taken {
    duty: Option<Ack>,
    owed: usize,
    rejected: u64,
    /// Whether the open request has something of it.
    is_in: bool,
}

impl Batch {
    fn new(limit: usize) -> Self {
        Self { request: LogRequest::new(limit), parts: Vec::new(), is_kept: false, owed: 0 }
    }

    const fn size(&self) -> usize {
        self.request.size() + self.owed
    }
}

impl Batches {
    /// None where the process ends.
    pub(in crate::receive) fn new(intake: Intake) -> Option<Self> {
        let permit = intake.budget.admit(0)?;
        let open = Batch::new(intake.request_limit);
        let (ready, message) = (VecDeque::new(), Taken::default());
        Some(Self { intake, permit, open, ready, read: 0, message, bad: 0, records: 0 })
    }

    /// Makes room for so many bytes that are read, and for what will come of them, or gives back what is not needed.
    pub(in crate::receive) fn hold(&mut self, read: usize) -> bool {
        self.read = read;
        let needed = 2 * read + self.size();
        if needed == 0 || self.permit.bytes() > needed + SLACK {
            self.permit.shrink(needed);
        }
        self.intake.admit(needed, &mut self.permit).is_ok()
    }

    /// Begins a message whose sender waits for an answer, which comes with these words.
    pub(in crate::receive) fn begin_owed(&mut self, words: usize) -> Answer {
        let (duty, answer) = Ack::unbacked();
        self.message = Taken { duty: Some(duty), owed: words + DUTY, ..Taken::default() };
        answer
    }

    /// Begins a message whose sender does not wait.
    pub(in crate::receive) fn begin(&mut self) {
        self.message = Taken::default();
    }

    /// A record of the message. One that is none, or larger than a request may be, costs itself.
    pub(in crate::receive) fn push(
        &mut self,
        mut fill: impl FnMut(&mut Record<'_>) -> Result<(), Unfit>,
    ) -> Result<(), Closed> {
        let mut pushed = self.open.request.push(&mut fill);
        if pushed == Err(Unfit::Full) && self.open.request.records() > 0 {
            self.cut()?;
            pushed = self.open.request.push(&mut fill);
        }
        if pushed.is_err() {
            self.reject();
            return Ok(());
        }
        self.records += 1;
        if !self.message.is_in {
            self.message.is_in = true;
            match &self.message.duty {
                Some(duty) => {
                    self.open.parts.push(duty.part());
                    self.open.owed += self.message.owed;
                }
                None => self.open.is_kept = true,
            }
        }
        if self.open.size() >= PIECE { self.cut() } else { Ok(()) }
    }

    /// Something of the message that is no record.
    pub(in crate::receive) const fn reject(&mut self) {
        self.message.rejected += 1;
        self.bad += 1;
    }

    /// The message can never be read, whatever it holds.
    pub(in crate::receive) fn refuse(&mut self, transport: Transport, reason: Refused) {
        self.intake.metrics.turned_away(transport, reason.as_str());
        self.reject();
    }

    /// The message has no more records.
    pub(in crate::receive) fn end(&mut self) {
        if let Some(duty) = self.message.duty.take() {
            duty.settle(Outcome::Delivered { rejected: self.message.rejected });
        }
    }

    /// Unfolds what a message holds, within the budget and the limit of a request.
    pub(in crate::receive) fn unfold(&mut self, packed: &Bytes, encoding: Encoding) -> Result<Vec<u8>, InflateError> {
        let held = 2 * self.read + self.size();
        let (intake, permit) = (&self.intake, &mut self.permit);
        let has_room = |length: usize| intake.admit(held + length, permit).is_ok();
        let unfolded = inflate(packed, encoding, intake.request_limit, Vec::new(), has_room)?;
        self.read += unfolded.len();
        Ok(unfolded)
    }

    /// Whether requests wait to be sent.
    pub(super) fn is_waiting(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) const fn open_size(&self) -> usize {
        self.open.size()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.open.request.records() == 0
    }

    /// The next request, with what is held for it.
    pub(super) fn next(&mut self) -> Option<(Batch, Option<Permit>)> {
        let batch = match self.ready.pop_front() {
            Some(batch) => batch,
            None if self.open.request.records() > 0 => self.replace(),
            None => return None,
        };
        let permit = self.permit.split(batch.size());
        Some((batch, permit))
    }

    fn cut(&mut self) -> Result<(), Closed> {
        let full = self.replace();
        self.ready.push_back(full);
        self.message.is_in = false;
        let needed = self.read + self.size();
        self.intake.admit(needed, &mut self.permit).map_err(|_| Closed::Budget)
    }

    fn replace(&mut self) -> Batch {
        std::mem::replace(&mut self.open, Batch::new(self.intake.request_limit))
    }

    fn size(&self) -> usize {
        self.open.size() + self.ready.iter().map(Batch::size).sum::<usize>()
    }
}
