//! Any order of a container's writes, a kubelet's rotations, answers and kills: every line is read, in its order, and
//! once where nothing was killed.

use proptest::prelude::*;

use super::{Node, lines};

#[derive(Clone, Debug)]
enum Move {
    Write(u64),
    /// A part of a line, whose rest comes with the next write.
    WritePart,
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
    Kill,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (1..40_u64).prop_map(Move::Write),
        1 => Just(Move::Write(6_000)),
        1 => Just(Move::WritePart),
        2 => Just(Move::Rotate),
        2 => Just(Move::Compress),
        1 => Just(Move::Collect),
        1 => Just(Move::Truncate),
        5 => Just(Move::Look),
        5 => Just(Move::Read),
        3 => Just(Move::AnswerOldest),
        1 => Just(Move::AnswerNewest),
        1 => Just(Move::Kill),
    ];
    proptest::collection::vec(one, 1..60)
}

struct Container {
    node: Node,
    written: u64,
    part: String,
    rotated: Vec<String>,
    rotations: u32,
    has_kills: bool,
}

impl Container {
    fn new() -> Self {
        Self {
            node: Node::new(true),
            written: 0,
            part: String::new(),
            rotated: Vec::new(),
            rotations: 0,
            has_kills: false,
        }
    }

    fn write(&mut self, count: u64) {
        let text = lines(self.written..self.written + count);
        let already = self.part.len();
        self.node.write("0.log", &text[already..]);
        self.part.clear();
        self.written += count;
    }

    fn make(&mut self, one: &Move) {
        match one {
            Move::Write(count) => self.write(*count),
            Move::WritePart if self.part.is_empty() => {
                self.part = lines(self.written..self.written + 1)[..10].to_owned();
                self.node.write("0.log", &self.part);
            }
            Move::Rotate if self.part.is_empty() && self.node.exists("0.log") => {
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
            Move::Collect if self.rotated.len() > 4 => {
                self.settle();
                self.node.delete(&self.rotated.remove(0));
            }
            Move::Truncate if self.part.is_empty() && self.node.exists("0.log") => {
                self.settle();
                self.node.truncate("0.log");
                // What is seen of it: a file that is longer again at the next look and begins the same would not be
                // another one.
                self.node.look();
                self.node.chunk();
            }
            Move::Look => self.node.look(),
            Move::Read => drop(self.node.chunk()),
            Move::AnswerOldest => self.answer(0),
            Move::AnswerNewest => self.answer(self.node.sealed.len().saturating_sub(1)),
            Move::Kill if self.node.reader.has_looked() => {
                self.has_kills = true;
                self.node.restart(|_| ());
            }
            _ => {}
        }
    }

    fn answer(&mut self, index: usize) {
        if let Some((number, _)) = self.node.sealed.get(index) {
            self.node.answer(*number);
        }
    }

    fn settle(&mut self) {
        self.node.read_all();
        self.node.answer_all();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_read_in_its_order_whatever_becomes_of_the_files(moves in moves()) {
        let mut container = Container::new();
        for one in &moves {
            container.make(one);
        }
        if !container.part.is_empty() {
            container.write(1);
        }
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
}
