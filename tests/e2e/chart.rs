//! The chart, by the real Helm.

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
    let some = cluster.helm(&["template", "x", &chart(), "--set", "watchNamespaces={a,b}"]).unwrap();
    assert!(!some.contains("ClusterRole"), "{some}");
    assert!(some.contains("namespace: a\n") && some.contains("namespace: b\n"), "{some}");
}

#[test]
fn a_misspelt_value_is_refused() {
    let refused = cluster().helm(&["template", "x", &chart(), "--set", "replcias=2"]).unwrap_err().to_string();
    assert!(refused.contains("replcias"), "{refused}");
}
