//! What real kubelets say of real pods, beside what is stored of it: values, limits, owners, and a container that is
//! restarted.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tests::clickhouse::ClickHouse;
use tests::cluster::Namespace;
use tests::wait::eventually;

use crate::cluster;

/// Works a little, and ends when it is told to.
const WORKERS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  replicas: 2
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: DoNotSchedule
          labelSelector: {matchLabels: {app: worker}}
      containers:
        - name: main
          image: localhost/busybox:1
          command: [sh, -c, 'rm -f /tmp/stop; while [ ! -e /tmp/stop ]; do i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; usleep 100000; done']
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 500m, memory: 64Mi}}
          volumeMounts: [{name: scratch, mountPath: /tmp}, {name: kept, mountPath: /kept}]
      volumes: [{name: kept, emptyDir: {}}, {name: scratch, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]
"#;

/// What the dashboard of ClickStack asks for, by its table, and what more there is to a pod.
const GAUGES: [&str; 11] = [
    "k8s.pod.cpu.usage",
    "k8s.pod.cpu_limit_utilization",
    "k8s.pod.cpu_request_utilization",
    "k8s.pod.memory.usage",
    "k8s.pod.memory_limit_utilization",
    "k8s.pod.filesystem.available",
    "container.cpu.usage",
    "container.memory.working_set",
    "k8s.container.memory_limit_utilization",
    "k8s.container.cpu_request_utilization",
    "k8s.volume.available",
];
const SUMS: [&str; 5] =
    ["k8s.pod.uptime", "k8s.pod.cpu.time", "k8s.pod.network.io", "container.cpu.time", "container.uptime"];
const OF_NODE: [&str; 5] = [
    "k8s.node.cpu.usage",
    "k8s.node.memory.usage",
    "k8s.node.filesystem.available",
    "k8s.node.uptime",
    "k8s.node.cpu.time",
];

const OF_POD: &str = "ResourceAttributes['k8s.pod.name']";

/// The names of metrics that are stored of each pod of the deployment.
async fn names(engine: &ClickHouse, of: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    #[derive(Deserialize)]
    struct Row {
        of: String,
        names: Vec<String>,
    }
    let of_table = |table| format!("SELECT {of} AS of, MetricName FROM otel.otel_metrics_{table}");
    let sql = format!(
        "SELECT of, groupUniqArray(MetricName) AS names FROM ({} UNION ALL {}) WHERE of != '' GROUP BY of ORDER BY of",
        of_table("gauge"),
        of_table("sum")
    );
    let rows: Vec<Row> = engine.query_rows(&sql).await.map_err(|error| format!("{error:#}"))?;
    Ok(rows.into_iter().map(|row| (row.of, row.names)).collect())
}

async fn number(engine: &ClickHouse, sql: &str) -> f64 {
    let text = engine.query(sql).await.unwrap();
    text.trim().parse().unwrap_or_else(|_| panic!("{sql}: {text}"))
}

fn sum(what: &str, metric: &str, pod: &str) -> String {
    format!("SELECT {what} FROM otel.otel_metrics_sum WHERE MetricName = '{metric}' AND {OF_POD} = '{pod}'")
}

/// The pods of the deployment, by the API server.
fn workers(namespace: &Namespace) -> Vec<Value> {
    let pods = namespace.json(&["pods", "--selector=app=worker"]).unwrap();
    pods["items"].as_array().unwrap().clone()
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} of {object}"))
}

#[tokio::test]
async fn what_kubelets_say_of_their_pods_is_stored_with_limits_and_owners_and_over_a_restart() {
    let namespace = Namespace::create(cluster(), "e2e-kubelet-metrics").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.cluster.kubectl_with(&["--namespace", &namespace.name, "apply", "-f", "-"], WORKERS).unwrap();
    // The kubelets of this cluster have certificates of its authority.
    let roles = "  clusterName: test\n  gateway: {replicas: 1}\n  \
                 agent: {hostPort: false, kubeletMetrics: {interval: 2s}, kubernetesAttributes: {labels: [app]}}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("120s").unwrap();
    namespace.kubectl(&["rollout", "status", "deployment/worker", "--timeout=120s"]).unwrap();

    let pods = workers(&namespace);
    eventually("every metric of both pods and both nodes is stored", Duration::from_secs(120), async || {
        let (of_pods, of_nodes) =
            (names(&engine, OF_POD).await?, names(&engine, "ResourceAttributes['k8s.node.name']").await?);
        for pod in &pods {
            let name = text(pod, "/metadata/name");
            let found = of_pods.iter().find(|(of, _)| of == name).map(|(_, names)| names.clone()).unwrap_or_default();
            let missing: Vec<_> =
                GAUGES.iter().chain(&SUMS).filter(|name| !found.contains(&(**name).to_owned())).collect();
            if !missing.is_empty() {
                return Err(format!("{name} lacks {missing:?}"));
            }
        }
        let is_whole = |(_, found): &(_, Vec<String>)| OF_NODE.iter().all(|name| found.contains(&(*name).to_owned()));
        if of_nodes.len() == 2 && of_nodes.iter().all(is_whole) { Ok(()) } else { Err(format!("{of_nodes:?}")) }
    })
    .await
    .unwrap();
    for pod in &pods {
        values(&namespace, &engine, pod).await;
    }
    restart(&namespace, &engine, text(&pods[0], "/metadata/name")).await;

    let agent = format!("--as=system:serviceaccount:{}:main-agent", namespace.name);
    let may = |what: &str| namespace.cluster.kubectl(&["auth", "can-i", "get", "nodes", "--subresource", what, &agent]);
    assert_eq!(may("stats").unwrap().trim(), "yes");
    assert!(may("proxy").is_err(), "\"no\" ends with 1");
}

