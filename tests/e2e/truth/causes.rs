//! Each thing that breaks is named within ten seconds, is over when its cause is, and nothing is called ready meanwhile
//! that does not serve.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::clickhouse::{ClickHouse, Options, User};
use tests::cluster::statuses::{Statuses, condition, is_ready};
use tests::cluster::{Namespace, ROLLED_OUT_WITHIN};
use tests::wait::eventually;

use super::{condition_says, condition_says_within};
use crate::cluster;

const NAMED_WITHIN: Duration = Duration::from_secs(10);

async fn named(namespace: &Namespace, type_: &str, state: &str, words: &[&str]) {
    let begun = Instant::now();
    let told = condition_says_within(NAMED_WITHIN, namespace, type_, state, words).await;
    println!("{} after {:?}: {}", words[0], begun.elapsed(), told["message"]);
}

/// Applies what breaks, sees it named, takes it back; the generation that broke was never called ready.
async fn breaks_and_heals(namespace: &Namespace, engine: &ClickHouse, broken: &str, words: &[&str]) {
    let statuses = Statuses::watch(namespace).unwrap();
    namespace.apply(&namespace.resource(engine, broken)).unwrap();
    let generation = namespace.json(&["clickstackcollector", "main"]).unwrap()["metadata"]["generation"].clone();
    named(namespace, "Degraded", "True", words).await;
    condition_says(namespace, "Available", "True", &[]).await;
    let of_it = |seen: &&Value| seen["metadata"]["generation"] == generation;
    let seen = statuses.so_far().unwrap();
    assert!(seen.iter().filter(of_it).count() > 1, "{seen:?}");
    assert!(!seen.iter().filter(of_it).any(is_ready), "{seen:?}");
    namespace.apply(&namespace.resource(engine, "  gateway: {replicas: 1}")).unwrap();
    condition_says_within(ROLLED_OUT_WITHIN, namespace, "Degraded", "False", &[]).await;
    condition_says(namespace, "Ready", "True", &[]).await;
    all_who_wait_agree(namespace, &statuses);
}

/// Everybody who waits for the resource sees it as it calls itself, at every step.
fn all_who_wait_agree(namespace: &Namespace, statuses: &Statuses) -> Vec<Value> {
    let seen = statuses.so_far().unwrap();
    let verdicts = namespace.cluster.verdicts(&seen).unwrap();
    assert!(!seen.is_empty() && verdicts.len() == seen.len(), "{verdicts:?}");
    for (seen, verdict) in seen.iter().zip(&verdicts) {
        let is_of_generation = seen["status"]["observedGeneration"] == seen["metadata"]["generation"];
        let (waiting, broken) = if is_ready(seen) {
            ("Current", "Healthy")
        } else if is_of_generation && condition(seen, "Stalled")["status"] == "True" {
            ("Failed", "Degraded")
        } else if is_of_generation && condition(seen, "Degraded")["status"] == "True" {
            ("InProgress", "Degraded")
        } else {
            ("InProgress", "Progressing")
        };
        let told = (&verdict["kstatus"], &verdict["flux"], &verdict["argo"]["status"]);
        assert_eq!(told, (&waiting.into(), &waiting.into(), &broken.into()), "{seen}");
    }
    seen
}

#[tokio::test]
async fn a_generation_that_cannot_start_is_named_while_the_one_before_serves() {
    let namespace = Namespace::create(cluster(), "e2e-cannot-start").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    namespace.wait_ready("60s").unwrap();

    let unpullable = "  image: {repository: localhost/absent, tag: '1'}\n  gateway: {replicas: 1}";
    breaks_and_heals(&namespace, &engine, unpullable, &["main-gateway", "collector", "localhost/absent:1"]).await;
    let too_large = "  gateway: {replicas: 1, resources: {requests: {cpu: 1000}}}";
    breaks_and_heals(&namespace, &engine, too_large, &["Unschedulable", "main-gateway", "cpu"]).await;
}

#[tokio::test]
async fn a_quota_that_keeps_pods_away_is_named_for_gateways_and_for_agents() {
    let namespace = Namespace::create(cluster(), "e2e-quota").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.kubectl(&["create", "quota", "few", "--hard=pods=1"]).unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 2}")).unwrap();
    named(&namespace, "Degraded", "True", &["QuotaExceeded", "exceeded quota: few"]).await;
    condition_says(&namespace, "Ready", "False", &["exceeded quota: few"]).await;
    namespace.kubectl(&["delete", "quota", "few"]).unwrap();
    namespace.wait_ready("90s").unwrap();

    namespace.kubectl(&["create", "quota", "few", "--hard=pods=2"]).unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 2}\n  agent: {hostPort: false}")).unwrap();
    named(&namespace, "Degraded", "True", &["QuotaExceeded", "exceeded quota: few"]).await;
    namespace.kubectl(&["delete", "quota", "few"]).unwrap();
    namespace.wait_ready("90s").unwrap();
    condition_says(&namespace, "Degraded", "False", &[]).await;
}

