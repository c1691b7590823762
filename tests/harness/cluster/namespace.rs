//! A namespace of one test: comes in a name, goes out a place to apply resources in, with a ClickHouse user's Secret.
//! It goes away with its owner; when that panics, what was in it is printed first.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::{Cluster, RELEASE, RELEASE_NAMESPACE};
use crate::clickhouse::{ADMIN, ADMIN_PASSWORD, ClickHouse, Options};
use crate::wait::eventually;

const GONE_WITHIN: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub struct Namespace {
    pub cluster: Cluster,
    pub name: String,
}

/// A pod as tests see it.
#[derive(Debug, Clone)]
pub struct Pod {
    pub name: String,
    pub node: String,
    pub address: String,
    pub is_ready: bool,
}

impl Namespace {
    /// A new, empty namespace with the Secret `clickhouse`.
    pub fn create(cluster: &Cluster, name: &str) -> anyhow::Result<Namespace> {
        let namespace = Namespace { cluster: cluster.clone(), name: name.to_owned() };
        namespace.delete(&["namespace", name])?;
        cluster.kubectl(&["create", "namespace", name])?;
        let user = format!("--from-literal=username={ADMIN}");
        let password = format!("--from-literal=password={ADMIN_PASSWORD}");
        namespace.kubectl(&["create", "secret", "generic", "clickhouse", &user, &password])?;
        Ok(namespace)
    }

    /// A ClickHouse that pods can reach.
    pub async fn clickhouse(&self) -> anyhow::Result<ClickHouse> {
        ClickHouse::start(Options { listen_host: self.cluster.host.clone(), ..Options::default() }).await
    }

    /// A resource `main` that writes to `engine`; `roles` are the role blocks as YAML in braces.
    pub fn resource(&self, engine: &ClickHouse, roles: &str) -> String {
        format!(
            "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\n\
             metadata: {{name: main, namespace: {}}}\nspec:\n  \
             clickhouse: {{endpoint: '{}', database: otel, credentials: {{secretName: clickhouse}}}}\n{roles}\n",
            self.name,
            engine.url()
        )
    }

    pub fn apply(&self, resource: &str) -> anyhow::Result<String> {
        self.cluster.kubectl_with(&["apply", "-f", "-"], resource)
    }

    /// Waits as a person would; returns how long it took.
    pub fn wait_ready(&self, within: &str) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let timeout = format!("--timeout={within}");
        let waited = self.kubectl(&["wait", "--for=condition=Ready", "clickstackcollector/main", &timeout]);
        waited.with_context(|| self.kubectl(&["get", "clickstackcollector", "-o", "yaml"]).unwrap_or_default())?;
        Ok(start.elapsed())
    }

    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.cluster.kubectl(&[&["--namespace", &self.name], arguments].concat())
    }

    pub fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.cluster.json(&[&["--namespace", &self.name], arguments].concat())
    }

    /// The status of `main`.
    pub fn status(&self) -> anyhow::Result<Value> {
        Ok(self.json(&["clickstackcollector", "main"])?["status"].clone())
    }

    /// The pods of a role that are not on their way out.
    pub fn pods(&self, role: &str) -> anyhow::Result<Vec<Pod>> {
        let selector = format!("app.kubernetes.io/component={role}");
        let pods = self.json(&["pods", "--selector", &selector])?;
        let pods = pods["items"].as_array().context("a list of pods")?;
        let is_leaving = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_string();
        Ok(pods.iter().filter(|pod| !is_leaving(pod)).map(Pod::read).collect())
    }

    /// Names, versions and kinds of everything the operator makes.
    pub fn children(&self) -> anyhow::Result<Vec<String>> {
        let kinds =
            "deployments,daemonsets,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,ingresses";
        let objects = self.json(&[kinds, "--selector", "app.kubernetes.io/managed-by=clickstack-operator"])?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |object: &Value| {
            let meta = &object["metadata"];
            // Readiness of pods is written into workloads' status, and with it their version; not so the generation.
            let version = if object["spec"]["template"].is_object() {
                meta["generation"].to_string()
            } else {
                text(&meta["resourceVersion"])
            };
            format!("{} {} {version}", text(&object["kind"]), text(&meta["name"]))
        };
        Ok(objects["items"].as_array().context("a list of objects")?.iter().map(line).collect())
    }

    /// Waits until the namespace holds nothing the operator made, and no pod.
    pub async fn empty(&self) -> anyhow::Result<()> {
        eventually("every child is gone", GONE_WITHIN, async || {
            let children = self.children().map_err(|error| format!("{error:#}"))?;
            let pods = self.kubectl(&["get", "pods", "-o", "name"]).map_err(|error| format!("{error:#}"))?;
            if children.is_empty() && pods.trim().is_empty() { Ok(()) } else { Err(format!("{children:?} {pods}")) }
        })
        .await
    }

    fn delete(&self, what: &[&str]) -> anyhow::Result<String> {
        self.cluster.kubectl(&[&["delete", "--ignore-not-found", "--wait=true", "--timeout=90s"], what].concat())
    }

    fn report(&self) {
        let operator = format!("deployment/{RELEASE}");
        for (title, printed) in [
            ("objects", self.kubectl(&["get", "clickstackcollectors,all,configmaps", "-o", "wide"])),
            ("resource", self.kubectl(&["get", "clickstackcollectors", "-o", "yaml"])),
            ("events", self.kubectl(&["get", "events", "--sort-by=.lastTimestamp"])),
            (
                "pods' logs",
                self.kubectl(&[
                    "logs",
                    "--all-containers",
                    "--prefix",
                    "--tail=20",
                    "--selector",
                    "app.kubernetes.io/managed-by",
                ]),
            ),
            (
                "operator's log",
                self.cluster.kubectl(&["--namespace", RELEASE_NAMESPACE, "logs", "--tail=40", &operator]),
            ),
        ] {
            eprintln!("--- {title} in {}\n{}", self.name, printed.unwrap_or_else(|error| format!("{error:#}")));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.report();
        }
        if let Err(error) = self.delete(&["namespace", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}

impl Pod {
    /// SIGKILL to the collector in it, found by what its environment says of its pod. Only where the nodes run on
    /// this machine.
    pub fn kill(&self) -> anyhow::Result<()> {
        let mark = format!("POD_NAME={}", self.name);
        let of_pod = |process: &std::fs::DirEntry| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        let found = std::fs::read_dir("/proc")?.filter_map(Result::ok).find(of_pod);
        let process = found.with_context(|| format!("no process of pod {} on this machine", self.name))?;
        let pid: i32 = process.file_name().to_string_lossy().parse()?;
        let pid = rustix::process::Pid::from_raw(pid).context("a process id")?;
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::KILL)?)
    }

    fn read(pod: &Value) -> Pod {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_ready = conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        Pod {
            name: text(&pod["metadata"]["name"]),
            node: text(&pod["spec"]["nodeName"]),
            address: text(&pod["status"]["podIP"]),
            is_ready,
        }
    }
}
