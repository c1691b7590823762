//! What is in the folder of all pods now.
//!
//! Comes in: the folder, and whose logs are wanted. Goes out: every file of theirs that is a log. A folder that
//! vanishes meanwhile is passed over; one that is there and cannot be read is named, since nothing is known of its files.
//! Must not open any file.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::origin::{self, Origin, Part};
use crate::pattern::matches;

/// A file, apart from its name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) part: Part,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) length: u64,
    /// Nobody has written to it for [`QUIET`].
    pub(super) is_quiet: bool,
}

/// What one look brings.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) found: Vec<Found>,
    /// Folders of pods and containers, below the folder of all pods, of which not everything could be seen.
    pub(super) unread: Vec<String>,
}

/// A runtime writes on to a renamed file until it has opened the next, which is a matter of milliseconds.
const QUIET: Duration = Duration::from_secs(1);

/// Whose logs are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Names, in which `*` stands for any text. Empty: all.
    pub(super) namespaces: Vec<String>,
    pub(super) but_namespaces: Vec<String>,
    /// The agent's own pod, whose words about a log would become a log.
    pub(super) but_pod: Option<String>,
}

impl Wanted {
    fn has(&self, namespace: &str, pod: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, namespace));
        (self.namespaces.is_empty() || any(&self.namespaces))
            && !any(&self.but_namespaces)
            && self.but_pod.as_deref() != Some(pod)
    }
}

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Looks once.
///
/// # Errors
/// The folder of all pods cannot be read.
pub(super) fn files(root: &Path, wanted: &Wanted) -> io::Result<Looked> {
    let mut looked = Looked::default();
    for folder in fs::read_dir(root)? {
        let folder = folder?;
        let name = folder.file_name();
        let Some((namespace, pod, uid)) = name.to_str().and_then(origin::pod) else { continue };
        if !wanted.has(namespace, pod) {
            continue;
        }
        let Ok(containers) = entries(&folder.path()) else {
            looked.unread.push(format!("{namespace}_{pod}_{uid}"));
            continue;
        };
        for container in containers {
            let Ok(name) = container.file_name().into_string() else { continue };
            let (namespace, pod, uid) = (namespace.to_owned(), pod.to_owned(), uid.to_owned());
            let origin = Origin { namespace, pod, uid, container: name };
            let files = entries(&container.path());
            match files.and_then(|files| files.iter().map(|file| one(&origin, file)).collect::<io::Result<Vec<_>>>()) {
                Ok(files) => looked.found.extend(files.into_iter().flatten()),
                Err(_) => looked.unread.push(origin.folder()),
            }
        }
    }
    Ok(looked)
}

/// Nothing, where the folder is gone by now.
fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    present(fs::read_dir(folder))?.into_iter().flatten().collect()
}

/// What is there, unless it is not there any more; on the way lies what is no folder.
fn present<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn one(origin: &Origin, file: &fs::DirEntry) -> io::Result<Option<Found>> {
    let Some(part) = file.file_name().to_str().and_then(Part::of) else { return Ok(None) };
    let path = file.path();
    // Through symbolic links: that is how Docker's files are put there.
    let Some(metadata) = present(fs::metadata(&path))?.filter(fs::Metadata::is_file) else { return Ok(None) };
    let is_quiet = metadata.modified().is_ok_and(|time| time.elapsed().is_ok_and(|since| since > QUIET));
    let (identity, length) = (Identity::of(&metadata), metadata.len());
    Ok(Some(Found { origin: origin.clone(), part, path, identity, length, is_quiet }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wanted_logs_are_found() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "shop_cart_1/main/0.log",
            "shop_cart_1/main/0.log.20261124-101500",
            "kube-system_dns_2/dns/3.log",
            "shop_agent_3/collector/0.log",
            "x/y/0.log",
            "shop_cart_1/main/0.log.tmp",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let wanted = Wanted {
            namespaces: vec!["*".into()],
            but_namespaces: vec!["kube-*".into()],
            but_pod: Some("agent".into()),
        };
        let mut found: Vec<_> = files(root.path(), &wanted)
            .unwrap()
            .found
            .into_iter()
            .map(|found| (found.origin.pod, found.part.rotated.is_some(), found.length))
            .collect();
        found.sort();
        assert_eq!(found, [("cart".to_owned(), false, 1), ("cart".to_owned(), true, 1)]);
    }
}
