//! The same message in another spelling, as protobuf allows it.
//!
//! Comes in: an encoded message, what it is, a seed. Goes out: its fields in another order at every level, messages
//! cut in two, lists of numbers packed or not, numbers longer than need be, metrics with data of several kinds, and
//! fields that nobody knows in between. What that means the official decoder says.

use crate::{
    record::wire::{Fields, Wire},
    signal::Signal,
};

/// What a message is, as far as its fields are messages or lists of numbers.
pub struct Shape {
    messages: &'static [(u32, &'static Shape)],
    /// Lists of 8 bytes a number.
    eights: &'static [u32],
    /// Lists of varints.
    varints: &'static [u32],
    /// Whether it means the same when it is sent in two parts.
    is_divisible: bool,
    is_metric: bool,
}

const PLAIN: Shape = Shape { messages: &[], eights: &[], varints: &[], is_divisible: true, is_metric: false };

const fn of(messages: &'static [(u32, &'static Shape)]) -> Shape {
    Shape { messages, ..PLAIN }
}

static ATTRIBUTE: Shape = of(&[(2, &VALUE)]);
static VALUE: Shape = of(&[(5, &LIST), (6, &MAP)]);
/// A list or a map that stands twice in one value: the official decoder joins the two, others let the last one count.
static LIST: Shape = Shape { is_divisible: false, ..of(&[(1, &VALUE)]) };
static MAP: Shape = Shape { is_divisible: false, ..of(&[(1, &ATTRIBUTE)]) };
static RESOURCE: Shape = of(&[(1, &ATTRIBUTE)]);
static SCOPE: Shape = of(&[(3, &ATTRIBUTE)]);

static LOGS: Shape = of(&[(1, &of(&[(1, &RESOURCE), (2, &of(&[(1, &SCOPE), (2, &LOG)]))]))]);
static LOG: Shape = of(&[(5, &VALUE), (6, &ATTRIBUTE)]);

static TRACES: Shape = of(&[(1, &of(&[(1, &RESOURCE), (2, &of(&[(1, &SCOPE), (2, &SPAN)]))]))]);
static SPAN: Shape = of(&[(9, &ATTRIBUTE), (11, &of(&[(3, &ATTRIBUTE)])), (13, &of(&[(4, &ATTRIBUTE)])), (15, &FLAT)]);
static FLAT: Shape = PLAIN;

static METRICS: Shape = of(&[(1, &of(&[(1, &RESOURCE), (2, &of(&[(1, &SCOPE), (2, &METRIC)]))]))]);
static METRIC: Shape = Shape {
    is_metric: true,
    ..of(&[
        (5, &of(&[(1, &NUMBER)])),
        (7, &of(&[(1, &NUMBER)])),
        (9, &of(&[(1, &HISTOGRAM)])),
        (10, &of(&[(1, &EXPONENTIAL)])),
        (11, &of(&[(1, &of(&[(6, &FLAT), (7, &ATTRIBUTE)]))])),
    ])
};
static EXEMPLAR: Shape = of(&[(7, &ATTRIBUTE)]);
static NUMBER: Shape = of(&[(5, &EXEMPLAR), (7, &ATTRIBUTE)]);
static HISTOGRAM: Shape = Shape { eights: &[6, 7], ..of(&[(8, &EXEMPLAR), (9, &ATTRIBUTE)]) };
static EXPONENTIAL: Shape = of(&[(1, &ATTRIBUTE), (8, &BUCKETS), (9, &BUCKETS), (11, &EXEMPLAR)]);
static BUCKETS: Shape = Shape { varints: &[2], ..PLAIN };

/// What a request is.
pub const fn of_signal(signal: Signal) -> &'static Shape {
    match signal {
        Signal::Logs => &LOGS,
        Signal::Metrics => &METRICS,
        Signal::Traces => &TRACES,
    }
}

/// Chances that are the same for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

pub fn disordered(message: &[u8], shape: &Shape, dice: &mut Dice) -> Vec<u8> {
    let mut pieces = Vec::new();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field().unwrap() {
        piece(number, value, shape, dice, &mut pieces);
    }
    if shape.is_metric && !pieces.is_empty() && dice.below(3) == 0 {
        pieces.push(more_data(message, dice));
    }
    if dice.below(3) == 0 {
        pieces.push(unknown(dice));
    }
    for end in (1..pieces.len()).rev() {
        pieces.swap(end, dice.below(end + 1));
    }
    pieces.concat()
}

