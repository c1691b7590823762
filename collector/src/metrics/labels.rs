//! What the process's own counts are told apart by. Comes in: nothing; goes out: names and values as they stand in the text.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::signal::Signal;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Receiver {
    pub(super) receiver: &'static str,
    pub(super) transport: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Exporter {
    pub(super) exporter: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Processor {
    pub(super) processor: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Result {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Answered {
    pub(super) signal: &'static str,
    pub(super) transport: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct TurnedAway {
    pub(super) transport: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Way {
    pub(super) transport: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Code {
    pub(super) code: u32,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Destination {
    pub(super) table: &'static str,
}

/// One family for each signal, because OpenTelemetry's names have the signal in them and not in a label.
#[derive(Debug)]
pub(super) struct BySignal<Labels>([Family<Labels, Counter>; Signal::ALL.len()]);

impl<Labels: EncodeLabelSet + Clone + Eq + std::hash::Hash + Send + Sync + std::fmt::Debug + 'static> BySignal<Labels> {
    pub(super) fn new() -> Self {
        Self([Family::default(), Family::default(), Family::default()])
    }

    pub(super) fn of(&self, signal: Signal) -> &Family<Labels, Counter> {
        let [logs, metrics, traces] = &self.0;
        match signal {
            Signal::Logs => logs,
            Signal::Metrics => metrics,
            Signal::Traces => traces,
        }
    }

    pub(super) fn register(&self, registry: &mut Registry, prefix: &str, help: &str) {
        for signal in Signal::ALL {
            registry.register(format!("{prefix}_{}", signal.records()), help, self.of(signal).clone());
        }
    }
}
