//! OTLP in protobuf, down to sealed blocks: a request that the official decoder takes gives the rows of the same
//! request as the official encoder writes it, with fields in order, once each, and none unknown.
//!
//! The first byte is the signal, the rest the message.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use collector::{
    ack::Ack,
    assemble::{Assembler, DAYS_KEPT, Limits},
    budget::Budget,
    delivery::{Delivery, Transport},
    metrics::Pipeline,
    signal::Signal,
    table::{Block, Layouts, Table},
};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;

use super::{Target, native, twice};

pub const TARGET: Target = Target { name: "decode_otlp", run, measured, most_bytes };

pub fn run(input: &[u8]) {
    if let Some((first, message)) = input.split_first() {
        agrees_with_the_official_decoder(Signal::ALL[usize::from(*first) % Signal::ALL.len()], message);
    }
}

/// Gives the official form of the message, if it has one.
pub fn agrees_with_the_official_decoder(signal: Signal, message: &[u8]) -> Option<Vec<u8>> {
    let rows = rows(&blocks(signal, message));
    let official = official(signal, message)?;
    let expected = self::rows(&blocks(signal, &official));
    // What a request may make of itself depends on its length, which is another one now.
    if !rows.is_empty() && !expected.is_empty() && !twice::has_list_twice(signal, message) {
        assert_eq!(rows, expected);
    }
    Some(official)
}

fn measured(input: &[u8]) {
    let Some((first, message)) = input.split_first() else { return };
    drop(blocks(Signal::ALL[usize::from(*first) % Signal::ALL.len()], message));
}

/// A request may make 16 MiB and 32 times its length of itself. A vector that grows holds what it has and twice as
/// much; 1 MiB is for the builders of eight tables and for frames.
const fn most_bytes(input: usize) -> usize {
    3 * ((16 << 20) + 32 * input) + (1 << 20)
}

fn official(signal: Signal, message: &[u8]) -> Option<Vec<u8>> {
    fn again<M: Message + Default>(message: &[u8]) -> Option<Vec<u8>> {
        M::decode(message).ok().map(|message| message.encode_to_vec())
    }
    match signal {
        Signal::Logs => again::<ExportLogsServiceRequest>(message),
        Signal::Metrics => again::<ExportMetricsServiceRequest>(message),
        Signal::Traces => again::<ExportTraceServiceRequest>(message),
    }
}

fn blocks(signal: Signal, message: &[u8]) -> Vec<Block> {
    let limits = Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        age: Duration::from_secs(1),
        patience: Duration::from_secs(1),
        open: usize::MAX,
        days: DAYS_KEPT,
    };
    let (_layouts, layouts) = tokio::sync::watch::channel(Layouts::default());
    let metrics = Arc::new(Pipeline::new(&mut prometheus_client::registry::Registry::default()));
    let mut assembler = Assembler::new(limits, layouts, metrics);
    let permit = Budget::new(1 << 20).admit(1).expect("nothing else is admitted");
    let (ack, _answer) = Ack::new(permit);
    let body = message.to_vec().into();
    let now = Instant::now();
    let delivery = Delivery::new(signal, body, Transport::Http, ack);
    let mut blocks = assembler.take(delivery, &mut (), now);
    blocks.extend(assembler.finish(now));
    blocks
}

/// Every row as text, by table, in the order they are stored; days of a table are one after the other.
fn rows(blocks: &[Block]) -> BTreeMap<Table, Vec<String>> {
    let mut rows: BTreeMap<Table, Vec<String>> = BTreeMap::new();
    for block in blocks {
        let read = native::read(&block.body.concat());
        assert_eq!(read.len() as u64, block.rows);
        rows.entry(block.table).or_default().extend(read);
    }
    rows
}
