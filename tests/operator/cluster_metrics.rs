//! The state of a cluster as the role cluster measures it, with the rights it gets, into ClickHouse: every kind, and what
//! became of a pod since.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tests::apiserver::{ApiServer, User};
use tests::clickhouse::{ClickHouse, Options};
use tests::cluster::Cluster;
use tests::collector::Collector;
use tests::wait::eventually;

use crate::cluster_events::{RESOURCE, config};
use crate::rights::started;

/// One of each kind, as their controllers would leave them.
const OBJECTS: &str = r#"
{apiVersion: v1, kind: Node, metadata: {name: node-1}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop}
spec:
  nodeName: node-1
  automountServiceAccountToken: false
  containers:
    - {name: main, image: "cart:1.2", resources: {limits: {cpu: 500m, memory: 1Gi}, requests: {cpu: 100m, memory: 64Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: cart}}
  template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: main, image: "cart:1.2"}]}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: cart, namespace: shop}
spec: {replicas: 2, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: main, image: "cart:1.2"}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cart, namespace: shop}
spec: {replicas: 4, serviceName: cart, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: main, image: "cart:1.2"}]}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cart, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: main, image: "cart:1.2"}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: cart, namespace: shop}
spec: {completions: 5, parallelism: 2, template: {spec: {restartPolicy: Never, containers: [{name: main, image: "cart:1.2"}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cart, namespace: shop}
spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: "cart:1.2"}]}}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: cart, namespace: shop}
spec: {minReplicas: 2, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: cart, namespace: shop}, spec: {hard: {pods: "10"}}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: cart, namespace: shop}, spec: {replicas: 0, selector: {a: b}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: main, image: "cart:1.2"}]}}}}
"#;

fn patch(cluster: &Cluster, what: &[&str], status: &serde_json::Value) {
    let patch = json!({"status": status}).to_string();
    cluster.kubectl(&[&["patch"], what, &["--subresource=status", "--type=merge", "-p", &patch]].concat()).unwrap();
}

fn happen(cluster: &Cluster, phase: &str, restarts: u32) {
    let container = json!({"name": "main", "ready": phase == "Running", "restartCount": restarts, "image": "cart:1.2",
        "imageID": "", "containerID": "containerd://c1"});
    patch(cluster, &["pod", "cart", "-n", "shop"], &json!({"phase": phase, "containerStatuses": [container]}));
}

#[derive(Debug, Deserialize)]
struct Stored {
    name: String,
    value: f64,
}

/// The last value of each metric of the namespace and of the node.
async fn stored(engine: &ClickHouse) -> Result<BTreeMap<String, f64>, String> {
    let sql = "SELECT concat(MetricName, if(Attributes['resource'] = '', '', concat('/', Attributes['resource']))) AS name, \
               argMax(Value, TimeUnix) AS value FROM otel.otel_metrics_gauge \
               WHERE ResourceAttributes['k8s.cluster.name'] = 'eu' AND (ResourceAttributes['k8s.namespace.name'] = 'shop' \
               OR ResourceAttributes['k8s.node.name'] = 'node-1') GROUP BY name";
    let rows: Vec<Stored> = engine.query_rows(sql).await.map_err(|error| format!("{error:#}"))?;
    Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
}

async fn measured(engine: &ClickHouse, what: &str, expected: &[(&str, f64)]) {
    eventually(what, Duration::from_secs(60), async || {
        let stored = stored(engine).await?;
        let wrong: Vec<_> = expected.iter().filter(|(name, value)| stored.get(*name) != Some(value)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("not {wrong:?}: {stored:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_object_is_measured_and_what_becomes_of_it() {
    let server = ApiServer::start().await.unwrap();
    let operator = started(&server).await;
    let cluster = server.cluster(User::Admin);
    let spec = RESOURCE.replace("cluster: {}", "cluster: {metrics: {interval: 1s}}");
    cluster.kubectl_with(&["apply", "-f", "-"], &spec).unwrap();
    cluster.kubectl_with(&["apply", "-f", "-"], OBJECTS).unwrap();
    patch(
        &cluster,
        &["node", "node-1"],
        &json!({"conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}]}),
    );
    happen(&cluster, "Pending", 0);
    let of = |kind: &'static str| [kind, "cart", "-n", "shop"];
    patch(&cluster, &of("deployment"), &json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}));
    patch(
        &cluster,
        &of("daemonset"),
        &json!({"currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 1}),
    );
    patch(&cluster, &of("resourcequota"), &json!({"hard": {"pods": "10"}, "used": {"pods": "1"}}));

    let config = config(&server).await;
    assert!(config.receivers.cluster_events.is_none(), "only what is named");
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let collector = Collector::cluster(config, &gateway.grpc()).await.unwrap();
    let expected = [
        ("k8s.pod.phase", 1.0),
        ("k8s.container.cpu_limit", 0.5),
        ("k8s.container.cpu_request", 0.1),
        ("k8s.container.memory_limit", 1_073_741_824.0),
        ("k8s.container.memory_request", 67_108_864.0),
        ("k8s.container.ready", 0.0),
        ("k8s.container.restarts", 0.0),
        ("k8s.node.condition_ready", 1.0),
        ("k8s.node.condition_disk_pressure", 0.0),
        ("k8s.namespace.phase", 1.0),
        ("k8s.deployment.desired", 3.0),
        ("k8s.deployment.available", 2.0),
        ("k8s.replicaset.desired", 2.0),
        ("k8s.replicaset.available", 0.0),
        ("k8s.statefulset.desired_pods", 4.0),
        ("k8s.statefulset.ready_pods", 0.0),
        ("k8s.daemonset.desired_scheduled_nodes", 1.0),
        ("k8s.daemonset.ready_nodes", 1.0),
        ("k8s.job.desired_successful_pods", 5.0),
        ("k8s.job.max_parallel_pods", 2.0),
        ("k8s.job.active_pods", 0.0),
        ("k8s.cronjob.active_jobs", 0.0),
        ("k8s.hpa.min_replicas", 2.0),
        ("k8s.hpa.max_replicas", 9.0),
        ("k8s.resource_quota.hard_limit/pods", 10.0),
        ("k8s.resource_quota.used/pods", 1.0),
        ("k8s.replication_controller.desired", 0.0),
    ];
    measured(&engine, "everything is measured", &expected).await;
    happen(&cluster, "Running", 3);
    let later = [("k8s.pod.phase", 2.0), ("k8s.container.ready", 1.0), ("k8s.container.restarts", 3.0)];
    measured(&engine, "what became of the pod", &later).await;
    assert_eq!(collector.metric("clickstack_collector_cluster_failures_total{kind=\"pods\"}").await.unwrap(), 0.0);

    assert!(collector.stop().await.unwrap().success());
    operator.stop().await.unwrap();
}
