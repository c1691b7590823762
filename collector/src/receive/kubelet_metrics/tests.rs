use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value},
    metrics::v1::{NumberDataPoint, metric::Data, number_data_point},
};
use prost::Message as _;

use super::*;
use crate::measurements::Kind;

mod server;

/// The form of a kubelet 1.35 with containerd, with one pod.
const SUMMARY: &str = include_str!("tests/summary.json");

const SECOND: u64 = 1_000_000_000;

fn kubelet(pods: Option<Pods>) -> Kubelet {
    let node = Node {
        name: Some("node-1".into()),
        cluster: Some("eu".into()),
        address: Some("fd00::1".into()),
        ..Node::default()
    };
    let api = Api { endpoint: String::new(), token_file: "none".into(), ca_file: "none".into() };
    Kubelet::new(&KubeletMetrics::default(), &node, &api, pods).unwrap()
}

fn measured(kubelet: &mut Kubelet, summary: &str, now: u64) -> Reading {
    kubelet.measure(&Summary::of(summary.as_bytes()).unwrap(), now)
}

fn text(attribute: KeyValue) -> (String, String) {
    let Some(any_value::Value::StringValue(value)) = attribute.value.unwrap().value else { panic!("no text") };
    (attribute.key, value)
}

/// A resource by the last of its names, and of each of its metrics unit, kind and points.
type Told = BTreeMap<String, (BTreeMap<String, String>, BTreeMap<String, (String, Data)>)>;

fn told(reading: Reading) -> Told {
    let mut all = Told::new();
    for request in reading.requests {
        for of_resource in ExportMetricsServiceRequest::decode(request.finish()).unwrap().resource_metrics {
            let attributes = of_resource.resource.unwrap().attributes;
            let count = attributes.len();
            let attributes: BTreeMap<_, _> = attributes.into_iter().map(text).collect();
            assert_eq!(attributes.len(), count, "each once: {attributes:?}");
            let names = ["k8s.volume.name", "k8s.container.name", "k8s.pod.name", "k8s.node.name"];
            let name = names.iter().find_map(|name| attributes.get(*name)).unwrap().clone();
            let [scope] = &of_resource.scope_metrics[..] else { panic!("one scope") };
            let metrics =
                scope.metrics.iter().map(|one| (one.name.clone(), (one.unit.clone(), one.data.clone().unwrap())));
            assert!(all.insert(name, (attributes, metrics.collect())).is_none());
        }
    }
    all
}

fn points(data: &Data) -> &[NumberDataPoint] {
    match data {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => &sum.data_points,
        other => panic!("{other:?}"),
    }
}

fn value(point: &NumberDataPoint) -> f64 {
    match point.value.unwrap() {
        number_data_point::Value::AsInt(value) => value as f64,
        number_data_point::Value::AsDouble(value) => value,
    }
}

/// Resource, metric, unit, kind, attributes; where in the summary its value stands, and how many of those are one.
type Expected = (&'static str, &'static str, &'static str, Kind, &'static str, f64);

const NODE: &str = "node-1";
const POD: &str = "cart-7d9f8-x2x4z";

