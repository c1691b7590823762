//! A block that another gateway is to store, under the name it has here.
//!
//! Comes in: a sealed block of kept deliveries, or the bytes another gateway has sent. Goes out: one as the other. The
//! name is what makes it safe: whichever gateway inserts the block, and be it both, its rows are stored once.
//! Must not know who sends it where.
//!
//! A line of JSON says what it is, ClickHouse's Native format in LZ4 frames follows, as it is inserted.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::{
    ack::Ack,
    making::{ALL_RECORDS, ENCODER, Making, Name, Receipt},
    table::{Block, Table},
};

/// The gRPC method that takes one, on the port of OTLP/gRPC.
pub const PATH: &str = "/clickstack.collector.v1.GatewayService/TakeBlock";

/// A block on its way, and the duty to say whether it was taken.
#[derive(Debug)]
pub struct Handover {
    pub body: Bytes,
    pub ack: Ack,
}

/// The longest first line: names of columns are the most of it, 20 of them.
const HEADING: usize = 16 << 10;

/// No gateway makes larger ones: as many rows as `blocks.maxRows` may say, and a delivery's beyond them; as many bytes as
/// `blocks.maxBytes`, four times.
const ROWS: u64 = 100_000_000;
const RAW: usize = 4 << 30;

/// What a block is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Heading {
    /// `insert_deduplication_token`.
    pub token: String,
    pub table: String,
    /// Days since 1970.
    pub day: u64,
    pub rows: u64,
    pub raw_bytes: usize,
    /// Names of the columns, as an insert names them.
    pub columns: String,
    /// CRC-32 of what follows: a disk may rot, and ClickHouse's own word for that is one of many.
    pub checksum: u32,
}

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HandoverError {
    #[error("the first line is no heading of a block")]
    Heading,
    #[error("the token is no name of a block")]
    Token,
    #[error("the table is none of this collector's")]
    Table,
    #[error("the columns are no list of names")]
    Columns,
    #[error("the block holds nothing, or more than a block can")]
    Size,
    #[error("the block is not as it was made")]
    Damaged,
}

/// The bytes of a block.
pub fn pack(block: &Block, name: Name) -> Bytes {
    let heading = Heading {
        token: name.token(),
        table: block.table.name().to_owned(),
        day: block.day,
        rows: block.rows,
        raw_bytes: block.raw_bytes,
        columns: block.columns.as_ref().to_owned(),
        checksum: checksum(&block.body),
    };
    let frames: usize = block.body.iter().map(Bytes::len).sum();
    // A heading is strings and numbers: JSON has a form for each of them.
    let heading = serde_json::to_vec(&heading).unwrap_or_default();
    let mut bytes = BytesMut::with_capacity(heading.len() + 1 + frames);
    bytes.put_slice(&heading);
    bytes.put_u8(b'\n');
    block.body.iter().for_each(|frame| bytes.put_slice(frame));
    bytes.freeze()
}

/// What the bytes of a block say: its heading and its frames.
///
/// # Errors
/// They are none, or would have ClickHouse told what no block has to say.
pub fn open(body: &Bytes) -> Result<(Heading, Making, Bytes), HandoverError> {
    let end = body.iter().take(HEADING).position(|byte| *byte == b'\n').ok_or(HandoverError::Heading)?;
    let heading: Heading = serde_json::from_slice(&body[..end]).map_err(|_| HandoverError::Heading)?;
    let name = Name::of_token(&heading.token).ok_or(HandoverError::Token)?;
    let known = Table::ALL.into_iter().find(|table| table.name() == heading.table);
    let table = known.ok_or(HandoverError::Table)?;
    if !are_names(&heading.columns) {
        return Err(HandoverError::Columns);
    }
    let frames = body.slice(end + 1..);
    if frames.is_empty() || !(1..=ROWS).contains(&heading.rows) || heading.raw_bytes > RAW {
        return Err(HandoverError::Size);
    }
    if checksum(std::slice::from_ref(&frames)) != heading.checksum {
        return Err(HandoverError::Damaged);
    }
    let Heading { day, rows, .. } = heading;
    let making = Making { name, table, day, deliveries: 0..=0, records: ALL_RECORDS, rows, encoder: ENCODER };
    Ok((heading, making, frames))
}

/// The block again; the receipt's making is that of [`open`].
pub fn block(heading: &Heading, frames: Bytes, receipt: Receipt) -> Block {
    Block {
        table: receipt.making.table,
        rows: heading.rows,
        body: vec![frames],
        raw_bytes: heading.raw_bytes,
        columns: heading.columns.as_str().into(),
        layout: None,
        acks: Vec::new(),
        ends: Vec::new(),
        day: heading.day,
        since: std::time::Instant::now(),
        deliveries: None,
        receipt: Some(receipt),
        room: None,
    }
}

fn checksum(frames: &[Bytes]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    frames.iter().for_each(|frame| sum.update(frame));
    sum.finalize()
}

/// Whether these are names of columns and nothing else: they become a part of a statement.
fn are_names(columns: &str) -> bool {
    let is_name = |name: &str| {
        let inner = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
        inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte)))
    };
    columns.split(',').all(|name| is_name(name.trim()))
}

#[cfg(test)]
pub(crate) mod tests;
