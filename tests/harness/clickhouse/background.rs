//! A server that stays when its starter goes, for the demo and for work by hand: comes in a folder,
//! goes out a state file that says who runs there. Must not signal a process it does not own.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::config::User;
use super::{READY_WITHIN, launch, query};
use crate::http::Http;
use crate::wait::eventually;

/// Who runs in a folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Background {
    pub listen_host: String,
    pub http_port: u16,
    pub tcp_port: u16,
    pub users: Vec<User>,
    pid: i32,
    /// When the kernel started that process: tells it from a later one with the same number.
    started_ticks: u64,
}

impl Background {
    /// Starts a server in `dir`, or finds the one that runs there with the same address and users.
    pub async fn start(
        dir: &Path,
        listen: (&str, u16, u16),
        users: Vec<User>,
        life: Duration,
    ) -> anyhow::Result<Background> {
        std::fs::create_dir_all(dir)?;
        let dir = &dir.canonicalize()?;
        if let Some(running) = Background::find(dir)? {
            anyhow::ensure!(
                (running.listen_host.as_str(), running.http_port, running.tcp_port) == listen,
                "another ClickHouse runs in {} at {}; stop it first",
                dir.display(),
                running.url()
            );
            return Ok(running);
        }
        let (listen_host, http_port, tcp_port) = listen;
        let wanted = launch::Launch { dir, listen_host, http_port, tcp_port, users: &users, life };
        let mut command = launch::command(&wanted)?;
        let log = File::options().create(true).append(true).open(dir.join("server.log"))?;
        // A group of its own: Ctrl-C at the terminal of its starter is not for the server.
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0).spawn()?;
        let pid = i32::try_from(child.id())?;
        let started_ticks = started_ticks(pid).context("the server ended at once")?;
        let state = Background { listen_host: listen_host.into(), http_port, tcp_port, users, pid, started_ticks };
        std::fs::write(state_path(dir), serde_json::to_vec_pretty(&state)?)?;
        state.ready(dir).await?;
        Ok(state)
    }

    /// The server that runs in `dir`, if one does.
    pub fn find(dir: &Path) -> anyhow::Result<Option<Background>> {
        let Ok(text) = std::fs::read(state_path(dir)) else { return Ok(None) };
        let state: Background = serde_json::from_slice(&text)?;
        Ok(state.is_running().then_some(state))
    }

    /// Stops the server that runs in `dir`; says whether there was one. Its rows stay.
    pub async fn stop(dir: &Path) -> anyhow::Result<bool> {
        let running = Background::find(dir)?;
        if let Some(state) = &running {
            let pid = Pid::from_raw(state.pid).context("a process number")?;
            rustix::process::kill_process(pid, Signal::KILL)?;
            let gone = async || if state.is_running() { Err("running".to_owned()) } else { Ok(()) };
            eventually("ClickHouse ends", Duration::from_secs(10), gone).await?;
        }
        let _ = std::fs::remove_file(state_path(dir));
        Ok(running.is_some())
    }

    pub fn url(&self) -> String {
        format!("http://{}:{}", self.listen_host, self.http_port)
    }

    /// Runs `sql` as the first user.
    pub async fn query(&self, sql: &str) -> anyhow::Result<String> {
        let user = self.users.first().context("a server without users")?;
        Ok(query::text(&Http::default(), &self.url(), &user.name, &user.password, sql).await?)
    }

    async fn ready(&self, dir: &Path) -> anyhow::Result<()> {
        let (http, user) = (Http::default(), self.users.first().context("a server without users")?);
        let question = async || match self.is_running() {
            true => query::ready(&http, &self.url(), user).await.map(Ok),
            false => Ok(Err(anyhow::anyhow!("ClickHouse ended at its start; see {}/server.log", dir.display()))),
        };
        eventually("ClickHouse answers", READY_WITHIN, question).await?
    }

    fn is_running(&self) -> bool {
        started_ticks(self.pid) == Some(self.started_ticks)
    }
}

fn state_path(dir: &Path) -> PathBuf {
    dir.join("server.json")
}

/// Field 22 of `/proc/PID/stat`, counted after the program's name; none for a zombie or a stranger.
fn started_ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}
