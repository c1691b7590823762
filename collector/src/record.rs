//! Borrowed views of what a request holds: nothing is copied out of the request to make them.
//!
//! Comes in: slices of a request. Goes out: the fields a table needs, and every attribute value as the text
//! ClickStack stores ([`text`]). Must not allocate for a record, and must not know any table.

pub mod cut;
pub mod json;
mod log;
mod point;
pub mod resource;
mod span;
pub mod text;
pub mod value;
pub mod wire;

pub use log::{LogRecord, Stored};
pub use point::{
    Buckets, Exemplar, Exemplars, ExponentialPoint, HistogramPoint, Metric, NumberPoint, Point, SummaryPoint,
};
pub use span::{Event, Link, Span};
pub use wire::Malformed;

/// A value of OTLP's `AnyValue`. Nested values stay encoded until somebody wants their text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value is set.
    Empty,
    String(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    /// An encoded `ArrayValue`.
    Array(&'a [u8]),
    /// An encoded `KeyValueList`.
    Map(&'a [u8]),
    /// A JSON object or array as it stands in a body, checked.
    Json(&'a [u8]),
}

/// A key and its value. Keys need not be unique nor sorted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute<'a> {
    pub key: &'a [u8],
    pub value: Value<'a>,
}

/// What all records of one `ResourceLogs`, `ResourceSpans` or `ResourceMetrics` share.
#[derive(Clone, Debug, Default)]
pub struct Resource<'a> {
    pub attributes: Vec<Attribute<'a>>,
    pub schema_url: &'a [u8],
}

/// What all records of one `ScopeLogs`, `ScopeSpans` or `ScopeMetrics` share.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    pub name: &'a [u8],
    pub version: &'a [u8],
    pub attributes: Vec<Attribute<'a>>,
    /// Attributes the sender left out.
    pub dropped_attributes: u32,
    pub schema_url: &'a [u8],
}

impl Value<'_> {
    /// This value, or the earlier one where nothing is set here: how protobuf merges a value that stands twice.
    #[must_use]
    pub fn over(self, earlier: Self) -> Self {
        if self == Value::Empty { earlier } else { self }
    }
}

impl Attribute<'_> {
    /// Bytes of it in a column, near enough for a bound: a key is an index there.
    pub fn encoded_size(&self) -> usize {
        match self.value {
            Value::String(text) => text.len() + 2,
            // Base64 and JSON escapes may double and more; six is the worst a control character costs.
            Value::Bytes(bytes) | Value::Array(bytes) | Value::Map(bytes) | Value::Json(bytes) => 6 * bytes.len() + 2,
            Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) => 24,
        }
    }
}

impl Scope<'_> {
    /// Bytes that every one of its rows repeats.
    pub fn encoded_size(&self) -> usize {
        self.name.len()
            + self.version.len()
            + self.schema_url.len()
            + 16
            + self.attributes.iter().map(Attribute::encoded_size).sum::<usize>()
    }
}

impl<'a> Resource<'a> {
    /// Bytes that every one of its rows repeats.
    pub fn encoded_size(&self) -> usize {
        self.schema_url.len() + 16 + self.attributes.iter().map(Attribute::encoded_size).sum::<usize>()
    }

    /// The value of an attribute; the first one where a key is repeated.
    pub fn attribute(&self, key: &[u8]) -> Option<Value<'a>> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| attribute.value)
    }
}
