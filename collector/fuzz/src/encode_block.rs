//! Columns of every kind, taken back, settled and sealed in any order, hold what was pushed and not taken back.
//!
//! The input is a list of commands and of the values they push.

use collector::{
    columns::{
        frames::Body,
        native::{Array, Column, Fixed, LowCardinality, Map, Mark, Repeats, Strings, write_header, write_size},
    },
    record::{Attribute, Value},
};

use super::{
    Target,
    native::{self, Bytes},
};

pub const TARGET: Target = Target { name: "encode_block", run, measured: run, most_bytes };

/// Some 1 MiB of rows as they are read, of which a row is repeated a dozen times beyond the bound: what was pushed, the
/// columns, their frames, and the same rows read again, each in a vector that grows.
const fn most_bytes(_input: usize) -> usize {
    4 * 3 * (3 << 20)
}

pub fn run(input: &[u8]) {
    let mut commands = Commands(input);
    let mut block = Block::new();
    let mut held = 0;
    while let Some(command) = commands.next() {
        match command % 8 {
            0 => block.mark(),
            1 => block.roll_back(),
            2 => block.settle(),
            3 => block.seal(),
            _ => {
                let times = usize::from(command >> 3) % 12;
                held += block.push(&mut commands, times);
            }
        }
        // Enough to settle a few times.
        if held > 1 << 20 {
            break;
        }
    }
    block.seal();
}

struct Commands<'a>(&'a [u8]);

impl<'a> Commands<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A short text, or seldom one so long that a column is worth settling.
    fn text(&mut self) -> Vec<u8> {
        match self.next().unwrap_or(0) {
            long @ 250.. => vec![long; 4_000],
            length => {
                let (text, rest) = self.0.split_at((usize::from(length) % 6).min(self.0.len()));
                self.0 = rest;
                text.to_vec()
            }
        }
    }

    fn pairs(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..self.next().unwrap_or(0) % 4).map(|_| (self.text(), self.text())).collect()
    }
}

#[derive(Default)]
struct Columns {
    strings: Strings,
    dictionary: LowCardinality,
    numbers: Fixed,
    kept: Map,
    last: Map,
    names: Array<LowCardinality>,
    maps: Array<Map>,
}

impl Columns {
    fn all(&mut self) -> [(&'static str, &'static str, &mut dyn Column); 7] {
        [
            ("s", "String", &mut self.strings),
            ("d", "LowCardinality(String)", &mut self.dictionary),
            ("n", "UInt32", &mut self.numbers),
            ("k", "Map(LowCardinality(String), String)", &mut self.kept),
            ("l", "Map(LowCardinality(String), String)", &mut self.last),
            ("a", "Array(LowCardinality(String))", &mut self.names),
            ("m", "Array(Map(LowCardinality(String), String))", &mut self.maps),
        ]
    }
}

struct Block {
    columns: Columns,
    /// What the rows must read as.
    rows: Vec<String>,
    marks: Option<(usize, Vec<Mark>)>,
}

impl Block {
    fn new() -> Self {
        let columns = Columns { last: Map::new(Repeats::LastWins), ..Columns::default() };
        Self { columns, rows: Vec::new(), marks: None }
    }

    fn mark(&mut self) {
        let marks = self.columns.all().into_iter().map(|(_, _, column)| column.mark()).collect();
        self.marks = Some((self.rows.len(), marks));
    }

    fn roll_back(&mut self) {
        let Some((rows, marks)) = &self.marks else { return };
        self.rows.truncate(*rows);
        for ((_, _, column), mark) in self.columns.all().into_iter().zip(marks) {
            column.rollback(*mark);
        }
    }

    /// Marks do not outlive it.
    fn settle(&mut self) {
        self.marks = None;
        self.columns.all().into_iter().for_each(|(_, _, column)| column.settle());
    }

    /// Closes the block, compares, and goes on with the same builders.
    fn seal(&mut self) {
        self.marks = None;
        let mut body = Body::default();
        let mut columns = self.columns.all();
        write_size(columns.len(), self.rows.len() as u64, &mut body);
        for (name, kind, column) in &mut columns {
            write_header(name, kind, &mut body);
            column.write_prefix(&mut body);
            column.drain_values_into(&mut body);
        }
        let (parts, _) = body.finish();
        let frames = parts.concat();
        assert_eq!(native::read(&frames), std::mem::take(&mut self.rows));
    }

    /// Pushes the same row so many times, and says how many bytes that were.
    fn push(&mut self, commands: &mut Commands<'_>, times: usize) -> usize {
        let (text, name, pairs) = (commands.text(), commands.text(), commands.pairs());
        let names = [commands.text(), name.clone()];
        let number = commands.next().map_or(0, u32::from);
        let attributes: Vec<_> =
            pairs.iter().map(|(key, value)| Attribute { key, value: Value::String(value) }).collect();
        let columns = &mut self.columns;
        columns.strings.push_repeated(&text, times);
        columns.dictionary.push_repeated(&name, times);
        columns.kept.push_repeated(&attributes, times);
        columns.last.push_repeated(&attributes, times);
        for _ in 0..times {
            columns.numbers.push(number.to_le_bytes());
            names.iter().for_each(|name| columns.names.values().push(name));
            columns.names.end_row(names.len());
            columns.maps.values().push(&attributes);
            columns.maps.values().push(&[]);
            columns.maps.end_row(2);
        }
        let row = read_as(&text, &name, &pairs, &names, number);
        let bytes = row.len() * times;
        self.rows.extend(std::iter::repeat_n(row, times));
        bytes
    }
}

fn read_as(text: &[u8], name: &[u8], pairs: &[(Vec<u8>, Vec<u8>)], names: &[Vec<u8>; 2], number: u32) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let kept = entries(&sorted);
    sorted.reverse();
    sorted.dedup_by(|earlier, later| earlier.0 == later.0);
    sorted.reverse();
    format!(
        "s={:?};d={:?};n={:?};k={kept};l={};a=[{:?},{:?}];m=[{kept},[]];",
        Bytes(text),
        Bytes(name),
        Bytes(&number.to_le_bytes()),
        entries(&sorted),
        Bytes(&names[0]),
        Bytes(&names[1]),
    )
}

fn entries(pairs: &[(Vec<u8>, Vec<u8>)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{:?}:{:?}", Bytes(key), Bytes(value))).collect();
    format!("[{}]", pairs.join(","))
}
