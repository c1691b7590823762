//! What is counted of scrapes. Comes in: scrapes and answers. Goes out: metrics, by receiver.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Receiver {
    receiver: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Result {
    receiver: &'static str,
    result: &'static str,
}

/// How a scrape ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scrape {
    Complete,
    /// Something could not be read.
    Partial,
    /// Nothing could be read.
    Failed,
    /// Nothing was asked: too much waits to be answered for.
    Skipped,
}

/// Counters of all sources.
#[derive(Debug, Default)]
pub struct Metrics {
    scrapes: Family<Result, Counter>,
    points: Family<Receiver, Counter>,
    refused: Family<Receiver, Counter>,
    repeated: Family<Receiver, Counter>,
    held: Family<Receiver, Gauge>,
}

impl Metrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Points measured";
        registry.register("otelcol_scraper_scraped_metric_points", help, metrics.points.clone());
        let own = registry.sub_registry_with_prefix("clickstack_collector_scrape");
        own.register("runs", "Times a source was to be read, by what came of it", metrics.scrapes.clone());
        own.register("refused_points", "Points the gateway refused for good", metrics.refused.clone());
        own.register("repeated_requests", "Requests sent again", metrics.repeated.clone());
        let help = "Requests that are sent and not answered for";
        own.register_with_unit("held", help, Unit::Bytes, metrics.held.clone());
        metrics
    }

    pub(super) fn scraped(&self, receiver: &'static str, scrape: Scrape) {
        let result = match scrape {
            Scrape::Complete => "complete",
            Scrape::Partial => "partial",
            Scrape::Failed => "failed",
            Scrape::Skipped => "skipped",
        };
        self.scrapes.get_or_create(&Result { receiver, result }).inc();
    }

    pub(super) fn points(&self, receiver: &'static str, points: u64) {
        self.points.get_or_create(&Receiver { receiver }).inc_by(points);
    }

    pub(super) fn refused(&self, receiver: &'static str, points: u64) {
        self.refused.get_or_create(&Receiver { receiver }).inc_by(points);
    }

    pub(super) fn repeated(&self, receiver: &'static str) {
        self.repeated.get_or_create(&Receiver { receiver }).inc();
    }

    pub(super) fn held(&self, receiver: &'static str, bytes: usize) {
        self.held.get_or_create(&Receiver { receiver }).set(bytes as i64);
    }
}
