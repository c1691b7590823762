//! Files that are replaced whole.
//!
//! Comes in: a content. Goes out: a file that has it, or still the one before, after any crash. Must not show either to
//! anybody but its owner.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Writes `beside`, which nobody else may use meanwhile, and names it `file`: the content is on the disk before the name
/// points to it, and the name before this returns.
///
/// # Errors
/// The disk's. What `file` was it still is, and nothing is left beside it.
pub fn replace(file: &Path, beside: &Path, content: &[u8]) -> io::Result<()> {
    // One that could not be removed.
    remove(beside)?;
    let mut written = OpenOptions::new().create_new(true).write(true).mode(0o600).open(beside)?;
    let is_whole = written.write_all(content).and_then(|()| written.sync_all());
    if let Err(error) = is_whole.and_then(|()| fs::rename(beside, file)) {
        let _ = remove(beside);
        return Err(error);
    }
    settle(file)
}

/// Removes a file for good, if it is there.
///
/// # Errors
/// The disk's.
pub fn forget(file: &Path) -> io::Result<()> {
    remove(file).and_then(|()| settle(file))
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the names of a file's folder lasting.
fn settle(file: &Path) -> io::Result<()> {
    File::open(file.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_its_owners_alone_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, beside) = (folder.path().join("file"), folder.path().join("beside"));
        // Of a process that was killed.
        fs::write(&beside, "half").unwrap();
        for content in ["first", "second"] {
            replace(&file, &beside, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let folder_in_place = folder.path().join("taken");
        fs::create_dir(&folder_in_place).unwrap();
        replace(&folder_in_place, &beside, b"third").unwrap_err();
        assert!(!beside.exists());
        forget(&file).unwrap();
        forget(&file).unwrap();
        assert!(!file.exists());
    }
}
