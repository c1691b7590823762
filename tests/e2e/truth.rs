//! What the status says, against what is.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::cluster::Namespace;
use tests::wait::eventually;

use crate::cluster;

mod causes;

fn condition(status: &Value, name: &str) -> Value {
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == name).unwrap_or_default()
}

async fn condition_says(namespace: &Namespace, name: &str, state: &str, words: &[&str]) -> Value {
    condition_says_within(Duration::from_secs(60), namespace, name, state, words).await
}

async fn condition_says_within(
    bound: Duration,
    namespace: &Namespace,
    name: &str,
    state: &str,
    words: &[&str],
) -> Value {
    eventually(&format!("{name}={state} {words:?}"), bound, async || {
        let status = namespace.status().map_err(|error| format!("{error:#}"))?;
        let condition = condition(&status, name);
        let message = condition["message"].as_str().unwrap_or_default();
        let reason = condition["reason"].as_str().unwrap_or_default();
        let is_told = words.iter().all(|word| message.contains(word) || reason == *word);
        if condition["status"] == state && is_told { Ok(condition) } else { Err(status.to_string()) }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_crash_looping_gateway_never_shows_ready() {
    let namespace = Namespace::create(cluster(), "e2e-crash").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    // An image whose program ends at once with an error: it does not know `run`.
    let crashing = "  image: {repository: localhost/busybox, tag: '1'}\n  gateway: {replicas: 1}";
    namespace.apply(&namespace.resource(&engine, crashing)).unwrap();
    let end = Instant::now() + Duration::from_secs(25);
    let mut samples = 0;
    while Instant::now() < end {
        let status = namespace.status().unwrap();
        assert_ne!(condition(&status, "Ready")["status"], "True", "{status}");
        samples += 1;
    }
    assert!(samples > 20, "{samples}");
    let degraded = condition_says(&namespace, "Degraded", "True", &["main-gateway"]).await;
    println!("{}", degraded["message"]);

    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    namespace.wait_ready("90s").unwrap();
}

#[tokio::test]
async fn an_invalid_resource_names_the_field_and_leaves_what_runs_alone() {
    let namespace = Namespace::create(cluster(), "e2e-invalid").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    namespace.wait_ready("90s").unwrap();
    let before = namespace.children().unwrap();

    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 3, blocks: {maxAge: 2m}}")).unwrap();
    let told = condition_says(&namespace, "ConfigValid", "False", &["spec.gateway.blocks.maxAge"]).await;
    println!("{}", told["message"]);
    condition_says(&namespace, "Ready", "False", &[]).await;
    assert_eq!(namespace.children().unwrap(), before);

    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    condition_says(&namespace, "Ready", "True", &[]).await;
}

#[tokio::test]
async fn the_api_server_refuses_what_cannot_be_and_says_what_to_do() {
    let namespace = Namespace::create(cluster(), "e2e-refused").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    for (roles, told) in [
        ("  agent: {}", "add gateway: {}"),
        ("", "no role is on"),
        ("  gateway: {replicas: -1}", "spec.gateway.replicas"),
        ("  gatway: {}", "unknown field"),
        ("  gateway: {otlp: {http: {port: 4317}}}", "use two"),
        ("  gateway: {auth: {}}", "either tokens or oidc"),
        ("  gateway: {ingress: {host: 'https://x'}}", "use a host name"),
        ("  gateway: {auth: {oidc: {issuer: 'http://i', audience: a}}}", "use https://"),
        ("  gateway: {auth: {oidc: {issuer: 'https://i', audience: a}}}\n  agent: {}", "use gateway.auth.tokens"),
        ("  gateway: {}\n  agent: {forward: {tls: {}}}", "speak no TLS"),
        ("  gateway: {otlp: {tls: {secretName: c, clientCa: {}}}}", "secretName or configMapName"),
        ("  gateway: {autoscaling: {minReplicas: 3, maxReplicas: 2}}", "minReplicas is above maxReplicas"),
        ("  gateway: {disruptionBudget: {minAvailable: 1, maxUnavailable: 1}}", "exclude each other"),
        ("  gateway: {updateStrategy: {maxSurge: some}}", "spec.gateway.updateStrategy.maxSurge"),
    ] {
        let refused = namespace.apply(&namespace.resource(&engine, roles)).unwrap_err().to_string();
        assert!(refused.contains(told), "{roles}: {refused}");
    }
    for (clickhouse, told) in [
        ("{}", "no address"),
        ("{endpoint: 'http://c', endpoints: ['http://d']}", "exclude each other"),
        ("{endpoints: ['http://me@c']}", "credentials go into a Secret"),
        ("{endpoint: 'http://c', tls: {}}", "no endpoint is https://"),
        ("{endpoint: 'https://c', tls: {ca: {secretName: s}, insecureSkipVerify: true}}", "would ignore ca"),
        ("{endpoint: 'http://c', schema: {engine: Log}}", "spec.clickhouse.schema.engine"),
    ] {
        let resource = namespace.resource(&engine, "  gateway: {}");
        let resource = resource.lines().map(|line| {
            if line.starts_with("  clickhouse:") { format!("  clickhouse: {clickhouse}") } else { line.to_owned() }
        });
        let refused = namespace.apply(&resource.collect::<Vec<_>>().join("\n")).unwrap_err().to_string();
        assert!(refused.contains(told), "{clickhouse}: {refused}");
    }
}

#[tokio::test]
async fn a_missing_secret_is_named_and_its_arrival_mends_it() {
    let namespace = Namespace::create(cluster(), "e2e-secret").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.kubectl(&["delete", "secret", "clickhouse"]).unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    condition_says(&namespace, "Ready", "False", &["clickhouse"]).await;
    let literals = ["--from-literal=username=admin", "--from-literal=password=admin-password"];
    namespace.kubectl(&[&["create", "secret", "generic", "clickhouse"], &literals[..]].concat()).unwrap();
    namespace.wait_ready("60s").unwrap();
}
