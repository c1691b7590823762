//! Our operator as a process: comes in an API server, goes out a running binary that leads. Must not know what a test
//! is about.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;

use crate::apiserver::{ApiServer, User};
use crate::http::Http;
use crate::ports::free_port;
use crate::processes::{self, Process};
use crate::wait::eventually;

/// A lease of one that was killed is waited out.
const LEADS_WITHIN: Duration = Duration::from_secs(60);

/// An operator for all namespaces of its API server.
#[derive(Debug)]
pub struct Operator {
    process: Process,
    admin: SocketAddr,
    http: Http,
}

impl Operator {
    /// Starts it and waits until it leads and knows what is there.
    pub async fn start(server: &ApiServer) -> anyhow::Result<Operator> {
        let mut operator = Self::start_with(server, |_| ()).await?;
        let Operator { process, admin, http } = &mut operator;
        let leads = eventually("the operator leads", LEADS_WITHIN, async || {
            process.check_running().map_err(|error| format!("{error:#}"))?;
            let leads =
                metric(http, *admin, "clickstack_operator_leader").await.map_err(|error| format!("{error:#}"))?;
            let ready = http.get(&format!("http://{admin}/ready")).await.map_err(|error| format!("{error:#}"))?;
            if leads == 1.0 && ready.status.is_success() { Ok(()) } else { Err(format!("{leads} {}", ready.text())) }
        });
        leads.await.map_err(|error| error.context(operator.process.log_tail()))?;
        Ok(operator)
    }

    /// Starts it and waits for nothing.
    pub async fn start_with(server: &ApiServer, change: impl FnOnce(&mut Command)) -> anyhow::Result<Operator> {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port("127.0.0.1")?));
        let mut command = Command::new(processes::built("operator", "clickstack-operator")?);
        command.args(["--collector-image", "localhost/clickstack-collector:dev"]).env("POD_NAMESPACE", "default");
        command.arg("--admin-address").arg(admin.to_string());
        command.env("KUBECONFIG", server.kubeconfig(User::Operator)).env("RUST_LOG", "info,kube=warn");
        change(&mut command);
        let process = Process::start("operator", command, &server.path("operator.log"))?;
        Ok(Operator { process, admin, http: Http::default() })
    }

    /// The sum of a metric over its labels, as it is told.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        metric(&self.http, self.admin, name).await
    }

    /// All metrics.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        Ok(self.http.get(&format!("http://{}/metrics", self.admin)).await?.text())
    }

    /// The last reconcile of each resource.
    pub async fn resources(&self) -> anyhow::Result<serde_json::Value> {
        let text = self.http.get(&format!("http://{}/resources", self.admin)).await?.text();
        serde_json::from_str(&text).with_context(|| text)
    }

    /// Where it is probed.
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGTERM, and its end: the lease is free then.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.terminate()?;
        let status = self.process.wait(Duration::from_secs(15)).await?;
        anyhow::ensure!(status.success(), "{status}\n{}", self.process.log_tail());
        Ok(())
    }
}

/// How its own binary ends that asks whether one is ready at `address`, for so many seconds.
pub fn check(address: SocketAddr, within: &str) -> anyhow::Result<ExitStatus> {
    let mut command = Command::new(processes::built("operator", "clickstack-operator")?);
    Ok(command.args(["check", &address.to_string(), "--within", within]).status()?)
}

async fn metric(http: &Http, admin: SocketAddr, name: &str) -> anyhow::Result<f64> {
    let text = http.get(&format!("http://{admin}/metrics")).await?.text();
    let is_of_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    Ok(text.lines().filter(is_of_it).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
}
