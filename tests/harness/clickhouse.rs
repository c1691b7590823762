//! The real ClickHouse server: comes in where to listen, where to keep rows and who may log in, goes
//! out a server that answers, can be killed and brought back on the same rows and ports. Must not
//! outlive its owner, and must not pretend readiness: it has answered `SELECT 1`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde::de::DeserializeOwned;

use crate::http::Http;
use crate::ports::free_port;
use crate::processes::{self, Process};
use crate::wait::eventually;

pub mod background;
mod config;
pub mod launch;
mod query;

pub use config::{Grants, User, small};
pub use query::QueryError;

/// An engine that nobody stopped ends by itself.
const LIFE: Duration = Duration::from_secs(3600);
/// Cold start is 0.4 s on an idle machine; the bound is for one that builds at the same time.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Who administrates a test's engine unless the test says otherwise.
pub const ADMIN: &str = "admin";
pub const ADMIN_PASSWORD: &str = "admin-password";

/// What an engine is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// `127.0.0.1` for tests; the bridge's address when pods are to reach it.
    pub listen_host: String,
    /// Chosen free when absent.
    pub http_port: Option<u16>,
    pub tcp_port: Option<u16>,
    /// Kept when given; otherwise a folder that goes away with the engine.
    pub dir: Option<PathBuf>,
    /// The first one is whom `query` logs in as.
    pub users: Vec<User>,
    pub life: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen_host: "127.0.0.1".into(),
            http_port: None,
            tcp_port: None,
            dir: None,
            users: vec![User::admin(ADMIN, ADMIN_PASSWORD)],
            life: LIFE,
        }
    }
}

/// A ClickHouse server owned by a test.
#[derive(Debug)]
pub struct ClickHouse {
    pub http_port: u16,
    pub tcp_port: u16,
    listen_host: String,
    users: Vec<User>,
    life: Duration,
    dir: PathBuf,
    process: Option<Process>,
    http: Http,
    _owned_dir: Option<tempfile::TempDir>,
}

/// The first user of an engine, for another task than the one that stops and starts it.
#[derive(Clone, Debug)]
pub struct Asker {
    url: String,
    user: User,
    http: Http,
}

impl Asker {
    pub async fn query(&self, sql: &str) -> Result<String, QueryError> {
        query::text(&self.http, &self.url, &self.user.name, &self.user.password, sql).await
    }
}

impl ClickHouse {
    /// Starts an engine and returns when it answers.
    pub async fn start(options: Options) -> anyhow::Result<ClickHouse> {
        let (dir, owned) = match options.dir {
            Some(dir) => (dir, None),
            None => tempfile::Builder::new().prefix("clickhouse-").tempdir().map(|d| (d.path().to_owned(), Some(d)))?,
        };
        let port = |wanted: Option<u16>| wanted.map_or_else(|| free_port(&options.listen_host), Ok);
        let mut engine = ClickHouse {
            http_port: port(options.http_port)?,
            tcp_port: port(options.tcp_port)?,
            listen_host: options.listen_host.clone(),
            users: options.users,
            life: options.life,
            dir,
            process: None,
            http: Http::default(),
            _owned_dir: owned,
        };
        engine.start_again().await?;
        Ok(engine)
    }

    /// Starts it on the rows, ports and users it had; does nothing while it runs.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        if self.process.as_mut().is_some_and(|process| process.ended().is_none()) {
            return Ok(());
        }
        let command = launch::command(&self.launch())?;
        self.http = Http::default();
        self.process = Some(Process::start("ClickHouse", command, &self.log_path())?);
        self.ready().await
    }

    /// SIGKILL: the server is gone without a goodbye, its rows stay.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// SIGSTOP: connections stay open and nothing is answered, until `resume`.
    pub fn pause(&mut self) -> anyhow::Result<()> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(Signal::STOP))
    }

    /// SIGCONT.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(Signal::CONT))
    }

    /// Somebody who asks for himself, whether the server runs or not.
    pub fn asker(&self) -> anyhow::Result<Asker> {
        let user = self.users.first().cloned().ok_or_else(|| anyhow::anyhow!("an engine without users"))?;
        Ok(Asker { url: self.url(), user, http: Http::default() })
    }

    /// Fails with the end of the server's log when it died unasked: a broken run, not a broken product.
    pub fn check_running(&mut self) -> anyhow::Result<()> {
        match &mut self.process {
            Some(process) => process.check_running(),
            None => anyhow::bail!("ClickHouse was killed and not started again"),
        }
    }

    /// The server's process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.listen_host, self.http_port)
    }

    /// Runs `sql` as the first user; the answer is ClickHouse's text, without the last line end.
    pub async fn query(&self, sql: &str) -> anyhow::Result<String> {
        let user = self.users.first().ok_or_else(|| anyhow::anyhow!("an engine without users"))?;
        Ok(self.query_as(&user.name, &user.password, sql).await?)
    }

    pub async fn query_as(&self, user: &str, password: &str, sql: &str) -> Result<String, QueryError> {
        query::text(&self.http, &self.url(), user, password, sql).await
    }

    /// Runs `sql` (without FORMAT) and reads each row into `T` by column name.
    pub async fn query_rows<T: DeserializeOwned>(&self, sql: &str) -> anyhow::Result<Vec<T>> {
        let lines = self.query(&format!("{sql} FORMAT JSONEachRow")).await?;
        lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The end of what the server logged.
    pub fn log_tail(&self) -> String {
        processes::tail(&std::fs::read_to_string(self.log_path()).unwrap_or_default(), 60)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let (http, url) = (self.http.clone(), self.url());
        let user = self.users.first().cloned().ok_or_else(|| anyhow::anyhow!("an engine without users"))?;
        let process = &mut self.process;
        let answered = eventually("ClickHouse answers", READY_WITHIN, async || {
            if let Some(status) = process.as_mut().and_then(Process::ended) {
                return Ok(Err(anyhow::anyhow!("ClickHouse ended at its start: {status}")));
            }
            query::ready(&http, &url, &user).await.map(Ok)
        });
        answered.await.and_then(|ready| ready).map_err(|error| error.context(self.log_tail()))
    }

    fn launch(&self) -> launch::Launch<'_> {
        launch::Launch {
            dir: &self.dir,
            listen_host: &self.listen_host,
            http_port: self.http_port,
            tcp_port: self.tcp_port,
            users: &self.users,
            life: self.life,
        }
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }
}
