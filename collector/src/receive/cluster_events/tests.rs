use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    logs::v1::LogRecord,
};
use prost::Message as _;
use serde_json::json;

use super::*;
use crate::{ack::Outcome, budget::Budget, cluster::tests::server::Server, delivery::Delivery};

/// As a kubelet wrote it, and the API server gave it.
const RECORDED: &str = r#"{"kind":"Event","apiVersion":"events.k8s.io/v1","metadata":{"name":"cart-7c9f.18a1b2c3d4e5f607","namespace":"shop","uid":"5a8e4c9e-6d3c-4d8f-8f0e-0d8b1e3f7a11","resourceVersion":"101","creationTimestamp":"2026-11-24T16:27:03Z","managedFields":[{"manager":"kubelet","operation":"Update"}]},"eventTime":null,"reportingController":"kubelet","reportingInstance":"node-1","reason":"BackOff","regarding":{"kind":"Pod","namespace":"shop","name":"cart-7c9f","uid":"0f1e2d3c","apiVersion":"v1","resourceVersion":"88","fieldPath":"spec.containers{main}"},"note":"Back-off restarting failed container main in pod cart-7c9f_shop(0f1e2d3c)","type":"Warning","deprecatedSource":{"component":"kubelet","host":"node-1"},"deprecatedFirstTimestamp":"2026-11-24T16:27:03Z","deprecatedLastTimestamp":"2026-11-24T16:29:00Z","deprecatedCount":7}"#;

struct Running {
    deliveries: mpsc::Receiver<Delivery>,
    end: watch::Sender<bool>,
    position: watch::Receiver<Option<u64>>,
    metrics: Arc<Metrics>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn new(server: &Server, folder: &std::path::Path, position: Option<u64>) -> Self {
        let (sender, deliveries) = mpsc::channel(64);
        let (end, ending) = watch::channel(false);
        let (reached, moved) = watch::channel(position);
        let outlet = Outlet { deliveries: sender, budget: Budget::new(1 << 20), stopping: ending.clone() };
        let node = Node { cluster: Some("eu".into()), ..Node::default() };
        let metrics = Arc::new(Metrics::default());
        let events = Events { api: server.api(folder), node, metrics: Arc::clone(&metrics) };
        let task = tokio::spawn(async move { events.run(outlet, &Term { ending, position, reached }).await });
        Self { deliveries, end, position: moved, metrics, task }
    }

    async fn delivery(&mut self) -> (Delivery, Vec<String>) {
        let delivery = within(self.deliveries.recv()).await.unwrap();
        let names = records(&delivery).iter().map(|record| text(&record.attributes, "event.name")).collect();
        (delivery, names)
    }

    async fn reached(&mut self, position: u64) {
        within(self.position.wait_for(|reached| *reached == Some(position))).await.unwrap();
    }

    fn counts(&self) -> String {
        format!("{:?}", self.metrics)
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(20), what).await.unwrap()
}

fn records(delivery: &Delivery) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(delivery.body.clone()).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|of_resource| of_resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        other => format!("{other:?}"),
    }
}

fn event(version: u64) -> String {
    json!({"metadata": {"name": format!("e{version}"), "namespace": "shop", "resourceVersion": version.to_string()}})
        .to_string()
}

