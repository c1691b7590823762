//! Gateways that forward: what the API server lets in of them, and what the operator makes of it.

use std::time::Duration;

use tests::apiserver::{ApiServer, User};
use tests::operator::Operator;
use tests::wait::eventually;

fn resource(spec: &str) -> String {
    format!(
        "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\n\
         metadata: {{name: eu, namespace: default}}\nspec: {spec}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_has_one_destination_and_whoever_forgets_that_is_told_what_to_do() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let clickhouse = "clickhouse: {endpoint: 'http://c:8123'}";
    let forward_to = |more: &str| format!("forwardTo: {{endpoint: 'https://central:4317'{more}}}");
    let plain = "forwardTo: {endpoint: 'http://central:4317'";
    for (spec, told) in [
        ("{gateway: {}}".to_owned(), "add clickhouse.endpoint, or gateway.forwardTo.endpoint"),
        (format!("{{{clickhouse}, gateway: {{{}}}}}", forward_to("")), "remove clickhouse or gateway.forwardTo"),
        (format!("{{gateway: {{{}, blocks: {{}}}}}}", forward_to("")), "remove blocks"),
        (format!("{{gateway: {{{}, transform: {{}}}}}}", forward_to("")), "remove transform"),
        (format!("{{gateway: {{{}, spool: {{size: 1Gi, siblings: {{}}}}}}}}", forward_to("")), "remove spool.siblings"),
        (format!("{{gateway: {{{plain}, tls: {{}}}}}}}}"), "tls would be ignored"),
        ("{gateway: {forwardTo: {endpoint: 'central:4317'}}}".to_owned(), "use http://host:4317 or https://host:4317"),
        ("{gateway: {forwardTo: {endpoint: 'http://me:key@central'}}}".to_owned(), "a token goes into auth"),
        (format!("{{gateway: {{{}}}}}", forward_to(", auth: {}")), "token"),
        (format!("{{gateway: {{{}}}}}", forward_to(", auth: {token: {secretName: s}}")), "key"),
        (
            format!("{{gateway: {{{}}}}}", forward_to(", tls: {ca: {secretName: s}, insecureSkipVerify: true}")),
            "would ignore ca",
        ),
    ] {
        let refused = cluster.kubectl_with(&["apply", "--dry-run=server", "-f", "-"], &resource(&spec)).unwrap_err();
        assert!(refused.to_string().contains(told), "{spec}: {refused}");
    }
    let token = ", auth: {token: {secretName: s, key: k}}, tls: {ca: {secretName: s}}, retryFor: 5s";
    for spec in [
        format!("{{gateway: {{{}}}, agent: {{}}}}", forward_to(token)),
        format!("{{gateway: {{{plain}}}, spool: {{size: 1Gi}}}}}}"),
        format!("{{{clickhouse}, gateway: {{}}}}"),
    ] {
        cluster.kubectl_with(&["apply", "--dry-run=server", "-f", "-"], &resource(&spec)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_forwards_waits_for_its_token_and_claims_nothing_of_clickhouse() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let operator = Operator::start(&server).await.unwrap();
    let spec =
        "{gateway: {forwardTo: {endpoint: 'https://central:4317', auth: {token: {secretName: central, key: eu}}}}}";
    cluster.kubectl_with(&["apply", "-f", "-"], &resource(spec)).unwrap();
    let says = async |type_: &str, reason: &str, words: &str| {
        eventually(&format!("{type_} {reason} {words}"), Duration::from_secs(30), async || {
            let resource = cluster.json(&["clickstackcollector", "eu"]).map_err(|error| format!("{error:#}"))?;
            let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let found = conditions.iter().find(|condition| condition["type"] == type_);
            let is_it = found.is_some_and(|condition| {
                condition["reason"] == reason && condition["message"].as_str().is_some_and(|text| text.contains(words))
            });
            if is_it { Ok(()) } else { Err(format!("{conditions:?}")) }
        })
        .await
        .unwrap();
    };
    says("Ready", "SecretMissing", "Secret central does not exist; create it with the key eu").await;
    cluster.kubectl(&["create", "secret", "generic", "central", "--from-literal=eu=token"]).unwrap();
    says("ClickHouseReachable", "ForwardsElsewhere", "https://central:4317").await;
    says("ForwardReachable", "NotToldYet", "https://central:4317").await;
    let deployment = cluster.json(&["deployment", "eu-gateway"]).unwrap();
    let volumes = deployment["spec"]["template"]["spec"]["volumes"].to_string();
    assert!(volumes.contains(r#""secretName":"central""#), "{volumes}");
    operator.stop().await.unwrap();
}
