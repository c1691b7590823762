//! Record views to ClickHouse columns, one append-only builder for each column.
//!
//! Comes in: decoded records. Goes out: the body of a sealed block. [`native`] knows ClickHouse's Native
//! format and nothing of OTLP; [`logs`], [`traces`] and [`metrics`] know both and no other stage. What all tables have
//! in common, a block that is marked, taken back, settled and sealed, is here. Must not look at a clock.
//!
//! Records come before what they share: a resource may stand after its records on the wire. So what is shared is
//! appended when its group ends, for every row since the last group.

use crate::{
    record::{Resource, Scope},
    table::{Layout, Table},
};

pub mod cut;
pub mod frames;
pub mod logs;
pub mod metrics;
pub mod native;
mod shared;
pub mod traces;

use frames::Body;
use native::{Column, Mark, write_header, write_size};

/// The builders of one table.
pub trait Columns: Sized {
    /// Builders for a table with these columns, or with all of the contract's where they are not known.
    fn new(table: Table, layout: Option<&Layout>) -> Self;
    /// Shows every column, its name and its type, in the order of a body.
    fn visit(&mut self, each: &mut dyn FnMut(&'static str, &'static str, &mut dyn Column));
    /// The last so many rows have this scope.
    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize);
    /// The last so many rows have this resource.
    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize);
}

/// An open block of rows.
#[derive(Debug)]
pub struct Rows<C> {
    count: usize,
    /// Rows whose scope is known; the others' scope has not ended yet.
    scoped: usize,
    /// Rows whose resource is known.
    grouped: usize,
    columns: C,
}

/// Lengths to which an open block can be taken back; reused from request to request.
#[derive(Debug, Default)]
pub struct Marks {
    rows: usize,
    columns: Vec<Mark>,
}

/// A closed block.
#[derive(Debug)]
pub struct Sealed {
    pub rows: usize,
    pub body: Body,
    /// Names of the columns in the body, quoted, separated by commas.
    pub names: String,
}

impl<C: Columns> Rows<C> {
    pub fn new(table: Table, layout: Option<&Layout>) -> Self {
        let mut columns = C::new(table, layout);
        // ClickHouse makes JSON of a map by itself, but refuses the whole block for a key that stands twice.
        let is_json = |name: &str| layout.and_then(|layout| layout.type_of(name)).is_some_and(|it| it.contains("JSON"));
        columns.visit(&mut |name, _, column| {
            if is_json(name) {
                column.make_keys_unique();
            }
        });
        Self { count: 0, scoped: 0, grouped: 0, columns }
    }

    pub const fn count(&self) -> usize {
        self.count
    }

    /// Rows whose scope has not ended.
    pub const fn unscoped(&self) -> usize {
        self.count - self.scoped
    }

    /// Rows whose resource has not ended.
    pub const fn ungrouped(&self) -> usize {
        self.count - self.grouped
    }

    /// Where the columns of one more row are pushed.
    #[inline]
    pub const fn row(&mut self) -> &mut C {
        self.count += 1;
        &mut self.columns
    }

    /// Every row since the last call has this scope.
    pub fn end_scope(&mut self, scope: &Scope<'_>) {
        let rows = self.unscoped();
        self.scoped = self.count;
        self.columns.end_scope(scope, rows);
    }

    /// Every row since the last call has this resource.
    pub fn end_resource(&mut self, resource: &Resource<'_>) {
        let rows = self.ungrouped();
        self.grouped = self.count;
        self.columns.end_resource(resource, rows);
    }

    /// Bytes before compression.
    pub fn bytes(&mut self) -> usize {
        let mut bytes = 0;
        self.columns.visit(&mut |_, _, column| bytes += column.size());
        bytes
    }

    pub fn mark(&mut self, marks: &mut Marks) {
        marks.rows = self.count;
        marks.columns.clear();
        self.columns.visit(&mut |_, _, column| marks.columns.push(column.mark()));
    }

    /// Takes back every row since the mark. Only between two calls of [`Self::settle`].
    pub fn rollback(&mut self, marks: &Marks) {
        (self.count, self.scoped, self.grouped) = (marks.rows, marks.rows, marks.rows);
        let mut marks = marks.columns.iter();
        self.columns.visit(&mut |_, _, column| {
            if let Some(mark) = marks.next() {
                column.rollback(*mark);
            }
        });
    }

    /// Compresses what is worth it. Between two requests: what is compressed cannot be taken back.
    pub fn settle(&mut self) {
        self.columns.visit(&mut |_, _, column| column.settle());
    }

    /// Closes the block and leaves a builder ready for the next one. Columns that the table lacks are left out:
    /// ClickHouse refuses an insert that names one.
    pub fn seal(&mut self, layout: Option<&Layout>) -> Sealed {
        let is_there = |name: &str| layout.is_none_or(|layout| layout.has(name));
        let mut present = 0;
        self.columns.visit(&mut |name, _, _| present += usize::from(is_there(name)));
        let (mut body, mut nowhere, mut names) = (Body::default(), Body::default(), String::new());
        write_size(present, self.count as u64, &mut body);
        self.columns.visit(&mut |name, type_name, column| {
            if !is_there(name) {
                column.drain_values_into(&mut nowhere);
                return;
            }
            let separator = if names.is_empty() { "" } else { "," };
            names.extend([separator, "`", name, "`"]);
            write_header(name, type_name, &mut body);
            column.write_prefix(&mut body);
            column.drain_values_into(&mut body);
        });
        let rows = self.count;
        (self.count, self.scoped, self.grouped) = (0, 0, 0);
        Sealed { rows, body, names }
    }
}
