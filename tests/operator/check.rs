//! What `helm test` runs: the operator's own binary, asking a running operator whether it is ready.

use tests::apiserver::{ApiServer, User};
use tests::cluster::{RELEASE, RELEASE_NAMESPACE};
use tests::operator::{Operator, check};

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