fn piece(number: u32, value: Wire<'_>, shape: &Shape, dice: &mut Dice, pieces: &mut Vec<Vec<u8>>) {
    if let Wire::Bytes(bytes) = value {
        if let Some((_, inner)) = shape.messages.iter().find(|(field, _)| *field == number) {
            let parts = if inner.is_divisible && dice.below(6) == 0 { cut(bytes, dice) } else { vec![bytes.to_vec()] };
            pieces.extend(parts.iter().map(|part| long(number, &disordered(part, inner, dice), dice)));
            return;
        }
        let is_unpacked = dice.below(2) == 0;
        if shape.eights.contains(&number) && is_unpacked {
            pieces.extend(bytes.chunks(8).map(|eight| [&key(number, 1, dice)[..], eight].concat()));
            return;
        }
        if shape.varints.contains(&number) && is_unpacked {
            let mut numbers = Fields::of(bytes);
            while let Some(value) = numbers.next_packed().unwrap() {
                pieces.push([key(number, 0, dice), varint(value, dice)].concat());
            }
            return;
        }
    }
    pieces.push(match value {
        Wire::Varint(value) => [key(number, 0, dice), varint(value, dice)].concat(),
        Wire::Fixed64(value) => [&key(number, 1, dice)[..], &value.to_le_bytes()].concat(),
        Wire::Bytes(bytes) => long(number, bytes, dice),
        Wire::Fixed32(value) => [&key(number, 5, dice)[..], &value.to_le_bytes()].concat(),
        Wire::Group => Vec::new(),
    });
}

/// The same fields in two messages.
fn cut(message: &[u8], dice: &mut Dice) -> Vec<Vec<u8>> {
    let (mut parts, mut fields) = (vec![Vec::new(), Vec::new()], Fields::of(message));
    while let Some((number, value)) = fields.next_field().unwrap() {
        let mut pieces = Vec::new();
        piece(number, value, &PLAIN, dice, &mut pieces);
        parts[dice.below(2)].extend(pieces.concat());
    }
    parts
}

/// Data of another kind, empty or the very points there are: those of gauges and sums look alike.
fn more_data(metric: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut fields = Fields::of(metric);
    while let Some((number, value)) = fields.next_field().unwrap() {
        if let (5 | 7, Wire::Bytes(data)) = (number, value) {
            return long([5, 7][dice.below(2)], data, dice);
        }
    }
    long([5, 7, 9, 10, 11][dice.below(5)], &[], dice)
}

fn unknown(dice: &mut Dice) -> Vec<u8> {
    let number = [100, 2_047, 536_870_911][dice.below(3)];
    match dice.below(5) {
        0 => [key(number, 0, dice), varint(u64::MAX, dice)].concat(),
        1 => [&key(number, 1, dice)[..], &[0xff; 8]].concat(),
        2 => long(number, b"\xff\x07 nobody", dice),
        3 => [&key(number, 3, dice)[..], &[0x0b, 0x10, 0x01, 0x0c, 0x1d, 1, 2, 3, 4], &key(number, 4, dice)].concat(),
        _ => [&key(number, 5, dice)[..], &[0xff; 4]].concat(),
    }
}

fn long(number: u32, bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    [&key(number, 2, dice)[..], &varint(bytes.len() as u64, dice), bytes].concat()
}

fn key(number: u32, kind: u32, dice: &mut Dice) -> Vec<u8> {
    varint(u64::from(number << 3 | kind), dice)
}

/// Now and then with a zero that adds nothing.
fn varint(value: u64, dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(value, &mut out);
    if out.len() < 9 && dice.below(8) == 0 {
        if let Some(last) = out.last_mut() {
            *last |= 0x80;
        }
        out.push(0);
    }
    out
}

/// Whether a value stands in two parts: of two lists the official decoder makes one, where the collector goes by the
/// last, as the one it replaces does. No sender writes that.
pub fn has_values_in_two_parts(message: &[u8], shape: &Shape) -> bool {
    let (mut fields, mut seen) = (Fields::of(message), Vec::new());
    while let Ok(Some((number, value))) = fields.next_field() {
        let inner = shape.messages.iter().find(|(field, _)| *field == number);
        if let (Some((_, inner)), Wire::Bytes(bytes)) = (inner, value) {
            let is_one =
                [&VALUE, &LIST, &MAP].iter().any(|one| std::ptr::eq(*one, *inner)) && !std::ptr::eq(shape, &LIST);
            if is_one && seen.contains(&number) || has_values_in_two_parts(bytes, inner) {
                return true;
            }
            seen.push(number);
        }
    }
    false
}
