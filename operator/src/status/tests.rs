#![expect(
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "a table reads best with its values in place"
)]

use crds::problem::Problem;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use serde_json::json;

use super::*;
use crate::{references::Found, validate::validate};

mod way;

const NOW: &str = "2026-01-01T00:01:00Z";

fn plan() -> Plan {
    let resource = json!({
        "apiVersion": "clickstack.io/v1alpha1", "kind": "ClickStackCollector",
        "metadata": {"name": "main", "namespace": "ns", "uid": "u", "generation": 7},
        "spec": {"clickhouse": {"endpoint": "http://c:8123"}, "gateway": {}},
    });
    validate(&serde_json::from_value(resource).unwrap(), &Found::new(), "r:1").unwrap()
}

fn rolled_out() -> Workload {
    Workload { is_believed: true, desired: 2, ready: 2, updated: 2, available: 2, total: 2, ..Workload::default() }
}

fn gateway(workload: Workload, pods: pods::Summary) -> Observed {
    let pods::Summary { steady, troubles, settles_in } = pods;
    Observed { role: Role::Gateway, workload, steady_pods: steady, troubles, settles_in, ways: Vec::new() }
}

fn made(outcome: Outcome<'_>, observed: &[Observed], previous: Option<&Status>) -> Status {
    let now = NOW.parse().unwrap();
    status(&Input {
        name: "main",
        namespace: "ns",
        generation: 7,
        previous,
        outcome,
        observed,
        access: &Access::NotAsked,
        now,
    })
}

fn told<'a>(status: &'a Status, type_: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_)?;
    Some((&found.status, &found.reason, &found.message))
}

fn pod(container: serde_json::Value, is_ready: bool) -> Pod {
    let ready = if is_ready { "True" } else { "False" };
    let pod = json!({
        "metadata": {"name": "main-gateway-x"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [container]},
    });
    serde_json::from_value(pod).unwrap()
}

fn container(state: serde_json::Value, restarts: i32) -> serde_json::Value {
    json!({
        "name": "collector", "image": "i", "imageID": "i", "ready": true, "restartCount": restarts, "state": state,
        "lastState": {"terminated": {"exitCode": 2, "reason": "Error", "message": "no such\nfile"}},
    })
}

fn running_since(second: u8) -> serde_json::Value {
    json!({"running": {"startedAt": format!("2026-01-01T00:00:{second:02}Z")}})
}

#[test]
fn ready_needs_every_number_to_agree() {
    let plan = plan();
    let changes: [(&str, fn(&mut Workload)); 6] = [
        ("RollingOut", |w| w.is_believed = false),
        ("RollingOut", |w| w.updated = 1),
        ("RollingOut", |w| w.total = 3),
        ("GatewayNotReady", |w| w.ready = 1),
        ("GatewayNotReady", |w| w.available = 1),
        ("AllReady", |_| {}),
    ];
    for (reason, change) in changes {
        let mut workload = rolled_out();
        change(&mut workload);
        let status = made(
            Outcome::Applied(&plan),
            &[gateway(workload, pods::Summary { steady: 2, ..Default::default() })],
            None,
        );
        let ready = told(&status, "Ready").unwrap();
        assert_eq!((ready.0, ready.1), (if reason == "AllReady" { "True" } else { "False" }, reason), "{ready:?}");
        assert_eq!(told(&status, "Reconciling").is_some(), reason != "AllReady");
        assert_eq!(told(&status, "Stalled"), None);
    }
}

#[test]
fn ready_needs_pods_that_stay_up() {
    let plan = plan();
    let status = made(
        Outcome::Applied(&plan),
        &[gateway(rolled_out(), pods::Summary { steady: 1, ..Default::default() })],
        None,
    );
    assert_eq!(told(&status, "Ready"), Some(("False", "GatewayNotReady", "1 of 2 gateway pods are ready")));
}

#[test]
fn a_crash_loop_is_named_with_its_last_words() {
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}});
    let pods = pods::summary([&pod(container(waiting, 3), false)], NOW.parse().unwrap());
    let plan = plan();
    let status = made(Outcome::Applied(&plan), &[gateway(rolled_out(), pods)], None);
    let message = "pod main-gateway-x, container collector: CrashLoopBackOff: it ended with exit code 2: no such file";
    assert_eq!(told(&status, "Degraded"), Some(("True", "CrashLoopBackOff", message)));
    assert_eq!(told(&status, "Ready"), Some(("False", "GatewayNotReady", message)));
}

#[test]
fn a_container_without_memory_is_named_by_what_it_died_of() {
    let mut container = container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), 3);
    container["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let summary = pods::summary([&pod(container, false)], NOW.parse().unwrap());
    assert_eq!(summary.troubles[0].reason, "OOMKilled");
    assert!(summary.troubles[0].message.ends_with("it ended with exit code 137 (OOMKilled)"), "{summary:?}");
}

