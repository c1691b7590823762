//! Kubernetes' own events of real pods in ClickHouse, once each, while the pod that reads them is replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use tests::cluster::Namespace;
use tests::wait::eventually;

use crate::cluster;

/// Ends with an error again and again: the kubelet pulls, creates, starts and backs off, and counts up.
const FAILING: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: localhost/busybox:1, command: [sh, -c, "exit 1"]}]
"#;

#[derive(Debug, Deserialize)]
struct Stored {
    name: String,
    version: String,
    rows: u64,
}

#[tokio::test]
async fn events_of_real_pods_are_stored_once_each_while_the_pod_that_reads_them_is_replaced() {
    let namespace = Namespace::create(cluster(), "e2e-cluster-events").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let roles = "  clusterName: test\n  gateway: {replicas: 1}\n  cluster: {replicas: 2}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("120s").unwrap();
    let fail = |name: &str| {
        let pod = FAILING.replace("NAME", name);
        namespace.cluster.kubectl_with(&["--namespace", &namespace.name, "apply", "-f", "-"], &pod).unwrap();
    };
    fail("one");
    let lease = namespace.json(&["lease", "main-cluster"]).unwrap();
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap().to_owned();
    let reader = namespace.pods("cluster").unwrap().into_iter().find(|pod| holder.starts_with(&pod.name)).unwrap();
    namespace.kubectl(&["delete", "pod", &reader.name, "--wait=false"]).unwrap();
    fail("two");

    let sql = format!(
        "SELECT JSONExtractString(LogAttributes['object'], 'metadata', 'name') AS name, \
         JSONExtractString(LogAttributes['object'], 'metadata', 'resourceVersion') AS version, count() AS rows \
         FROM otel.otel_logs WHERE LogAttributes['k8s.resource.name'] = 'events' \
         AND ResourceAttributes['k8s.namespace.name'] = '{}' AND ResourceAttributes['k8s.object.name'] IN ('one', 'two') \
         GROUP BY name, version SETTINGS output_format_json_quote_64bit_integers = 0",
        namespace.name
    );
    eventually("every event as it is now is stored", Duration::from_secs(120), async || {
        let found = namespace.json(&["events.v1.events.k8s.io"]).map_err(|error| format!("{error:#}"))?;
        let items = found["items"].as_array().cloned().unwrap_or_default();
        let of_pods =
            items.iter().filter(|event| ["one", "two"].iter().any(|name| event["regarding"]["name"] == *name));
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let now: BTreeMap<String, String> = of_pods
            .map(|event| (text(&event["metadata"]["name"]), text(&event["metadata"]["resourceVersion"])))
            .collect();
        let stored: Vec<Stored> = engine.query_rows(&sql).await.map_err(|error| format!("{error:#}"))?;
        assert!(stored.iter().all(|event| event.rows == 1), "{stored:?}");
        let has = |(name, version): (&String, &String)| {
            stored.iter().any(|event| event.name == *name && event.version == *version)
        };
        // Scheduled, Pulled, Created, Started, BackOff of each.
        if now.len() >= 10 && now.iter().all(has) { Ok(()) } else { Err(format!("{now:?} {stored:?}")) }
    })
    .await
    .unwrap();
    let lease = namespace.json(&["lease", "main-cluster"]).unwrap();
    assert_ne!(lease["spec"]["holderIdentity"].as_str(), Some(holder.as_str()), "the other took over");
}
