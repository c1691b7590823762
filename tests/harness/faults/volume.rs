//! A volume that can be full: comes in a folder and a size, goes out a filesystem in memory mounted there. Must not
//! stay mounted when its owner is gone. Needs root.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

const BALLAST: &str = "ballast";
const STEP: usize = 1 << 20;

/// A mounted volume.
#[derive(Debug)]
pub struct Volume {
    folder: PathBuf,
}

impl Volume {
    pub fn mount(folder: &Path, mebibytes: u32) -> anyhow::Result<Volume> {
        std::fs::create_dir_all(folder)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]).arg(folder);
        let mounted = mount.output().context("start mount")?;
        let why = String::from_utf8_lossy(&mounted.stderr);
        anyhow::ensure!(mounted.status.success(), "mount {}; it needs root: {why}", folder.display());
        Ok(Volume { folder: folder.to_owned() })
    }

    /// Leaves no byte free.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::create(self.folder.join(BALLAST))?;
        let zeros = vec![0; STEP];
        loop {
            match ballast.write(&zeros) {
                Ok(_) => {}
                Err(full) if full.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes away what `fill` put there.
    pub fn relieve(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.folder.join(BALLAST))?)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("still mounted: {}", self.folder.display());
        }
    }
}
