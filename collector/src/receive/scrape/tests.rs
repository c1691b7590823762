use tokio::sync::{mpsc, watch};

use super::*;
use crate::{
    budget::Budget,
    delivery::Delivery,
    measurements::{Kind, Metric, Point},
};

/// Numbers its readings; every third is incomplete.
struct Numbers(u64);

impl Source for Numbers {
    const NAME: &'static str = "numbers";

    async fn read(&mut self, now: u64) -> Reading {
        self.0 += 1;
        let mut request = Request::new("numbers", now);
        request.add([("of", "test")], [Metric::new("number", "1", Kind::Gauge).with(Point::new(self.0))]);
        let missing = if self.0.is_multiple_of(3) { "a third".to_owned() } else { String::new() };
        Reading { requests: vec![request], missing }
    }
}

/// Never comes back.
struct Stuck;

impl Source for Stuck {
    const NAME: &'static str = "stuck";

    async fn read(&mut self, _now: u64) -> Reading {
        std::future::pending().await
    }
}

struct Running {
    deliveries: mpsc::Receiver<Delivery>,
    stop: watch::Sender<bool>,
    registry: prometheus_client::registry::Registry,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn new(source: impl Source + 'static, budget: usize) -> Self {
        let (sender, deliveries) = mpsc::channel(64);
        let (stop, stopping) = watch::channel(false);
        let mut registry = prometheus_client::registry::Registry::default();
        let metrics = Arc::new(Metrics::new(&mut registry));
        let outlet = Outlet { deliveries: sender, budget: Budget::new(budget), stopping };
        let scraper = Scraper { outlet, interval: Duration::from_secs(20), metrics };
        let task = tokio::spawn(scraper.run(source));
        Self { deliveries, stop, registry, task }
    }

    fn says(&self, line: &str) -> bool {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text.lines().any(|found| found == line)
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_read_at_its_interval_and_what_it_misses_is_counted() {
    let mut running = Running::new(Numbers(0), 1 << 20);
    let begin = tokio::time::Instant::now();
    for _ in 0..3 {
        let delivery = running.deliveries.recv().await.unwrap();
        assert_eq!((delivery.signal, delivery.transport), (Signal::Metrics, Transport::Scrape));
        delivery.ack.settle(Outcome::Delivered { rejected: 0 });
    }
    assert_eq!(begin.elapsed(), Duration::from_secs(40));
    assert!(running.says("clickstack_collector_scrape_runs_total{receiver=\"numbers\",result=\"complete\"} 2"));
    assert!(running.says("clickstack_collector_scrape_runs_total{receiver=\"numbers\",result=\"partial\"} 1"));
    assert!(running.says("otelcol_scraper_scraped_metric_points_total{receiver=\"numbers\"} 3"));
    running.stop.send_replace(true);
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_are_sent_until_they_are_answered_for() {
    let mut running = Running::new(Numbers(0), 1 << 20);
    let first = running.deliveries.recv().await.unwrap();
    let body = first.body.clone();
    drop(first);
    let again = running.deliveries.recv().await.unwrap();
    assert_eq!(again.body, body);
    again.ack.settle(Outcome::Reject("no".into()));
    let _next = running.deliveries.recv().await.unwrap();
    assert!(running.says("clickstack_collector_scrape_repeated_requests_total{receiver=\"numbers\"} 1"));
    assert!(running.says("clickstack_collector_scrape_refused_points_total{receiver=\"numbers\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_measured_while_too_much_is_unanswered_and_a_stop_waits_for_what_is() {
    // A sixteenth of it is less than one request.
    let mut running = Running::new(Numbers(0), 1024);
    let held = running.deliveries.recv().await.unwrap();
    let skipped = "clickstack_collector_scrape_runs_total{receiver=\"numbers\",result=\"skipped\"} 2";
    while !running.says(skipped) {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(running.deliveries.try_recv().is_err());
    running.stop.send_replace(true);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(!running.task.is_finished());
    held.ack.settle(Outcome::Delivered { rejected: 0 });
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_come_back_is_given_up_and_asked_again() {
    let running = Running::new(Stuck, 1 << 20);
    let failed = "clickstack_collector_scrape_runs_total{receiver=\"stuck\",result=\"failed\"} 2";
    while !running.says(failed) {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    running.stop.send_replace(true);
    running.task.await.unwrap();
}
