use std::fs;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest, common::v1::any_value::Value, metrics::v1::ResourceMetrics,
};
use prost::Message as _;

use super::*;

/// A node's root, as much of it as is read.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let files = [
        ("etc/hostname", "node-7\n"),
        ("proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\nbtime 1764000000\nprocesses 9\n"),
        ("proc/loadavg", "0.1 0.2 0.3 1/2 3\n"),
        ("proc/meminfo", "MemTotal: 100 kB\nMemFree: 60 kB\n"),
        ("proc/swaps", "Filename Type Size Used Priority\n"),
        ("proc/vmstat", "pswpin 1\npswpout 2\npgfault 3\npgmajfault 1\n"),
        ("proc/diskstats", "254 0 vda 1 2 3 4 5 6 7 8 9 10 11\n"),
        ("proc/1/net/dev", "h\nh\neth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"),
        ("proc/1/mountinfo", "27 1 254:1 / / rw - ext4 /dev/vda1 rw\n28 1 254:2 / /gone rw - ext4 /dev/vdb rw\n"),
        ("proc/1/stat", "1 (init) S 0\n"),
    ];
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn resource(reading: Reading) -> ResourceMetrics {
    let [request] = <[Request; 1]>::try_from(reading.requests).unwrap();
    ExportMetricsServiceRequest::decode(request.finish()).unwrap().resource_metrics.remove(0)
}

fn host(root: &Path, node: &Node) -> Host {
    Host::new(&HostMetrics { root_directory: root.display().to_string(), ..HostMetrics::default() }, node)
}

#[tokio::test]
async fn everything_of_a_node_stands_in_one_resource() {
    let root = root();
    let node = Node { name: Some("node-7.example".into()), cluster: Some("eu".into()), ..Node::default() };
    let reading = host(root.path(), &node).read(5).await;
    assert_eq!(reading.missing, "");
    let resource = resource(reading);
    let attributes: Vec<_> = resource
        .resource
        .unwrap()
        .attributes
        .into_iter()
        .map(|attribute| {
            let Some(Value::StringValue(value)) = attribute.value.unwrap().value else { panic!("{}", attribute.key) };
            (attribute.key, value)
        })
        .collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        pair("host.name", "node-7.example"),
        pair("os.type", "linux"),
        pair("k8s.node.name", "node-7.example"),
        pair("k8s.cluster.name", "eu"),
    ];
    assert_eq!(attributes, expected);
    let mut names: Vec<_> = resource.scope_metrics[0].metrics.iter().map(|metric| metric.name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "system.cpu.load_average.15m",
        "system.cpu.load_average.1m",
        "system.cpu.load_average.5m",
        "system.cpu.logical.count",
        "system.cpu.time",
        "system.disk.io",
        "system.disk.io_time",
        "system.disk.merged",
        "system.disk.operation_time",
        "system.disk.operations",
        "system.disk.pending_operations",
        "system.disk.weighted_io_time",
        "system.filesystem.usage",
        "system.memory.usage",
        "system.network.dropped",
        "system.network.errors",
        "system.network.io",
        "system.network.packets",
        "system.paging.faults",
        "system.paging.operations",
        "system.processes.count",
        "system.processes.created",
    ];
    // Whether there are inodes is a matter of this machine's filesystem.
    names.retain(|name| *name != "system.filesystem.inodes.usage");
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_file_that_is_not_there_costs_its_own_metrics_and_is_told() {
    let root = root();
    fs::remove_file(root.path().join("proc/diskstats")).unwrap();
    fs::write(root.path().join("proc/loadavg"), [0xff, 0xfe]).unwrap();
    let reading = host(root.path(), &Node::default()).read(5).await;
    assert!(reading.missing.contains("proc/diskstats: No such file"), "{}", reading.missing);
    let resource = resource(reading);
    assert_eq!(resource.resource.unwrap().attributes[0].key, "host.name", "from the host's own file");
    let metrics = &resource.scope_metrics[0].metrics;
    assert!(metrics.iter().all(|metric| !metric.name.contains("disk") && !metric.name.contains("load")));
    assert!(metrics.iter().any(|metric| metric.name == "system.network.io"));
}

#[tokio::test]
async fn a_root_that_is_not_there_gives_nothing_and_says_so() {
    let reading = host(Path::new("/nowhere-at-all"), &Node::default()).read(5).await;
    assert!(reading.requests.is_empty());
    assert!(reading.missing.contains("/nowhere-at-all/proc/stat"), "{}", reading.missing);
}
