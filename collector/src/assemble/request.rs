//! One request on its way into the open blocks: a sink for each signal.
//!
//! Comes in: decoded records. Goes out: rows, and the number of records that were taken and refused. A record that can
//! never be stored costs itself alone; only what no row can be told from another (broken structure, excessive growth)
//! refuses the whole request.

use std::time::Instant;

use super::{
    Limits,
    days::{Days, NANOSECONDS_A_DAY},
    growth::{ATTRIBUTE_BYTES, BLOCKS, NESTED_BYTES, ROW_BYTES, Room},
};
use crate::{
    ack::Outcome,
    columns::{
        Columns,
        logs::LogColumns,
        metrics::{ExponentialColumns, GaugeColumns, HistogramColumns, SumColumns, SummaryColumns},
        traces::SpanColumns,
    },
    decode::otlp::{LogSink, PointSink, Sink, SpanSink},
    delivery::Source,
    making::{Making, Seq},
    record::{
        Exemplars, ExponentialPoint, HistogramPoint, LogRecord, Malformed, Metric, NumberPoint, Point, Resource, Scope,
        Span, Stored, SummaryPoint,
    },
    table::Table,
    transform::{Transform, is_session},
};

/// Why a request cannot be taken.
#[derive(Debug)]
pub(super) enum Refused {
    Malformed(Malformed),
    /// Its columns would be much larger than itself; see [`super::growth`].
    Growth,
}

impl Refused {
    /// For a person.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "the request is not a valid OTLP message",
            Self::Growth => "its rows would be many times larger than itself",
        }
    }
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Refused> for Outcome {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Malformed(malformed) => Self::malformed(malformed),
            Refused::Growth => Self::TooLarge,
        }
    }
}

/// Which records of a kept request make rows this time.
#[derive(Clone, Copy)]
pub(super) enum Selection<'s> {
    /// Those that are in no block yet.
    Unmade(Seq, &'s dyn Source),
    /// Those of one block.
    Block(&'s Making),
}

/// What the sinks of all signals have.
pub(super) struct Request<'s> {
    pub(super) records: u64,
    pub(super) rejected: u64,
    now: Instant,
    /// How many it may span.
    days: usize,
    room: Room,
    /// None: every record.
    selection: Option<Selection<'s>>,
    /// The number of the next record.
    index: u32,
}

impl<'s> Request<'s> {
    pub(super) fn new(bytes: usize, limits: Limits, now: Instant, selection: Option<Selection<'s>>) -> Self {
        let most = match selection {
            // What was taken once is taken again, whatever the limits are now.
            Some(Selection::Block(_)) => usize::MAX,
            _ => BLOCKS.saturating_mul(limits.bytes),
        };
        let room = Room::of_request(if most == usize::MAX { most } else { bytes }, most);
        Self { records: 0, rejected: 0, now, days: limits.days, room, selection, index: 0 }
    }

    /// A record that cannot be read.
    fn reject(&mut self) {
        self.rejected += 1;
        self.index += 1;
    }

    /// Where a record's row goes, if it goes anywhere.
    #[inline]
    fn row<'d, C: Columns>(&mut self, time: u64, days: &'d mut Days<C>) -> Option<&'d mut C> {
        let day = time / NANOSECONDS_A_DAY;
        if let Some(selection) = self.selection
            && !self.is_selected(selection, days.table(), day)
        {
            return None;
        }
        let row = days.row(day, self.days, self.now);
        self.records += u64::from(row.is_some());
        self.rejected += u64::from(row.is_none());
        row
    }

    #[cold]
    fn is_selected(&mut self, selection: Selection<'_>, table: Table, day: u64) -> bool {
        let index = self.index;
        self.index += 1;
        match selection {
            Selection::Unmade(seq, source) => !source.is_made(seq, (table, day)),
            Selection::Block(making) => (making.table, making.day) == (table, day) && making.records.contains(&index),
        }
    }

    #[inline]
    fn grow_by_point(&mut self, metric: &Metric<'_>, point: &Point<'_>, nested: usize) -> Result<(), Refused> {
        let attributes = point.attributes.len() * ATTRIBUTE_BYTES;
        self.room.take(ROW_BYTES + metric.encoded_size() + attributes + nested * NESTED_BYTES)
    }
}

/// Logs and sessions.
pub(super) struct LogRequest<'s> {
    pub(super) request: Request<'s>,
    pub(super) logs: &'s mut Days<LogColumns>,
    pub(super) sessions: &'s mut Days<LogColumns>,
    pub(super) transform: &'s mut Transform,
}

impl<'a> Sink<'a> for LogRequest<'_> {
    type Refused = Refused;

    fn reject(&mut self, _malformed: Malformed) -> Result<(), Refused> {
        self.request.reject();
        Ok(())
    }

    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Refused> {
        self.logs.end_scope(scope, &mut self.request.room)?;
        self.sessions.end_scope(scope, &mut self.request.room)
    }

    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Refused> {
        self.logs.end_resource(resource, &mut self.request.room)?;
        self.sessions.end_resource(resource, &mut self.request.room)
    }
}

