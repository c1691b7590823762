//! Every column of every row in the blocks, against the rows that the official messages say there must be.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use proptest::{collection::vec, option, prelude::*};
use prost::Message;

use super::{
    cell::{Cell, Row},
    native,
    oracle::{self, Expected},
    outcome,
};
use crate::{
    ack::{Ack, Answer, Outcome},
    assemble::{Assembler, Limits},
    budget::Budget,
    decode::otlp::tests::{
        disorder::{self, Dice, disordered},
        generate,
    },
    delivery::{Delivery, Transport},
    metrics::Pipeline,
    signal::Signal,
    table::{Block, Layout, Layouts, Table},
};

/// The tables of the contract, read from a real server.
const CONTRACT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/schema/columns.tsv"));

/// What is sent, and how.
#[derive(Clone, Debug)]
struct Sent {
    signal: Signal,
    message: Vec<u8>,
    /// Spelled differently, by this seed.
    disorder: Option<u64>,
    /// A record that cannot be read stands before the others.
    has_bad_record: bool,
    /// A request that cannot be read comes before it, with the same rows.
    is_after_malformed: bool,
}

/// What the collector knows of the tables.
#[derive(Clone, Copy, Debug)]
enum Known {
    Nothing,
    Contract,
    /// Tables of earlier versions: fine times, plain metric names, some columns not there yet.
    Older,
}

fn sent() -> impl Strategy<Value = Sent> {
    let message = prop_oneof![
        generate::logs().prop_map(|request| (Signal::Logs, request.encode_to_vec())),
        generate::traces().prop_map(|request| (Signal::Traces, request.encode_to_vec())),
        generate::metrics().prop_map(|request| (Signal::Metrics, request.encode_to_vec())),
    ];
    (message, option::of(any::<u64>()), any::<bool>(), any::<bool>()).prop_map(
        |((signal, message), disorder, has_bad_record, is_after_malformed)| Sent {
            signal,
            message,
            disorder,
            has_bad_record,
            is_after_malformed,
        },
    )
}

impl Sent {
    /// The bytes of the request, and what must become of it.
    fn spelled(&self) -> (Vec<u8>, Expected) {
        let shape = disorder::of_signal(self.signal);
        let mut wire = match self.disorder {
            Some(seed) => disordered(&self.message, shape, &mut Dice(seed)),
            None => self.message.clone(),
        };
        let mut expected = match self.signal {
            Signal::Logs => oracle::logs(ExportLogsServiceRequest::decode(&wire[..]).unwrap()),
            Signal::Metrics => oracle::metrics(ExportMetricsServiceRequest::decode(&wire[..]).unwrap()),
            Signal::Traces => oracle::traces(ExportTraceServiceRequest::decode(&wire[..]).unwrap()),
        };
        if self.has_bad_record {
            wire.splice(0..0, with_a_bad_record(self.signal));
            expected.rejected += 1;
        }
        (wire, expected)
    }
}

