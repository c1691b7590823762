//! How the server is started: comes in a folder, ports and users, goes out the command line of the
//! launcher; in the launcher itself, the running server. Must stay the only place that knows the
//! engine is a library.

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::config::{self, User};
use crate::{engines, processes};

/// Everything a start needs.
#[derive(Debug)]
pub struct Launch<'a> {
    pub dir: &'a Path,
    pub listen_host: &'a str,
    pub http_port: u16,
    pub tcp_port: u16,
    pub users: &'a [User],
    pub life: Duration,
}

/// Seconds one row of the engine's waiting query takes; ClickHouse allows at most 3.
const NAP_SECONDS: u64 = 3;

/// Writes the configuration and returns the command that becomes the server.
pub fn command(launch: &Launch<'_>) -> anyhow::Result<Command> {
    let library = engines::clickhouse_library()?;
    let config = launch.dir.join("config.xml");
    std::fs::create_dir_all(launch.dir)?;
    std::fs::write(&config, config::server(launch.dir))?;
    std::fs::write(launch.dir.join("users.xml"), config::users(launch.users))?;
    let mut command = Command::new(processes::own("clickhouse")?);
    command.arg("serve").arg(library).arg("--");
    command.arg(format!("--config-file={}", config.display()));
    command.arg(format!("--path={}", launch.dir.join("rows").display()));
    command.arg(format!("--listen_host={}", launch.listen_host));
    command.arg(format!("--http_port={}", launch.http_port)).arg(format!("--tcp_port={}", launch.tcp_port));
    command.args(["--logger.console=1", "--log-level=information", "--query"]);
    command.arg(wait_query(launch.life));
    Ok(command)
}

/// Opens the ports and then waits for as long as the server may live.
fn wait_query(life: Duration) -> String {
    let naps = life.as_secs().div_ceil(NAP_SECONDS);
    format!(
        "SYSTEM START LISTEN QUERIES ALL; SELECT sleepEachRow({NAP_SECONDS}) FROM system.numbers LIMIT {naps} \
         SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 10000000000 FORMAT Null"
    )
}

/// Runs the server inside this process until its life is over.
#[expect(unsafe_code, reason = "the engine is a C library; both signatures are those of its header")]
pub fn serve(library: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let mut arguments = arguments.iter().map(|a| CString::new(a.as_str())).collect::<Result<Vec<_>, _>>()?;
    arguments.insert(0, CString::new("clickhouse")?);
    let mut argv: Vec<*mut c_char> = arguments.iter().map(|a| a.as_ptr().cast_mut()).collect();
    argv.push(std::ptr::null_mut());
    let error = unsafe {
        let library = libloading::Library::new(library)?;
        let run: libloading::Symbol<'_, unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void> =
            library.get(b"chdb_query_cmdline\0")?;
        let error_of: libloading::Symbol<'_, unsafe extern "C" fn(*mut c_void) -> *const c_char> =
            library.get(b"chdb_result_error\0")?;
        let result = run(c_int::try_from(arguments.len())?, argv.as_mut_ptr());
        let error = if result.is_null() { std::ptr::null() } else { error_of(result) };
        (!error.is_null()).then(|| std::ffi::CStr::from_ptr(error).to_string_lossy().into_owned())
    };
    anyhow::ensure!(error.is_none(), "{}", error.unwrap_or_default());
    Ok(())
}