impl<'a> LogSink<'a> for LogRequest<'_> {
    #[inline]
    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Refused> {
        let Self { request, logs, sessions, transform } = self;
        request.room.take(ROW_BYTES + record.attributes.len() * ATTRIBUTE_BYTES)?;
        if is_session(record) {
            if let Some(row) = request.row(record.timestamp(), sessions) {
                row.push(record, &Stored::as_sent(record));
            }
        } else if let Some(row) = request.row(record.timestamp(), logs) {
            let written = transform.log(record, |stored| row.push(record, stored));
            request.room.take(written)?;
        }
        Ok(())
    }
}

/// Spans.
pub(super) struct SpanRequest<'s> {
    pub(super) request: Request<'s>,
    pub(super) traces: &'s mut Days<SpanColumns>,
}

impl<'a> Sink<'a> for SpanRequest<'_> {
    type Refused = Refused;

    fn reject(&mut self, _malformed: Malformed) -> Result<(), Refused> {
        self.request.reject();
        Ok(())
    }

    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Refused> {
        self.traces.end_scope(scope, &mut self.request.room)
    }

    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Refused> {
        self.traces.end_resource(resource, &mut self.request.room)
    }
}

impl<'a> SpanSink<'a> for SpanRequest<'_> {
    #[inline]
    fn span(&mut self, span: &Span<'a>) -> Result<(), Refused> {
        let attributes = span.attributes.len() + span.nested.len();
        let nested = span.events.len() + span.links.len();
        self.request.room.take(ROW_BYTES + attributes * ATTRIBUTE_BYTES + nested * NESTED_BYTES)?;
        if let Some(row) = self.request.row(span.start, self.traces) {
            row.push(span);
        }
        Ok(())
    }
}

/// Points of every kind.
pub(super) struct PointRequest<'s> {
    pub(super) request: Request<'s>,
    pub(super) gauge: &'s mut Days<GaugeColumns>,
    pub(super) sum: &'s mut Days<SumColumns>,
    pub(super) histogram: &'s mut Days<HistogramColumns>,
    pub(super) exponential: &'s mut Days<ExponentialColumns>,
    pub(super) summary: &'s mut Days<SummaryColumns>,
}

impl<'a> Sink<'a> for PointRequest<'_> {
    type Refused = Refused;

    fn reject(&mut self, _malformed: Malformed) -> Result<(), Refused> {
        self.request.reject();
        Ok(())
    }

    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Refused> {
        let room = &mut self.request.room;
        self.gauge.end_scope(scope, room)?;
        self.sum.end_scope(scope, room)?;
        self.histogram.end_scope(scope, room)?;
        self.exponential.end_scope(scope, room)?;
        self.summary.end_scope(scope, room)
    }

    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Refused> {
        let room = &mut self.request.room;
        self.gauge.end_resource(resource, room)?;
        self.sum.end_resource(resource, room)?;
        self.histogram.end_resource(resource, room)?;
        self.exponential.end_resource(resource, room)?;
        self.summary.end_resource(resource, room)
    }
}

impl<'a> PointSink<'a> for PointRequest<'_> {
    /// It has no number: [`crate::record::cut`] counts points.
    fn reject_metric(&mut self, _malformed: Malformed) -> Result<(), Refused> {
        self.request.rejected += 1;
        Ok(())
    }

    #[inline]
    fn gauge(&mut self, metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Refused> {
        self.request.grow_by_point(metric, &point.point, size(&point.exemplars))?;
        if let Some(row) = self.request.row(point.point.time, self.gauge) {
            row.push(metric, point);
        }
        Ok(())
    }

    #[inline]
    fn sum(&mut self, metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Refused> {
        self.request.grow_by_point(metric, &point.point, size(&point.exemplars))?;
        if let Some(row) = self.request.row(point.point.time, self.sum) {
            row.push(metric, point);
        }
        Ok(())
    }

    #[inline]
    fn histogram(&mut self, metric: &Metric<'a>, point: &HistogramPoint<'a>) -> Result<(), Refused> {
        self.request.grow_by_point(metric, &point.point, size(&point.exemplars))?;
        if let Some(row) = self.request.row(point.point.time, self.histogram) {
            row.push(metric, point);
        }
        Ok(())
    }

    #[inline]
    fn exponential(&mut self, metric: &Metric<'a>, point: &ExponentialPoint<'a>) -> Result<(), Refused> {
        // Counts are a byte or more each on the wire, and eight here.
        self.request.room.take(point.positive.counts.len() + point.negative.counts.len())?;
        self.request.grow_by_point(metric, &point.point, size(&point.exemplars))?;
        if let Some(row) = self.request.row(point.point.time, self.exponential) {
            row.push(metric, point);
        }
        Ok(())
    }

    #[inline]
    fn summary(&mut self, metric: &Metric<'a>, point: &SummaryPoint<'a>) -> Result<(), Refused> {
        // Two bytes on the wire are a quantile of nothing, and sixteen here.
        self.request.grow_by_point(metric, &point.point, point.quantiles.len())?;
        if let Some(row) = self.request.row(point.point.time, self.summary) {
            row.push(metric, point);
        }
        Ok(())
    }
}

/// Exemplars and their attributes, counted as of one kind.
const fn size(exemplars: &Exemplars<'_>) -> usize {
    exemplars.list.len() + exemplars.attributes.len()
}
