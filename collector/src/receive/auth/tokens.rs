//! Tokens, as digests, and those of files.
//!
//! Comes in: texts, or files with a token on each line. Goes out: whether a token is one of them. Must not take longer
//! for one token than for another, nor keep the token itself.

use std::{path::PathBuf, sync::Arc};

use ring::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::watch;

use crate::receive::files::{self, FilesError, Made};

/// Tokens at once: each request is compared with every one of them.
pub(super) const MOST: usize = 1000;

/// Digests of tokens. They are of one length whatever the token's, and a secret less to hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Digests(pub(super) Vec<[u8; 32]>);

/// The digests in force; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Tokens(watch::Receiver<Arc<Digests>>);

impl Digests {
    /// A token as it is written: around it there is nothing.
    pub(super) fn add(&mut self, token: &[u8]) {
        self.0.push(sha256(token.trim_ascii()));
    }

    /// Compares with all of them, wherever one fits.
    pub(super) fn knows(&self, token: &[u8]) -> bool {
        let given = sha256(token);
        self.0.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&given)).into()
    }
}

impl Tokens {
    pub(super) fn new(paths: &[String]) -> Result<Self, FilesError> {
        files::keep(paths.iter().map(PathBuf::from).collect(), digests).map(Self)
    }

    /// A token that does not change.
    pub(super) fn one(token: &str) -> Self {
        let mut digests = Digests::default();
        digests.add(token.as_bytes());
        Self(watch::channel(Arc::new(digests)).1)
    }

    pub(super) fn knows(&self, token: &[u8]) -> bool {
        let known = Arc::clone(&self.0.borrow());
        known.knows(token)
    }
}

fn digests(contents: &[Vec<u8>]) -> Made<Digests> {
    let mut all = Digests::default();
    for content in contents {
        let before = all.0.len();
        let lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).for_each(|line| all.add(line));
        // An empty file is one that is not written yet; with it, nobody would be let in or, worse, everybody.
        if all.0.len() == before {
            return Err("a file holds no token".to_owned());
        }
    }
    if all.0.len() > MOST { Err(format!("more than {MOST} tokens")) } else { Ok(all) }
}

pub(super) fn sha256(content: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, content).as_ref());
    out
}
