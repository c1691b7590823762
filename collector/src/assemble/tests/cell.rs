//! Rows as both sides of the comparison have them: what was sent by way of the official messages, and what stands in a
//! block.

use std::{collections::BTreeMap, fmt};

/// The columns of a row by their name.
pub type Row = BTreeMap<String, Cell>;

#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub enum Cell {
    Text(Vec<u8>),
    /// Any integer, times and truth values too.
    Whole(i128),
    /// The bits of a double: a not-a-number is equal to itself.
    Double(u64),
    List(Vec<Cell>),
    Map(Vec<(Cell, Cell)>),
    /// Nanoseconds; what they become depends on the type of the column.
    Time(u64),
}

impl Cell {
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(text.as_ref().to_vec())
    }

    pub fn whole(number: impl Into<i128>) -> Self {
        Self::Whole(number.into())
    }

    pub fn double(number: f64) -> Self {
        Self::Double(number.to_bits())
    }

    /// As a column of this type holds it.
    pub fn of_type(self, type_name: &str) -> Self {
        match self {
            Self::Time(time) if type_name.contains("DateTime64") => Self::whole(time.cast_signed()),
            Self::Time(time) => Self::whole((time / 1_000_000_000) as u32),
            Self::List(cells) => Self::List(cells.into_iter().map(|cell| cell.of_type(type_name)).collect()),
            other => other,
        }
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{}\"", text.escape_ascii()),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Double(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::List(cells) => f.debug_list().entries(cells).finish(),
            Self::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish(),
            Self::Time(time) => write!(f, "{time}ns"),
        }
    }
}
