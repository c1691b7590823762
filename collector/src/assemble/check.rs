//! A request looked through and not kept: what its sender is told while the line is behind.
//!
//! Comes in: a request. Goes out: how many records it has and how many of them can never be stored, just as the line
//! will find. Pure; must not build anything.

use std::collections::BTreeSet;

use super::days::{DAYS_KEPT, LAST_DAY, NANOSECONDS_A_DAY};
use crate::{
    decode::otlp::{self, LogSink, PointSink, Sink, SpanSink},
    delivery::Checked,
    record::{
        ExponentialPoint, HistogramPoint, LogRecord, Malformed, Metric, NumberPoint, Resource, Scope, Span,
        SummaryPoint,
    },
    signal::Signal,
    table::Table,
    transform::is_session,
};

/// Looks through a request.
///
/// # Errors
/// It is malformed as a whole.
pub fn check(signal: Signal, body: &[u8]) -> Result<Checked, Malformed> {
    let mut sink = Count::default();
    match signal {
        Signal::Logs => otlp::logs(body, &mut sink)?,
        Signal::Metrics => otlp::metrics(body, &mut sink)?,
        Signal::Traces => otlp::traces(body, &mut sink)?,
    }
    Ok(sink.checked)
}

#[derive(Debug, Default)]
struct Count {
    checked: Checked,
    /// The days of each table that have a row: beyond a number of them a record is refused.
    days: BTreeSet<(Table, u64)>,
    last: Option<(Table, u64)>,
}

impl Count {
    #[inline]
    fn record(&mut self, table: Table, time: u64) {
        let day = (table, time / NANOSECONDS_A_DAY);
        let is_taken = self.last == Some(day) || self.begin(day);
        self.checked.records += u64::from(is_taken);
        self.checked.rejected += u64::from(!is_taken);
    }

    #[cold]
    fn begin(&mut self, day: (Table, u64)) -> bool {
        if !self.days.contains(&day) {
            let (table, day_of_rows) = day;
            let is_full = || self.days.range((table, 0)..=(table, u64::MAX)).count() == DAYS_KEPT;
            if day_of_rows > LAST_DAY || is_full() {
                return false;
            }
            self.days.insert(day);
        }
        self.last = Some(day);
        true
    }
}

impl<'a> Sink<'a> for Count {
    type Refused = Malformed;

    fn reject(&mut self, _malformed: Malformed) -> Result<(), Malformed> {
        self.checked.rejected += 1;
        Ok(())
    }

    fn end_scope(&mut self, _scope: &Scope<'a>) -> Result<(), Malformed> {
        Ok(())
    }

    fn end_resource(&mut self, _resource: &Resource<'a>) -> Result<(), Malformed> {
        Ok(())
    }
}

impl<'a> LogSink<'a> for Count {
    #[inline]
    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Malformed> {
        let table = if is_session(record) { Table::Sessions } else { Table::Logs };
        self.record(table, record.timestamp());
        Ok(())
    }
}

impl<'a> SpanSink<'a> for Count {
    #[inline]
    fn span(&mut self, span: &Span<'a>) -> Result<(), Malformed> {
        self.record(Table::Traces, span.start);
        Ok(())
    }
}

impl<'a> PointSink<'a> for Count {
    fn gauge(&mut self, _metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Malformed> {
        self.record(Table::Gauge, point.point.time);
        Ok(())
    }

    fn sum(&mut self, _metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Malformed> {
        self.record(Table::Sum, point.point.time);
        Ok(())
    }

    fn histogram(&mut self, _metric: &Metric<'a>, point: &HistogramPoint<'a>) -> Result<(), Malformed> {
        self.record(Table::Histogram, point.point.time);
        Ok(())
    }

    fn exponential(&mut self, _metric: &Metric<'a>, point: &ExponentialPoint<'a>) -> Result<(), Malformed> {
        self.record(Table::ExponentialHistogram, point.point.time);
        Ok(())
    }

    fn summary(&mut self, _metric: &Metric<'a>, point: &SummaryPoint<'a>) -> Result<(), Malformed> {
        self.record(Table::Summary, point.point.time);
        Ok(())
    }
}
