//! An operator that dies at every single write leaves behind what one that lived would have made.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::apiserver::{ApiServer, User};
use tests::operator::Operator;
use tests::wait::eventually;

use crate::proxy::Proxy;

const WITHIN: Duration = Duration::from_secs(60);
/// Longer than any pause of an operator that has still something to write and meets no failure.
const QUIET: Duration = Duration::from_secs(2);

const KINDS: &str = "serviceaccounts,configmaps,services,deployments,daemonsets,poddisruptionbudgets,networkpolicies";

fn resource(max_age: &str) -> String {
    format!(
        "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\nmetadata: {{name: main, namespace: default}}\n\
         spec: {{clickhouse: {{endpoint: 'http://c:8123'}}, gateway: {{blocks: {{maxAge: {max_age}}}}}, agent: {{}}}}\n"
    )
}

fn apply(server: &ApiServer, max_age: &str) {
    server.cluster(User::Admin).kubectl_with(&["apply", "-f", "-"], &resource(max_age)).unwrap();
}

/// Every child and the status, without what no two runs have in common.
fn left_behind(server: &ApiServer) -> Vec<Value> {
    let cluster = server.cluster(User::Admin);
    let selector = "app.kubernetes.io/managed-by=clickstack-operator";
    let mut found = cluster.json(&[KINDS, "--selector", selector]).unwrap();
    let mut objects: Vec<_> = found["items"].as_array_mut().unwrap().iter_mut().map(Value::take).collect();
    for object in &mut objects {
        let metadata = &mut object["metadata"];
        for own in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            metadata[own].take();
        }
        metadata["ownerReferences"][0]["uid"].take();
        // Of the owner's uid, too.
        metadata["annotations"]["clickstack.io/desired-hash"].take();
        for chosen in ["clusterIP", "clusterIPs"] {
            object["spec"][chosen].take();
        }
    }
    let status = &mut cluster.json(&["clickstackcollector", "main"]).unwrap()["status"];
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition["lastTransitionTime"].take();
    }
    objects.push(status.take());
    objects
}

/// Runs one operator after another, each of which dies at its first write, until one has nothing to write.
async fn die_at_every_write(server: &ApiServer) -> usize {
    for deaths in 0..100 {
        let proxy = Proxy::start(server, 1).await;
        let config = proxy.kubeconfig(server);
        let mut operator = Operator::start_with(server, |command| {
            command.env("KUBECONFIG", &config);
        })
        .await
        .unwrap();
        let (begun, mut quiet_since) = (Instant::now(), None);
        let has_died = loop {
            assert!(begun.elapsed() < WITHIN, "neither a write nor a reconcile\n{}", operator.process().log_tail());
            if proxy.is_closed() {
                break true;
            }
            let reconciles = operator.metric("clickstack_operator_reconciles_total").await.unwrap_or_default();
            if reconciles > 0.0 && quiet_since.get_or_insert_with(Instant::now).elapsed() > QUIET {
                break false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        operator.process().kill().unwrap();
        // Its successor need not wait for a dead man.
        server.cluster(User::Admin).kubectl(&["delete", "lease", "clickstack-operator", "--ignore-not-found"]).unwrap();
        if !has_died {
            return deaths;
        }
    }
    panic!("a hundred operators have not been enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_killed_at_each_of_its_writes_leaves_what_one_that_lived_would_have_made() {
    let (lived, died) = (ApiServer::start().await.unwrap(), ApiServer::start().await.unwrap());
    let operator = Operator::start(&lived).await.unwrap();
    for (max_age, at_least) in [("1s", 11), ("2s", 3)] {
        apply(&lived, max_age);
        let generation = lived.cluster(User::Admin).json(&["clickstackcollector", "main"]).unwrap();
        let generation = generation["metadata"]["generation"].clone();
        eventually("it is done", WITHIN, async || {
            let status = left_behind(&lived).pop().unwrap();
            if status["appliedGeneration"] == generation { Ok(()) } else { Err(status.to_string()) }
        })
        .await
        .unwrap();
        apply(&died, max_age);
        let deaths = die_at_every_write(&died).await;
        println!("{max_age}: {deaths} operators died, each at a write");
        assert!(deaths >= at_least, "{deaths}");
        let (wanted, found) = (left_behind(&lived), left_behind(&died));
        for (wanted, found) in wanted.iter().zip(&found) {
            assert_eq!(wanted, found);
        }
        assert_eq!(wanted.len(), found.len());
    }
    operator.stop().await.unwrap();
}
