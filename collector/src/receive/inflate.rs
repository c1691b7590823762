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

/// Unfolds a body.
///
/// # Errors
/// The body is corrupt, or larger than `limit` bytes once unfolded.
pub fn inflate(body: Bytes, encoding: Encoding, limit: usize) -> Result<Bytes, InflateError> {
    match encoding {
        Encoding::Identity if body.len() > limit => Err(InflateError::TooLarge(limit)),
        Encoding::Identity => Ok(body),
        Encoding::Gzip => {
            // Telemetry shrinks to a fifth; one byte beyond the limit tells "too large" from "just fits".
            let mut out = Vec::with_capacity((body.len() * 5).min(limit));
            let mut reader = flate2::read::MultiGzDecoder::new(&body[..]).take(limit as u64 + 1);
            reader.read_to_end(&mut out).map_err(|_| InflateError::Corrupt)?;
            if out.len() > limit { Err(InflateError::TooLarge(limit)) } else { Ok(out.into()) }
        }
    }
}
