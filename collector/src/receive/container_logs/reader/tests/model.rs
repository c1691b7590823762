//! Any order of a container's writes, a kubelet's rotations, answers and kills: every line is read, in its order, and
//! once where nothing was killed. With a spool every line is kept once, in its order, whatever was killed.

use proptest::prelude::*;

use super::{Node, lines};

const STREAMS: [&str; 2] = ["stdout", "stderr"];

#[derive(Clone, Debug)]
enum Move {
    Write(u64),
    /// A part of a line, whose rest comes with the next write.
    WritePart,
    /// A text of a stream begins or goes on; what else is written meanwhile is of the other stream.
    Part(usize),
    /// It ends.
    End(usize),
    Rotate,
    /// All rotated files but the newest.
    Compress,
    /// The oldest files beyond five, if they were read.
    Collect,
    /// Everything is read and answered for, then the file is emptied in place.
    Truncate,
    Look,
    Read,
    AnswerOldest,
    AnswerNewest,
    /// The spool takes the oldest batch.
    Keep,
    /// A checkpoint is written.
    Save,
    Kill,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (1..40_u64).prop_map(Move::Write),
        1 => Just(Move::Write(6_000)),
        1 => Just(Move::WritePart),
        2 => (0..2_usize).prop_map(Move::Part),
        1 => (0..2_usize).prop_map(Move::End),
        2 => Just(Move::Rotate),
        2 => Just(Move::Compress),
        1 => Just(Move::Collect),
        1 => Just(Move::Truncate),
        5 => Just(Move::Look),
        5 => Just(Move::Read),
        3 => Just(Move::AnswerOldest),
        1 => Just(Move::AnswerNewest),
        3 => Just(Move::Keep),
        2 => Just(Move::Save),
        1 => Just(Move::Kill),
    ];
    proptest::collection::vec(one, 1..60)
}

struct Container {
    node: Node,
    written: u64,
    part: String,
    /// Of which streams a text is open.
    open: [bool; 2],
    rotated: Vec<String>,
    rotations: u32,
    has_kills: bool,
    has_spool: bool,
}

impl Container {
    fn new(has_spool: bool) -> Self {
        let mut node = Node::new(true);
        if has_spool {
            node.look();
            node.save();
        }
        Self {
            node,
            written: 0,
            part: String::new(),
            open: [false; 2],
            rotated: Vec::new(),
            rotations: 0,
            has_kills: false,
            has_spool,
        }
    }

