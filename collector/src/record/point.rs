//! Metrics and their data points, read in place.
//!
//! Lists of numbers are kept as the bytes of their column, 8 bytes each, little-endian: that is how OTLP sends most of
//! them, so that they are copied as they stand.

use std::ops::Range;

use super::Attribute;

/// What all points of a metric share.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metric<'a> {
    pub name: &'a [u8],
    pub description: &'a [u8],
    pub unit: &'a [u8],
    /// OTLP's `AggregationTemporality`; 0 for kinds that have none.
    pub temporality: i32,
    pub is_monotonic: bool,
}

/// What points of all kinds have.
#[derive(Clone, Debug, Default)]
pub struct Point<'a> {
    pub attributes: Vec<Attribute<'a>>,
    /// Nanoseconds since the epoch; 0 is unknown.
    pub start: u64,
    pub time: u64,
    pub flags: u32,
}

/// A point of a gauge or a sum.
#[derive(Clone, Debug, Default)]
pub struct NumberPoint<'a> {
    pub point: Point<'a>,
    /// Whole numbers too; 0 where none is set.
    pub value: f64,
    pub exemplars: Exemplars<'a>,
}

/// A point of a histogram.
#[derive(Clone, Debug, Default)]
pub struct HistogramPoint<'a> {
    pub point: Point<'a>,
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    /// `UInt64`s, encoded.
    pub bucket_counts: Vec<u8>,
    /// `Float64`s, encoded.
    pub explicit_bounds: Vec<u8>,
    pub exemplars: Exemplars<'a>,
}

/// A point of an exponential histogram.
#[derive(Clone, Debug, Default)]
pub struct ExponentialPoint<'a> {
    pub point: Point<'a>,
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub scale: i32,
    pub zero_count: u64,
    pub positive: Buckets,
    pub negative: Buckets,
    pub exemplars: Exemplars<'a>,
}

/// The buckets of one side of zero.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    pub offset: i32,
    /// `UInt64`s, encoded.
    pub counts: Vec<u8>,
}

/// A point of a summary.
#[derive(Clone, Debug, Default)]
pub struct SummaryPoint<'a> {
    pub point: Point<'a>,
    pub count: u64,
    pub sum: f64,
    /// Quantiles and their values.
    pub quantiles: Vec<(f64, f64)>,
}

/// Examples of what a point was made of.
#[derive(Clone, Debug, Default)]
pub struct Exemplars<'a> {
    pub list: Vec<Exemplar<'a>>,
    /// The attributes of all of them: one allocation for all.
    pub attributes: Vec<Attribute<'a>>,
}

/// One measurement.
#[derive(Clone, Debug, Default)]
pub struct Exemplar<'a> {
    pub time: u64,
    pub value: f64,
    pub span_id: &'a [u8],
    pub trace_id: &'a [u8],
    /// Where its attributes are in [`Exemplars::attributes`].
    pub attributes: Range<usize>,
}

impl Metric<'_> {
    /// Bytes that every one of its rows repeats; the name is an index there.
    pub const fn encoded_size(&self) -> usize {
        self.description.len() + self.unit.len()
    }
}

impl Point<'_> {
    fn clear(&mut self) {
        self.attributes.clear();
        (self.start, self.time, self.flags) = (0, 0, 0);
    }
}

impl Exemplars<'_> {
    fn clear(&mut self) {
        self.list.clear();
        self.attributes.clear();
    }
}

impl Buckets {
    fn clear(&mut self) {
        self.offset = 0;
        self.counts.clear();
    }
}

impl NumberPoint<'_> {
    /// Ready for the next point; what is allocated is kept.
    pub fn clear(&mut self) {
        self.point.clear();
        self.value = 0.0;
        self.exemplars.clear();
    }
}

impl HistogramPoint<'_> {
    /// Ready for the next point; what is allocated is kept.
    pub fn clear(&mut self) {
        self.point.clear();
        self.count = 0;
        (self.sum, self.min, self.max) = (0.0, 0.0, 0.0);
        self.bucket_counts.clear();
        self.explicit_bounds.clear();
        self.exemplars.clear();
    }
}

impl ExponentialPoint<'_> {
    /// Ready for the next point; what is allocated is kept.
    pub fn clear(&mut self) {
        self.point.clear();
        (self.count, self.zero_count, self.scale) = (0, 0, 0);
        (self.sum, self.min, self.max) = (0.0, 0.0, 0.0);
        self.positive.clear();
        self.negative.clear();
        self.exemplars.clear();
    }
}

impl SummaryPoint<'_> {
    /// Ready for the next point; what is allocated is kept.
    pub fn clear(&mut self) {
        self.point.clear();
        (self.count, self.sum) = (0, 0.0);
        self.quantiles.clear();
    }
}
