//! Files that change while the process runs, such as those of a Kubernetes Secret.
//!
//! Comes in: paths, and what to make of their contents. Goes out: the newest that could be made. Must not lose the last
//! good one to a file that is half-written or gone, nor print a content.

use std::{io::Read, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::watch;

/// Between two looks at the files. They are read and compared: a Secret is changed by a symbolic link above the file,
/// which no time of change shows reliably.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Far beyond any key, chain or list of tokens.
const LARGEST: u64 = 1 << 20;

/// What a file must be made into, and what is wrong with it in words that hold nothing of it.
pub(super) type Made<T> = Result<T, String>;

/// Why files are of no use.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] std::io::Error),
    #[error("{0} is larger than 1 MiB")]
    TooLarge(PathBuf),
    #[error("{}: {what}", paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    Content { paths: Vec<PathBuf>, what: String },
}

/// Reads files now, and again for as long as somebody holds the result.
///
/// # Errors
/// A file cannot be read, or nothing can be made of what the files hold.
pub(super) fn keep<T: Send + Sync + 'static>(
    paths: Vec<PathBuf>,
    make: impl Fn(&[Vec<u8>]) -> Made<T> + Send + 'static,
) -> Result<watch::Receiver<Arc<T>>, FilesError> {
    let mut held = read(&paths)?;
    let first = make(&held).map_err(|what| FilesError::Content { paths: paths.clone(), what })?;
    let (newest, receiver) = watch::channel(Arc::new(first));
    tokio::spawn(async move {
        let mut told = String::new();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if newest.is_closed() {
                return;
            }
            let looked = read(&paths).and_then(|contents| {
                if contents == held {
                    return Ok(());
                }
                let made = make(&contents).map_err(|what| FilesError::Content { paths: paths.clone(), what })?;
                newest.send_replace(Arc::new(made));
                held = contents;
                tracing::info!(files = ?paths, "files have changed and are in use");
                Ok(())
            });
            // Once for each reason, and again after it was good.
            let reason = looked.err().map(|error| format!("{:#}", anyhow::Error::new(error))).unwrap_or_default();
            if !reason.is_empty() && reason != told {
                tracing::warn!(error = reason, "files have changed but are of no use; those before stay in use");
            }
            told = reason;
        }
    });
    Ok(receiver)
}

/// A few small local files, in less time than another thread would need to be asked.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, FilesError> {
    let one = |path: &PathBuf| {
        let mut content = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut content));
        match read {
            Err(error) => Err(FilesError::Read(path.clone(), error)),
            Ok(length) if length as u64 > LARGEST => Err(FilesError::TooLarge(path.clone())),
            Ok(_) => Ok(content),
        }
    };
    paths.iter().map(one).collect()
}
