//! Dead letters: what was acknowledged and can never be stored.
//!
//! Comes in: a delivery, or one record of it, and the reason. Goes out: a file for each, which a person can look at and
//! send again. A line of JSON says what it is; an OTLP request in protobuf follows. Bounded: without room, the block
//! that holds the record waits in the spool. Must not delete a letter that nobody has asked to be deleted.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::frame::Kept;
use crate::{durable, record::cut::cut};

/// The folder within the spool's.
pub const FOLDER: &str = "dead";

const ENDING: &str = ".letter";

/// Letters at most: a person has to look at each. A multiple of what one bad rollout of a sender makes before
/// somebody is called.
pub const LETTERS: usize = 10_000;

/// And bytes of them: beside a spool, little.
pub const BYTES: u64 = 256 << 20;

/// What a letter with a block of a sibling says instead of a signal: behind its first line stands another with the
/// table's columns, and then the block as it is inserted, in Native format and LZ4 frames.
pub const BLOCK: &str = "block";

/// How much of a delivery a letter is about.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Whole,
    /// One record, counted from 0.
    Record(u32),
}

/// What is to be written.
#[derive(Debug)]
pub struct Letter<'a> {
    pub kept: &'a Kept,
    pub part: Part,
    pub table: Option<&'static str>,
    pub reason: &'a str,
}

/// The first line of a letter.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Heading {
    /// `logs`, `metrics` or `traces`, or [`BLOCK`].
    pub signal: String,
    /// The table that did not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    pub reason: String,
    /// When the delivery came, in milliseconds since 1970.
    pub received: u64,
}

/// The folder of letters.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    folder: PathBuf,
    /// Letters and their bytes, as far as this process knows: a person may have removed some since.
    known: Option<(usize, u64)>,
}

impl DeadLetters {
    /// Those of a spool.
    pub fn of(spool: &Path) -> Self {
        Self { folder: spool.join(FOLDER), known: None }
    }

    /// Writes a letter, for good. One that is there already is the same one.
    ///
    /// # Errors
    /// The disk's, or there are [`LETTERS`] or [`BYTES`].
    pub fn write(&mut self, letter: &Letter<'_>) -> io::Result<()> {
        let Letter { kept, part, table, reason } = letter;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.make_room(kept.body.len() as u64)?;
        let (name, body) = match part {
            Part::Whole => (format!("{:016x}", kept.seq), kept.body.to_vec()),
            Part::Record(index) => {
                // A record that is not found cannot have been refused; the whole delivery is kept rather than none.
                let body = cut(kept.signal, &kept.body, *index).unwrap_or_else(|| kept.body.to_vec());
                (format!("{:016x}-{index}", kept.seq), body)
            }
        };
        let heading = Heading {
            signal: kept.signal.as_str().to_owned(),
            table: table.map(str::to_owned),
            reason: (*reason).to_owned(),
            received: kept.received,
        };
        let mut bytes = serde_json::to_vec(&heading)?;
        bytes.push(b'\n');
        bytes.extend(body);
        self.put(&format!("{name}{ENDING}"), &bytes)
    }

    /// Writes a letter with a whole block that a sibling has made.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_block(&mut self, name: &str, table: &str, reason: String, body: &[u8]) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.make_room(body.len() as u64)?;
        let received = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64);
        let heading = Heading { signal: BLOCK.to_owned(), table: Some(table.to_owned()), reason, received };
        let mut bytes = serde_json::to_vec(&heading)?;
        bytes.push(b'\n');
        bytes.extend(body);
        self.put(&format!("{name}{ENDING}"), &bytes)
    }

    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let has_room = |(count, size): (usize, u64)| count < LETTERS && size + bytes <= BYTES;
        if !self.known.is_some_and(has_room) {
            self.known = Some(self.count()?);
        }
        if let Some((count, size)) = self.known.filter(|known| has_room(*known)) {
            self.known = Some((count + 1, size + bytes));
            return Ok(());
        }
        let message = "there are too many dead letters; look at them with `spool list`";
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, message))
    }

    fn count(&self) -> io::Result<(usize, u64)> {
        let names = self.names()?;
        let sizes = names.iter().filter_map(|name| fs::metadata(self.path(name).ok()?).ok());
        Ok((names.len(), sizes.map(|file| file.len()).sum()))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // Of its own: letters are written by more than one thread.
        let (path, new) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        durable::replace(&path, &new, bytes)
    }

    /// The names of all letters, oldest first.
    ///
    /// # Errors
    /// The disk's.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(ENDING) {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// A letter: its heading and the request.
    ///
    /// # Errors
    /// There is none of this name, or it is no letter.
    pub fn read(&self, name: &str) -> io::Result<(Heading, Vec<u8>)> {
        let bytes = fs::read(self.path(name)?)?;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(io::ErrorKind::InvalidData)?;
        Ok((serde_json::from_slice(&bytes[..end])?, bytes[end + 1..].to_vec()))
    }

    /// Removes a letter that has been dealt with.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name)?)
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        // A name, not a path to elsewhere.
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let path = is_name.then(|| self.folder.join(format!("{name}{ENDING}")));
        path.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "not the name of a letter; `spool list` names them")
        })
    }
}
