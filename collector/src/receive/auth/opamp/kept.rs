//! The last answer of the server, on the disk, for a start without it.
//!
//! Comes in: who may send, as of which configuration of which server. Goes out: the same after a restart. Tokens are
//! kept as digests, in a file that is its owner's alone. Must not keep a token, nor take what another server has said.

use std::{io::ErrorKind, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::admission::Admission;
use crate::{
    durable,
    receive::{
        auth::tokens::Digests,
        files::{self, FilesError},
    },
};

/// Where an answer is kept, and whose.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    file: PathBuf,
    /// Where it is written first. No other process has this name, also none in another container.
    beside: PathBuf,
    server: String,
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) hash: Vec<u8>,
    pub(super) admission: Admission,
}

/// Why an answer cannot be kept or found again.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error("the last answer cannot be read")]
    Read(#[source] FilesError),
    #[error("{0} holds no answer of an OpAMP server")]
    Content(PathBuf),
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] std::io::Error),
}

const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    server: String,
    config_hash: String,
    senders: Senders,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Senders {
    Nobody,
    Everybody,
    /// SHA-256 of each token, in Base64.
    HoldersOf(Vec<String>),
}

impl Kept {
    pub(super) fn at(file: impl Into<PathBuf>, server: &str) -> Self {
        let file = file.into();
        let beside = file.with_added_extension(format!("{:032x}.new", crate::making::random_writer()));
        Self { file, beside, server: server.to_owned() }
    }

    /// The last answer of this server, if there is one.
    pub(super) fn load(&self) -> Result<Option<Answer>, KeptError> {
        let text = match files::read(std::slice::from_ref(&self.file)) {
            Ok(contents) => contents.concat(),
            Err(FilesError::Read(_, error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeptError::Read(error)),
        };
        let document = serde_json::from_slice::<Document>(&text).ok();
        match document.filter(|document| document.version == VERSION) {
            Some(document) if document.server != self.server => Ok(None),
            document => {
                document.and_then(Document::answer).map(Some).ok_or_else(|| KeptError::Content(self.file.clone()))
            }
        }
    }

    /// Replaces the last answer, or has none; where that fails it is still there.
    pub(super) fn replace(&self, answer: Option<&Answer>) -> Result<(), KeptError> {
        let done = match answer {
            Some(answer) => {
                let document = Document::of(&self.server, answer);
                durable::replace(&self.file, &self.beside, &serde_json::to_vec(&document).unwrap_or_default())
            }
            None => durable::forget(&self.file),
        };
        done.map_err(|error| KeptError::Write(self.file.clone(), error))
    }
}

impl Document {
    fn of(server: &str, answer: &Answer) -> Self {
        let senders = match &answer.admission {
            Admission::Nobody => Senders::Nobody,
            Admission::Everybody => Senders::Everybody,
            Admission::Holders(digests) => {
                Senders::HoldersOf(digests.0.iter().map(|digest| BASE64_STANDARD.encode(digest)).collect())
            }
        };
        let config_hash = BASE64_STANDARD.encode(&answer.hash);
        Self { version: VERSION, server: server.to_owned(), config_hash, senders }
    }

    fn answer(self) -> Option<Answer> {
        let digest = |text: String| <[u8; 32]>::try_from(BASE64_STANDARD.decode(text).ok()?).ok();
        let admission = match self.senders {
            Senders::Nobody => Admission::Nobody,
            Senders::Everybody => Admission::Everybody,
            Senders::HoldersOf(tokens) => {
                Admission::Holders(Digests(tokens.into_iter().map(digest).collect::<Option<_>>()?))
            }
        };
        Some(Answer { hash: BASE64_STANDARD.decode(self.config_hash).ok()?, admission })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn holders(token: &str) -> Answer {
        let mut digests = Digests::default();
        digests.add(token.as_bytes());
        Answer { hash: vec![1, 2], admission: Admission::Holders(digests) }
    }

    #[test]
    fn an_answer_comes_back_and_its_file_shows_no_token_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::at(folder.path().join("opamp.json"), "http://app:4320");
        assert_eq!(kept.load().unwrap(), None);
        for admission in [Admission::Nobody, Admission::Everybody, holders("sesame").admission] {
            let answer = Answer { hash: vec![1, 2], admission };
            kept.replace(Some(&answer)).unwrap();
            assert_eq!(kept.load().unwrap(), Some(answer));
        }
        assert!(!fs::read_to_string(&kept.file).unwrap().contains("sesame"));
        assert_eq!(fs::metadata(&kept.file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        for _ in 0..2 {
            kept.replace(None).unwrap();
            assert_eq!(kept.load().unwrap(), None);
        }
    }

    #[test]
    fn two_processes_do_not_write_the_same_file_and_what_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // No file can get the name of a folder that holds something.
        let file = folder.path().join("opamp.json");
        fs::create_dir_all(file.join("held")).unwrap();
        let [one, other] = [(); 2].map(|()| Kept::at(&file, "http://app:4320"));
        assert_ne!(one.beside, other.beside);
        assert!(matches!(one.replace(Some(&holders("sesame"))), Err(KeptError::Write(..))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_answer_of_another_server_and_a_broken_file_let_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("opamp.json");
        Kept::at(&file, "http://other:4320").replace(Some(&holders("sesame"))).unwrap();
        let kept = Kept::at(&file, "http://app:4320");
        assert_eq!(kept.load().unwrap(), None);
        for broken in ["", "{", r#"{"version":9,"server":"http://app:4320","configHash":"","senders":"everybody"}"#] {
            fs::write(&file, broken).unwrap();
            assert!(matches!(kept.load(), Err(KeptError::Content(_))), "{broken}");
        }
        let cut = r#"{"version":1,"server":"http://app:4320","configHash":"","senders":{"holdersOf":["AAAA"]}}"#;
        fs::write(&file, cut).unwrap();
        assert!(matches!(kept.load(), Err(KeptError::Content(_))));
    }
}
