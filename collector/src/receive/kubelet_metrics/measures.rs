//! What a kubelet says, as metrics.
//!
//! Comes in: a node, a pod, a container or a volume of a summary. Goes out: its metrics, with the names, units and
//! attributes that the OpenTelemetry Collector's receiver of the same has, which is what dashboards ask for. What a
//! kubelet does not say has no point: a container that has just begun has no usage yet.

use super::{
    resets::Subject,
    summary::{Container, Cpu, Memory, Network, Node, Pod, Space, Volume},
};
use crate::{
    cluster::Reserved,
    measurements::{Kind, Metric, Point, Value},
};

/// Billionths in one.
const NANOS: f64 = 1e9;

pub(super) fn node(node: &Node, mut subject: Subject<'_>) -> Vec<Metric> {
    let mut metrics = Metrics::of("k8s.node");
    metrics.cpu(node.cpu.as_ref(), &mut subject);
    metrics.memory(node.memory.as_ref());
    metrics.network(node.network.as_ref(), &mut subject);
    metrics.space(node.fs.as_ref());
    metrics.uptime(&subject);
    metrics.found
}

pub(super) fn pod(pod: &Pod, reserved: Reserved, mut subject: Subject<'_>) -> Vec<Metric> {
    let mut metrics = Metrics::of("k8s.pod");
    metrics.cpu(pod.cpu.as_ref(), &mut subject);
    metrics.memory(pod.memory.as_ref());
    metrics.network(pod.network.as_ref(), &mut subject);
    metrics.space(pod.ephemeral_storage.as_ref());
    metrics.utilization("k8s.pod", pod.cpu.as_ref(), pod.memory.as_ref(), reserved);
    metrics.uptime(&subject);
    metrics.found
}

pub(super) fn container(container: &Container, reserved: Reserved, mut subject: Subject<'_>) -> Vec<Metric> {
    let mut metrics = Metrics::of("container");
    metrics.cpu(container.cpu.as_ref(), &mut subject);
    metrics.memory(container.memory.as_ref());
    metrics.space(container.rootfs.as_ref());
    // By convention these alone are called otherwise.
    metrics.utilization("k8s.container", container.cpu.as_ref(), container.memory.as_ref(), reserved);
    metrics.uptime(&subject);
    metrics.found
}

pub(super) fn volume(volume: &Volume) -> Vec<Metric> {
    let mut metrics = Metrics::of("k8s.volume");
    let Space { available_bytes, capacity_bytes, inodes, inodes_free, inodes_used, .. } = volume.space;
    metrics.gauge("available", "By", available_bytes);
    metrics.gauge("capacity", "By", capacity_bytes);
    metrics.gauge("inodes", "1", inodes);
    metrics.gauge("inodes.free", "1", inodes_free);
    metrics.gauge("inodes.used", "1", inodes_used);
    metrics.found
}

/// Metrics whose names begin alike.
struct Metrics {
    prefix: &'static str,
    found: Vec<Metric>,
}

impl Metrics {
    const fn of(prefix: &'static str) -> Self {
        Self { prefix, found: Vec::new() }
    }

    fn add(&mut self, name: &str, unit: &'static str, kind: Kind, points: Vec<Point>) {
        let metric = Metric::new(format!("{}.{name}", self.prefix), unit, kind);
        self.found.push(Metric { points, ..metric });
    }

    fn gauge(&mut self, name: &str, unit: &'static str, value: Option<impl Into<Value>>) {
        self.add(name, unit, Kind::Gauge, value.map(Point::new).into_iter().collect());
    }

    fn cpu(&mut self, cpu: Option<&Cpu>, subject: &mut Subject<'_>) {
        let Some(Cpu { usage_nano_cores, usage_core_nano_seconds }) = cpu else { return };
        self.gauge("cpu.usage", "{cpu}", usage_nano_cores.map(|nanos| nanos as f64 / NANOS));
        let time = usage_core_nano_seconds
            .map(|nanos| Point::new(nanos as f64 / NANOS).since(subject.since("cpu.time", nanos)));
        self.add("cpu.time", "s", Kind::Count, time.into_iter().collect());
    }

    fn memory(&mut self, memory: Option<&Memory>) {
        let Some(memory) = memory else { return };
        for (name, unit, value) in [
            ("memory.available", "By", memory.available_bytes),
            ("memory.usage", "By", memory.usage_bytes),
            ("memory.working_set", "By", memory.working_set_bytes),
            ("memory.rss", "By", memory.rss_bytes),
            ("memory.page_faults", "1", memory.page_faults),
            ("memory.major_page_faults", "1", memory.major_page_faults),
        ] {
            self.gauge(name, unit, value);
        }
    }

    fn network(&mut self, network: Option<&Network>, subject: &mut Subject<'_>) {
        let Some(network) = network else { return };
        let mut count = |name: &str, unit, values: [(&'static str, Option<u64>, &'static str); 2]| {
            let points = values.into_iter().filter_map(|(direction, value, what)| {
                let value = value?;
                let point = Point::new(value).since(subject.since(what, value));
                Some(point.of("interface", network.name.clone()).of("direction", direction))
            });
            self.add(name, unit, Kind::Count, points.collect());
        };
        let io = [("receive", network.rx_bytes, "rx"), ("transmit", network.tx_bytes, "tx")];
        count("network.io", "By", io);
        let errors = [("receive", network.rx_errors, "rx.errors"), ("transmit", network.tx_errors, "tx.errors")];
        count("network.errors", "1", errors);
    }

    fn space(&mut self, space: Option<&Space>) {
        let Some(space) = space else { return };
        self.gauge("filesystem.available", "By", space.available_bytes);
        self.gauge("filesystem.capacity", "By", space.capacity_bytes);
        self.gauge("filesystem.usage", "By", space.used_bytes);
    }

    fn uptime(&mut self, subject: &Subject<'_>) {
        let age = subject.age().map(|seconds| Point::new(seconds).since(subject.begin()));
        self.add("uptime", "s", Kind::Count, age.into_iter().collect());
    }

    /// What is used, as a part of what may be used and of what was asked for.
    fn utilization(&mut self, prefix: &'static str, cpu: Option<&Cpu>, memory: Option<&Memory>, reserved: Reserved) {
        let outer = std::mem::replace(&mut self.prefix, prefix);
        let (cpu, memory) = (cpu.and_then(|cpu| cpu.usage_nano_cores), memory.and_then(|memory| memory.usage_bytes));
        let part = |used: Option<u64>, of: Option<u64>| Some(used? as f64 / of? as f64);
        let Reserved { limit, request } = reserved;
        self.gauge("cpu_limit_utilization", "1", part(cpu, limit.nanocores));
        self.gauge("cpu_request_utilization", "1", part(cpu, request.nanocores));
        self.gauge("memory_limit_utilization", "1", part(memory, limit.bytes));
        self.gauge("memory_request_utilization", "1", part(memory, request.bytes));
        self.prefix = outer;
    }
}
