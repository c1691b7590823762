use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::ResourceLogs,
    resource::v1::Resource,
};
use prost::Message as _;
use tokio::sync::mpsc;

use super::*;
use crate::{budget::Budget, delivery::Transport, receive::Intake, signal::Signal};

const CART: &str = r#"{
    "metadata": {"name": "cart-7d9f8-x2x4z", "namespace": "shop", "uid": "0a1b", "labels": {"pod-template-hash": "7d9f8"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-7d9f8", "controller": true}]},
    "spec": {"containers": [{"name": "main", "image": "cart:1.2"}]},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.1.0.7"}, {"ip": "fd00::7"}],
        "containerStatuses": [{"name": "main", "containerID": "containerd://f01",
            "state": {"running": {"startedAt": "2026-11-27T18:30:01Z"}}}]}}"#;
const TWO: &str = r#"{
    "metadata": {"name": "pair", "namespace": "shop", "uid": "2b", "labels": {"app.kubernetes.io/version": "3"}},
    "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:2"}]},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.1.0.8"}]}}"#;
const OF_HOST: &str = r#"{
    "metadata": {"name": "proxy", "namespace": "kube-system", "uid": "3c"}, "spec": {"hostNetwork": true},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}}"#;
const ENDED: &str = r#"{
    "metadata": {"name": "job", "namespace": "shop", "uid": "4d"}, "spec": {},
    "status": {"phase": "Succeeded", "podIPs": [{"ip": "10.1.0.9"}]}}"#;

fn told(pods: &Pods) -> LocalPods {
    let node = Node { name: Some("node-1".into()), cluster: Some("eu".into()), ..Node::default() };
    LocalPods::new(pods.clone(), node, Metrics::default())
}

fn request(said: &[(&str, &str)]) -> Vec<u8> {
    let attribute = |(name, value): &(&str, &str)| KeyValue {
        key: (*name).to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue((*value).to_owned())) }),
        ..KeyValue::default()
    };
    let resource = Resource { attributes: said.iter().map(attribute).collect(), ..Resource::default() };
    let group = ResourceLogs { resource: Some(resource), ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![group] }.encode_to_vec()
}

fn attributes(body: &[u8]) -> BTreeMap<String, String> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let attributes = request.resource_logs[0].resource.clone().unwrap().attributes;
    let count = attributes.len();
    let text = |attribute: KeyValue| match attribute.value.unwrap().value {
        Some(Value::StringValue(value)) => (attribute.key, value),
        other => panic!("{other:?}"),
    };
    let all: BTreeMap<_, _> = attributes.into_iter().map(text).collect();
    assert_eq!(all.len(), count, "each once");
    all
}

fn message(said: &[(&str, &str)], budget: &Budget) -> Message {
    let body = request(said);
    let permit = budget.admit(body.len()).unwrap();
    Message { body: body.into(), permit, turn: budget.admit(1) }
}

async fn sent(pods: &LocalPods, said: &[(&str, &str)], sender: &str) -> BTreeMap<String, String> {
    let message = message(said, &Budget::new(1 << 20));
    attributes(&pods.tell(message, sender.parse().ok(), 1 << 20).await.body)
}

#[tokio::test]
async fn a_resource_says_of_which_pod_it_is_and_what_is_known_of_that() {
    let pods = told(&Pods::told(&[CART, TWO]));
    let expected = [
        ("container.id", "f01"),
        ("container.image.name", "cart"),
        ("container.image.tag", "1.2"),
        ("k8s.cluster.name", "eu"),
        ("k8s.container.name", "main"),
        ("k8s.deployment.name", "cart"),
        ("k8s.namespace.name", "shop"),
        ("k8s.node.name", "node-1"),
        ("k8s.pod.label.pod-template-hash", "7d9f8"),
        ("k8s.pod.name", "cart-7d9f8-x2x4z"),
        ("k8s.pod.uid", "0a1b"),
        ("k8s.replicaset.name", "cart-7d9f8"),
        ("service.instance.id", "mine"),
        ("service.name", "basket"),
        ("service.namespace", "shop"),
        ("service.version", "1.2"),
    ];
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let own = [("service.name", "basket"), ("service.instance.id", "mine")];
    for sender in ["10.1.0.7", "::ffff:10.1.0.7", "fd00::7"] {
        assert_eq!(sent(&pods, &own, sender).await, expected, "{sender}");
    }
    let of_two = sent(&pods, &[], "10.1.0.8").await;
    assert_eq!(of_two.get("service.version").map(String::as_str), Some("3"));
    assert!(!of_two.contains_key("k8s.container.name") && !of_two.contains_key("service.instance.id"), "{of_two:?}");
    let of_b = sent(&pods, &[("k8s.container.name", "b")], "10.1.0.8").await;
    assert_eq!((of_b["container.image.name"].as_str(), of_b["service.instance.id"].as_str()), ("b", "shop.pair.b"));
}

