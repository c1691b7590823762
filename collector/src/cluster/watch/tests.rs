use super::*;
use crate::cluster::{Run, answers::WATCH_SECONDS, tests::server::Server};

fn pod(uid: &str, label: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"p-{uid}","namespace":"shop","uid":"{uid}","resourceVersion":"7","labels":{{"tier":"{label}"}}}}}}"#
    )
}

fn event(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn started(server: &Server, folder: &std::path::Path) -> Pods {
    let api = server.api(folder);
    let rules = Rules { labels: vec!["*".into()], annotations: Vec::new() };
    let pods = Pods::default();
    let watch = Watch { api, node: "node-1".into(), rules, pods: pods.clone(), metrics: Arc::default() };
    tokio::spawn(watch.run());
    pods
}

fn tier(pods: &Pods, uid: &str) -> Option<String> {
    let attributes = pods.find(uid)?.of_container("main", Run::Restart(0), "i");
    attributes.into_iter().find(|(name, _)| name == "k8s.pod.label.tier").map(|(_, value)| value)
}

#[tokio::test]
async fn one_list_of_the_nodes_pods_then_a_watch_that_is_resumed_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let bookmark = r#"{"metadata":{"resourceVersion":"30"}}"#;
    let static_pod =
        r#"{"metadata":{"uid":"mirror","resourceVersion":"9","annotations":{"kubernetes.io/config.hash":"hash"}}}"#;
    let mut server = Server::answering(vec![
        (200, format!(r#"{{"metadata":{{"resourceVersion":"10","continue":"more"}},"items":[{}]}}"#, pod("1", "a"))),
        (200, format!(r#"{{"metadata":{{"resourceVersion":"10"}},"items":[{},{static_pod}]}}"#, pod("2", "b"))),
        (200, event("MODIFIED", &pod("1", "c")) + &event("DELETED", &pod("2", "b")) + &event("BOOKMARK", bookmark)),
    ])
    .await;
    let pods = started(&server, folder.path());
    let of_node = "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&";
    assert_eq!(server.asked().await, format!("{of_node}limit=100&resourceVersion=0 HTTP/1.1"));
    assert_eq!(server.asked().await, format!("{of_node}limit=100&continue=more HTTP/1.1"));
    let watching = |version| {
        let rest = format!("timeoutSeconds={WATCH_SECONDS}&resourceVersion={version} HTTP/1.1");
        format!("{of_node}watch=1&allowWatchBookmarks=true&{rest}")
    };
    assert_eq!(server.asked().await, watching(10));
    assert_eq!(server.asked().await, watching(30), "resumed, and not listed again");
    assert_eq!((tier(&pods, "1").as_deref(), tier(&pods, "2").as_deref()), (Some("c"), Some("b")), "one is just gone");
    assert!(pods.find("hash").is_some() && pods.find("mirror").is_none());
}

#[tokio::test]
async fn a_forgotten_version_is_listed_again_and_a_refusal_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let list = |uid: &str| format!(r#"{{"metadata":{{"resourceVersion":"10"}},"items":[{}]}}"#, pod(uid, "a"));
    let gone = r#"{"kind":"Status","status":"Failure","code":410,"message":"too old"}"#;
    let mut server = Server::answering(vec![
        (403, r#"{"message":"pods is forbidden"}"#.into()),
        (200, list("1")),
        (200, event("ERROR", gone)),
        (200, list("2")),
        (410, String::new()),
        (200, list("3")),
    ])
    .await;
    let pods = started(&server, folder.path());
    let mut asked = Vec::new();
    for _ in 0..7 {
        asked.push(server.asked().await.contains("watch=1"));
    }
    assert_eq!(asked, [false, false, true, false, true, false, true]);
    assert_eq!(pods.count(), 3);
}
