//! A folder of segment files: the only place of the spool that touches a disk.
//!
//! Comes in: names and bytes. Goes out: bytes, and the disk's own errors. A trait, so that tests put a disk in its place
//! that loses and tears writes. Must not know what the bytes mean.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Files of one folder.
pub trait Disk: Send + Sync + std::fmt::Debug + 'static {
    type File: DiskFile;

    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A new file of so many bytes, with the space for them taken.
    fn create(&self, name: &str, size: u64) -> io::Result<Self::File>;
    fn open(&self, name: &str) -> io::Result<Self::File>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names lasting.
    fn sync(&self) -> io::Result<()>;
}

/// One file, of a size that does not change.
pub trait DiskFile: Send + Sync + std::fmt::Debug + 'static {
    fn size(&self) -> io::Result<u64>;
    /// As many bytes as there are, at most as many as asked for.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything written lasting.
    fn sync(&self) -> io::Result<()>;
}

/// A real folder, held by one process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Locked for as long as this process has the spool.
    _lock: File,
}

/// The file that is locked; it holds nothing.
pub const LOCK: &str = "lock";

impl Folder {
    /// Takes a folder, and makes it where it is missing. Nobody else can read it: it holds what senders sent.
    ///
    /// # Errors
    /// It cannot be made or locked; [`io::ErrorKind::WouldBlock`] where another process has it.
    pub fn take(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        // Kubernetes makes the folder of a volume wide open. One that belongs to somebody else cannot be closed.
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            TryLockError::Error(error) => error,
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }
}

impl Disk for Folder {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, name: &str, size: u64) -> io::Result<File> {
        let path = self.path.join(name);
        let file = fs::OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&path)?;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size) {
            // A file system without it (tmpfs before 3.5, NFS before 4.2) takes the space as it is written.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(size)?,
            taken => {
                if let Err(error) = taken {
                    // What could not be taken whole is given back: a full disk must not become fuller.
                    let _ = fs::remove_file(&path);
                    return Err(error.into());
                }
            }
        }
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        fs::OpenOptions::new().read(true).write(true).open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, mut bytes: &mut [u8], mut offset: u64) -> io::Result<usize> {
        let asked = bytes.len();
        while !bytes.is_empty() {
            match FileExt::read_at(self, bytes, offset) {
                Ok(0) => break,
                Ok(count) => {
                    bytes = &mut bytes[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(asked - bytes.len())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
