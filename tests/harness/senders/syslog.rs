//! What speaks syslog: comes in a run and where to send it, goes out commands and a relay that send numbered rows, and a
//! statement about what has to be in ClickHouse then.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{installed, program, python, ran};
use crate::clickhouse::ClickHouse;
use crate::processes::Process;
use crate::wait::eventually;

/// `rsyslogd`: takes what is written to its socket and sends it by the way its program is named after.
#[derive(Debug)]
pub struct Rsyslog {
    _process: Process,
    dir: tempfile::TempDir,
}

/// The names of the ways.
pub const WAYS: [&str; 3] = ["counted", "lines", "datagrams"];

impl Rsyslog {
    pub async fn start(to: SocketAddr) -> anyhow::Result<Rsyslog> {
        let root = installed("target/senders/rsyslog/installed")?.with_file_name("usr");
        let libraries = root.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH));
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("conf");
        std::fs::write(&file, configuration(dir.path(), to))?;
        let mut command = program(root.join("sbin/rsyslogd"));
        command.env("LD_LIBRARY_PATH", &libraries).env("TZ", "UTC").arg("-n").arg("-f").arg(&file);
        command.arg("-i").arg(dir.path().join("pid")).arg("-M").arg(libraries.join("rsyslog"));
        let mut process = Process::start("rsyslogd", command, &dir.path().join("out"))?;
        let socket = dir.path().join("log");
        eventually("rsyslogd listens", Duration::from_secs(10), async || {
            process.check_running().map_err(|error| format!("{error:#}"))?;
            if socket.exists() { Ok(()) } else { Err("no socket".to_owned()) }
        })
        .await?;
        Ok(Rsyslog { _process: process, dir })
    }

    /// Writes the rows to its socket under the name of a way.
    pub fn write(&self, way: &str, count: u64) -> anyhow::Result<()> {
        for (odd, priority) in [(0, "user.info"), (1, "user.warning")] {
            let file = self.dir.path().join("rows");
            let rows = (0..count).filter(|row| row % 2 == odd).map(|row| format!("row {row} of {way}\n"));
            std::fs::write(&file, rows.collect::<String>())?;
            let mut logger = program("logger");
            logger.arg("--socket").arg(self.dir.path().join("log")).args(["--tag", way, "--priority", priority]);
            ran(logger.arg("--file").arg(&file))?;
        }
        Ok(())
    }
}

fn configuration(dir: &Path, to: SocketAddr) -> String {
    let (dir, host, port) = (dir.display(), to.ip(), to.port());
    let action = |way: &str, how: &str| {
        format!("if $programname == '{way}' then action(type=\"omfwd\" target=\"{host}\" port=\"{port}\" {how})\n")
    };
    let counted = "protocol=\"tcp\" TCP_Framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\"";
    [
        format!("global(workDirectory=\"{dir}\")\n"),
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\n".to_owned(),
        format!("input(type=\"imuxsock\" Socket=\"{dir}/log\" RateLimit.Interval=\"0\")\n"),
        action(WAYS[0], counted),
        action(WAYS[1], "protocol=\"tcp\""),
        action(WAYS[2], "protocol=\"udp\""),
    ]
    .concat()
}

/// `logger` of util-linux, straight to a collector.
pub fn logger(to: SocketAddr, more: &[&str], text: &str) -> anyhow::Result<()> {
    let mut command = program("logger");
    command.args(["--server", &to.ip().to_string(), "--port", &to.port().to_string()]);
    ran(command.args(more).arg(text)).map(drop)
}

/// The handler of Python's own logging, over `tcp` or `udp`.
pub fn run_python(to: SocketAddr, transport: &str, run_id: &str, count: u64) -> anyhow::Result<()> {
    let mut command: Command = python("syslog.py")?;
    command.args(["--host", &to.ip().to_string(), "--port", &to.port().to_string(), "--transport", transport]);
    ran(command.args(["--run-id", run_id, "--count", &count.to_string()])).map(drop)
}

/// Every row of a run is there, once and as it was sent; `has_head`: with a time and a host, too. The space is rsyslog's:
/// its form of RFC 5424 keeps that behind a tag's colon.
pub async fn check(engine: &ClickHouse, run_id: &str, count: u64, has_head: bool) -> anyhow::Result<()> {
    let head =
        if has_head { "mapContains(LogAttributes, 'hostname')" } else { "NOT mapContains(LogAttributes, 'hostname')" };
    let sql = format!(
        "WITH toUInt64OrNull(extract(Body, '^ ?row ([0-9]+) of {run_id}$')) AS id \
         SELECT count(), uniqExact(id), max(id), countIf(isNull(id) OR NOT (\
           {head} AND abs(dateDiff('second', Timestamp, now())) < 600 \
           AND SeverityNumber = if(id % 2 = 1, 13, 9) AND SeverityText = if(id % 2 = 1, 'warning', 'info') \
           AND LogAttributes['facility'] = '1' AND LogAttributes['priority'] = if(id % 2 = 1, '12', '14') \
           AND ServiceName = '' AND empty(ResourceAttributes))) \
         FROM otel.otel_logs WHERE LogAttributes['appname'] = '{run_id}'"
    );
    let found = engine.query(&sql).await?;
    let wanted = format!("{count}\t{count}\t{}\t0", count - 1);
    anyhow::ensure!(found == wanted, "{run_id}: {found:?}, not {wanted:?}");
    Ok(())
}
