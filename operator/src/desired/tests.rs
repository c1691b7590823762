//! Golden: `testdata/<case>.input.yaml` through the real validation into `testdata/<case>.objects.yaml`.
//! `UPDATE_GOLDEN=1` writes what comes out.

use std::{collections::BTreeSet, path::Path};

use crds::v1alpha1::ClickStackCollector;

use super::*;
use crate::{
    references::{Content, Found, Referent, references},
    validate::{Refusal, validate},
};

const IMAGE: &str = "clickstack/clickstack-collector:0.1.0";

fn read(case: &str) -> ClickStackCollector {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{case}.input.yaml"));
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// As if everything a resource points at were there.
fn found(resource: &ClickStackCollector) -> Found {
    let mut found = Found::new();
    for reference in references(&resource.spec) {
        let content: &mut Content = found.entry(reference.referent).or_default();
        content.keys.extend(reference.keys);
        "uid/1".clone_into(&mut content.version);
    }
    found
}

fn checked(resource: &ClickStackCollector) -> Result<Plan, Refusal> {
    validate(resource, &found(resource), IMAGE)
}

fn children(case: &str) -> Vec<Child> {
    desired(&checked(&read(case)).unwrap())
}

fn golden(case: &str) {
    let text = match checked(&read(case)) {
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
fn agents_meet_a_closed_gateway_as_it_wants_to_be_met() {
    golden("closed-gateway");
}

#[test]
fn pod_settings_reach_the_pods_of_their_role() {
    golden("pods");
}

#[test]
fn a_scaled_gateway_leaves_its_number_to_the_autoscaler_and_policies_open_what_is_needed() {
    golden("scaled");
}

#[test]
fn a_spool_with_a_claim_makes_a_stateful_set_and_without_one_it_goes_with_the_pod() {
    golden("spool-claim");
    golden("spool");
}

#[test]
fn the_spool_of_an_agent_is_a_folder_of_its_node() {
    golden("agent-spool");
}

#[test]
fn a_gateway_that_forwards_is_given_what_it_shows_and_a_way_out() {
    golden("region");
}

#[test]
fn everything_wrong_is_told_at_once() {
    golden("invalid");
}

#[test]
fn workloads_come_last() {
    let kinds: Vec<_> = children("full").iter().map(|child| child.kind.is_workload()).collect();
    assert!(kinds.is_sorted(), "{kinds:?}");
    assert_eq!(kinds.len(), 15);
}

#[test]
fn the_same_resource_makes_the_same_objects() {
    assert_eq!(children("full"), children("full"));
}

#[test]
fn a_changed_configuration_gets_a_new_config_map_and_rolls_its_own_role_alone() {
    let mut resource = read("smallest");
    let before = desired(&checked(&resource).unwrap());
    resource.spec.clickhouse.as_mut().unwrap().database = "other".to_owned();
    let after = desired(&checked(&resource).unwrap());
    let changed: BTreeSet<_> =
        after.iter().filter(|child| !before.contains(child)).map(|child| (child.kind, child.role)).collect();
    assert_eq!(changed, BTreeSet::from([(Kind::ConfigMap, Role::Gateway), (Kind::Deployment, Role::Gateway)]));
}

#[test]
fn a_new_version_of_a_secret_rolls_the_roles_that_use_it_and_nothing_else() {
    let resource = read("full");
    let before = desired(&checked(&resource).unwrap());
    let mut newer = found(&resource);
    let secret = Referent::Secret("clickhouse".to_owned());
    newer.get_mut(&secret).unwrap().version = "uid/2".to_owned();
    let after = desired(&validate(&resource, &newer, IMAGE).unwrap());
    let changed: Vec<_> =
        after.iter().filter(|child| !before.contains(child)).map(|child| (child.kind, child.role)).collect();
    assert_eq!(changed, [(Kind::Deployment, Role::Gateway)]);
}

#[test]
fn pods_get_all_the_time_a_collector_takes_to_end() {
    let mut resource = read("smallest");
    let shutdown = crds::config::Shutdown {
        lame_duck: crds::quantity::Duration::milliseconds(2500),
        timeout: crds::quantity::Duration::seconds(60),
    };
    resource.spec.gateway.as_mut().unwrap().shutdown = Some(shutdown);
    let children = desired(&checked(&resource).unwrap());
    let deployment = children.iter().find(|child| child.kind == Kind::Deployment).unwrap();
    assert_eq!(deployment.object["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 71);
}

#[test]
fn what_is_written_into_a_config_map_is_what_the_collector_reads() {
    for child in children("full").iter().filter(|child| child.kind == Kind::ConfigMap) {
        let text = child.object["data"][config_map::KEY].as_str().unwrap();
        let config = crds::config::CollectorConfig::from_yaml(text).unwrap();
        assert_eq!((config.role, config.problems()), (child.role, vec![]));
    }
}
