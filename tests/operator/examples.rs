//! What we tell people to apply: taken, understood, and the same in the cluster as in git.

use std::time::Duration;

use tests::apiserver::{ApiServer, User};
use tests::operator::Operator;
use tests::wait::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_can_work_and_a_server_side_diff_of_it_stays_empty() {
    let server = ApiServer::start().await.unwrap();
    let operator = Operator::start(&server).await.unwrap();
    let cluster = server.cluster(User::Admin);
    let folder = std::fs::read_dir(tests::repository().join("helm/examples")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path().display().to_string());
    let examples: Vec<_> = files.filter(|file| !file.ends_with(".values.yaml")).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for example in examples {
        cluster.kubectl(&["apply", "--server-side", "-f", &example]).unwrap();
        eventually(&example, Duration::from_secs(30), async || {
            let resource = cluster.json(&["clickstackcollector", "main"]).map_err(|error| format!("{error:#}"))?;
            let is_seen = resource["status"]["observedGeneration"] == resource["metadata"]["generation"];
            let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let is_valid =
                |condition: &serde_json::Value| condition["type"] == "ConfigValid" && condition["status"] == "True";
            if is_seen && conditions.iter().any(is_valid) { Ok(()) } else { Err(resource.to_string()) }
        })
        .await
        .unwrap();
        // Fails where there is a difference.
        let difference = cluster.kubectl(&["diff", "--server-side", "-f", &example]).unwrap();
        assert_eq!(difference, "", "{example}");
        cluster.kubectl(&["delete", "clickstackcollector", "main"]).unwrap();
    }
    operator.stop().await.unwrap();
}