#[tokio::test]
async fn the_pod_a_resource_names_goes_before_the_one_that_sends_and_no_other_is_taken_for_it() {
    let pods = told(&Pods::told(&[CART, TWO, OF_HOST, ENDED]));
    let name = |said: BTreeMap<String, String>| said.get("k8s.pod.name").cloned();
    let cart = Some("cart-7d9f8-x2x4z".to_owned());
    assert_eq!(name(sent(&pods, &[("k8s.pod.uid", "0a1b")], "10.1.0.8").await), cart);
    assert_eq!(name(sent(&pods, &[("k8s.pod.ip", "10.1.0.7")], "10.1.0.8").await), cart);
    assert_eq!(name(sent(&pods, &[("k8s.pod.uid", ""), ("k8s.pod.ip", "")], "10.1.0.7").await), cart);
    for said in [
        &[("k8s.pod.uid", "of another node")][..],
        &[("k8s.pod.ip", "10.9.9.9")],
        &[("k8s.pod.ip", "nowhere")],
        &[("k8s.pod.ip", "10.0.0.1")],
        &[("k8s.namespace.name", "other")],
    ] {
        assert_eq!(sent(&pods, said, "10.1.0.7").await.len(), 1, "{said:?}");
    }
    let passed_on = sent(&pods, &[("k8s.pod.name", "other")], "10.1.0.7").await;
    assert_eq!(passed_on.len(), 1, "a collector's pod is not the pod it tells of");
    tokio::time::pause();
    for sender in ["10.0.0.1", "10.1.0.9", "127.0.0.1"] {
        assert!(sent(&pods, &[], sender).await.is_empty(), "{sender}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_sender_is_waited_for_once_and_told_as_soon_as_it_is_known() {
    let known = Pods::told(&[CART]);
    let (pods, begin) = (told(&known), Instant::now());
    assert!(sent(&pods, &[], "10.2.0.1").await.is_empty());
    assert_eq!(begin.elapsed(), LONGEST_WAIT);
    assert!(sent(&pods, &[], "10.2.0.1").await.is_empty());
    assert!(!sent(&pods, &[], "10.1.0.7").await.is_empty());
    assert_eq!(begin.elapsed(), LONGEST_WAIT, "nobody waits again");

    let begin = Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        known.tell(TWO);
    };
    let (said, ()) = tokio::join!(sent(&pods, &[], "10.1.0.8"), later);
    assert_eq!((said["k8s.pod.name"].as_str(), begin.elapsed()), ("pair", Duration::from_secs(1)));
    for number in 0..=STRANGERS {
        let address = IpAddr::from([10, 3, (number / 256) as u8, (number % 256) as u8]);
        let (waits, are_few) =
            (pods.0.patience(Some(address)).is_some(), pods.0.strangers.lock().unwrap().len() < STRANGERS);
        assert!(waits || !are_few);
    }
    assert!(pods.0.strangers.lock().unwrap().len() <= STRANGERS);
}

#[tokio::test(start_paused = true)]
async fn while_no_pods_are_told_a_process_waits_after_its_start_and_then_no_more() {
    let (pods, begin) = (told(&Pods::default()), Instant::now());
    for sender in ["10.1.0.7", "10.1.0.8", "127.0.0.1"] {
        assert!(sent(&pods, &[], sender).await.is_empty());
    }
    assert_eq!(begin.elapsed(), LONGEST_WAIT);
}

#[tokio::test(start_paused = true)]
async fn what_waits_holds_up_nobody_else_and_what_finds_no_room_goes_as_it_is() {
    let (pods, budget) = (told(&Pods::told(&[CART])), Budget::new(2 << 10));
    let waited = pods.tell(message(&[], &budget), "10.2.0.1".parse().ok(), 1 << 20).await;
    assert!(waited.turn.is_none());
    drop(waited);
    let full = budget.admit(1 << 10).unwrap();
    let long = "x".repeat(700);
    let said = [("long", long.as_str())];
    let mut without_turn = message(&said, &Budget::new(1 << 20));
    without_turn.permit = budget.admit(1 << 10).unwrap();
    let unchanged = pods.tell(without_turn, "10.1.0.7".parse().ok(), 1 << 20).await;
    assert_eq!(unchanged.body, request(&said));
    assert_eq!(pods.0.metrics.refused.get(), 1);
    drop(full);
    let too_large = message(&said, &Budget::new(1 << 20));
    let limit = too_large.body.len() + 10;
    assert_eq!(pods.tell(too_large, "10.1.0.7".parse().ok(), limit).await.body, request(&said));
}

#[tokio::test]
async fn what_is_handed_on_is_told() {
    let (sender, mut deliveries) = mpsc::channel(1);
    let budget = Budget::new(1 << 20);
    let metrics = crate::metrics::Pipeline::new(&mut Registry::default());
    let intake = Intake::new(sender, budget.clone(), budget.clone(), 1 << 20, Arc::new(metrics));
    let intake = intake.knowing(Some(told(&Pods::told(&[CART]))));
    let message = message(&[("k8s.pod.uid", "0a1b")], &budget);
    tokio::spawn(async move { intake.deliver(Signal::Logs, Transport::Grpc, message, None).await });
    let delivery = deliveries.recv().await.unwrap();
    assert_eq!(attributes(&delivery.body)["k8s.deployment.name"], "cart");
}
