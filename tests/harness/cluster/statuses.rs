//! Every version of a resource, as the API server showed them: comes in a namespace, goes out what was ever true for
//! somebody who watches. Nothing is sampled, so nothing is missed.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::Namespace;

/// A watch of `main` that runs until it is dropped.
#[derive(Debug)]
pub struct Statuses {
    watch: Child,
    seen: PathBuf,
    _dir: tempfile::TempDir,
}

impl Statuses {
    /// Begins with the first version that there is.
    pub fn watch(namespace: &Namespace) -> anyhow::Result<Statuses> {
        let dir = tempfile::tempdir()?;
        let seen = dir.path().join("seen");
        let mut command = namespace.cluster.command("kubectl");
        command.args(["--namespace", &namespace.name, "get", "clickstackcollectors", "--watch", "-o", "json"]);
        let watch = command.stdin(Stdio::null()).stdout(File::create(&seen)?).stderr(Stdio::null()).spawn()?;
        Ok(Statuses { watch, seen, _dir: dir })
    }

    /// All versions so far, in their order. The last may be half written and is left out then.
    pub fn so_far(&self) -> anyhow::Result<Vec<Value>> {
        let text = std::fs::read_to_string(&self.seen)?;
        Ok(serde_json::Deserializer::from_str(&text).into_iter().map_while(Result::ok).collect())
    }
}

impl Drop for Statuses {
    fn drop(&mut self) {
        let _ = self.watch.kill();
        let _ = self.watch.wait();
    }
}

/// A condition of a resource, or nothing.
pub fn condition(resource: &Value, name: &str) -> Value {
    let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == name).unwrap_or_default()
}

/// Whether it says that its own generation serves.
pub fn is_ready(resource: &Value) -> bool {
    let ready = condition(resource, "Ready");
    ready["status"] == "True" && ready["observedGeneration"] == resource["metadata"]["generation"]
}