const EXPECTED: [Expected; 27] = [
    (NODE, "k8s.node.cpu.usage", "{cpu}", Kind::Gauge, "/node/cpu/usageNanoCores", 1e9),
    (NODE, "k8s.node.cpu.time", "s", Kind::Count, "/node/cpu/usageCoreNanoSeconds", 1e9),
    (NODE, "k8s.node.memory.usage", "By", Kind::Gauge, "/node/memory/usageBytes", 1.0),
    (NODE, "k8s.node.memory.available", "By", Kind::Gauge, "/node/memory/availableBytes", 1.0),
    (NODE, "k8s.node.filesystem.available", "By", Kind::Gauge, "/node/fs/availableBytes", 1.0),
    (NODE, "k8s.node.network.io", "By", Kind::Count, "/node/network/rxBytes", 1.0),
    (POD, "k8s.pod.cpu.usage", "{cpu}", Kind::Gauge, "/pods/0/cpu/usageNanoCores", 1e9),
    (POD, "k8s.pod.cpu.time", "s", Kind::Count, "/pods/0/cpu/usageCoreNanoSeconds", 1e9),
    (POD, "k8s.pod.memory.usage", "By", Kind::Gauge, "/pods/0/memory/usageBytes", 1.0),
    (POD, "k8s.pod.memory.working_set", "By", Kind::Gauge, "/pods/0/memory/workingSetBytes", 1.0),
    (POD, "k8s.pod.memory.page_faults", "1", Kind::Gauge, "/pods/0/memory/pageFaults", 1.0),
    (POD, "k8s.pod.filesystem.available", "By", Kind::Gauge, "/pods/0/ephemeral-storage/availableBytes", 1.0),
    (POD, "k8s.pod.filesystem.usage", "By", Kind::Gauge, "/pods/0/ephemeral-storage/usedBytes", 1.0),
    (POD, "k8s.pod.network.io", "By", Kind::Count, "/pods/0/network/rxBytes", 1.0),
    (POD, "k8s.pod.network.errors", "1", Kind::Count, "/pods/0/network/rxErrors", 1.0),
    ("main", "container.cpu.usage", "{cpu}", Kind::Gauge, "/pods/0/containers/0/cpu/usageNanoCores", 1e9),
    ("main", "container.cpu.time", "s", Kind::Count, "/pods/0/containers/0/cpu/usageCoreNanoSeconds", 1e9),
    ("main", "container.memory.usage", "By", Kind::Gauge, "/pods/0/containers/0/memory/usageBytes", 1.0),
    ("main", "container.memory.rss", "By", Kind::Gauge, "/pods/0/containers/0/memory/rssBytes", 1.0),
    (
        "main",
        "container.memory.major_page_faults",
        "1",
        Kind::Gauge,
        "/pods/0/containers/0/memory/majorPageFaults",
        1.0,
    ),
    ("main", "container.filesystem.capacity", "By", Kind::Gauge, "/pods/0/containers/0/rootfs/capacityBytes", 1.0),
    ("main", "container.filesystem.usage", "By", Kind::Gauge, "/pods/0/containers/0/rootfs/usedBytes", 1.0),
    ("scratch", "k8s.volume.available", "By", Kind::Gauge, "/pods/0/volume/0/availableBytes", 1.0),
    ("scratch", "k8s.volume.capacity", "By", Kind::Gauge, "/pods/0/volume/0/capacityBytes", 1.0),
    ("scratch", "k8s.volume.inodes", "1", Kind::Gauge, "/pods/0/volume/0/inodes", 1.0),
    ("scratch", "k8s.volume.inodes.free", "1", Kind::Gauge, "/pods/0/volume/0/inodesFree", 1.0),
    ("rows", "k8s.volume.inodes.used", "1", Kind::Gauge, "/pods/0/volume/1/inodesUsed", 1.0),
];

