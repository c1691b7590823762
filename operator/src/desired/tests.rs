//! Golden: `testdata/<case>.input.yaml` through the real validation into `testdata/<case>.objects.yaml`.
//! `UPDATE_GOLDEN=1` writes what comes out.

use std::{collections::BTreeSet, path::Path};

use crds::v1alpha1::ClickStackCollector;

use super::*;
use crate::{
    resolve::Secret,
    validate::{Refusal, validate},
};

const IMAGE: &str = "clickstack/clickstack-collector:0.1.0";

fn read(case: &str) -> ClickStackCollector {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{case}.input.yaml"));
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn secret() -> Secret {
    Secret::Found { keys: BTreeSet::from(["user", "pass"].map(str::to_owned)) }
}

fn children(case: &str) -> Vec<Child> {
    desired(&validate(&read(case), &secret(), IMAGE).unwrap())
}

fn golden(case: &str) {
    let text = match validate(&read(case), &secret(), IMAGE) {
        Ok(plan) => {
            let documents = desired(&plan).into_iter().map(|child| serde_saphyr::to_string(&child.object).unwrap());
            documents.collect::<Vec<_>>().join("---\n")
        }
        Err(Refusal::Invalid(problems)) => problems.iter().map(|problem| format!("# {problem}\n")).collect(),
        Err(refusal) => format!("# {refusal:?}\n"),
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{case}.objects.yaml"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
}

#[test]
fn the_smallest_resource_makes_both_roles() {
    golden("smallest");
}

#[test]
fn every_option_reaches_its_object() {
    golden("full");
}

#[test]
fn without_agents_only_gateways_are_made() {
    golden("no-agent");
}

#[test]
fn everything_wrong_is_told_at_once() {
    golden("invalid");
}

#[test]
fn workloads_come_last() {
    let kinds: Vec<_> = children("full").iter().map(|child| child.kind.is_workload()).collect();
    assert!(kinds.is_sorted(), "{kinds:?}");
    assert_eq!(kinds.len(), 9);
}

#[test]
fn the_same_resource_makes_the_same_objects() {
    assert_eq!(children("full"), children("full"));
}

#[test]
fn a_changed_configuration_gets_a_new_config_map_and_rolls_its_own_role_alone() {
    let mut resource = read("smallest");
    let before = desired(&validate(&resource, &secret(), IMAGE).unwrap());
    resource.spec.clickhouse.database = "other".to_owned();
    let after = desired(&validate(&resource, &secret(), IMAGE).unwrap());
    let changed: BTreeSet<_> =
        after.iter().filter(|child| !before.contains(child)).map(|child| (child.kind, child.role)).collect();
    assert_eq!(changed, BTreeSet::from([(Kind::ConfigMap, Role::Gateway), (Kind::Deployment, Role::Gateway)]));
}

#[test]
fn what_is_written_into_a_config_map_is_what_the_collector_reads() {
    for child in children("full").iter().filter(|child| child.kind == Kind::ConfigMap) {
        let text = child.object["data"][config_map::KEY].as_str().unwrap();
        let config = crds::config::CollectorConfig::from_yaml(text).unwrap();
        assert_eq!((config.role, config.problems()), (child.role, vec![]));
    }
}
