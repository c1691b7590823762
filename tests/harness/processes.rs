//! Children of a test: comes in a command, goes out a running process with its output kept. Must not
//! leave a process behind: a child dies with its owner, and with this process however that ends.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal};

use crate::wait::eventually;

mod binaries;
mod spawner;

pub use binaries::built;
pub(crate) use binaries::own;

const LOG_TAIL_LINES: usize = 60;

/// A child process with its log.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; standard output and error go to the end of `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> anyhow::Result<Process> {
        let out = File::options().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let child = spawner::spawn(command).with_context(|| format!("start {name}"))?;
        Ok(Process { name: name.to_owned(), child, log: log.to_owned(), ended: None })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// `Err` with the end of its log when it is no longer running.
    pub fn check_running(&mut self) -> anyhow::Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => anyhow::bail!("{} ended by itself: {status}\n{}", self.name, self.log_tail()),
        }
    }

    /// SIGTERM: asks it to end.
    pub fn terminate(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended() {
            return Ok(status);
        }
        self.child.kill()?;
        let status = self.child.wait()?;
        self.ended = Some(status);
        Ok(status)
    }

    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if self.ended().is_none() {
            rustix::process::kill_process(Pid::from_child(&self.child), signal)?;
        }
        Ok(())
    }

    /// Waits for its end, for at most `bound`.
    pub async fn wait(&mut self, bound: Duration) -> anyhow::Result<ExitStatus> {
        let name = self.name.clone();
        eventually(&format!("{name} ends"), bound, async || self.ended().ok_or_else(|| "running".to_owned())).await
    }

    /// Everything it wrote.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    pub fn log_tail(&self) -> String {
        format!("--- end of {}'s log ---\n{}", self.name, tail(&self.log(), LOG_TAIL_LINES))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let died_before = self.ended().filter(|status| !status.success() && status.signal() != Some(9));
        let _ = self.kill();
        if std::thread::panicking() {
            eprintln!("{} (ended before the test: {died_before:?})\n{}", self.name, self.log_tail());
        }
    }
}

/// The last `lines` lines of `text`.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests;
