//! Content encodings undone, within a limit.
//!
//! Comes in: a compressed body and the largest size it may unfold to. Goes out: the body. Must not unfold more
//! than the limit, whatever the sender claims.

use std::io::Read;

use bytes::Bytes;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    Identity,
    Gzip,
}

/// Why a body could not be unfolded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InflateError {
    #[error("the body is not valid in its content encoding")]
    Corrupt,
    #[error("the body is larger than {0} bytes after decompression")]
    TooLarge(usize),
    #[error("there is no room for the body now")]
    NoRoom,
}

impl Encoding {
    /// What senders are told is accepted.
    pub const ACCEPTED: &'static str = "gzip,identity";

    /// The encoding of that name in HTTP's and gRPC's registries.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            _ => None,
        }
    }
}

/// Unfolds a body. `has_room` is asked before it grows to so many bytes.
///
/// # Errors
/// The body is corrupt, larger than `limit` bytes once unfolded, or there was no room for it.
pub fn inflate(
    body: Bytes,
    encoding: Encoding,
    limit: usize,
    mut has_room: impl FnMut(usize) -> bool,
) -> Result<Bytes, InflateError> {
    if encoding == Encoding::Identity {
        return if body.len() > limit { Err(InflateError::TooLarge(limit)) } else { Ok(body) };
    }
    let mut out = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(&body[..]);
    loop {
        let start = out.len();
        // Never more than a request may be: a budget of just that size must do.
        if !has_room((start + PIECE).min(limit)) {
            return Err(InflateError::NoRoom);
        }
        out.reserve(PIECE);
        let read = (&mut reader).take(PIECE as u64).read_to_end(&mut out).map_err(|_| InflateError::Corrupt)?;
        match read {
            0 => return Ok(out.into()),
            _ if out.len() > limit => return Err(InflateError::TooLarge(limit)),
            _ => {}
        }
    }
}

/// Bytes unfolded at once.
const PIECE: usize = 64 << 10;
