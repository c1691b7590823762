//! The rows that requests must become: by way of the official messages, slowly, and without a line of the code that
//! is tested.
//!
//! Comes in: official messages. Goes out: for each record its table and every column, or nothing where it cannot be
//! stored. This is the mapping of ClickStack's own collector written down once more.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, KeyValue},
    resource::v1::Resource,
};

use super::cell::{Cell, Row};
use crate::table::Table;

mod logs;
mod metrics;
mod traces;
mod transform;
mod value;

pub use logs::logs;
pub use metrics::metrics;
pub use traces::traces;

/// What a request must become.
#[derive(Debug, Default)]
pub struct Expected {
    pub rows: BTreeMap<Table, Vec<Row>>,
    /// Records that can never be stored.
    pub rejected: u64,
}

impl Expected {
    fn push(&mut self, table: Table, parts: [Row; 2]) {
        // No table can hold a time whose day is not over when 32 bits of seconds are.
        let is_beyond = |(name, cell): (&String, &Cell)| match (name.as_str(), cell) {
            ("Timestamp" | "TimeUnix", Cell::Time(time)) => time / 86_400_000_000_000 >= 49_710,
            _ => false,
        };
        if parts.iter().flatten().any(is_beyond) {
            self.rejected += 1;
            return;
        }
        self.rows.entry(table).or_default().push(parts.into_iter().flatten().collect());
    }
}

fn row<const N: usize>(cells: [(&str, Cell); N]) -> Row {
    cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
}

/// Sorted by key; equal keys stay in the order they came.
fn map(attributes: &[KeyValue]) -> Cell {
    let text = |attribute: &KeyValue| Cell::text(value::as_string(attribute.value.as_ref()));
    let mut pairs: Vec<_> = attributes.iter().map(|attribute| (Cell::text(&attribute.key), text(attribute))).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    Cell::Map(pairs)
}

/// Of spans and logs: nothing, where an id is not one.
fn hex(id: &[u8], length: usize) -> Cell {
    let is_id = id.len() == length && id.iter().any(|byte| *byte != 0);
    Cell::text(if is_id { digits(id) } else { String::new() })
}

fn digits(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list<T>(items: &[T], cell: impl Fn(&T) -> Cell) -> Cell {
    Cell::List(items.iter().map(cell).collect())
}

/// What every table has of a resource.
fn of_resource(resource: Option<&Resource>) -> Row {
    let attributes = resource.map(|resource| &resource.attributes[..]).unwrap_or_default();
    let service = attributes.iter().find(|attribute| attribute.key == "service.name");
    row([
        ("ServiceName", Cell::text(value::as_string(service.and_then(|service| service.value.as_ref())))),
        ("ResourceAttributes", map(attributes)),
    ])
}

/// What every table has of a scope.
fn of_scope(scope: Option<&InstrumentationScope>) -> Row {
    let scope = scope.cloned().unwrap_or_default();
    row([("ScopeName", Cell::text(scope.name)), ("ScopeVersion", Cell::text(scope.version))])
}
