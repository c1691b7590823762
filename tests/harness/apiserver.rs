//! A Kubernetes without nodes: comes in nothing, goes out etcd, an API server that writes an audit log, and, where asked
//! for, the controllers that make pods of workloads. Ports are of its own, so several run side by side and no root is
//! needed. Must not start a pod: there is nothing to run it on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::cluster::Cluster;
use crate::ports::free_port;
use crate::processes::Process;
use crate::wait::eventually;

mod audit;

pub use audit::{Audit, Request};

const HOST: &str = "127.0.0.1";
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Who asks; the audit log tells them apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum User {
    Admin,
    Operator,
}

impl User {
    const ALL: [User; 2] = [User::Admin, User::Operator];

    pub const fn name(self) -> &'static str {
        match self {
            User::Admin => "admin",
            User::Operator => "operator",
        }
    }
}

/// The processes and where they keep what they know. They end with their owner.
#[derive(Debug)]
pub struct ApiServer {
    program: PathBuf,
    port: u16,
    processes: Vec<Process>,
    dir: tempfile::TempDir,
}

impl ApiServer {
    /// Running, with our definition in it.
    pub async fn start() -> anyhow::Result<ApiServer> {
        let program = crate::repository().join("target/cluster");
        anyhow::ensure!(program.exists(), "target/cluster is not built; build it with: make target/cluster");
        let dir = tempfile::Builder::new().prefix("apiserver-").tempdir()?;
        let mut server = ApiServer { program, port: free_port(HOST)?, processes: Vec::new(), dir };
        server.write_files()?;
        let (client, peer) = (free_port(HOST)?, free_port(HOST)?);
        let [client, peer] = [client, peer].map(|port| format!("http://{HOST}:{port}"));
        server.launch("etcd", &etcd(&server.path("etcd"), &client, &peer))?;
        server.launch("apiserver", &server.apiserver(&client))?;
        let cluster = server.cluster(User::Admin);
        let processes = &mut server.processes;
        eventually("the API server answers", READY_WITHIN, async || {
            for process in processes.iter_mut() {
                process.check_running().map_err(|error| format!("{error:#}"))?;
            }
            cluster.kubectl(&["get", "--raw", "/readyz"]).map(drop).map_err(|error| format!("{error:#}"))
        })
        .await?;
        let definition = crate::repository().join("helm/crds").display().to_string();
        cluster.kubectl(&["apply", "--server-side", "-f", &definition])?;
        // Again, since kubectl gives up at once on a definition that has no conditions yet.
        let established = ["wait", "--for=condition=Established", "crd/clickstackcollectors.clickstack.io"];
        eventually("the definition is established", READY_WITHIN, async || {
            cluster.kubectl(&established).map(drop).map_err(|error| format!("{error:#}"))
        })
        .await?;
        Ok(server)
    }

    /// Makes ReplicaSets and pods of workloads from now on, and removes what belongs to nothing.
    pub fn start_controllers(&mut self) -> anyhow::Result<()> {
        let kinds = ["deployment", "replicaset", "daemonset", "garbage-collector", "namespace"];
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("{kind}-controller")).collect();
        let arguments = [
            format!("--kubeconfig={}", self.kubeconfig(User::Admin).display()),
            format!("--service-account-private-key-file={}", self.path("key.pem").display()),
            format!("--controllers={}", kinds.join(",")),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
        ];
        self.launch("controllers", &arguments)
    }

    /// kubectl, as this user.
    pub fn cluster(&self, user: User) -> Cluster {
        Cluster::without_nodes(&self.program, &self.kubeconfig(user))
    }

    /// `https://host:port`.
    pub fn url(&self) -> String {
        format!("https://{HOST}:{}", self.port)
    }

    pub fn kubeconfig(&self, user: User) -> PathBuf {
        self.path(user.name())
    }

    /// What the API server was asked, from now on.
    pub fn audit(&self) -> anyhow::Result<Audit> {
        Audit::from_now(&self.path("audit.log"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn launch(&mut self, name: &str, arguments: &[String]) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.arg(name).args(arguments);
        self.processes.push(Process::start(name, command, &self.path(&format!("{name}.log")))?);
        Ok(())
    }

    fn write_files(&self) -> anyhow::Result<()> {
        let write = |name: &str, text: &str| std::fs::write(self.path(name), text).context(name.to_owned());
        let key = rcgen::KeyPair::generate()?;
        write("key.pem", &key.serialize_pem())?;
        write("public.pem", &key.public_key_pem())?;
        write("audit.yaml", AUDIT_POLICY)?;
        let tokens = User::ALL.map(|user| format!("{0}-token,{0},{0},system:masters\n", user.name()));
        write("tokens.csv", &tokens.concat())?;
        for user in User::ALL {
            write(user.name(), &kubeconfig(self.port, user))?;
        }
        Ok(())
    }

    fn apiserver(&self, etcd: &str) -> Vec<String> {
        let file = |option: &str, name: &str| format!("--{option}={}", self.path(name).display());
        vec![
            format!("--etcd-servers={etcd}"),
            format!("--bind-address={HOST}"),
            format!("--advertise-address={HOST}"),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={}", self.port),
            "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--profiling=false".to_owned(),
            file("cert-dir", "pki"),
            file("service-account-key-file", "public.pem"),
            file("service-account-signing-key-file", "key.pem"),
            file("token-auth-file", "tokens.csv"),
            file("audit-policy-file", "audit.yaml"),
            file("audit-log-path", "audit.log"),
        ]
    }
}

/// Who asked for what, and what came of it; no bodies.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - {level: Metadata, users: [operator]}
  - {level: Metadata, users: [admin], resources: [{group: clickstack.io}]}
  - {level: None}
";

fn etcd(data: &Path, client: &str, peer: &str) -> Vec<String> {
    vec![
        "--name=etcd".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=etcd={peer}"),
        // The data does not outlive the test, so it need not survive a power cut.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn kubeconfig(port: u16, user: User) -> String {
    format!(
        "apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: 'https://{HOST}:{port}', insecure-skip-tls-verify: true}}}}]
users: [{{name: u, user: {{token: {0}-token}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u, namespace: default}}}}]
current-context: x
",
        user.name()
    )
}
