//! The open blocks of every table, and one request decoded into them.
//!
//! Comes in: a request. Goes out: rows in open blocks, to be kept or rolled back as a whole. Must not answer for it.

use std::time::Instant;

use super::{
    Limits,
    days::{Days, OpenBlocks},
    request::{LogRequest, PointRequest, Refused, Request, Selection, SpanRequest},
};
use crate::{
    columns::{
        logs::LogColumns,
        metrics::{ExponentialColumns, GaugeColumns, HistogramColumns, SumColumns, SummaryColumns},
        traces::SpanColumns,
    },
    decode::otlp,
    signal::Signal,
    table::Table,
    transform::Transform,
};

#[derive(Debug)]
pub(super) struct Tables {
    logs: Days<LogColumns>,
    sessions: Days<LogColumns>,
    traces: Days<SpanColumns>,
    gauge: Days<GaugeColumns>,
    sum: Days<SumColumns>,
    histogram: Days<HistogramColumns>,
    exponential: Days<ExponentialColumns>,
    summary: Days<SummaryColumns>,
    transform: Transform,
}

/// What a request came to.
pub(super) struct Taken {
    pub(super) records: u64,
    /// Records that can never be stored.
    pub(super) rejected: u64,
}

impl Tables {
    pub(super) fn new(reads_numeric_levels: bool) -> Self {
        Self {
            logs: Days::new(Table::Logs),
            sessions: Days::new(Table::Sessions),
            traces: Days::new(Table::Traces),
            gauge: Days::new(Table::Gauge),
            sum: Days::new(Table::Sum),
            histogram: Days::new(Table::Histogram),
            exponential: Days::new(Table::ExponentialHistogram),
            summary: Days::new(Table::Summary),
            transform: Transform::new(reads_numeric_levels),
        }
    }

    pub(super) fn each(&mut self, act: &mut dyn FnMut(&mut dyn OpenBlocks)) {
        act(&mut self.logs);
        act(&mut self.sessions);
        act(&mut self.traces);
        act(&mut self.gauge);
        act(&mut self.sum);
        act(&mut self.histogram);
        act(&mut self.exponential);
        act(&mut self.summary);
    }

    /// Decodes a request into the open blocks. Its rows are marked until they are kept or rolled back.
    pub(super) fn decode(
        &mut self,
        signal: Signal,
        body: &[u8],
        selection: Option<Selection<'_>>,
        limits: Limits,
        now: Instant,
    ) -> Result<Taken, Refused> {
        let Self { logs, sessions, traces, gauge, sum, histogram, exponential, summary, transform } = self;
        let mut request = Request::new(body.len(), limits, now, selection);
        match signal {
            Signal::Logs => {
                let mut sink = LogRequest { request, logs, sessions, transform };
                otlp::logs(body, &mut sink)?;
                request = sink.request;
            }
            Signal::Metrics => {
                let mut sink = PointRequest { request, gauge, sum, histogram, exponential, summary };
                otlp::metrics(body, &mut sink)?;
                request = sink.request;
            }
            Signal::Traces => {
                let mut sink = SpanRequest { request, traces };
                otlp::traces(body, &mut sink)?;
                request = sink.request;
            }
        }
        Ok(Taken { records: request.records, rejected: request.rejected })
    }
}
