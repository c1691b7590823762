//! Where the bytes of one file come from.
//!
//! Comes in: a name, and which file is meant by it. Goes out: that file, plain or compressed, or that the name leads to
//! another. Must not know what was read of it before.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    os::unix::fs::FileExt as _,
    path::Path,
};

use flate2::read::MultiGzDecoder;

use super::{
    discover::{Found, Identity},
    fingerprint::{self, Fingerprint},
};

#[derive(Debug)]
pub(super) enum Source {
    Plain(File),
    /// Read front to back: what was read and not used is held.
    Gzip {
        decoder: Box<MultiGzDecoder<BufReader<File>>>,
        held: Vec<u8>,
    },
}

impl Source {
    /// The file under this name, from `offset` of its text on.
    ///
    /// # Errors
    /// It cannot be opened or read now; `NotFound` where the name leads to another file, by its inode or by its beginning.
    pub(super) fn open(
        path: &Path,
        identity: Identity,
        is_compressed: bool,
        fingerprint: Fingerprint,
        offset: u64,
    ) -> io::Result<Self> {
        let file = open(path, identity)?;
        if !is_compressed {
            let mut begin = vec![0; fingerprint.length];
            let length = read_up_to(&file, &mut begin, 0)?;
            if !fingerprint.fits(&begin[..length]) {
                return Err(io::Error::new(ErrorKind::NotFound, "another file has its inode"));
            }
            return Ok(Self::Plain(file));
        }
        let mut decoder = Box::new(MultiGzDecoder::new(BufReader::new(file)));
        io::copy(&mut decoder.by_ref().take(offset), &mut io::sink())?;
        Ok(Self::Gzip { decoder, held: Vec::new() })
    }
}

/// The first bytes of a file's text.
pub(super) fn begin(found: &Found) -> io::Result<Vec<u8>> {
    begin_of(&found.path, found.identity, found.part.is_compressed)
}

pub(super) fn begin_of(path: &Path, identity: Identity, is_compressed: bool) -> io::Result<Vec<u8>> {
    let file = open(path, identity)?;
    let mut begin = Vec::new();
    let limit = fingerprint::LONGEST as u64;
    if is_compressed {
        MultiGzDecoder::new(BufReader::new(file)).take(limit).read_to_end(&mut begin)?;
    } else {
        file.take(limit).read_to_end(&mut begin)?;
    }
    Ok(begin)
}

/// Opens a file, if the name still leads to it.
pub(super) fn open(path: &Path, identity: Identity) -> io::Result<File> {
    let file = File::open(path)?;
    if Identity::of(&file.metadata()?) != identity {
        return Err(io::Error::new(ErrorKind::NotFound, "the name leads to another file"));
    }
    Ok(file)
}

pub(super) fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(bytes) => read += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
