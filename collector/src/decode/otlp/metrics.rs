//! `ExportMetricsServiceRequest`.
//!
//! A metric's name may stand after its points, and a sum says after them whether it is monotonic. Points repeat what
//! their metric says, so a metric is looked through once for that, skipping its points by their length, before they
//! are read.

use super::{
    Sink, groups,
    value::{enumeration, unsigned},
};
use crate::record::{
    ExponentialPoint, HistogramPoint, Malformed, Metric, NumberPoint, SummaryPoint,
    wire::{Fields, Wire},
};

mod point;

/// Where decoded points go.
pub trait PointSink<'a>: Sink<'a> {
    /// A metric whose points cannot be told from each other, if it has any.
    fn reject_metric(&mut self, malformed: Malformed) -> Result<(), Self::Refused> {
        self.reject(malformed)
    }

    fn gauge(&mut self, metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Self::Refused>;
    fn sum(&mut self, metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Self::Refused>;
    fn histogram(&mut self, metric: &Metric<'a>, point: &HistogramPoint<'a>) -> Result<(), Self::Refused>;
    fn exponential(&mut self, metric: &Metric<'a>, point: &ExponentialPoint<'a>) -> Result<(), Self::Refused>;
    fn summary(&mut self, metric: &Metric<'a>, point: &SummaryPoint<'a>) -> Result<(), Self::Refused>;
}

/// The kinds of data a metric may have, by their field.
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL: u32 = 10;
const SUMMARY: u32 = 11;

/// Room that one request's decoding reuses from point to point.
#[derive(Debug, Default)]
struct Scratch<'a> {
    number: NumberPoint<'a>,
    histogram: HistogramPoint<'a>,
    exponential: ExponentialPoint<'a>,
    summary: SummaryPoint<'a>,
}

/// A metric looked through: what its points share, and which of its fields hold them.
#[derive(Debug, Default)]
struct Outline<'a> {
    metric: Metric<'a>,
    /// The field whose data counts: the last one, where a metric has data of several kinds.
    kind: u32,
    /// Fields of the metric before the ones that count.
    skip: usize,
}

/// Reads a request into the sink.
///
/// # Errors
/// The request is malformed, or the sink refuses it; the sink has then seen a part that must not be kept.
pub fn metrics<'a, S: PointSink<'a>>(request: &'a [u8], sink: &mut S) -> Result<(), S::Refused> {
    let mut scratch = Scratch::default();
    groups(request, sink, |message, sink| match outline(message) {
        Ok(outline) => points(message, &outline, &mut scratch, sink),
        Err(malformed) => sink.reject_metric(malformed),
    })
}

fn outline(message: &[u8]) -> Result<Outline<'_>, Malformed> {
    let mut outline = Outline::default();
    let mut fields = Fields::of(message);
    let mut index = 0;
    while let Some((number, value)) = fields.next_field()? {
        let metric = &mut outline.metric;
        match number {
            1 => metric.name = value.bytes(1)?,
            2 => metric.description = value.bytes(2)?,
            3 => metric.unit = value.bytes(3)?,
            GAUGE | SUM | HISTOGRAM | EXPONENTIAL | SUMMARY => {
                if outline.kind != number {
                    (outline.kind, outline.skip) = (number, index);
                    (metric.temporality, metric.is_monotonic) = (0, false);
                }
                if matches!(number, SUM | HISTOGRAM | EXPONENTIAL) {
                    shared(value.bytes(number)?, number, metric)?;
                }
            }
            _ => {}
        }
        index += 1;
    }
    if outline.kind == 0 { Err(Malformed::NoData) } else { Ok(outline) }
}

/// What stands beside the points.
fn shared(message: &[u8], kind: u32, metric: &mut Metric<'_>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            2 => metric.temporality = enumeration(value, 2)?,
            3 if kind == SUM => metric.is_monotonic = value.varint(3)? != 0,
            _ => {}
        }
    }
    Ok(())
}

fn points<'a, S: PointSink<'a>>(
    message: &'a [u8],
    outline: &Outline<'a>,
    scratch: &mut Scratch<'a>,
    sink: &mut S,
) -> Result<(), S::Refused> {
    let mut fields = Fields::of(message);
    for _ in 0..outline.skip {
        fields.next_field()?;
    }
    while let Some((number, value)) = fields.next_field()? {
        if number != outline.kind {
            continue;
        }
        let mut data = Fields::of(value.bytes(number)?);
        while let Some((number, value)) = data.next_field()? {
            if number == 1 {
                one(value, outline, scratch, sink)?;
            }
        }
    }
    Ok(())
}

fn one<'a, S: PointSink<'a>>(
    value: Wire<'a>,
    outline: &Outline<'a>,
    scratch: &mut Scratch<'a>,
    sink: &mut S,
) -> Result<(), S::Refused> {
    let message = value.bytes(1)?;
    let metric = &outline.metric;
    let read = match outline.kind {
        GAUGE | SUM => point::number(message, &mut scratch.number),
        HISTOGRAM => point::histogram(message, &mut scratch.histogram),
        EXPONENTIAL => point::exponential(message, &mut scratch.exponential),
        _ => point::summary(message, &mut scratch.summary),
    };
    if let Err(malformed) = read {
        return sink.reject(malformed);
    }
    match outline.kind {
        GAUGE => sink.gauge(metric, &scratch.number),
        SUM => sink.sum(metric, &scratch.number),
        HISTOGRAM => sink.histogram(metric, &scratch.histogram),
        EXPONENTIAL => sink.exponential(metric, &scratch.exponential),
        _ => sink.summary(metric, &scratch.summary),
    }
}
