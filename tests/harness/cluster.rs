//! A real Kubernetes with our operator on it: comes in the images that were built, goes out a cluster in which a
//! `ClickStackCollector` can be applied. The cluster of `tests/cluster` unless the person points at another one.
//! Must not touch any other release, nor a namespace it did not make.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

mod namespace;
pub mod statuses;

pub use namespace::{Namespace, Pod};
pub use statuses::Statuses;

/// Where the chart is installed.
pub const RELEASE: &str = "clickstack-operator";
pub const RELEASE_NAMESPACE: &str = "clickstack-system";

/// The chart's own wait: pulls nothing, so it is the operator's start.
const INSTALL_WITHIN: &str = "120s";

/// A cluster and how to reach it.
#[derive(Debug, Clone)]
pub struct Cluster {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// This machine as pods see it.
    pub host: String,
}

impl Cluster {
    /// The cluster, running, with both images in its nodes and the operator installed and ready.
    pub fn prepared() -> anyhow::Result<Cluster> {
        let cluster = Self::running()?;
        cluster.load_images()?;
        cluster.install()?;
        Ok(cluster)
    }

    /// The cluster of this machine, started if it does not run, or the one KUBECONFIG names.
    pub fn running() -> anyhow::Result<Cluster> {
        let program = crate::repository().join("target/cluster");
        anyhow::ensure!(program.exists(), "target/cluster is not built; build it with: make target/cluster");
        let host = std::env::var("CLICKSTACK_TEST_HOST").unwrap_or_else(|_| "10.77.0.1".to_owned());
        if let Some(kubeconfig) = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()) {
            return Ok(Cluster { program, kubeconfig: kubeconfig.into(), host });
        }
        let told = run(Command::new(&program).arg("start"), None)?;
        let kubeconfig = told.lines().find_map(|line| line.trim().strip_prefix("export KUBECONFIG="));
        let kubeconfig = kubeconfig.context("`cluster start` names no KUBECONFIG")?.trim_matches(['"', '\'']).into();
        Ok(Cluster { program, kubeconfig, host })
    }

    /// An API server without nodes: only its clients are of use.
    pub(crate) fn without_nodes(program: &Path, kubeconfig: &Path) -> Cluster {
        Cluster { program: program.to_owned(), kubeconfig: kubeconfig.to_owned(), host: "127.0.0.1".to_owned() }
    }

    /// Puts the images of `make images` where the nodes find them. With a cluster of one's own,
    /// CLICKSTACK_TEST_LOAD is the command that takes an archive, such as `kind load image-archive`.
    fn load_images(&self) -> anyhow::Result<()> {
        let archives =
            ["collector", "operator"].map(|name| crate::repository().join(format!("target/images/{name}.tar")));
        for archive in &archives {
            anyhow::ensure!(archive.exists(), "{} is not built; build it with: make images", archive.display());
        }
        let own = std::env::var("KUBECONFIG").is_ok_and(|path| !path.is_empty());
        if !own {
            return run(Command::new(&self.program).arg("load").args(&archives), None).map(drop);
        }
        let load = std::env::var("CLICKSTACK_TEST_LOAD").context(
            "KUBECONFIG is set, so the images must be put into that cluster: set CLICKSTACK_TEST_LOAD to the command \
             that takes an archive, for example 'kind load image-archive'; or unset KUBECONFIG",
        )?;
        for archive in &archives {
            run(Command::new("sh").arg("-c").arg(format!("{load} \"$0\"")).arg(archive), None)?;
        }
        Ok(())
    }

    /// Installs or updates the chart and waits until the operator is ready.
    fn install(&self) -> anyhow::Result<()> {
        let root = crate::repository();
        // Helm installs definitions once and never updates them.
        self.kubectl(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            &root.join("helm/crds").display().to_string(),
        ])?;
        let operator = root.join("target/images/operator.tar").metadata()?;
        // The tag stays `dev`: another build shows in this annotation, and the operator rolls.
        let build = operator.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_millis();
        let chart = root.join("helm").display().to_string();
        let settings = [
            "image.repository=localhost/clickstack-operator".to_owned(),
            "image.tag=dev".to_owned(),
            "collectorImage.repository=localhost/clickstack-collector".to_owned(),
            "collectorImage.tag=dev".to_owned(),
            format!("podAnnotations.build=b{build}"),
        ];
        let mut arguments = vec!["upgrade", "--install", RELEASE, &chart, "--namespace", RELEASE_NAMESPACE];
        arguments.extend(["--create-namespace", "--wait", "--timeout", INSTALL_WITHIN]);
        for setting in &settings {
            arguments.extend(["--set", setting]);
        }
        self.helm(&arguments).map(drop)
    }

    /// Runs kubectl and returns what it prints.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(self.command("kubectl").args(arguments), None)
    }

    /// Runs kubectl with something to read.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        run(self.command("kubectl").args(arguments), Some(input))
    }

    /// An object, or a list of them, as JSON.
    pub fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let text = self.kubectl(&[&["get", "-o", "json"], arguments].concat())?;
        serde_json::from_str(&text).context("kubectl prints JSON")
    }

    pub fn helm(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(self.command("helm").args(arguments), None)
    }

    /// What kstatus, Argo CD and Flux make of each object, with the checks of the folder `gitops`.
    pub fn verdicts(&self, objects: &[Value]) -> anyhow::Result<Vec<Value>> {
        let lines: Vec<_> = objects.iter().map(Value::to_string).collect();
        let told = run(self.command("health").arg(crate::repository().join("gitops")), Some(&lines.join("\n")))?;
        told.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The line with which a person's own kubectl reaches it.
    pub fn export(&self) -> String {
        format!("export KUBECONFIG={}", self.kubeconfig.display())
    }

    /// Names and addresses of the nodes.
    pub fn nodes(&self) -> anyhow::Result<Vec<(String, String)>> {
        let nodes = self.json(&["nodes"])?;
        let nodes = nodes["items"].as_array().context("a list of nodes")?;
        Ok(nodes
            .iter()
            .filter_map(|node| {
                let addresses = node["status"]["addresses"].as_array()?;
                let internal = addresses.iter().find(|address| address["type"] == "InternalIP")?;
                Some((node["metadata"]["name"].as_str()?.to_owned(), internal["address"].as_str()?.to_owned()))
            })
            .collect())
    }

    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(tool).env("KUBECONFIG", &self.kubeconfig);
        command
    }
}

/// Runs a command to its end; its failure carries what it said.
fn run(command: &mut Command, input: Option<&str>) -> anyhow::Result<String> {
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let what = format!("{command:?}");
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context(what.clone())?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        pipe.write_all(input.as_bytes())?;
    }
    let ended = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    anyhow::ensure!(ended.status.success(), "{what}: {}\n{said}", ended.status);
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// The longest a rollout may take here before a test gives up.
pub const ROLLED_OUT_WITHIN: Duration = Duration::from_secs(90);
