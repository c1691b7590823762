//! The engines tests run against: comes in nothing, goes out the path of a library that is there.
//! Must not fetch anything by itself in a test: a missing engine fails with the command that gets it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// ClickHouse 26.7 as a shared library. The package is the one the chDB project publishes.
const CLICKHOUSE_PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";
const CLICKHOUSE_LIBRARY: &str = "libchdb.so";
/// An unpacked library is half a gigabyte; less is a broken download.
const CLICKHOUSE_AT_LEAST_BYTES: u64 = 400_000_000;

/// The library that holds the ClickHouse server.
pub fn clickhouse_library() -> anyhow::Result<PathBuf> {
    let library = folder().join(CLICKHOUSE_LIBRARY);
    anyhow::ensure!(
        is_whole(&library),
        "the ClickHouse engine is not in {}; get it with: cargo run -p tests --bin clickhouse -- fetch",
        folder().display()
    );
    Ok(library)
}

/// Gets the engine from the npm registry, once.
pub fn fetch_clickhouse() -> anyhow::Result<PathBuf> {
    let target = folder();
    let library = target.join(CLICKHOUSE_LIBRARY);
    if is_whole(&library) {
        return Ok(library);
    }
    let parent = target.parent().context("the engine's folder has a parent")?;
    std::fs::create_dir_all(parent)?;
    let work = tempfile::tempdir_in(parent)?;
    run(Command::new("npm").args(["pack", "--silent", CLICKHOUSE_PACKAGE]).current_dir(work.path()))?;
    let archive = std::fs::read_dir(work.path())?.next().context("npm pack left no archive")??.path();
    run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(work.path()))?;
    let unpacked = work.path().join("package");
    anyhow::ensure!(is_whole(&unpacked.join(CLICKHOUSE_LIBRARY)), "{CLICKHOUSE_PACKAGE} holds no {CLICKHOUSE_LIBRARY}");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    std::fs::rename(unpacked, &target)?;
    Ok(library)
}

fn folder() -> PathBuf {
    crate::repository().join("target/engines/clickhouse-26.7.3")
}

fn is_whole(library: &Path) -> bool {
    library.metadata().is_ok_and(|file| file.len() > CLICKHOUSE_AT_LEAST_BYTES)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("start {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
