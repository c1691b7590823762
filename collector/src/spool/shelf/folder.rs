//! The files of a shelf: comes in blocks as bytes, goes out the same after any crash. Must not look into them.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use crate::{durable, making::Name, spool::dead::DeadLetters};

/// Within the spool's.
const FOLDER: &str = "siblings";

const ENDING: &str = ".block";

/// A folder within the spool's, and how much it may hold.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    spool: PathBuf,
    limit: u64,
    held: AtomicU64,
}

impl Folder {
    /// # Errors
    /// The disk's.
    pub fn of(spool: &Path, limit: u64) -> io::Result<Self> {
        let path = spool.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        File::open(spool)?.sync_all()?;
        let folder = Self { path, spool: spool.to_owned(), limit, held: AtomicU64::new(0) };
        let mut held = 0;
        for name in folder.names()? {
            held += size_on_disk(fs::metadata(folder.file(name))?.len());
        }
        folder.held.store(held, Ordering::Relaxed);
        Ok(folder)
    }

    /// Whether an earlier process has left any.
    ///
    /// # Errors
    /// The disk's.
    pub fn has_blocks(spool: &Path) -> io::Result<bool> {
        match fs::read_dir(spool.join(FOLDER)) {
            Ok(mut entries) => Ok(entries.any(|entry| entry.is_ok_and(|entry| name_of(&entry.file_name()).is_some()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Bytes of all blocks.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// The names of all blocks, in their order.
    ///
    /// # Errors
    /// The disk's.
    pub fn names(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(name_of(&entry?.file_name()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Keeps a block for good; false where there is no room.
    ///
    /// # Errors
    /// The disk's.
    pub fn put(&self, name: Name, body: &Bytes) -> io::Result<bool> {
        let size = size_on_disk(body.len() as u64);
        if self.held() + size > self.limit {
            return Ok(false);
        }
        durable::replace(&self.file(name), &self.path.join("new"), body)?;
        self.held.fetch_add(size, Ordering::Relaxed);
        Ok(true)
    }

    /// A block's bytes.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(&self, name: Name) -> io::Result<Bytes> {
        fs::read(self.file(name)).map(Bytes::from)
    }

    /// Forgets a block that is stored.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove(&self, name: Name) -> io::Result<()> {
        let size = size_on_disk(fs::metadata(self.file(name))?.len());
        fs::remove_file(self.file(name))?;
        self.held.fetch_sub(size, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a block that can never be stored a dead letter.
    ///
    /// # Errors
    /// The disk's, or there are too many letters.
    pub fn bury(&self, name: Name, table: &str, reason: &str) -> io::Result<()> {
        let body = self.read(name)?;
        DeadLetters::of(&self.spool).write_block(&name.token(), table, reason.to_owned(), &body)?;
        self.remove(name)
    }

    fn file(&self, name: Name) -> PathBuf {
        self.path.join(format!("{}{ENDING}", name.token()))
    }
}

fn name_of(file: &OsStr) -> Option<Name> {
    Name::of_token(file.to_str()?.strip_suffix(ENDING)?)
}

/// In whole blocks of the usual file system, and one for what says where they are.
const fn size_on_disk(length: u64) -> u64 {
    const UNIT: u64 = 4096;
    (length.div_ceil(UNIT) + 1) * UNIT
}