#[test]
fn an_init_container_counts_until_it_has_done_its_work() {
    let state = |state| {
        let mut pod = pod(container(running_since(0), 0), true);
        let init = serde_json::from_value(container(state, 0)).unwrap();
        pod.status.as_mut().unwrap().init_container_statuses = Some(vec![init]);
        pods::summary([&pod], NOW.parse().unwrap()).troubles.len()
    };
    assert_eq!(state(json!({"terminated": {"exitCode": 0}})), 0);
    assert_eq!(state(json!({"terminated": {"exitCode": 1}})), 1);
    assert_eq!(state(json!({"waiting": {"reason": "ErrImagePull"}})), 1);
}

#[test]
fn a_quota_is_named_the_same_at_every_try() {
    let told = |pod: &str| {
        let message = format!("pods {pod:?} is forbidden: exceeded quota: q, requested: pods=1, used: pods=1");
        workload::not_started("FailedCreate", &message)
    };
    assert_eq!(told("main-agent-a"), told("main-agent-b"));
    let Trouble { reason, message, .. } = told("main-agent-a");
    assert_eq!(reason, "QuotaExceeded");
    assert_eq!(message, "pods cannot be started: exceeded quota: q, requested: pods=1, used: pods=1");
}

#[test]
fn telemetry_can_be_sent_while_a_pod_of_any_generation_works() {
    let plan = plan();
    let pods = |steady| pods::Summary { steady, ..Default::default() };
    for (ready, steady, desired, reason) in
        [(1, 1, 2, "PodsReady"), (0, 0, 2, "NoPodReady"), (2, 0, 2, "NoPodReady"), (0, 0, 0, "NoPodWanted")]
    {
        let workload = Workload { ready, desired, updated: 0, ..rolled_out() };
        let status = made(Outcome::Applied(&plan), &[gateway(workload, pods(steady))], None);
        assert_eq!(told(&status, "Available").unwrap().1, reason);
        assert_eq!(status.gateway.unwrap().unavailable, desired - steady);
    }
    assert_eq!(told(&made(Outcome::Applied(&plan), &[], None), "Available").unwrap().1, "NothingRuns");
    // Nobody sends to the collectors of the cluster.
    let idle = Observed { role: Role::Cluster, ..gateway(Workload { ready: 0, desired: 1, ..rolled_out() }, pods(0)) };
    let status = made(Outcome::Applied(&plan), &[gateway(rolled_out(), pods(2)), idle], None);
    assert_eq!(told(&status, "Available").unwrap().1, "PodsReady");
}

#[test]
fn an_event_is_made_when_something_begins_or_ends_and_not_while_it_lasts() {
    let plan = plan();
    let steady = || pods::Summary { steady: 2, ..Default::default() };
    let ready = made(Outcome::Applied(&plan), &[gateway(rolled_out(), steady())], None);
    let rolling = made(Outcome::Applied(&plan), &[gateway(Workload { updated: 0, ..rolled_out() }, steady())], None);
    let failed = made(Outcome::Failed { cause: "x" }, &[], None);
    let refusal = Refusal::Missing { kind: "Secret", message: "Secret ch does not exist".to_owned() };
    let waiting = made(Outcome::Refused(&refusal), &[], None);
    let reasons = |before: Option<&Status>, after: &Status| -> Vec<String> {
        transitions(before, after).into_iter().map(|transition| transition.reason).collect()
    };
    assert_eq!(reasons(None, &rolling), [""; 0]);
    assert_eq!(reasons(Some(&rolling), &ready), ["Ready"]);
    assert_eq!(reasons(Some(&ready), &ready), [""; 0]);
    assert_eq!(reasons(Some(&ready), &rolling), [""; 0]);
    assert_eq!(reasons(Some(&ready), &failed), ["ReconcileError"]);
    assert_eq!(reasons(Some(&failed), &waiting), ["SecretMissing"]);
    assert_eq!(reasons(Some(&waiting), &waiting), [""; 0]);
    assert_eq!(reasons(Some(&waiting), &rolling), ["Recovered"]);
    assert_eq!(reasons(Some(&failed), &ready), ["Ready"]);

    // A crash loop goes round through three states; it began once.
    let state = |state, restarts, is_ready| {
        let pods = pods::summary([&pod(container(state, restarts), is_ready)], NOW.parse().unwrap());
        made(Outcome::Applied(&plan), &[gateway(rolled_out(), pods)], None)
    };
    let exited = state(json!({"terminated": {"exitCode": 2}}), 0, false);
    let waits = state(json!({"waiting": {"reason": "CrashLoopBackOff"}}), 1, false);
    let restarted = state(running_since(58), 1, true);
    assert_eq!(reasons(Some(&ready), &exited), ["ContainerExited"]);
    for (before, after) in [(&exited, &waits), (&waits, &restarted), (&restarted, &exited)] {
        assert_eq!(reasons(Some(before), after), [""; 0]);
    }
}

#[test]
fn a_restarted_container_is_believed_after_ten_seconds() {
    let now = NOW.parse().unwrap();
    let early = pods::summary([&pod(container(running_since(55), 1), true)], now);
    assert_eq!((early.steady, early.settles_in), (0, Some(Duration::from_secs(5))));
    assert_eq!(early.troubles[0].reason, "ContainerRestarted");
    let later = pods::summary([&pod(container(running_since(50), 1), true)], now);
    assert_eq!((later.steady, later.settles_in, later.troubles.len()), (1, None, 0));
    let first_start = pods::summary([&pod(container(running_since(59), 0), true)], now);
    assert_eq!(first_start.steady, 1);
}

