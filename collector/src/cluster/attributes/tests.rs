use std::collections::BTreeMap;

use super::*;

fn pod(yaml: &str) -> Pod {
    serde_saphyr::from_str(yaml).unwrap()
}

fn said(pod: &Pod, rules: &Rules) -> BTreeMap<String, String> {
    let attributes = Known::of(pod, rules).of_container("main", Run::Restart(1), "shop.cart.main");
    let count = attributes.len();
    let said: BTreeMap<_, _> = attributes.into_iter().collect();
    assert_eq!(said.len(), count, "each once");
    said
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_pod_of_a_deployment_says_what_the_conventions_ask_for() {
    let pod = pod("
metadata:
  name: cart-7d9f8-x2x4z
  namespace: shop
  uid: 0a1b
  labels: {app.kubernetes.io/version: '2.1', tier: front, pod-template-hash: 7d9f8}
  annotations: {team.example/owner: core, other: x}
  ownerReferences: [{kind: ReplicaSet, name: cart-7d9f8, controller: true}]
spec:
  nodeName: node-1
  containers: [{name: main, image: 'registry:5000/team/cart:1.2@sha256:abc'}, {name: side, image: side}]
status:
  startTime: '2026-11-24T16:00:00Z'
  containerStatuses: [{name: main, restartCount: 1, containerID: 'containerd://f00'}]
");
    let rules = Rules { labels: vec!["tier".into()], annotations: vec!["*/owner".into()] };
    let expected = owned(&[
        ("container.id", "f00"),
        ("container.image.name", "registry:5000/team/cart"),
        ("container.image.tag", "1.2"),
        ("k8s.deployment.name", "cart"),
        ("k8s.pod.annotation.team.example/owner", "core"),
        ("k8s.pod.label.tier", "front"),
        ("k8s.pod.start_time", "2026-11-24T16:00:00Z"),
        ("k8s.replicaset.name", "cart-7d9f8"),
        ("service.instance.id", "shop.cart.main"),
        ("service.name", "cart"),
        ("service.namespace", "shop"),
        ("service.version", "2.1"),
    ]);
    assert_eq!(said(&pod, &rules), expected);
    let side = Known::of(&pod, &rules).of_container("side", Run::Restart(0), "shop.cart.side");
    assert!(side.contains(&("container.image.name".into(), "side".into())));
    assert!(side.iter().all(|(name, _)| name != "container.id" && name != "container.image.tag"));
}

#[test]
fn a_restarted_container_is_not_taken_for_the_one_that_runs() {
    let pod = pod("
spec: {containers: [{name: main, image: a}]}
status: {containerStatuses: [{name: main, restartCount: 2, containerID: 'containerd://f00'}]}
");
    assert_eq!(said(&pod, &Rules::default()).get("container.id"), None);
}

#[test]
fn a_container_is_known_by_when_it_was_made() {
    let pod = pod("
spec: {containers: [{name: main, image: a}]}
status:
  containerStatuses:
    - name: main
      restartCount: 1
      containerID: 'containerd://f01'
      state: {running: {startedAt: '2026-11-24T16:00:10Z'}}
      lastState: {terminated: {finishedAt: '2026-11-24T16:00:05Z'}}
");
    let known = Known::of(&pod, &Rules::default());
    let id = |time: &str| {
        let made = Run::MadeAt(nanoseconds(time.as_bytes()).unwrap());
        let said: BTreeMap<_, _> = known.of_container("main", made, "").into_iter().collect();
        said.get("container.id").cloned()
    };
    assert_eq!(id("2026-11-24T16:00:10.9Z").as_deref(), Some("f01"), "times of a status are cut to the second");
    assert_eq!(id("2026-11-24T16:00:05Z").as_deref(), Some("f01"));
    assert_eq!(id("2026-11-24T16:00:04.9Z"), None, "the one before");
    assert_eq!(id("2026-11-24T16:00:11Z"), None, "the one after, of which the status does not know yet");
}

#[test]
fn a_pod_says_what_it_may_use_and_of_what_kind_its_volumes_are() {
    let pod = pod("
metadata: {name: cart, namespace: shop, labels: {app.kubernetes.io/version: '2'}}
spec:
  containers: [{name: main, image: 'a:1', resources: {limits: {cpu: 100m}}}]
  volumes: [{name: scratch, emptyDir: {sizeLimit: 1Mi}}, {name: odd}]
");
    let known = Known::of(&pod, &Rules::default());
    assert_eq!(known.reserved(None).limit.nanocores, Some(100_000_000));
    assert_eq!(known.reserved(Some("main")).limit.nanocores, Some(100_000_000));
    assert_eq!(known.reserved(Some("other")), Reserved::default());
    assert_eq!((known.volume_type("scratch"), known.volume_type("odd")), (Some("emptyDir"), None));
    let expected = owned(&[("service.name", "cart"), ("service.namespace", "shop"), ("service.version", "2")]);
    assert_eq!(known.of_pod().into_iter().collect::<BTreeMap<_, _>>(), expected, "no instance, and no image");
}

#[test]
fn a_pods_own_words_go_before_all_others() {
    let pod = pod("
metadata:
  name: cart
  namespace: shop
  labels: {app.kubernetes.io/instance: eu, app.kubernetes.io/name: cart, app.kubernetes.io/version: '1'}
  annotations:
    resource.opentelemetry.io/service.name: basket
    resource.opentelemetry.io/service.namespace: trade
    resource.opentelemetry.io/service.version: '9'
    resource.opentelemetry.io/service.instance.id: me
    resource.opentelemetry.io/team: core
");
    let expected = owned(&[
        ("service.instance.id", "me"),
        ("service.name", "basket"),
        ("service.namespace", "trade"),
        ("service.version", "9"),
        ("team", "core"),
    ]);
    assert_eq!(said(&pod, &Rules::default()), expected);
}

#[test]
fn who_stands_above_is_read_from_names() {
    for (kind, name, hash, expected, service) in [
        (
            "ReplicaSet",
            "web-5d4",
            "5d4",
            &[("k8s.replicaset.name", "web-5d4"), ("k8s.deployment.name", "web")][..],
            "web",
        ),
        ("ReplicaSet", "by-hand", "5d4", &[("k8s.replicaset.name", "by-hand")], "by-hand"),
        ("StatefulSet", "db", "", &[("k8s.statefulset.name", "db")], "db"),
        ("DaemonSet", "agent", "", &[("k8s.daemonset.name", "agent")], "agent"),
        (
            "Job",
            "backup-29410080",
            "",
            &[("k8s.job.name", "backup-29410080"), ("k8s.cronjob.name", "backup")],
            "backup",
        ),
        ("Job", "once-2", "", &[("k8s.job.name", "once-2")], "once-2"),
        ("Workflow", "x", "", &[], "pod"),
    ] {
        let text = format!(
            "metadata: {{name: pod, labels: {{pod-template-hash: '{hash}'}}, \
             ownerReferences: [{{kind: Other, name: o}}, {{kind: {kind}, name: {name}, controller: true}}]}}"
        );
        let said = said(&pod(&text), &Rules::default());
        let above: BTreeMap<_, _> = said.clone().into_iter().filter(|(name, _)| name.starts_with("k8s.")).collect();
        assert_eq!(above, owned(expected), "{kind} {name}");
        assert_eq!(said["service.name"], service);
    }
}