/// A resource with a scope with a record that has attributes and then a time that is a text.
fn with_a_bad_record(signal: Signal) -> Vec<u8> {
    let long = |field: u8, bytes: &[u8]| [&[field << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let attribute = long(1, b"left.behind");
    let record = match signal {
        Signal::Logs => [long(6, &attribute), long(1, b"x")].concat(),
        Signal::Traces => [long(9, &attribute), long(11, &long(3, &attribute)), long(7, b"x")].concat(),
        Signal::Metrics => long(5, &long(1, &[long(7, &attribute), long(5, &[]), long(3, b"x")].concat())),
    };
    let scope = [long(1, &long(1, b"bad scope")), long(2, &record)].concat();
    long(1, &[long(1, &long(1, &attribute)), long(2, &scope)].concat())
}

fn layouts(known: Known) -> Layouts {
    let mut layouts = Layouts::default();
    if matches!(known, Known::Nothing) {
        return layouts;
    }
    for table in Table::ALL {
        let mut columns = contract(table);
        if matches!(known, Known::Older) {
            for (name, type_name) in &mut columns {
                if name.contains("TimeUnix") {
                    *type_name = type_name.replace("DateTime", "DateTime64(9)");
                } else if name == "MetricName" {
                    *type_name = "String".to_owned();
                }
            }
            for missing in
                ["EventName", "ScopeDroppedAttrCount", "Events.Attributes", "Exemplars.Value", "ScopeSchemaUrl"]
            {
                columns.remove(missing);
            }
        }
        layouts.set(table, Layout::new(columns));
    }
    layouts
}

/// Columns that an insert names, and their types.
fn contract(table: Table) -> BTreeMap<String, String> {
    let rows = CONTRACT.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let mine = rows.filter(|row| row[0] == "26.2+" && row[1] == table.name() && row[6].is_empty());
    mine.map(|row| (row[3].to_owned(), row[4].to_owned())).collect()
}

/// An assembler, what it was given and what came out of it.
struct Line {
    assembler: Assembler,
    blocks: Vec<Block>,
    expected: BTreeMap<Table, Vec<Row>>,
    /// How many records of each request are to be refused, and what its sender is told.
    answers: Vec<(u64, Answer)>,
}

impl Line {
    fn new(known: Known, rows: usize) -> Self {
        let limits = Limits {
            rows,
            bytes: 64 << 20,
            age: std::time::Duration::from_secs(1),
            patience: std::time::Duration::ZERO,
            open: usize::MAX,
            days: crate::assemble::DAYS_KEPT,
        };
        let (_, layouts) = tokio::sync::watch::channel(layouts(known));
        let metrics = Pipeline::new(&mut prometheus_client::registry::Registry::default());
        let assembler = Assembler::new(limits, layouts, metrics.into());
        Self { assembler, blocks: Vec::new(), expected: BTreeMap::new(), answers: Vec::new() }
    }

    fn take(&mut self, signal: Signal, body: Vec<u8>) -> Answer {
        let (ack, answer) = Ack::new(Budget::new(1).admit(1).unwrap());
        let delivery = Delivery::new(signal, body.into(), Transport::Grpc, ack);
        self.blocks.extend(self.assembler.take(delivery, &mut (), std::time::Instant::now()));
        answer
    }

    fn send(&mut self, sent: &Sent) {
        let (wire, expected) = sent.spelled();
        if sent.is_after_malformed {
            // All of its rows are made before it ends where a field should be.
            let answer = self.take(sent.signal, [&wire[..], &[0x0a, 0x7f]].concat());
            assert!(matches!(outcome(answer), Outcome::Reject(_)));
        }
        let answer = self.take(sent.signal, wire);
        self.answers.push((expected.rejected, answer));
        for (table, rows) in expected.rows {
            self.expected.entry(table).or_default().extend(rows);
        }
    }

    /// Seals what is open and compares.
    fn check(mut self, known: Known) {
        self.blocks.extend(self.assembler.finish(std::time::Instant::now()));
        let layouts = layouts(known);
        let mut stored: BTreeMap<Table, Vec<Row>> = BTreeMap::new();
        for block in self.blocks {
            let columns = layouts.of(block.table);
            let contents = native::read(&block);
            let wanted: BTreeMap<_, _> = contract(block.table)
                .into_iter()
                .filter(|(name, _)| columns.is_none_or(|columns| columns.has(name)))
                .map(|(name, of_contract)| {
                    let is_fine = columns
                        .and_then(|columns| columns.type_of(&name))
                        .is_some_and(|live| live.contains("DateTime64"));
                    let is_coarse = is_fine && !of_contract.contains("DateTime64");
                    (name, if is_coarse { of_contract.replace("DateTime", "DateTime64(9)") } else { of_contract })
                })
                .collect();
            assert_eq!(contents.types, wanted, "the columns of {:?}", block.table);
            let expected = self.expected.entry(block.table).or_default();
            for row in expected {
                row.retain(|name, _| contents.types.contains_key(name));
                for (name, cell) in row {
                    *cell = std::mem::replace(cell, Cell::Whole(0)).of_type(&contents.types[name]);
                }
            }
            stored.entry(block.table).or_default().extend(contents.rows);
            block.acks.into_iter().for_each(|ack| ack.settle(Outcome::Delivered { rejected: 0 }));
        }
        for rows in stored.values_mut().chain(self.expected.values_mut()) {
            rows.sort();
        }
        assert_eq!(stored, self.expected);
        for (rejected, answer) in self.answers {
            assert_eq!(outcome(answer), Outcome::Delivered { rejected });
        }
    }
}

proptest! {
    #[test]
    fn every_row_is_the_one_that_the_official_messages_say(
        requests in vec(sent(), 1..5),
        known in prop_oneof![Just(Known::Nothing), Just(Known::Contract), Just(Known::Older)],
        rows in prop_oneof![Just(3_usize), Just(1_000)],
    ) {
        let mut line = Line::new(known, rows);
        requests.iter().for_each(|sent| line.send(sent));
        line.check(known);
    }
}
