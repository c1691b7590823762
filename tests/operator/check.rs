//! What the operator tells of itself: to `helm test`, which runs its own binary, and to people.

use std::time::Duration;

use tests::apiserver::{ApiServer, User};
use tests::cluster::{RELEASE, RELEASE_NAMESPACE};
use tests::operator::{Operator, check};
use tests::wait::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_charts_test_passes_with_an_operator_that_is_ready_and_fails_without_one() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let chart = tests::repository().join("helm").display().to_string();
    let only = ["--show-only", "templates/tests/ready.yaml"];
    let rendered =
        cluster.helm(&[&["template", RELEASE, &chart, "--namespace", RELEASE_NAMESPACE], &only[..]].concat()).unwrap();
    assert!(rendered.contains("helm.sh/hook: test\n"), "{rendered}");
    let args = format!("args: [check, \"{RELEASE}-metrics.{RELEASE_NAMESPACE}.svc:8080\"]\n");
    assert!(rendered.contains(&args), "{rendered}");

    let operator = Operator::start(&server).await.unwrap();
    let address = operator.admin();
    assert!(check(address, "10").unwrap().success());
    operator.stop().await.unwrap();
    assert!(!check(address, "1").unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_the_last_reconcile_of_a_resource_ended_is_told_for_as_long_as_it_is_there() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let operator = Operator::start(&server).await.unwrap();
    let resource = |endpoint: &str| {
        format!(
            "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\nmetadata: {{name: main, namespace: default}}\n\
             spec: {{clickhouse: {{endpoint: 'http://c:8123', credentials: {{secretName: {endpoint}}}}}, gateway: {{}}}}\n"
        )
    };
    let told = async |what: &str, wanted: Option<(&str, u64)>| {
        eventually(what, Duration::from_secs(20), async || {
            let told = operator.resources().await.map_err(|error| format!("{error:#}"))?;
            let last = told[0]["outcome"].as_str().zip(told[0]["generation"].as_u64());
            if last == wanted { Ok(()) } else { Err(told.to_string()) }
        })
        .await
        .unwrap();
    };
    cluster.kubectl_with(&["apply", "-f", "-"], &resource("missing")).unwrap();
    told("a missing Secret is waited for", Some(("Refused", 1))).await;
    let secret = ["create", "secret", "generic", "there", "--from-literal=username=u", "--from-literal=password=p"];
    cluster.kubectl(&secret).unwrap();
    cluster.kubectl_with(&["apply", "-f", "-"], &resource("there")).unwrap();
    told("the next generation is applied", Some(("Applied", 2))).await;
    cluster.kubectl(&["delete", "clickstackcollector", "main"]).unwrap();
    // Nothing happens to what is gone until something of it goes.
    cluster.kubectl(&["delete", "deployment", "main-gateway"]).unwrap();
    told("it is forgotten", None).await;
    operator.stop().await.unwrap();
}