    /// A stream that has no open text.
    fn stream(&self) -> Option<&'static str> {
        STREAMS.into_iter().zip(self.open).find(|(_, is_open)| !is_open).map(|(stream, _)| stream)
    }

    fn write(&mut self, count: u64) {
        let Some(stream) = self.stream() else { return };
        let text = lines(self.written..self.written + count).replace("stdout", stream);
        let already = self.part.len();
        self.node.write("0.log", &text[already..]);
        self.part.clear();
        self.written += count;
    }

    /// The number of a text comes with its end, so that it is that of its turn.
    fn part(&mut self, stream: usize, tag: char, text: &str) {
        self.node.write("0.log", &format!("2026-11-24T16:27:03.000000001Z {} {tag} {text}\n", STREAMS[stream]));
        self.open[stream] = tag == 'P';
    }

    fn end(&mut self, stream: usize) {
        self.part(stream, 'F', &self.written.to_string());
        self.written += 1;
    }

    fn make(&mut self, one: &Move) {
        let (is_whole, is_any_open) = (self.part.is_empty(), self.open.contains(&true));
        match one {
            Move::Part(stream) if is_whole => self.part(*stream, 'P', if self.open[*stream] { "" } else { "line " }),
            Move::End(stream) if is_whole && self.open[*stream] => self.end(*stream),
            Move::Write(count) => self.write(*count),
            Move::WritePart if is_whole && self.stream().is_some() => {
                self.part = lines(self.written..self.written + 1)[..10].to_owned();
                self.node.write("0.log", &self.part);
            }
            Move::Rotate if is_whole && self.node.exists("0.log") => {
                self.rotations += 1;
                let name = format!("0.log.20261124-{:06}", self.rotations);
                self.node.rename("0.log", &name);
                self.node.age(&name);
                self.rotated.push(name);
                self.node.write("0.log", "");
            }
            Move::Compress => {
                let last = self.rotated.len().saturating_sub(1);
                for name in &mut self.rotated[..last] {
                    if !name.ends_with(".gz") {
                        self.node.compress(name);
                        name.push_str(".gz");
                    }
                }
            }
            Move::Collect if self.rotated.len() > 4 && !is_any_open => {
                self.settle();
                self.node.delete(&self.rotated.remove(0));
            }
            Move::Truncate if is_whole && !is_any_open && self.node.exists("0.log") => {
                self.settle();
                self.node.truncate("0.log");
                // What is seen of it: a file that is longer again at the next look and begins the same would not be
                // another one.
                self.node.look();
                self.node.chunk();
            }
            Move::Look => self.node.look(),
            Move::Read => {
                self.node.chunk();
            }
            Move::Keep if self.has_spool => self.node.keep(),
            Move::Save if self.has_spool => self.node.save(),
            Move::AnswerOldest => self.answer(0),
            Move::AnswerNewest => self.answer(usize::MAX),
            Move::Kill if self.has_spool => self.node.kill(),
            Move::Kill if self.node.reader.has_looked() => {
                self.has_kills = true;
                self.node.restart(|_| ());
            }
            _ => {}
        }
    }

    fn answer(&mut self, index: usize) {
        if self.has_spool {
            return self.node.answer_kept(index.min(self.node.disk.unanswered.len().saturating_sub(1)));
        }
        let index = index.min(self.node.sealed.len().saturating_sub(1));
        if let Some((number, _)) = self.node.sealed.get(index) {
            self.node.answer(*number);
        }
    }

    fn settle(&mut self) {
        self.node.read_all();
        if self.has_spool {
            while !self.node.sealed.is_empty() {
                self.node.keep();
            }
            while !self.node.disk.unanswered.is_empty() {
                self.node.answer_kept(0);
            }
        } else {
            self.node.answer_all();
        }
    }

    fn make_all(&mut self, moves: &[Move]) {
        moves.iter().for_each(|one| self.make(one));
        if !self.part.is_empty() {
            self.write(1);
        }
        (0..2).filter(|stream| self.open[*stream]).collect::<Vec<_>>().into_iter().for_each(|stream| self.end(stream));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_read_in_its_order_whatever_becomes_of_the_files(moves in moves()) {
        let mut container = Container::new(false);
        container.make_all(&moves);
        container.node.read_all();
        let mut seen = vec![0; container.written as usize];
        let mut next = 0;
        for text in container.node.all() {
            let number: usize = text.strip_prefix("line ").unwrap().parse().unwrap();
            prop_assert!(number <= next, "line {number} came before line {next}");
            next = next.max(number + 1);
            seen[number] += 1;
        }
        let missing: Vec<_> = seen.iter().enumerate().filter(|(_, times)| **times == 0).map(|(at, _)| at).collect();
        prop_assert!(missing.is_empty(), "missing: {missing:?}");
        if !container.has_kills {
            prop_assert!(seen.iter().all(|times| *times == 1), "{seen:?}");
        }
    }
    #[test]
    fn with_a_spool_every_line_is_kept_once_and_in_its_order_whatever_is_killed(moves in moves()) {
        let mut container = Container::new(true);
        container.make_all(&moves);
        container.settle();
        let wanted: Vec<_> = (0..container.written).map(|number| format!("line {number}")).collect();
        prop_assert_eq!(&container.node.disk.lines, &wanted);
    }
}
