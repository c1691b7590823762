//! Tokens from files.
//!
//! Comes in: files with a token on each line. Goes out: whether a token is one of them. Must not take longer for one
//! token than for another.

use std::{path::PathBuf, sync::Arc};

use ring::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::watch;

use crate::receive::files::{self, FilesError, Made};

/// Tokens at once: each request is compared with every one of them.
const MOST: usize = 1000;

/// Digests of the tokens in force; clones share them. They are of one length whatever the token's, and a secret less
/// to hold.
#[derive(Clone, Debug)]
pub(super) struct Tokens(watch::Receiver<Arc<Vec<[u8; 32]>>>);

impl Tokens {
    pub(super) fn new(paths: &[String]) -> Result<Self, FilesError> {
        files::keep(paths.iter().map(PathBuf::from).collect(), digests).map(Self)
    }

    /// A token that does not change.
    pub(super) fn one(token: &str) -> Self {
        Self(watch::channel(Arc::new(vec![sha256(token.trim().as_bytes())])).1)
    }

    /// Compares with all of them, wherever one fits.
    pub(super) fn knows(&self, token: &[u8]) -> bool {
        let given = sha256(token);
        let known = Arc::clone(&self.0.borrow());
        known.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&given)).into()
    }
}

fn digests(contents: &[Vec<u8>]) -> Made<Vec<[u8; 32]>> {
    let mut all = Vec::new();
    for content in contents {
        let before = all.len();
        let lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        all.extend(lines.filter(|line| !line.is_empty()).map(sha256));
        // An empty file is one that is not written yet; with it, nobody would be let in or, worse, everybody.
        if all.len() == before {
            return Err("a file holds no token".to_owned());
        }
    }
    if all.len() > MOST { Err(format!("more than {MOST} tokens")) } else { Ok(all) }
}

fn sha256(token: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, token).as_ref());
    out
}
