//! One thing a receiver got and must answer for.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::OwnedPermit;

use crate::{
    ack::Ack,
    budget::Permit,
    errand::Errand,
    id::{Id, Keeper},
    making::{Making, Passage, Receipt, Seq},
    positions::Positions,
    record::Malformed,
    signal::Signal,
    table::{Block, Table},
};

/// An OTLP `Export…ServiceRequest` as it came off the wire, content encoding removed.
#[derive(Debug)]
pub struct Delivery {
    pub signal: Signal,
    /// The protobuf message.
    pub body: Bytes,
    pub transport: Transport,
    pub ack: Ack,
    /// Its turn among the bodies that wait to be opened. Dropped as soon as that is done, or it waits on a disk alone, and
    /// another is read.
    pub turn: Option<Permit>,
    /// Its number, where a spool keeps it: then the answer waits for no insert.
    pub kept: Option<Seq>,
    /// What it is called by whom it comes from, where that keeps it; to whom it is forwarded, what it is called here.
    pub id: Option<Id>,
    /// Whom it is to be sent to, as it was kept.
    pub to: Option<Keeper>,
    /// The same to the forwarder, who may change it.
    pub errand: Option<Errand>,
    /// Where the files it was read from stand once it is kept.
    pub positions: Option<Positions>,
}

impl Delivery {
    /// One that nothing is known of yet.
    pub const fn new(signal: Signal, body: Bytes, transport: Transport, ack: Ack) -> Self {
        let (turn, kept, id, to, errand, positions) = (None, None, None, None, None, None);
        Self { signal, body, transport, ack, turn, kept, id, to, errand, positions }
    }
}

/// How it came, as OpenTelemetry's own metrics label it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    Grpc,
    Http,
    /// Made here, of what Fluent's senders say.
    Fluent,
    /// Made here, of what syslog's senders say.
    Syslog,
    /// Made here, of what a file holds.
    File,
    /// Made here, of what was measured.
    Scrape,
    /// Made here, of what the API server tells.
    Watch,
}

impl Transport {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::Fluent => "fluent",
            Self::Syslog => "syslog",
            Self::File => "file",
            Self::Scrape => "scrape",
            Self::Watch => "watch",
        }
    }
}

/// Looks through a request without making anything of it: what its sender is told while the line is behind.
pub type Check = fn(Signal, &[u8]) -> Result<Checked, Malformed>;

/// What a request holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Checked {
    pub records: u64,
    /// Records that can never be stored.
    pub rejected: u64,
}

/// What comes next to the line.
#[derive(Debug)]
pub enum Next {
    Delivery(Delivery),
    /// A block that has to be made again from what is kept.
    Again(Making),
    /// Nothing for as long as was waited.
    Pause,
    /// Nothing new will come: what is open is not to wait for more. Blocks may still have to be made again.
    Last,
    /// Nothing will come any more.
    End,
}

/// Where the line gets its deliveries from, and what it owes for those that are kept. A source that keeps none has only
/// to say what comes next.
pub trait Source {
    /// Waits no longer than this.
    fn next(&mut self, wait: Duration) -> Next;

    /// Hands a sealed block on, through a place in the outlet's queue.
    fn seal(&mut self, block: Block, place: OwnedPermit<Block>) {
        place.send(block);
    }

    /// The deliveries a block is made of, one after another, and whether each was refused as a whole. False: they cannot
    /// be read now.
    fn read(&mut self, _making: &Making, _each: &mut dyn FnMut(Signal, &[u8], bool)) -> bool {
        false
    }

    /// The duty that comes with a block that is made again.
    fn receipt(&self, making: &Making) -> Receipt {
        Receipt::to_nobody(making.clone())
    }

    /// Whether rows of a kept delivery may stand in a block that was made before.
    fn has_made(&self, _seq: Seq) -> bool {
        false
    }

    /// Which rows of a kept delivery stand in a block that was made before.
    fn is_made(&self, _seq: Seq, _block: (Table, u64)) -> bool {
        false
    }

    /// Whether a kept delivery was handed on whole before, and is answered for.
    fn is_passed(&self, _seq: Seq) -> bool {
        false
    }

    /// A kept delivery is handed on whole; the duty says what has become of it.
    fn hand_on(&mut self, seq: Seq, _to: Option<Keeper>) -> Passage {
        Passage::to_nobody(seq)
    }

    /// A kept delivery has been dealt with. `open` is the first one that has rows in an open block.
    fn assembled(&mut self, _seq: Seq, _open: Option<Seq>) {}

    /// A kept delivery turns out to be one that can never be stored. `is_told` says whether its sender still learns of
    /// it.
    fn refused(&mut self, _seq: Seq, _is_told: bool, _reason: &str) {}
}

/// Nothing comes.
impl Source for () {
    fn next(&mut self, _wait: Duration) -> Next {
        Next::End
    }
}
