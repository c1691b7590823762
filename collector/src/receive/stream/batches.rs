//! Records of one connection, gathered into requests.
//!
//! Comes in: messages, and the records of each. Goes out: requests of about a megabyte, admitted to the budget, with the
//! duties to answer for the messages they are made of. Must not hold a byte that is not admitted, but for one record, nor
//! lose a duty: a message is answered for when the last of its records is.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    ack::{Ack, Answer, Outcome},
    budget::Permit,
    delivery::Transport,
    receive::{
        Intake, Refused,
        inflate::{Encoding, InflateError, inflate},
        log_request::{LogRequest, Record, Unfit},
    },
    signal::Signal,
};

/// A request is closed at so many bytes: as large as batches of log files are.
pub(in crate::receive) const PIECE: usize = 1 << 20;

/// What a duty counts for, beside the words that go with it.
const DUTY: usize = 128;

/// As much is kept for what comes next.
const SLACK: usize = 128 << 10;

/// As much is read at once, so a connection has it anyway: be it of the next message.
const SMALL: usize = super::connection::READ;

/// Why what was read cannot be held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::receive) enum Lack {
    /// There will never be room for so much.
    Ever,
    /// Messages that are not taken yet have all that they may have, and this one has a part of it: they may wait for
    /// each other.
    Unfinished,
    /// Others have it, and do not wait for this one. It comes back, with the answers to what is on its way at the latest.
    Now,
}

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
    /// For messages that are not taken yet, and what is unfolded of them; `permit` is for that too.
    unfinished: Permit,
    open: Batch,
    ready: VecDeque<Batch>,
    /// Bytes that are read and not taken yet.
    read: usize,
    /// Bytes that are needed beside, to take the message.
    beside: usize,
    /// Bytes of its next record, where that is more than a request is closed at.
    large: usize,
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
        let (permit, unfinished) = (intake.budget.admit(0)?, intake.unfinished.admit(0)?);
        let open = Batch::new(intake.request_limit);
        let (ready, message) = (VecDeque::new(), Taken::default());
        Some(Self {
            intake,
            permit,
            unfinished,
            open,
            ready,
            read: 0,
            beside: 0,
            large: 0,
            message,
            bad: 0,
            records: 0,
        })
    }

    /// Makes room for so many bytes that are read, and for what will come of them, or gives back what is not needed.
    pub(in crate::receive) fn hold(&mut self, read: usize) -> Result<(), Lack> {
        self.read = read;
        let (needed, not_taken) = (self.needed(), self.not_taken());
        give_back(&mut self.permit, needed);
        give_back(&mut self.unfinished, not_taken);
        self.admit()
    }

    /// Makes room for so many bytes beside the message. Without it, `hold` asks for it too.
    pub(in crate::receive) fn want(&mut self, beside: usize) -> bool {
        self.beside = beside;
        self.admit().is_ok()
    }

    /// Makes room for a record of so many bytes, which is pushed or rejected next. Without it, `hold` asks for it too.
    pub(in crate::receive) fn want_record(&mut self, bytes: usize) -> Result<(), Lack> {
        if bytes <= PIECE {
            return Ok(());
        }
        self.large = bytes;
        self.admit()
    }

    /// Whether there can never be room for what is wanted.
    pub(in crate::receive) fn is_hopeless(&self) -> bool {
        let most = self.intake.budget.most();
        self.read + self.beside + self.growth() > most || self.not_taken() > self.intake.unfinished.most()
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

    /// A record of the message. One that is none, or larger than a request may be, costs itself. Whoever has more of them
    /// looks first whether requests wait to be sent.
    pub(in crate::receive) fn push(&mut self, mut fill: impl FnMut(&mut Record<'_>) -> Result<(), Unfit>) {
        self.large = 0;
        let mut pushed = self.open.request.push(&mut fill);
        if pushed == Err(Unfit::Full) && self.open.request.records() > 0 {
            self.cut();
            pushed = self.open.request.push(&mut fill);
        }
        if pushed.is_err() {
            self.reject();
            return;
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
        if self.open.size() >= PIECE {
            self.cut();
        }
    }

    /// Something of the message that is no record.
    pub(in crate::receive) const fn reject(&mut self) {
        self.large = 0;
        self.message.rejected += 1;
        self.bad += 1;
    }

    /// The message can never be read, whatever it holds.
    pub(in crate::receive) fn refuse(&mut self, transport: Transport, reason: Refused) {
        self.intake.metrics.turned_away(transport, reason.as_str());
        self.intake.metrics.refused(Signal::Logs, transport, 0);
        self.reject();
    }

    /// The message has no more records.
    pub(in crate::receive) fn end(&mut self) {
        self.beside = 0;
        if let Some(duty) = self.message.duty.take() {
            duty.settle(Outcome::Delivered { rejected: self.message.rejected });
        }
    }

    /// Unfolds what a message holds, within the budget and to so many bytes at most.
    pub(in crate::receive) fn unfold(
        &mut self,
        packed: &Bytes,
        encoding: Encoding,
        limit: usize,
    ) -> Result<Vec<u8>, InflateError> {
        let unfolded = inflate(packed, encoding, limit, Vec::new(), |length| self.want(length));
        if matches!(unfolded, Err(InflateError::NoRoom)) {
            // Of what was unfolded nothing is left.
            self.unfinished.shrink(beyond_small(self.read));
            self.permit.shrink(self.needed() - self.beside);
        }
        unfolded
    }

    /// Whether requests wait to be sent.
    pub(in crate::receive) fn is_waiting(&self) -> bool {
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

    fn cut(&mut self) {
        let full = self.replace();
        self.ready.push_back(full);
    }

    /// What is begun of the message goes with the request.
    fn replace(&mut self) -> Batch {
        self.message.is_in = false;
        std::mem::replace(&mut self.open, Batch::new(self.intake.request_limit))
    }

    /// In this order: whoever has what is for messages that are not taken waits for what comes back by itself.
    fn admit(&mut self) -> Result<(), Lack> {
        if self.is_hopeless() {
            return Err(Lack::Ever);
        }
        let (needed, not_taken) = (self.needed(), self.not_taken());
        if self.intake.admit(not_taken, &mut self.unfinished).is_err() {
            return Err(if self.unfinished.bytes() > 0 { Lack::Unfinished } else { Lack::Now });
        }
        self.intake.admit(needed, &mut self.permit).map_err(|_| Lack::Now)
    }

    /// What is held, and gives nothing back until the message is taken.
    fn not_taken(&self) -> usize {
        beyond_small(self.read + self.beside)
    }

    fn needed(&self) -> usize {
        self.read + self.beside + self.growth() + self.size()
    }

    /// What comes of the message until a request is cut.
    fn growth(&self) -> usize {
        self.read.max(self.beside).min(PIECE).max(self.large)
    }

    fn size(&self) -> usize {
        self.open.size() + self.ready.iter().map(Batch::size).sum::<usize>()
    }
}

const fn beyond_small(bytes: usize) -> usize {
    bytes.saturating_sub(SMALL)
}

fn give_back(permit: &mut Permit, needed: usize) {
    let held = permit.bytes();
    if held > needed + SLACK || needed == 0 && held > 0 {
        permit.shrink(needed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{budget::Budget, metrics::Pipeline};

    const MIB: usize = 1 << 20;

    /// Of one sender, who may hold three quarters of it.
    fn batches(intake: &Intake) -> Batches {
        Batches::new(intake.for_relay([10, 0, 0, 1].into())).unwrap()
    }

    fn intake(budget: usize) -> Intake {
        let pipeline = Arc::new(Pipeline::new(&mut Registry::default()));
        Intake::new(mpsc::channel(1).0, Budget::new(budget), Budget::new(MIB), MIB, pipeline)
    }

    #[test]
    fn messages_that_are_not_taken_leave_half_for_what_comes_of_them() {
        let intake = intake(16 * MIB);
        let (mut first, mut second) = (batches(&intake), batches(&intake));
        assert_eq!(first.hold(7 * MIB), Err(Lack::Ever));
        assert_eq!((first.hold(4 * MIB), second.hold(MIB)), (Ok(()), Ok(())));
        assert_eq!(second.hold(3 * MIB), Err(Lack::Unfinished));
        assert_eq!(second.hold(SMALL), Ok(()), "small ones are no trouble");
        assert_eq!(second.hold(3 * MIB), Err(Lack::Now), "and are not what anybody waits for");
        assert_eq!(first.want_record(3 * MIB), Ok(()), "what is on its way has the other half");
        first.reject();
        first.end();
        assert_eq!((first.hold(0), second.hold(3 * MIB)), (Ok(()), Ok(())));
        assert_eq!((second.hold(0), second.hold(6 * MIB + SMALL)), (Ok(()), Ok(())), "some is of the next message");
        assert_eq!(second.hold(7 * MIB), Err(Lack::Ever));
    }

    #[test]
    fn what_is_unfolded_counts_as_not_taken_so_that_nobody_waits_for_ever() {
        let intake = intake(16 * MIB);
        let (mut first, mut second) = (batches(&intake), batches(&intake));
        for batches in [&mut first, &mut second] {
            assert!(batches.hold(SMALL).is_ok() && batches.want(2 * MIB));
        }
        for batches in [&mut first, &mut second] {
            assert!(!batches.want(5 * MIB) && !batches.is_hopeless());
            assert_eq!(batches.hold(SMALL), Err(Lack::Unfinished));
        }
        assert!(!second.want(7 * MIB) && second.is_hopeless());
        drop(second);
        assert_eq!(first.hold(SMALL), Ok(()));
    }

    #[test]
    fn what_finds_no_room_while_it_is_unfolded_is_given_back() {
        let intake = intake(16 * MIB);
        let on_its_way = intake.budget.admit(13 * MIB);
        let packed = zstd::stream::encode_all(&vec![0; 4 * MIB][..], 1).unwrap().into();
        let mut batches = batches(&intake);
        assert_eq!(batches.hold(SMALL), Ok(()));
        let held = intake.budget.used();
        assert!(matches!(batches.unfold(&packed, Encoding::Zstd, 4 * MIB), Err(InflateError::NoRoom)));
        assert!(intake.budget.used() <= held + PIECE && batches.unfinished.bytes() == 0);
        assert_eq!(batches.hold(SMALL), Err(Lack::Now));
        drop(on_its_way);
        assert_eq!(batches.hold(SMALL), Ok(()));
        assert!(batches.unfold(&packed, Encoding::Zstd, 4 * MIB).is_ok());
    }

    #[test]
    fn what_is_on_its_way_gives_its_room_back() {
        let intake = intake(16 * MIB);
        let on_its_way = intake.budget.admit(14 * MIB);
        let mut batches = batches(&intake);
        assert_eq!(batches.hold(2 * MIB), Err(Lack::Now));
        drop(on_its_way);
        assert_eq!(batches.hold(2 * MIB), Ok(()));
        assert!(!batches.want(20 * MIB) && batches.is_hopeless());
    }
}
