//! Our own binaries: comes in a package and a binary name, goes out its path, built now. Must not
//! hand out a binary older than its source.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// Builds `binary` of `package` beside this test's own files and returns its path. Cargo makes a
/// second call free, and a lock makes parallel calls wait for each other.
pub fn built(package: &str, binary: &str) -> anyhow::Result<PathBuf> {
    let profile = profile_folder()?;
    let target = profile.parent().context("the profile's folder has a parent")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--package", package, "--bin", binary]).arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(crate::repository()).output().context("start cargo")?;
    anyhow::ensure!(built.status.success(), "build {binary}:\n{}", String::from_utf8_lossy(&built.stderr));
    Ok(profile.join(binary))
}

/// A binary of this package, which cargo builds together with its tests.
pub(crate) fn own(binary: &str) -> anyhow::Result<PathBuf> {
    let path = profile_folder()?.join(binary);
    if path.exists() { Ok(path) } else { built("tests", binary) }
}

/// `target/debug` or `target/release`: where this very program was built.
fn profile_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("a program is in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    folder.map(Path::to_owned).context("deps is in a profile's folder")
}
