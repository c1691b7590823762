//! The tries of one block, until it is stored or its senders are told to send again.
//!
//! Comes in: a block, its token and its slot. Goes out: an outcome. Must not send a block to a second server while
//! the first may have stored it, unless both share what they know of tokens.

use std::time::{Duration, Instant};

use super::{
    Client, FOREVER, Inserter, PATIENCE, Slot,
    client::Views,
    endpoints::Server,
    siblings::Offer,
    verdict::{Verdict, verdict},
};
use crate::{
    ack::{Outcome, RETRY_AFTER},
    making::Fate,
    table::Block,
};

/// First and longest pause between two tries of one block.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// A block whose senders wait is divided after this part of the time for its tries.
const HASTE: u32 = 4;

/// But after this time at the latest: the other three parts must fit into what senders wait.
const LATEST: Duration = Duration::from_millis(2500);

/// How long a block of a sibling is tried while ClickHouse answers that it does not fit.
const SIBLINGS_FOR: Duration = Duration::from_secs(600);

/// How the tries of a block have ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Stored,
    /// A sibling has it and stores it.
    HandedOver,
    /// Not stored, or not known to be.
    Again {
        after: Duration,
    },
    /// ClickHouse never takes these rows: its code.
    Refused(u32),
}

/// What is known of a block whose senders wait, as one of several parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whole {
    Undivided,
    /// Tried until then.
    Part(Instant),
    DividedInVain,
}

pub(super) struct Attempts<'a> {
    inserter: &'a Inserter,
    block: &'a Block,
    token: &'a str,
    started: Instant,
    pause: Duration,
    /// The server that may hold a part of the block.
    bound: Option<Server>,
    /// A failure spoke of the columns.
    are_columns_in_doubt: bool,
    /// Since when every answer has spoken of its rows or columns. An outage before is none of them.
    doubted_since: Option<Instant>,
    offer: &'a Offer,
    whole: Whole,
    /// Before rows are given up, the table is asked without its views: a view that fails leaves the rows in the table,
    /// and to divide them then would store them twice.
    views: Views,
}

impl End {
    pub(super) const fn again() -> Self {
        Self::Again { after: RETRY_AFTER }
    }
}

impl From<&End> for Outcome {
    fn from(end: &End) -> Self {
        match end {
            End::Stored | End::HandedOver => Self::Delivered { rejected: 0 },
            End::Again { after } => Self::Retry { after: *after },
            // Never its message: that may quote a row, and rows of other senders are in the block.
            End::Refused(_) => Self::Reject("ClickHouse refuses a block with these rows for good".into()),
        }
    }
}

impl From<End> for Fate {
    fn from(end: End) -> Self {
        match end {
            End::Stored | End::HandedOver => Self::Stored,
            End::Again { .. } => Self::Again,
            End::Refused(code) => Self::Refused(code),
        }
    }
}

impl<'a> Attempts<'a> {
    pub(super) fn new(inserter: &'a Inserter, block: &'a Block, token: &'a str, offer: &'a Offer) -> Self {
        let started = Instant::now();
        Self {
            inserter,
            block,
            token,
            started,
            pause: BACKOFF.0,
            bound: None,
            are_columns_in_doubt: false,
            doubted_since: None,
            offer,
            whole: Whole::Undivided,
            views: Views::Fed,
        }
    }

    /// Of a part of a block, whose tries end at `until`.
    pub(super) fn of_a_part(
        inserter: &'a Inserter,
        block: &'a Block,
        token: &'a str,
        offer: &'a Offer,
        until: Instant,
    ) -> Self {
        Self { whole: Whole::Part(until), ..Self::new(inserter, block, token, offer) }
    }

    /// Of a block after no part of it could be stored.
    pub(super) fn of_the_whole(
        inserter: &'a Inserter,
        block: &'a Block,
        token: &'a str,
        offer: &'a Offer,
        started: Instant,
    ) -> Self {
        Self { started, whole: Whole::DividedInVain, ..Self::new(inserter, block, token, offer) }
    }

