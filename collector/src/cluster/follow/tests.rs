use super::*;
use crate::cluster::{answers::WATCH_SECONDS, tests::server::Server};

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
}

impl Identified for Object {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    fn version(&self) -> &str {
        &self.metadata.resource_version
    }
}

fn object(uid: &str, version: u64) -> String {
    format!(r#"{{"metadata":{{"uid":"{uid}","resourceVersion":"{version}","managedFields":[{{}}]}},"status":"odd"}}"#)
}

fn change(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn list(version: u64, next: &str, objects: &[String]) -> (u16, String) {
    let objects = objects.join(",");
    (200, format!(r#"{{"metadata":{{"resourceVersion":"{version}","continue":"{next}"}},"items":[{objects}]}}"#))
}

fn started(server: &Server, folder: &std::path::Path) -> Kept<String> {
    let kept = Kept::default();
    // Odd versions are not kept.
    let keep = |object: &Object| {
        let version = &object.metadata.resource_version;
        version.parse::<u64>().is_ok_and(|version| version.is_multiple_of(2)).then(|| version.clone())
    };
    let follow = Follow {
        api: server.api(folder),
        name: "things",
        path: "/things",
        keep,
        kept: kept.clone(),
        metrics: Arc::default(),
    };
    tokio::spawn(follow.run());
    kept
}

fn all(kept: &Kept<String>) -> (bool, Vec<String>) {
    let mut found = Vec::new();
    let is_listed = kept.each(|one| found.push(one.clone()));
    found.sort();
    (is_listed, found)
}

#[tokio::test]
async fn all_are_listed_in_pages_and_then_watched_and_what_is_forgotten_is_listed_again() {
    let folder = tempfile::tempdir().unwrap();
    let gone = r#"{"kind":"Status","status":"Failure","code":410,"message":"too old"}"#;
    let changes = change("ADDED", &object("d", 12)) + &change("DELETED", &object("a", 14));
    let changes = changes + &change("MODIFIED", &object("b", 15)) + &change("BOOKMARK", &object("", 20));
    let mut server = Server::answering(vec![
        list(10, "more", &[object("a", 2), object("b", 4)]),
        list(10, "", &[object("c", 6)]),
        (200, changes),
        (200, change("ERROR", gone)),
        list(30, "", &[object("e", 28)]),
    ])
    .await;
    let kept = started(&server, folder.path());
    assert_eq!(all(&kept), (false, Vec::new()), "nothing is known yet");
    assert_eq!(server.asked().await, "GET /things?limit=40&continue= HTTP/1.1");
    assert_eq!(server.asked().await, "GET /things?limit=40&continue=more HTTP/1.1");
    let watching = |from| {
        let rest = format!("timeoutSeconds={WATCH_SECONDS}&resourceVersion={from} HTTP/1.1");
        format!("GET /things?watch=1&allowWatchBookmarks=true&{rest}")
    };
    assert_eq!(server.asked().await, watching(10));
    assert_eq!(server.asked().await, watching(20), "resumed, and not listed again");
    assert_eq!(all(&kept), (true, vec!["12".into(), "6".into()]), "b became one that is not kept");
    assert_eq!(server.asked().await, "GET /things?limit=40&continue= HTTP/1.1");
    assert_eq!(server.asked().await, watching(30));
    assert_eq!(all(&kept), (true, vec!["28".into()]));
}