#[test]
fn pods_that_go_away_are_not_counted() {
    let mut leaving = pod(container(json!({"terminated": {"exitCode": 137}}), 0), false);
    leaving.metadata.deletion_timestamp = Some(Time(NOW.parse().unwrap()));
    assert_eq!(pods::summary([&leaving], NOW.parse().unwrap()), pods::Summary::default());
}

#[test]
fn an_image_that_cannot_be_pulled_is_named_the_same_at_every_try() {
    for (reason, message) in
        [("ErrImagePull", "not found"), ("ImagePullBackOff", "Back-off pulling image \"i:1\": ErrImagePull: not found")]
    {
        let waiting = json!({"waiting": {"reason": reason, "message": message}});
        let summary = pods::summary([&pod(container(waiting, 0), false)], NOW.parse().unwrap());
        let told = "pod main-gateway-x, container collector: ImagePullBackOff: not found";
        assert_eq!(summary.troubles[0].message, told);
    }
}

#[test]
fn an_invalid_spec_stalls_and_says_what_keeps_running() {
    let refusal = Refusal::Invalid(vec![Problem::new("spec.gateway.blocks.maxAge", "too long")]);
    let previous = Status { applied_generation: Some(6), ..Status::default() };
    let status = made(Outcome::Refused(&refusal), &[gateway(rolled_out(), pods::Summary::default())], Some(&previous));
    let message = "spec.gateway.blocks.maxAge: too long; generation 6 keeps running";
    for type_ in ["Ready", "ConfigValid"] {
        assert_eq!(told(&status, type_), Some(("False", "ConfigInvalid", message)));
    }
    assert_eq!(told(&status, "Stalled"), Some(("True", "ConfigInvalid", message)));
    assert_eq!((told(&status, "Reconciling"), status.applied_generation), (None, Some(6)));
}

#[test]
fn a_missing_secret_is_no_fault_of_the_spec() {
    let refusal = Refusal::Missing { kind: "Secret", message: "Secret ch does not exist".to_owned() };
    let status = made(Outcome::Refused(&refusal), &[], None);
    assert_eq!(told(&status, "Ready"), Some(("False", "SecretMissing", "Secret ch does not exist")));
    assert_eq!(told(&status, "ConfigValid").unwrap().0, "True");
    assert_eq!(told(&status, "Stalled"), None);
}

#[test]
fn a_pause_is_no_fault_and_no_work() {
    let previous = Status { applied_generation: Some(6), ..Status::default() };
    let status = made(Outcome::Refused(&Refusal::Paused), &[], Some(&previous));
    let message = "spec.paused is true, so nothing is changed; generation 6 keeps running";
    assert_eq!(told(&status, "Ready"), Some(("False", "Paused", message)));
    assert_eq!(told(&status, "Degraded").unwrap().0, "False");
    assert_eq!((told(&status, "Reconciling"), told(&status, "Stalled")), (None, None));
}

#[test]
fn a_failed_attempt_is_reported() {
    let status = made(Outcome::Failed { cause: "cannot write" }, &[], None);
    assert_eq!(told(&status, "Ready"), Some(("False", "ReconcileError", "cannot write; it is tried again")));
}

#[test]
fn the_time_of_a_condition_changes_with_its_status_alone() {
    let plan = plan();
    let all_ready = [gateway(rolled_out(), pods::Summary { steady: 2, ..Default::default() })];
    let mut before = made(Outcome::Applied(&plan), &all_ready, None);
    let long_ago = Time("2020-01-01T00:00:00Z".parse().unwrap());
    for condition in &mut before.conditions {
        condition.last_transition_time = long_ago.clone();
    }
    assert_eq!(made(Outcome::Applied(&plan), &all_ready, Some(&before)), before);
    let after = made(Outcome::Failed { cause: "x" }, &all_ready, Some(&before));
    let time = |type_: &str| &after.conditions.iter().find(|c| c.type_ == type_).unwrap().last_transition_time;
    assert_ne!(time("Ready"), &long_ago);
    assert_eq!(time("ConfigValid"), &long_ago);
}

#[test]
fn a_deployment_is_believed_when_its_controller_saw_its_generation() {
    let deployment = |observed: i64| -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": 2, "selector": {}, "template": {}},
            "status": {"observedGeneration": observed, "readyReplicas": 2},
        }))
        .unwrap()
    };
    assert!(!Workload::from(&deployment(1)).is_believed);
    assert!(Workload::from(&deployment(2)).is_believed);
}

#[test]
fn a_deployment_speaks_for_the_role_it_bears() {
    for role in [Role::Gateway, Role::Cluster] {
        let object = json!({
            "metadata": {"generation": 1, "labels": labels::all("main", role)},
            "spec": {"replicas": 1, "selector": {}, "template": {}},
        });
        assert_eq!(workload::read(crate::desired::Kind::Deployment, &object).map(|(role, _)| role), Some(role));
    }
}
