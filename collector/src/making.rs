//! What a block is made of: enough to make it again, bit for bit, from the deliveries the spool keeps.
//!
//! Deliveries are numbered in the order in which they are kept and assembled in that order, and the rows of a delivery
//! for one table and day stand in one block. So a block is all rows of its table and day in the deliveries from one
//! number to another. That is written down before the block's first insert; a later process makes the same rows of it
//! under the same token, and ClickHouse stores them once.

use std::ops::RangeInclusive;

use tokio::sync::{mpsc::UnboundedSender, oneshot};

use crate::{
    ack::Outcome,
    errand::Errand,
    id::{Id, Keeper},
    table::Table,
};

/// The number of a delivery in its spool; never used twice.
pub type Seq = u64;

/// Grows whenever the same deliveries would give other rows, so that a process knows what it cannot repeat.
pub const ENCODER: u16 = 1;

/// What a block is made of, and its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Making {
    pub name: Name,
    pub table: Table,
    /// Days since 1970 of the rows' timestamps.
    pub day: u64,
    pub deliveries: RangeInclusive<Seq>,
    /// Which records of the deliveries, counted from 0 in each. Everything, unless ClickHouse refused the whole.
    pub records: RangeInclusive<u32>,
    /// 0 where it was divided, and nobody has counted.
    pub rows: u64,
    /// [`ENCODER`] of the process that made it first.
    pub encoder: u16,
}

/// A name no other block has: one for each process, and a number in its spool.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Name {
    pub writer: u128,
    pub number: u64,
}

impl Making {
    /// Whether ClickHouse refused a larger block with these rows.
    pub const fn is_divided(&self) -> bool {
        self.rows == 0
    }
}

impl Name {
    /// As `insert_deduplication_token`.
    pub fn token(&self) -> String {
        format!("{:032x}-{}", self.writer, self.number)
    }

    /// The name a token stands for.
    pub fn of_token(token: &str) -> Option<Self> {
        let (writer, number) = token.split_once('-')?;
        let name = Self { writer: u128::from_str_radix(writer, 16).ok()?, number: number.parse().ok()? };
        (name.token() == token).then_some(name)
    }
}

/// Every record of a delivery.
pub const ALL_RECORDS: RangeInclusive<u32> = 0..=u32::MAX;

/// What became of a block that is kept.
#[derive(Debug)]
pub enum Fate {
    Stored,
    /// Not stored, for a reason outside its rows: it is to be made again.
    Again,
    /// ClickHouse has said that it never takes all of these rows, with its exception code.
    Refused(u32),
}

/// The duty to tell the spool what became of a block. Forgotten, the block stays in the spool and is made again by
/// the next process.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub making: Making,
    notices: Option<UnboundedSender<Notice>>,
}

/// What the spool is told of what it has handed out.
#[derive(Debug)]
pub enum Notice {
    /// A block and what became of it. One for each block in hand, of which there are few.
    Block(Making, Fate),
    /// A delivery that was handed on whole is answered for by somebody else.
    Passed(Seq),
    /// A delivery that was handed on whole is refused for good, for this reason.
    Unstorable(Seq, String),
    /// A delivery is to be sent to this gateway from now on. Answered when that is on the disk.
    Turned(Seq, Keeper, oneshot::Sender<()>),
}

impl Receipt {
    pub const fn new(making: Making, notices: UnboundedSender<Notice>) -> Self {
        Self { making, notices: Some(notices) }
    }

    /// Where there is no spool.
    pub const fn to_nobody(making: Making) -> Self {
        Self { making, notices: None }
    }

    pub fn tell(self, fate: Fate) {
        if let Some(notices) = self.notices {
            // A spool that is gone is gone with the process, and the next one finds the block still to be stored.
            let _ = notices.send(Notice::Block(self.making, fate));
        }
    }
}

/// The duty to tell the spool what became of a delivery that was handed on whole. Forgotten, the delivery stays in the
/// spool and is handed on by the next process.
#[derive(Debug)]
pub struct Passage {
    seq: Seq,
    /// What the delivery is called on its way.
    pub id: Option<Id>,
    /// To whom it goes.
    pub errand: Option<Errand>,
    notices: Option<UnboundedSender<Notice>>,
}

impl Passage {
    pub const fn new(seq: Seq, id: Option<Id>, errand: Option<Errand>, notices: UnboundedSender<Notice>) -> Self {
        Self { seq, id, errand, notices: Some(notices) }
    }

    /// Where there is no spool.
    pub const fn to_nobody(seq: Seq) -> Self {
        Self { seq, id: None, errand: None, notices: None }
    }

    pub fn tell(self, outcome: Outcome) {
        let notice = match outcome {
            Outcome::Delivered { .. } => Notice::Passed(self.seq),
            Outcome::Reject(reason) => Notice::Unstorable(self.seq, reason.into_owned()),
            Outcome::TooLarge => Notice::Unstorable(self.seq, "it is larger than the gateway takes".to_owned()),
            // Only a process that ends gives up what it keeps.
            Outcome::Retry { .. } => return,
        };
        if let Some(notices) = self.notices {
            let _ = notices.send(notice);
        }
    }
}

/// A name for a writer of blocks that no other has.
pub fn random_writer() -> u128 {
    let mut name = [0; 16];
    // Without the system's randomness, time and process are still unlike those of any other writer.
    if getrandom::fill(&mut name).is_err() {
        let nanoseconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos());
        name = (nanoseconds << 32 | u128::from(std::process::id())).to_le_bytes();
    }
    u128::from_le_bytes(name)
}
