//! Positions on the node's disk: up to where each file is answered for.
//!
//! Comes in: entries, one a file. Goes out: a file that is whole at any moment,
//! and after a restart the entries in it. Must not promise more than was answered.

use std::{fs, io::ErrorKind, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use crate::durable;

/// One file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Entry {
    /// The folder of the container, below the folder of all pods.
    pub(super) folder: String,
    pub(super) file: String,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) fingerprint: Fingerprint,
    /// Where to read on. Everything before it is answered for. Counted in the text, not in its compressed form.
    pub(super) offset: u64,
    /// What ends before this is answered for too: read again only for what was open there, such as a text whose last part
    /// has not come.
    #[serde(default)]
    pub(super) told: u64,
    /// Nothing comes after it.
    pub(super) is_complete: bool,
}

/// What one checkpoint says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Saved {
    /// Everything up to this batch is in it.
    pub(super) batch: u64,
    pub(super) files: Vec<Entry>,
}

impl Entry {
    /// How far it is answered for, and how far without anything open.
    pub(super) fn reach(&self) -> (u64, u64) {
        (self.told.max(self.offset), self.offset)
    }
}

#[derive(Deserialize, Serialize)]
struct Document {
    version: u32,
    /// None in files of processes that did not number their batches.
    #[serde(default)]
    batch: u64,
    files: Vec<Entry>,
}

const VERSION: u32 = 1;

/// Why positions cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] std::io::Error),
    #[error("{0} holds no positions; files are read from their beginning")]
    Content(PathBuf, #[source] serde_json::Error),
    #[error("{0} is of version {1}, not {VERSION}; files are read from their beginning")]
    Version(PathBuf, u32),
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] std::io::Error),
}

/// The positions of one agent.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    folder: PathBuf,
}

impl Checkpoint {
    pub(super) fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("container-logs.json")
    }

    /// The last positions; none where this agent has never run on this node.
    ///
    /// # Errors
    /// They are there and cannot be used.
    pub(super) fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        let path = self.path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CheckpointError::Read(path, error)),
        };
        match serde_json::from_slice::<Document>(&text) {
            Ok(Document { version: VERSION, batch, files }) => Ok(Some(Saved { batch, files })),
            Ok(document) => Err(CheckpointError::Version(path, document.version)),
            Err(error) => Err(CheckpointError::Content(path, error)),
        }
    }

    /// # Errors
    /// Nothing was written; the last positions are still there.
    pub(super) fn save(&self, saved: Saved) -> Result<(), CheckpointError> {
        let (path, Saved { batch, files }) = (self.path(), saved);
        let text = serde_json::to_vec(&Document { version: VERSION, batch, files }).unwrap_or_default();
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| durable::replace(&path, &path.with_extension("json.new"), &text));
        written.map_err(|error| CheckpointError::Write(path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_a_broken_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::at(folder.path().join("state"));
        assert_eq!(checkpoint.load().unwrap(), None);
        let entry = Entry {
            folder: "shop_cart_1/main".into(),
            file: "0.log".into(),
            device: 1,
            inode: u64::MAX,
            fingerprint: Fingerprint::of(b"begin"),
            offset: 42,
            told: 50,
            is_complete: false,
        };
        let saved = |batch, files: &[&Entry]| Saved { batch, files: files.iter().copied().cloned().collect() };
        checkpoint.save(saved(1, &[&entry])).unwrap();
        checkpoint.save(saved(7, &[&entry, &entry])).unwrap();
        assert_eq!(checkpoint.load().unwrap(), Some(saved(7, &[&entry, &entry])));
        fs::write(checkpoint.path(), r#"{"version":1,"files":[]}"#).unwrap();
        assert_eq!(checkpoint.load().unwrap(), Some(Saved::default()), "before batches were numbered");
        fs::write(checkpoint.path(), "{").unwrap();
        assert!(matches!(checkpoint.load(), Err(CheckpointError::Content(..))));
        fs::write(checkpoint.path(), r#"{"version":7,"files":[]}"#).unwrap();
        assert!(matches!(checkpoint.load(), Err(CheckpointError::Version(_, 7))));
    }
}