fn change(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn list(version: u64, next: &str, events: &[u64]) -> (u16, String) {
    let items: Vec<_> = events.iter().map(|version| event(*version)).collect();
    let items = items.join(",");
    let page = format!(r#"{{"metadata":{{"resourceVersion":"{version}","continue":"{next}"}},"items":[{items}]}}"#);
    (200, page)
}

fn watching(from: u64) -> String {
    format!("GET {PATH}watch=1&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion={from} HTTP/1.1")
}

fn listing(rest: &str) -> String {
    format!("GET {PATH}{rest} HTTP/1.1")
}

#[test]
fn an_event_is_stored_in_both_shapes_that_are_in_use() {
    let mut event: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    let request = record::request("ADDED", &mut event, Some("eu"), 5);
    let request = ExportLogsServiceRequest::decode(request.as_slice()).unwrap();
    let of_resource = &request.resource_logs[0];
    let record = &of_resource.scope_logs[0].log_records[0];
    assert_eq!((record.severity_number, record.severity_text.as_str()), (13, "warn"));
    assert_eq!((record.time_unix_nano, record.observed_time_unix_nano), (1_795_537_740_000_000_000, 5));
    let body = [KeyValue { key: "body".into(), value: record.body.clone(), ..KeyValue::default() }];
    assert_eq!(text(&body, "body"), "Back-off restarting failed container main in pod cart-7c9f_shop(0f1e2d3c)");
    for (name, value) in [
        ("k8s.resource.name", "events"),
        ("event.domain", "k8s"),
        ("type", "ADDED"),
        ("k8s.event.reason", "BackOff"),
        ("k8s.event.count", "7"),
        ("k8s.event.uid", "5a8e4c9e-6d3c-4d8f-8f0e-0d8b1e3f7a11"),
    ] {
        assert_eq!(text(&record.attributes, name), value, "{name}");
    }
    let object: serde_json::Value = serde_json::from_str(&text(&record.attributes, "object")).unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    expected["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(object, expected, "the whole event, but for who wrote which field");
    let resource = &of_resource.resource.as_ref().unwrap().attributes;
    for (name, value) in [
        ("k8s.cluster.name", "eu"),
        ("k8s.namespace.name", "shop"),
        ("k8s.node.name", "node-1"),
        ("k8s.object.kind", "Pod"),
        ("k8s.object.name", "cart-7c9f"),
        ("k8s.object.uid", "0f1e2d3c"),
        ("k8s.object.fieldpath", "spec.containers{main}"),
        ("k8s.object.api_version", "v1"),
    ] {
        assert_eq!(text(resource, name), value, "{name}");
    }
}

#[test]
fn what_is_no_event_makes_a_record_and_no_panic() {
    for strange in ["null", "[]", "1", r#"{"metadata":[],"type":7,"series":{"count":"x"},"eventTime":{}}"#] {
        let mut strange: serde_json::Value = serde_json::from_str(strange).unwrap();
        let request = record::request("MODIFIED", &mut strange, None, 5);
        let request = ExportLogsServiceRequest::decode(request.as_slice()).unwrap();
        assert_eq!(request.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano, 5);
    }
}

#[tokio::test]
async fn the_first_reading_begins_now_and_the_position_moves_once_events_are_answered_for() {
    let folder = tempfile::tempdir().unwrap();
    let bookmark = r#"{"metadata":{"resourceVersion":"110"}}"#;
    let changes = change("ADDED", &event(101)) + &change("MODIFIED", &event(102)) + &change("DELETED", &event(103));
    let mut server =
        Server::answering(vec![list(100, "more", &[7]), (200, changes + &change("BOOKMARK", bookmark))]).await;
    let mut running = Running::new(&server, folder.path(), None);
    assert_eq!(server.asked().await, listing("limit=1"));
    assert_eq!(server.asked().await, watching(100));
    let (delivery, names) = running.delivery().await;
    assert_eq!((delivery.signal.as_str(), delivery.transport.as_str()), ("logs", "watch"));
    assert_eq!(names, ["e101", "e102"], "what was there before is not sent, and what runs out is no event");
    assert_eq!(server.asked().await, watching(110), "resumed where it ended");
    assert!(*running.position.borrow() < Some(101), "not before the answer");
    delivery.ack.settle(Outcome::Delivered { rejected: 0 });
    running.reached(110).await;
    assert!(running.counts().contains("expired"), "{}", running.counts());
    running.end.send_replace(true);
    within(running.task).await.unwrap();
}

#[tokio::test]
async fn a_forgotten_version_leaves_nothing_out_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gone = r#"{"kind":"Status","status":"Failure","code":410,"message":"too old"}"#;
    let mut server = Server::answering(vec![
        list(100, "", &[]),
        (200, change("ADDED", &event(60)) + &change("ERROR", gone)),
        list(100, "more", &[40, 80, 60]),
        list(100, "", &[70, 50]),
    ])
    .await;
    let mut running = Running::new(&server, folder.path(), Some(50));
    let mut names = Vec::new();
    while names.len() < 3 {
        let (delivery, more) = running.delivery().await;
        names.extend(more);
        delivery.ack.settle(Outcome::Delivered { rejected: 0 });
    }
    names.sort();
    assert_eq!(names, ["e60", "e70", "e80"]);
    let asked = [server.asked().await, server.asked().await, server.asked().await, server.asked().await];
    assert_eq!(
        asked,
        [listing("limit=1"), watching(50), listing("limit=40&continue="), listing("limit=40&continue=more")]
    );
    assert_eq!(server.asked().await, watching(100));
    running.reached(100).await;
}

#[tokio::test]
async fn what_is_not_answered_for_at_the_end_is_the_next_ones() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::answering(vec![list(100, "", &[]), (200, change("ADDED", &event(120)))]).await;
    let mut running = Running::new(&server, folder.path(), Some(90));
    let (delivery, _) = running.delivery().await;
    running.end.send_replace(true);
    delivery.ack.settle(Outcome::retry());
    within(running.task).await.unwrap();
    assert_eq!(*running.position.borrow(), Some(90));
}

#[tokio::test]
async fn a_position_of_another_life_of_the_server_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::answering(vec![list(100, "", &[])]).await;
    let mut running = Running::new(&server, folder.path(), Some(5_000));
    assert_eq!(server.asked().await, listing("limit=1"));
    assert_eq!(server.asked().await, watching(100));
    running.reached(100).await;
}