#[tokio::test]
async fn who_clickhouse_does_not_let_in_is_told_where_to_look_and_becomes_ready_when_let_in() {
    let namespace = Namespace::create(cluster(), "e2e-auth").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.kubectl(&["delete", "secret", "clickhouse"]).unwrap();
    let statuses = Statuses::watch(&namespace).unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    named(&namespace, "Degraded", "True", &["SecretMissing", "Secret clickhouse"]).await;
    let literals = ["--from-literal=username=late", "--from-literal=password=late-password"];
    namespace.kubectl(&[&["create", "secret", "generic", "clickhouse"], &literals[..]].concat()).unwrap();
    for type_ in ["ClickHouseReachable", "Ready"] {
        named(&namespace, type_, "False", &["ClickHouseAuthFailed", "516", "Secret clickhouse"]).await;
    }
    let seen = statuses.so_far().unwrap();
    assert!(!seen.iter().any(is_ready), "{seen:?}");
    assert!(!format!("{seen:?}").contains("late-password"), "{seen:?}");

    // The same address, and a server that knows the user.
    let options = Options {
        listen_host: namespace.cluster.host.clone(),
        http_port: Some(engine.http_port),
        users: vec![User::admin("late", "late-password")],
        ..Options::default()
    };
    drop(engine);
    let _engine = ClickHouse::start(options).await.unwrap();
    namespace.wait_ready("30s").unwrap();
    condition_says(&namespace, "ClickHouseReachable", "True", &["Reached"]).await;
    condition_says(&namespace, "Degraded", "False", &[]).await;
    all_who_wait_agree(&namespace, &statuses);
}

#[tokio::test]
async fn an_outage_of_clickhouse_is_named_and_gateways_that_take_data_stay_ready() {
    let namespace = Namespace::create(cluster(), "e2e-outage").unwrap();
    let mut engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 2}")).unwrap();
    namespace.wait_ready("60s").unwrap();
    condition_says(&namespace, "ClickHouseReachable", "True", &["Reached"]).await;
    let statuses = Statuses::watch(&namespace).unwrap();
    engine.kill().unwrap();
    for type_ in ["ClickHouseReachable", "Degraded"] {
        let state = if type_ == "Degraded" { "True" } else { "False" };
        named(&namespace, type_, state, &["ClickHouseUnreachable", "main-gateway"]).await;
    }
    engine.start_again().await.unwrap();
    condition_says_within(NAMED_WITHIN, &namespace, "ClickHouseReachable", "True", &["Reached"]).await;
    condition_says(&namespace, "Degraded", "False", &[]).await;
    let seen = all_who_wait_agree(&namespace, &statuses);
    assert!(seen.iter().all(is_ready), "{seen:?}");

    let events = namespace.json(&["events.events.k8s.io"]).unwrap();
    let reasons: Vec<_> = events["items"].as_array().unwrap().iter().collect();
    let of = |reason: &str| {
        let of_it = |event: &&&Value| event["reason"] == reason && event["regarding"]["kind"] == "ClickStackCollector";
        reasons.iter().filter(of_it).count()
    };
    assert_eq!((of("Ready"), of("ClickHouseUnreachable"), of("Recovered")), (1, 1, 1), "{events}");
}

#[tokio::test]
async fn a_gateway_that_is_killed_is_named_with_its_exit_code_and_believed_again_when_it_stays_up() {
    let namespace = Namespace::create(cluster(), "e2e-killed").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    namespace.wait_ready("60s").unwrap();
    let statuses = Statuses::watch(&namespace).unwrap();
    let victim = namespace.pods("gateway").unwrap().remove(0);
    victim.kill().unwrap();
    named(&namespace, "Degraded", "True", &["exit code 137", &victim.name, "container collector"]).await;
    let restarted = eventually("it runs again", ROLLED_OUT_WITHIN, async || {
        let pod = namespace.json(&["pod", &victim.name]).map_err(|error| format!("{error:#}"))?;
        let running = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"].clone();
        if pod["status"]["containerStatuses"][0]["restartCount"] == 1 && running.is_string() {
            Ok(running)
        } else {
            Err(pod["status"].to_string())
        }
    });
    println!("running since {}", restarted.await.unwrap());
    condition_says(&namespace, "Ready", "True", &[]).await;
    condition_says(&namespace, "Degraded", "False", &[]).await;
    // In every version: not ready while a container is not believed.
    for seen in all_who_wait_agree(&namespace, &statuses) {
        assert!(!(is_ready(&seen) && condition(&seen, "Degraded")["status"] == "True"), "{seen}");
    }
}
