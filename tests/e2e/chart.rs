//! The chart, by the real Helm, and what is made of it for others.

use std::time::{Duration, Instant};

use tests::cluster::Namespace;

use crate::cluster;

fn chart() -> String {
    tests::repository().join("helm").display().to_string()
}

#[test]
fn the_chart_passes_lint_and_renders_for_all_namespaces_or_for_some() {
    let cluster = cluster();
    let linted = cluster.helm(&["lint", "--strict", &chart()]).unwrap();
    assert!(linted.contains("0 chart(s) failed"), "{linted}");
    let everywhere = cluster.helm(&["template", "x", &chart()]).unwrap();
    assert!(everywhere.contains("kind: ClusterRole\n"), "{everywhere}");
    assert!(!everywhere.contains("PrometheusRule"), "{everywhere}");
    let watched = cluster.helm(&["template", "x", &chart(), "--set", "metrics.prometheusRule.enabled=true"]).unwrap();
    assert!(watched.contains("kind: PrometheusRule\n") && watched.contains("{{ $labels.namespace }}"), "{watched}");
    let some = cluster.helm(&["template", "x", &chart(), "--set", "watchNamespaces={a,b}"]).unwrap();
    assert!(!some.contains("ClusterRole"), "{some}");
    assert!(some.contains("namespace: a\n") && some.contains("namespace: b\n"), "{some}");
}

#[test]
fn an_operator_for_some_namespaces_binds_nobody_and_the_agents_that_may_read_pods_are_those_of_the_list() {
    let cluster = cluster();
    let everywhere = cluster.helm(&["template", "x", &chart()]).unwrap();
    for role in ["agent", "cluster"] {
        let told = format!("--{role}-cluster-role=x-clickstack-operator-{role}");
        assert!(everywhere.contains(&told), "{told}: {everywhere}");
    }
    assert!(everywhere.contains("verbs: [bind]") && !everywhere.contains("subjects:\n---"), "{everywhere}");
    let some = ["template", "x", &chart(), "--set", "watchNamespaces={shop}"];
    let none = cluster.helm(&some).unwrap();
    assert!(!none.contains("bind]") && !none.contains("agent-cluster-role"), "{none}");
    for (list, role) in [("podReaders", "agent"), ("clusterReaders", "cluster")] {
        let list = ["--set", &format!("{list}[0].namespace=shop,{list}[0].name=main")];
        let one = cluster.helm(&[&some[..], &list].concat()).unwrap();
        assert!(one.contains(&format!("{{kind: ServiceAccount, name: main-{role}, namespace: shop}}")), "{one}");
        assert!(!one.contains("bind]") && one.matches("kind: ClusterRoleBinding").count() == 1, "{one}");
    }
}

#[test]
fn a_misspelt_value_is_refused() {
    let refused = cluster().helm(&["template", "x", &chart(), "--set", "replcias=2"]).unwrap_err().to_string();
    assert!(refused.contains("replcias"), "{refused}");
}

#[test]
fn what_kustomize_builds_is_what_the_chart_renders_and_the_api_server_takes_it() {
    let cluster = cluster();
    let folder = tests::repository().join("gitops/kustomize");
    let committed = std::fs::read_to_string(folder.join("operator.yaml")).unwrap();
    let arguments = ["template", "clickstack-operator", &chart(), "--namespace", "clickstack-system", "--skip-tests"];
    let rendered = cluster.helm(&arguments).unwrap();
    let is_of_helm = |line: &&str| line.contains("helm.sh/chart:") || line.contains("managed-by: Helm");
    let lines = |text: &'_ str| -> Vec<String> {
        text.lines().filter(|line| !is_of_helm(line) && !line.starts_with("# Gen")).map(str::to_owned).collect()
    };
    assert_eq!(lines(&committed), lines(&rendered), "run `make kustomize`");
    let folder = folder.display().to_string();
    let applied = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", &folder];
    let told = cluster.kubectl(&applied).unwrap();
    assert!(told.contains("deployment.apps/clickstack-operator"), "{told}");
}

#[tokio::test]
async fn helm_waits_for_a_collector_until_it_is_ready_and_no_longer_than_asked_for_one_that_never_is() {
    let namespace = Namespace::create(cluster(), "e2e-helm-wait").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("templates")).unwrap();
    std::fs::write(path("Chart.yaml"), "apiVersion: v2\nname: mine\nversion: 0.1.0\n").unwrap();
    let release = |image: &str, timeout: &str| {
        let roles = format!("  image: {{{image}}}\n  gateway: {{replicas: 1}}");
        std::fs::write(path("templates/collector.yaml"), namespace.resource(&engine, &roles)).unwrap();
        let chart = folder.path().display().to_string();
        let arguments = ["upgrade", "--install", "mine", &chart, "--namespace", &namespace.name, "--wait", "--timeout"];
        namespace.cluster.helm(&[&arguments[..], &[timeout]].concat())
    };
    release("", "60s").unwrap();
    let status = namespace.status().unwrap();
    let ready = status["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == "Ready");
    assert_eq!(ready.unwrap()["status"], "True", "{status}");

    let begun = Instant::now();
    let failed = release("repository: localhost/absent, tag: '1'", "5s").unwrap_err().to_string();
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(failed.contains("main"), "{failed}");
}
