//! Generated files are fresh: comes in the type, goes out whether the committed YAML is what it prints.

use crate::tree::Finding;

const CRD: &str = "crds/yaml/clickstackcollectors.yaml";
const CHART_COPY: &str = "helm/crds/clickstackcollectors.yaml";

fn stale(path: &str, committed: &str, fresh: &str) -> Option<Finding> {
    let differs = committed.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    let line = differs.unwrap_or_else(|| committed.lines().count().min(fresh.lines().count())) + 1;
    let what = "is not what the type prints; refresh it with: make crds".to_owned();
    (committed != fresh).then(|| Finding { path: path.into(), line, what })
}

#[test]
fn the_generated_crd_and_the_charts_copy_are_fresh() {
    let fresh = crds::v1alpha1::crd_yaml().expect("the type prints");
    let read = |path| std::fs::read_to_string(tests::repository().join(path)).unwrap_or_default();
    crate::hold("generated", [CRD, CHART_COPY].iter().filter_map(|path| stale(path, &read(path), &fresh)).collect());
}

#[test]
fn a_stale_line_is_found() {
    assert_eq!(stale("a.yaml", "a\nb\n", "a\nc\n").map(|found| found.line), Some(2));
    assert!(stale("a.yaml", "a\n", "a\n").is_none());
}