fn kind(data: &Data) -> Kind {
    match data {
        Data::Gauge(_) => Kind::Gauge,
        Data::Sum(sum) if sum.is_monotonic && sum.aggregation_temporality == 2 => Kind::Count,
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> u64 {
    nanoseconds(text.as_bytes()).unwrap()
}

#[test]
fn a_summary_says_what_node_pod_container_and_volume_use() {
    let reading = measured(&mut kubelet(None), SUMMARY, at("2026-11-27T18:40:00Z"));
    assert_eq!(reading.missing, "");
    let told = told(reading);
    assert_eq!(told.keys().map(String::as_str).collect::<Vec<_>>(), [POD, "main", NODE, "rows", "scratch"]);
    let summary: serde_json::Value = serde_json::from_str(SUMMARY).unwrap();
    for (resource, name, unit, wanted, path, parts) in EXPECTED {
        let (found, data) = &told[resource].1[name];
        assert_eq!((found.as_str(), kind(data)), (unit, wanted), "{name}");
        assert_eq!(value(&points(data)[0]), summary.pointer(path).unwrap().as_f64().unwrap() / parts, "{name}");
    }
    let [received, sent] = points(&told[POD].1["k8s.pod.network.io"].1) else { panic!("two directions") };
    let text = |point: &NumberDataPoint| point.attributes.iter().map(|one| text(one.clone()).1).collect::<Vec<_>>();
    assert_eq!(
        (text(received), text(sent)),
        (vec!["eth0".into(), "receive".into()], vec!["eth0".into(), "transmit".into()])
    );
    assert_eq!(value(sent), 3000.0);
    for (resource, name, begin, seconds) in [
        (NODE, "k8s.node.uptime", "2026-11-27T17:00:00Z", 6000.0),
        (POD, "k8s.pod.uptime", "2026-11-27T18:00:00Z", 2400.0),
        ("main", "container.uptime", "2026-11-27T18:30:01Z", 599.0),
    ] {
        let (unit, data) = &told[resource].1[name];
        assert_eq!((unit.as_str(), kind(data), value(&points(data)[0])), ("s", Kind::Count, seconds), "{name}");
        let begins = told[resource].1.values().filter(|(_, data)| kind(data) == Kind::Count);
        let begins = begins.flat_map(|(_, data)| points(data)).map(|point| point.start_time_unix_nano);
        assert!(begins.into_iter().all(|since| since == at(begin)), "every count of {resource}");
    }
}

fn pod(text: &str) -> Pods {
    Pods::told(&[text])
}

#[test]
fn what_is_known_of_a_pod_stands_beside_and_its_use_is_told_in_relation_to_its_limits() {
    let pods = pod(r#"{
        "metadata": {"name": "cart-7d9f8-x2x4z", "namespace": "shop", "uid": "0a1b",
            "labels": {"pod-template-hash": "7d9f8", "tier": "front"},
            "annotations": {"resource.opentelemetry.io/k8s.pod.name": "another"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-7d9f8", "controller": true}]},
        "spec": {"containers": [{"name": "main", "image": "cart:1.2",
            "resources": {"limits": {"cpu": "200m", "memory": "64Mi"}, "requests": {"cpu": "100m", "memory": "32Mi"}}}],
            "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "rows", "persistentVolumeClaim": {"claimName": "rows-0"}}]},
        "status": {"containerStatuses": [{"name": "main", "restartCount": 1, "containerID": "containerd://f01",
            "state": {"running": {"startedAt": "2026-11-27T18:30:01Z"}},
            "lastState": {"terminated": {"finishedAt": "2026-11-27T18:30:00Z"}}}]}}"#);
    let told = told(measured(&mut kubelet(Some(pods)), SUMMARY, at("2026-11-27T18:40:00Z")));
    let expected = [
        (NODE, &[("k8s.node.name", "node-1"), ("k8s.cluster.name", "eu")][..]),
        (
            POD,
            &[
                ("k8s.namespace.name", "shop"),
                ("k8s.pod.uid", "0a1b"),
                ("k8s.pod.name", POD),
                ("k8s.node.name", "node-1"),
                ("k8s.cluster.name", "eu"),
                ("k8s.deployment.name", "cart"),
                ("k8s.replicaset.name", "cart-7d9f8"),
                ("k8s.pod.label.tier", "front"),
                ("service.name", "cart"),
                ("service.namespace", "shop"),
            ],
        ),
        (
            "main",
            &[
                ("k8s.pod.name", POD),
                ("k8s.container.name", "main"),
                ("container.id", "f01"),
                ("container.image.name", "cart"),
                ("service.instance.id", "shop.cart-7d9f8-x2x4z.main"),
                ("service.version", "1.2"),
            ],
        ),
        ("scratch", &[("k8s.pod.name", POD), ("k8s.volume.type", "emptyDir"), ("k8s.deployment.name", "cart")]),
        ("rows", &[("k8s.volume.type", "persistentVolumeClaim"), ("k8s.persistentvolumeclaim.name", "rows-0")]),
    ];
    for (resource, attributes) in expected {
        for (name, value) in attributes {
            assert_eq!(told[resource].0.get(*name).map(String::as_str), Some(*value), "{name} of {resource}");
        }
    }
    for (resource, prefix, cpu, memory) in
        [(POD, "k8s.pod", 0.051, 35_000_000.0), ("main", "k8s.container", 0.05, 33_554_432.0)]
    {
        for (name, expected) in [
            ("cpu_limit_utilization", cpu / 0.2),
            ("cpu_request_utilization", cpu / 0.1),
            ("memory_limit_utilization", memory / 67_108_864.0),
            ("memory_request_utilization", memory / 33_554_432.0),
        ] {
            let (unit, data) = &told[resource].1[&format!("{prefix}.{name}")];
            assert_eq!((unit.as_str(), kind(data)), ("1", Kind::Gauge));
            assert!((value(&points(data)[0]) - expected).abs() < 1e-9, "{name}");
        }
    }
}

#[test]
fn without_limits_nothing_is_said_of_them_and_what_is_not_measured_yet_has_no_point() {
    let told = told(measured(&mut kubelet(None), SUMMARY, at("2026-11-27T18:40:00Z")));
    assert!(told.values().flat_map(|(_, metrics)| metrics.keys()).all(|name| !name.contains("utilization")));
    let young = r#"{"pods": [{"podRef": {"name": "a", "namespace": "b", "uid": "c"}, "startTime": null, "containers": [
        {"name": "main", "startTime": "2026-11-27T18:39:59Z", "cpu": {"time": null, "usageCoreNanoSeconds": 7}}]}]}"#;
    let told = self::told(measured(&mut kubelet(None), young, at("2026-11-27T18:40:00Z")));
    assert_eq!(told.keys().collect::<Vec<_>>(), ["main"]);
    assert_eq!(told["main"].1.keys().collect::<Vec<_>>(), ["container.cpu.time", "container.uptime"]);
}

#[test]
fn a_restarted_container_begins_anew_and_its_pod_goes_on() {
    let mut kubelet = kubelet(None);
    let summary = |begin: &str, of_container: u64, of_pod: u64| {
        format!(
            r#"{{"pods": [{{"podRef": {{"name": "p", "namespace": "n", "uid": "u"}}, "startTime": "2026-11-27T18:00:00Z",
            "cpu": {{"usageCoreNanoSeconds": {of_pod}}},
            "containers": [{{"name": "main", "startTime": "{begin}", "cpu": {{"usageCoreNanoSeconds": {of_container}}}}}]}}]}}"#
        )
    };
    let begins = |told: &Told| {
        let of = |resource: &str, metric: &str| points(&told[resource].1[metric].1)[0].start_time_unix_nano;
        (of("p", "k8s.pod.cpu.time"), of("main", "container.cpu.time"))
    };
    let first = "2026-11-27T18:00:01Z";
    let before = told(measured(&mut kubelet, &summary(first, 50, 60), at("2026-11-27T18:10:00Z")));
    assert_eq!(begins(&before), (at("2026-11-27T18:00:00Z"), at(first)));
    let second = "2026-11-27T18:10:05Z";
    let after = told(measured(&mut kubelet, &summary(second, 70, 130), at("2026-11-27T18:10:20Z")));
    assert_eq!(begins(&after), (at("2026-11-27T18:00:00Z"), at(second)), "though it has done more than the one before");
    let fallen = told(measured(&mut kubelet, &summary(second, 90, 20), at("2026-11-27T18:10:40Z")));
    assert_eq!(begins(&fallen), (at("2026-11-27T18:10:20Z"), at(second)), "a pod's count that fell has begun anew");
}

#[test]
fn a_large_node_is_told_in_several_requests_and_never_in_more_than_is_bounded() {
    let pods = |count: usize| {
        let pod = |number: usize| {
            let name = format!("{number}-{}", "x".repeat(20_000));
            format!(
                r#"{{"podRef": {{"name": "{name}", "namespace": "b", "uid": "{number}"}}, "memory": {{"rssBytes": 1}}}}"#
            )
        };
        format!(r#"{{"pods": [{}]}}"#, (0..count).map(pod).collect::<Vec<_>>().join(","))
    };
    let reading = measured(&mut kubelet(None), &pods(200), 5 * SECOND);
    assert_eq!((reading.missing.as_str(), reading.requests.len()), ("", 4));
    assert!(reading.requests.iter().all(|request| request.size() < LARGE + 30_000));
    let reading = measured(&mut kubelet(None), &pods(2_000), 5 * SECOND);
    assert!(reading.missing.contains("pods: the others fill 33554432 bytes"), "{}", reading.missing);
    let bytes: usize = reading.requests.iter().map(Request::size).sum();
    assert!(bytes > LARGEST_READING && bytes < LARGEST_READING + 30_000);
}