/// What grows lies between what was stored before the kubelet was asked and after; and what stands still is the same.
async fn values(namespace: &Namespace, engine: &ClickHouse, pod: &Value) {
    let (name, node) = (text(pod, "/metadata/name"), text(pod, "/spec/nodeName"));
    let time = sum("max(Value)", "container.cpu.time", name);
    let before = number(engine, &time).await;
    let summary = namespace.cluster.kubectl(&["get", "--raw", &format!("/api/v1/nodes/{node}/proxy/stats/summary")]);
    let summary: Value = serde_json::from_str(&summary.unwrap()).unwrap();
    let told = summary["pods"].as_array().unwrap().iter().find(|told| told["podRef"]["name"] == name).unwrap();
    let used = told["containers"][0]["cpu"]["usageCoreNanoSeconds"].as_f64().unwrap() / 1e9;
    eventually("what the kubelet told is passed", Duration::from_secs(60), async || {
        let after = number(engine, &time).await;
        if after >= used { Ok(()) } else { Err(format!("{after} of {used} s")) }
    })
    .await
    .unwrap();
    assert!(before > 0.0 && before <= used, "{before} of {used} s");

    let gauge = |metric: &str| {
        format!(
            "SELECT argMax(Value, TimeUnix) FROM otel.otel_metrics_gauge WHERE MetricName = '{metric}' AND {OF_POD} = '{name}'"
        )
    };
    let memory = number(engine, &gauge("container.memory.working_set")).await;
    let expected = told["containers"][0]["memory"]["workingSetBytes"].as_f64().unwrap();
    assert!((memory - expected).abs() < expected / 2.0 + 1e6, "{memory} B, by the kubelet {expected}");
    let part = number(engine, &gauge("k8s.container.memory_limit_utilization")).await;
    let usage = number(engine, &gauge("container.memory.usage")).await;
    assert!((part - usage / f64::from(64 << 20)).abs() < 0.05, "{usage} B are {part} of the limit");
    let begin = number(engine, &sum("toUnixTimestamp(max(StartTimeUnix))", "k8s.pod.uptime", name)).await;
    let uptime = number(
        engine,
        &sum(
            "argMax(Value - (toUnixTimestamp(TimeUnix) - toUnixTimestamp(StartTimeUnix)), TimeUnix)",
            "k8s.pod.uptime",
            name,
        ),
    )
    .await;
    assert!(begin > 0.0 && uptime.abs() <= 2.0, "since {begin}, {uptime} s off");

    for (attribute, expected) in [
        ("k8s.pod.uid", text(pod, "/metadata/uid")),
        ("k8s.node.name", node),
        ("k8s.namespace.name", &namespace.name),
        ("k8s.cluster.name", "test"),
        ("k8s.deployment.name", "worker"),
        ("k8s.pod.label.app", "worker"),
        ("service.name", "worker"),
    ] {
        let found = format!("arrayStringConcat(groupUniqArray(ResourceAttributes['{attribute}']), ',')");
        assert_eq!(engine.query(&sum(&found, "container.cpu.time", name)).await.unwrap(), expected, "{attribute}");
    }
    let volumes = format!(
        "SELECT DISTINCT ResourceAttributes['k8s.volume.type'] FROM otel.otel_metrics_gauge \
         WHERE MetricName = 'k8s.volume.available' AND {OF_POD} = '{name}' ORDER BY 1 FORMAT TSV"
    );
    assert_eq!(engine.query(&volumes).await.unwrap(), "emptyDir\nprojected");
}

/// The one after it is another container, and counts from its own beginning.
async fn restart(namespace: &Namespace, engine: &ClickHouse, pod: &str) {
    let begins = sum("uniqExact(StartTimeUnix)", "container.cpu.time", pod);
    assert_eq!(number(engine, &begins).await, 1.0);
    namespace.kubectl(&["exec", pod, "--", "touch", "/tmp/stop"]).unwrap();
    eventually("another container is measured", Duration::from_secs(120), async || {
        let found = number(engine, &begins).await;
        if found == 2.0 { Ok(()) } else { Err(format!("{found} beginnings")) }
    })
    .await
    .unwrap();
    let object = namespace.json(&["pod", pod]).unwrap();
    let id = text(&object, "/status/containerStatuses/0/containerID").split_once("://").unwrap().1;
    let newest = sum(
        "argMax(ResourceAttributes['container.id'], (StartTimeUnix, ResourceAttributes['container.id'] != ''))",
        "container.cpu.time",
        pod,
    );
    eventually("it is the one that runs", Duration::from_secs(30), async || {
        let found = engine.query(&newest).await.map_err(|error| format!("{error:#}"))?;
        if found == id { Ok(()) } else { Err(found) }
    })
    .await
    .unwrap();
    assert_eq!(number(engine, &sum("uniqExact(StartTimeUnix)", "k8s.pod.uptime", pod)).await, 1.0, "the pod goes on");
}
