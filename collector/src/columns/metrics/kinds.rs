//! The five tables: the columns each kind of metric adds to the common ones.

use super::{
    Array, Columns, DOUBLES, Each, ExemplarColumns, ExponentialPoint, Fixed, HistogramPoint, LONGS, Layout, Metric,
    NumberPoint, PointColumns, Resource, Scope, SummaryPoint, Table, Totals, push_numbers,
};

/// `otel_metrics_gauge`.
#[derive(Debug, Default)]
pub struct GaugeColumns {
    point: PointColumns,
    value: Fixed,
    exemplars: ExemplarColumns,
}

/// `otel_metrics_sum`.
#[derive(Debug, Default)]
pub struct SumColumns {
    gauge: GaugeColumns,
    temporality: Fixed,
    is_monotonic: Fixed,
}

/// `otel_metrics_histogram`.
#[derive(Debug, Default)]
pub struct HistogramColumns {
    point: PointColumns,
    totals: Totals,
    bucket_counts: Array<Fixed>,
    explicit_bounds: Array<Fixed>,
    exemplars: ExemplarColumns,
    temporality: Fixed,
}

/// `otel_metrics_exponential_histogram`.
#[derive(Debug, Default)]
pub struct ExponentialColumns {
    point: PointColumns,
    totals: Totals,
    scale: Fixed,
    zero_count: Fixed,
    positive_offset: Fixed,
    positive_counts: Array<Fixed>,
    negative_offset: Fixed,
    negative_counts: Array<Fixed>,
    exemplars: ExemplarColumns,
    temporality: Fixed,
}

/// `otel_metrics_summary`.
#[derive(Debug, Default)]
pub struct SummaryColumns {
    point: PointColumns,
    count: Fixed,
    sum: Fixed,
    quantiles: Array<Fixed>,
    values: Array<Fixed>,
}

impl GaugeColumns {
    #[inline]
    pub fn push(&mut self, metric: &Metric<'_>, point: &NumberPoint<'_>) {
        self.point.push(metric, &point.point);
        self.value.push(point.value.to_le_bytes());
        self.exemplars.push(&point.exemplars);
    }
}

impl SumColumns {
    #[inline]
    pub fn push(&mut self, metric: &Metric<'_>, point: &NumberPoint<'_>) {
        self.gauge.push(metric, point);
        self.temporality.push(metric.temporality.to_le_bytes());
        self.is_monotonic.push([u8::from(metric.is_monotonic)]);
    }
}

impl HistogramColumns {
    #[inline]
    pub fn push(&mut self, metric: &Metric<'_>, point: &HistogramPoint<'_>) {
        self.point.push(metric, &point.point);
        self.totals.push(point.count, point.sum, point.min, point.max);
        push_numbers(&point.bucket_counts, &mut self.bucket_counts);
        push_numbers(&point.explicit_bounds, &mut self.explicit_bounds);
        self.exemplars.push(&point.exemplars);
        self.temporality.push(metric.temporality.to_le_bytes());
    }
}

impl ExponentialColumns {
    #[inline]
    pub fn push(&mut self, metric: &Metric<'_>, point: &ExponentialPoint<'_>) {
        self.point.push(metric, &point.point);
        self.totals.push(point.count, point.sum, point.min, point.max);
        self.scale.push(point.scale.to_le_bytes());
        self.zero_count.push(point.zero_count.to_le_bytes());
        self.positive_offset.push(point.positive.offset.to_le_bytes());
        push_numbers(&point.positive.counts, &mut self.positive_counts);
        self.negative_offset.push(point.negative.offset.to_le_bytes());
        push_numbers(&point.negative.counts, &mut self.negative_counts);
        self.exemplars.push(&point.exemplars);
        self.temporality.push(metric.temporality.to_le_bytes());
    }
}

impl SummaryColumns {
    #[inline]
    pub fn push(&mut self, metric: &Metric<'_>, point: &SummaryPoint<'_>) {
        self.point.push(metric, &point.point);
        self.count.push(point.count.to_le_bytes());
        self.sum.push(point.sum.to_le_bytes());
        for (quantile, value) in &point.quantiles {
            self.quantiles.values().push(quantile.to_le_bytes());
            self.values.values().push(value.to_le_bytes());
        }
        self.quantiles.end_row(point.quantiles.len());
        self.values.end_row(point.quantiles.len());
    }
}

impl Columns for GaugeColumns {
    fn new(_table: Table, layout: Option<&Layout>) -> Self {
        let (point, exemplars) = (PointColumns::new(layout), ExemplarColumns::new(layout));
        Self { point, exemplars, ..Self::default() }
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        self.point.visit(each);
        each("Value", "Float64", &mut self.value);
        self.exemplars.visit(each);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.point.end_scope(scope, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.point.end_resource(resource, rows);
    }
}

impl Columns for SumColumns {
    fn new(table: Table, layout: Option<&Layout>) -> Self {
        Self { gauge: GaugeColumns::new(table, layout), ..Self::default() }
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        self.gauge.visit(each);
        each("AggregationTemporality", "Int32", &mut self.temporality);
        each("IsMonotonic", "Bool", &mut self.is_monotonic);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.gauge.end_scope(scope, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.gauge.end_resource(resource, rows);
    }
}

impl Columns for HistogramColumns {
    fn new(_table: Table, layout: Option<&Layout>) -> Self {
        let (point, exemplars) = (PointColumns::new(layout), ExemplarColumns::new(layout));
        Self { point, exemplars, ..Self::default() }
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        self.point.visit(each);
        self.totals.visit(each);
        each("BucketCounts", LONGS, &mut self.bucket_counts);
        each("ExplicitBounds", DOUBLES, &mut self.explicit_bounds);
        self.exemplars.visit(each);
        each("AggregationTemporality", "Int32", &mut self.temporality);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.point.end_scope(scope, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.point.end_resource(resource, rows);
    }
}

impl Columns for ExponentialColumns {
    fn new(_table: Table, layout: Option<&Layout>) -> Self {
        let (point, exemplars) = (PointColumns::new(layout), ExemplarColumns::new(layout));
        Self { point, exemplars, ..Self::default() }
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        self.point.visit(each);
        self.totals.visit(each);
        each("Scale", "Int32", &mut self.scale);
        each("ZeroCount", "UInt64", &mut self.zero_count);
        each("PositiveOffset", "Int32", &mut self.positive_offset);
        each("PositiveBucketCounts", LONGS, &mut self.positive_counts);
        each("NegativeOffset", "Int32", &mut self.negative_offset);
        each("NegativeBucketCounts", LONGS, &mut self.negative_counts);
        self.exemplars.visit(each);
        each("AggregationTemporality", "Int32", &mut self.temporality);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.point.end_scope(scope, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.point.end_resource(resource, rows);
    }
}

impl Columns for SummaryColumns {
    fn new(_table: Table, layout: Option<&Layout>) -> Self {
        Self { point: PointColumns::new(layout), ..Self::default() }
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        self.point.visit(each);
        each("Count", "UInt64", &mut self.count);
        each("Sum", "Float64", &mut self.sum);
        each("ValueAtQuantiles.Quantile", DOUBLES, &mut self.quantiles);
        each("ValueAtQuantiles.Value", DOUBLES, &mut self.values);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.point.end_scope(scope, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.point.end_resource(resource, rows);
    }
}
