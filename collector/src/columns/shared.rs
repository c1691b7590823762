//! Pieces of several tables: type names, ids, and what a resource and a scope become.

use super::{
    frames::Body,
    native::{Column, Fixed, LowCardinality, Map, Mark, Strings},
};
use crate::{
    record::{Resource, Value, text},
    table::Layout,
};

pub(super) const STRING: &str = "String";
pub(super) const LOW_CARDINALITY: &str = "LowCardinality(String)";
pub(super) const MAP: &str = "Map(LowCardinality(String), String)";
pub(super) const TIME64: &str = "DateTime64(9)";
pub(super) const STRINGS: &str = "Array(String)";
pub(super) const MAPS: &str = "Array(Map(LowCardinality(String), String))";

/// Lower-case hexadecimal of an id of `N` bytes. Nothing where it is absent, all zero, or of another length: OTLP
/// calls all three invalid and asks to treat them as absent.
#[inline]
pub(super) fn push_id<const N: usize>(id: &[u8], column: &mut Strings) {
    if id.len() == N && id != [0; N] { column.push_hex(id) } else { column.push(&[]) }
}

/// `ServiceName` and `ResourceAttributes`, which every table has.
#[derive(Debug, Default)]
pub(super) struct ResourceColumns {
    pub(super) service_name: LowCardinality,
    pub(super) attributes: Map,
    scratch: Vec<u8>,
}

impl ResourceColumns {
    pub(super) fn push_repeated(&mut self, resource: &Resource<'_>, rows: usize) {
        if rows == 0 {
            return;
        }
        self.scratch.clear();
        text::append(resource.attribute(b"service.name").unwrap_or(Value::Empty), &mut self.scratch);
        self.service_name.push_repeated(&self.scratch, rows);
        self.attributes.push_repeated(&resource.attributes, rows);
    }
}

/// A time of a metric: whole seconds in the tables ClickStack makes now, nanoseconds in those it made before.
#[derive(Debug, Default)]
pub(super) struct Time {
    column: Fixed,
    is_fine: bool,
}

impl Time {
    /// By the live type of `column`, which may be a list of times.
    pub(super) fn of(column: &str, layout: Option<&Layout>) -> Self {
        let is_fine = layout.and_then(|layout| layout.type_of(column)).is_some_and(|name| name.contains("DateTime64"));
        Self { column: Fixed::default(), is_fine }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the column is 32 bits of seconds wide, until 2106")]
    pub(super) fn push(&mut self, nanoseconds: u64) {
        if self.is_fine {
            self.column.push(nanoseconds.to_le_bytes());
        } else {
            self.column.push(((nanoseconds / 1_000_000_000) as u32).to_le_bytes());
        }
    }

    pub(super) const fn type_name(&self) -> &'static str {
        if self.is_fine { TIME64 } else { "DateTime" }
    }

    pub(super) const fn list_type_name(&self) -> &'static str {
        if self.is_fine { "Array(DateTime64(9))" } else { "Array(DateTime)" }
    }
}

impl Column for Time {
    fn size(&self) -> usize {
        self.column.size()
    }

    fn mark(&self) -> Mark {
        self.column.mark()
    }

    fn rollback(&mut self, mark: Mark) {
        self.column.rollback(mark);
    }

    fn settle(&mut self) {
        self.column.settle();
    }

    fn drain_values_into(&mut self, body: &mut Body) {
        self.column.drain_values_into(body);
    }
}