    pub(super) async fn run(mut self, slot: &mut Slot) -> End {
        let Self { inserter, block, .. } = self;
        loop {
            tokio::time::sleep(slot.pause(Instant::now()).min(self.left())).await;
            if !self.is_of_the_layout() {
                tracing::info!(
                    table = block.table.name(),
                    rows = block.rows,
                    "block made for other columns, it is not sent"
                );
                return End::again();
            }
            let server = self.server().await;
            let begun = Instant::now();
            let Err(error) = inserter.client.insert(block, self.token, server, self.views).await else {
                inserter.metrics.inserted(block, begun.elapsed());
                inserter.client.reach().inserted(block.table);
                if self.views == Views::Spared {
                    tracing::error!(
                        table = block.table.name(),
                        rows = block.rows,
                        "stored, but a materialized view on the table cannot read these rows and lacks them"
                    );
                    inserter.metrics.view_failed(block.table);
                }
                // A part alone does not say that its block is done, nor that the table is out of trouble.
                if !matches!(self.whole, Whole::Part(_)) {
                    slot.stored();
                }
                return End::Stored;
            };
            inserter.metrics.insert_failed(&error);
            if error.may_have_arrived() {
                self.bound = Some(server);
            }
            let verdict = verdict(error.code());
            self.offer.judge(verdict);
            self.doubted_since = verdict.is_of_the_block().then(|| self.doubted_since.unwrap_or_else(Instant::now));
            if self.is_hopeless(verdict) && !self.offer.is_made() {
                if self.views == Views::Fed && self.left().is_zero() {
                    return End::again();
                }
                if self.views == Views::Fed {
                    self.views = Views::Spared;
                    continue;
                }
                if block.receipt.is_some() {
                    tracing::error!(table = block.table.name(), rows = block.rows, %error, "clickhouse refuses a block for good");
                }
                return End::Refused(error.code().unwrap_or_default());
            }
            slot.repeated(error.code().is_some());
            self.heed(verdict, server, slot);
            if self.pause.max(slot.pause(Instant::now())) >= self.left() {
                tracing::warn!(table = block.table.name(), rows = block.rows, %error, "block not inserted, senders are told to send again");
                inserter.client.reach().gave_up(block.table, &error);
                return End::Again { after: slot.pause(Instant::now()).max(RETRY_AFTER) };
            }
            inserter.metrics.repeated(block.table);
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(BACKOFF.1);
        }
    }

    /// Whether these rows are to be given up as they are. They can be divided, so a suspicion is enough in the end.
    fn is_hopeless(&self, verdict: Verdict) -> bool {
        // A block of a sibling can be made neither of other columns nor of fewer rows: after a while somebody has to look.
        if self.block.is_of_a_sibling() && self.is_doubted_for(SIBLINGS_FOR) {
            return true;
        }
        let making = self.block.receipt.as_ref().map(|receipt| &receipt.making);
        let has_waited = |time| self.views == Views::Spared || self.is_doubted_for(time);
        match (verdict, making) {
            (Verdict::Refused, _) => true,
            (Verdict::Suspect, Some(making)) => making.is_divided() || has_waited(self.inserter.retry_for),
            (Verdict::Suspect, None) => match self.whole {
                Whole::Part(_) => true,
                // Time for the parts is left to those who wait.
                Whole::Undivided => has_waited((self.inserter.retry_for / HASTE).min(LATEST)),
                Whole::DividedInVain => false,
            },
            _ => false,
        }
    }

    fn is_doubted_for(&self, time: Duration) -> bool {
        self.doubted_since.is_some_and(|since| since.elapsed() >= time)
    }

    fn heed(&mut self, verdict: Verdict, server: Server, slot: &Slot) {
        match verdict {
            Verdict::Slower => slot.slow_down(Instant::now()),
            // Another is asked next, where its table is replicated: what this one may have written it has told.
            Verdict::Elsewhere => self.inserter.client.pass_over(server),
            Verdict::MissingTable => self.inserter.stale_schema.notify_one(),
            Verdict::StaleSchema => {
                self.are_columns_in_doubt = true;
                self.inserter.stale_schema.notify_one();
            }
            Verdict::Again | Verdict::Suspect | Verdict::Refused => {}
        }
    }

    /// Time left for trying. Beyond the usual time only for those who have had a part stored and still wait: told to
    /// send again they would repeat it.
    pub(super) fn left(&self) -> Duration {
        let is_half_stored = || self.block.acks.iter().any(crate::ack::Ack::is_half_stored);
        if self.block.receipt.is_some() {
            return FOREVER;
        }
        if let Whole::Part(until) = self.whole {
            return until.saturating_duration_since(Instant::now());
        }
        let usual = self.inserter.retry_for;
        let time = if is_half_stored() { usual.max(PATIENCE) } else { usual };
        time.saturating_sub(self.started.elapsed())
    }

    /// Whether the block has the columns the table is known to have.
    fn is_of_the_layout(&self) -> bool {
        if self.block.is_of_a_sibling() || self.offer.is_made() {
            return true;
        }
        let layouts = self.inserter.layouts.borrow();
        match (&self.block.layout, layouts.of(self.block.table)) {
            // A column somebody added meanwhile is none of its business: giving it up could store its rows twice.
            (Some(made_for), Some(known)) => {
                made_for == known || (!self.are_columns_in_doubt && known.includes(made_for))
            }
            // It was made in the belief that the table has every column, and ClickHouse has said otherwise.
            (None, Some(_)) => !self.are_columns_in_doubt,
            (_, None) => true,
        }
    }

    /// Any server at first. A server that may hold a part of the block is kept, since no other can tell a repetition
    /// by the token; when it fails and the table of another is replicated, that one can.
    async fn server(&mut self) -> Server {
        let client: &Client = &self.inserter.client;
        let next = client.server();
        match self.bound {
            None => next,
            Some(bound) if bound == next => bound,
            Some(bound) => {
                if client.is_replicated(next, self.block.table).await {
                    tracing::info!(
                        server = client.address(next),
                        table = self.block.table.name(),
                        "block moves to a replica"
                    );
                    next
                } else {
                    bound
                }
            }
        }
    }
}
