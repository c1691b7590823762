//! What is measured: signal × transport × encoding × request size, and the part of it a full run takes. Must not know
//! who is measured.

use std::fmt;

use serde::Serialize;

/// What the records are. `JsonLogs` are logs whose body is a JSON object, which the reference pipeline parses.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Signal {
    Logs,
    JsonLogs,
    Traces,
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
    Sessions,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Http,
    Grpc,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// One line of the result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Case {
    pub signal: Signal,
    pub transport: Transport,
    pub encoding: Encoding,
    pub records: usize,
}

impl Signal {
    pub const ALL: &'static [Signal] = &[
        Signal::Logs,
        Signal::JsonLogs,
        Signal::Traces,
        Signal::Gauge,
        Signal::Sum,
        Signal::Histogram,
        Signal::ExponentialHistogram,
        Signal::Summary,
        Signal::Sessions,
    ];

    pub fn name(self) -> String {
        name(self)
    }

    /// Where its rows go.
    pub const fn table(self) -> &'static str {
        match self {
            Signal::Logs | Signal::JsonLogs => "otel_logs",
            Signal::Traces => "otel_traces",
            Signal::Gauge => "otel_metrics_gauge",
            Signal::Sum => "otel_metrics_sum",
            Signal::Histogram => "otel_metrics_histogram",
            Signal::ExponentialHistogram => "otel_metrics_exponential_histogram",
            Signal::Summary => "otel_metrics_summary",
            Signal::Sessions => "hyperdx_sessions",
        }
    }

    pub const fn is_metric(self) -> bool {
        matches!(self, Signal::Gauge | Signal::Sum | Signal::Histogram | Signal::ExponentialHistogram | Signal::Summary)
    }

    pub const fn http_path(self) -> &'static str {
        match self {
            Signal::Logs | Signal::JsonLogs | Signal::Sessions => "/v1/logs",
            Signal::Traces => "/v1/traces",
            _ => "/v1/metrics",
        }
    }

    pub const fn grpc_path(self) -> &'static str {
        match self {
            Signal::Logs | Signal::JsonLogs | Signal::Sessions => {
                "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
            }
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            _ => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }
}

impl Transport {
    pub fn name(self) -> String {
        name(self)
    }
}

impl Encoding {
    pub fn name(self) -> String {
        name(self)
    }
}

impl Case {
    const fn of(signal: Signal, transport: Transport, encoding: Encoding, records: usize) -> Case {
        Case { signal, transport, encoding, records }
    }

    /// The three kinds of rows in the form most senders use.
    pub fn quick() -> Vec<Case> {
        let signals = [Signal::Logs, Signal::Traces, Signal::Gauge];
        Case::product(&signals, &[Transport::Http], &[Encoding::Identity], &[1_000])
    }

    /// Every signal in requests of 1,000 over HTTP; over gRPC logs, traces and gauges; and logs, where the work before
    /// the rows is the same for every signal, in the other encodings and sizes as well.
    pub fn all() -> Vec<Case> {
        let mut all = Case::product(Signal::ALL, &[Transport::Http], &[Encoding::Identity], &[1_000]);
        all.extend(
            [Signal::Logs, Signal::Traces, Signal::Gauge]
                .map(|s| Case::of(s, Transport::Grpc, Encoding::Identity, 1_000)),
        );
        let logs = |transport, encoding, records| Case::of(Signal::Logs, transport, encoding, records);
        all.push(logs(Transport::Http, Encoding::Gzip, 1_000));
        all.push(logs(Transport::Http, Encoding::Zstd, 1_000));
        all.push(logs(Transport::Grpc, Encoding::Gzip, 1_000));
        for records in [1, 100, 8_000] {
            all.push(logs(Transport::Http, Encoding::Identity, records));
            all.push(logs(Transport::Grpc, Encoding::Identity, records));
        }
        all
    }

    pub fn product(s: &[Signal], t: &[Transport], e: &[Encoding], records: &[usize]) -> Vec<Case> {
        let mut all = Vec::new();
        for (&signal, &transport) in s.iter().flat_map(|s| t.iter().map(move |t| (s, t))) {
            for (&encoding, &records) in e.iter().flat_map(|e| records.iter().map(move |r| (e, r))) {
                all.push(Case::of(signal, transport, encoding, records));
            }
        }
        all
    }

    /// Enough for several full blocks; fewer where a request a row makes them slow to send.
    pub const fn rows(&self) -> usize {
        match self.records {
            0..10 => 40_000,
            _ => 300_000,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { signal, transport, encoding, records } = self;
        write!(f, "{} {} {} {records}", signal.name(), transport.name(), encoding.name())
    }
}

/// The name it has in the results.
fn name(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()
}
