//! Content encodings undone, within a limit.
//!
//! Comes in: a compressed body and the largest size it may unfold to. Goes out: the body. Must not unfold or
//! allocate more than the limit, whatever the sender claims.

use std::io::{BufRead, Read};

use bytes::{Buf as _, Bytes};
use lz4_flex::frame::FrameDecoder;
use memchr::memmem;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    Identity,
    Gzip,
    /// zlib's format; HTTP and gRPC both call it `deflate`. A bare DEFLATE stream, which some senders mean, is taken
    /// too.
    Deflate,
    Zstd,
    /// Snappy's block or its framed format: senders use the one name for both, and the framed one has a signature.
    Snappy,
    Lz4,
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

/// Bytes unfolded at once, where the size is not known before.
const PIECE: usize = 64 << 10;

/// The most that DEFLATE and Snappy make of one byte: a claim beyond it is a lie. 258 bytes of two bits, and 64 bytes
/// of three.
const DEFLATE_RATIO: usize = 1032;
const SNAPPY_RATIO: usize = 32;

/// zstd's window at most: 8 MiB, what RFC 9659 asks of `Content-Encoding: zstd`.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The first chunk of Snappy's framed format. As a block it would be one of 895 bytes that begins with two copies
/// from nowhere, so no block looks like it.
const SNAPPY_FRAMED: &[u8] = b"\xff\x06\x00\x00sNaPpY";

impl Encoding {
    /// What senders are told is accepted, the cheapest first.
    pub const ACCEPTED: &'static str = "zstd,gzip,lz4,snappy,x-snappy-framed,deflate,zlib,identity";

    /// The encoding of that name in HTTP's and gRPC's registries and in the OpenTelemetry collector.
    pub fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Encoding); 10] = [
            ("", Encoding::Identity),
            ("identity", Encoding::Identity),
            ("gzip", Encoding::Gzip),
            ("x-gzip", Encoding::Gzip),
            ("deflate", Encoding::Deflate),
            ("zlib", Encoding::Deflate),
            ("zstd", Encoding::Zstd),
            ("snappy", Encoding::Snappy),
            ("x-snappy-framed", Encoding::Snappy),
            ("lz4", Encoding::Lz4),
        ];
        NAMES.iter().find(|known| known.0.eq_ignore_ascii_case(name)).map(|known| known.1)
    }
}

/// Unfolds a body into a buffer that is empty but may have room already. `has_room` is asked before it grows to so
/// many bytes.
///
/// # Errors
/// The body is corrupt, larger than `limit` bytes once unfolded, or there was no room for it.
pub fn inflate(
    body: &Bytes,
    encoding: Encoding,
    limit: usize,
    buffer: Vec<u8>,
    has_room: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, InflateError> {
    // Whoever has nothing to say says nothing, under any name.
    if body.is_empty() {
        return Ok(buffer);
    }
    let out = Out { buffer, limit, has_room };
    match encoding {
        Encoding::Identity => out.pieces(&body[..]),
        Encoding::Gzip => gzip(body, out),
        Encoding::Deflate if is_zlib(body) => out.pieces(flate2::read::ZlibDecoder::new(&body[..])),
        Encoding::Deflate => out.pieces(flate2::read::DeflateDecoder::new(&body[..])),
        Encoding::Zstd => out.pieces(zstd_decoder(&body[..]).map_err(|_| InflateError::Corrupt)?),
        Encoding::Snappy if body.starts_with(SNAPPY_FRAMED) => out.pieces(snap::read::FrameDecoder::new(&body[..])),
        Encoding::Snappy => snappy_block(body, out),
        Encoding::Lz4 => out.pieces(Lz4Frames::new(body)),
    }
}

/// A body that is unfolded while it is read, to whatever size; what is wrong with it shows when it is reached. None for
/// an encoding that senders of such bodies do not use.
pub fn unfolding(body: Bytes, encoding: Encoding) -> Option<Box<dyn Read + Send>> {
    match encoding {
        Encoding::Gzip => Some(Box::new(flate2::bufread::MultiGzDecoder::new(body.reader()))),
        Encoding::Zstd => Some(Box::new(zstd_decoder(body.reader()).ok()?)),
        Encoding::Identity | Encoding::Deflate | Encoding::Snappy | Encoding::Lz4 => None,
    }
}

/// What `unfolding` holds beside the body at most: the window, and what is decoded at once.
pub const fn held_by(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Zstd => (1 << ZSTD_WINDOW_LOG) + (256 << 10),
        _ => 64 << 10,
    }
}

/// A whole member whose size is known goes through libdeflate, which takes half the time; the rest, and everything
/// that turns out to be corrupt, through the decoder that needs no size.
fn gzip<F: FnMut(usize) -> bool>(body: &[u8], mut out: Out<F>) -> Result<Vec<u8>, InflateError> {
    if let Some(size) = one_member(body) {
        out.whole(size)?;
        if libdeflater::Decompressor::new().gzip_decompress(body, &mut out.buffer) == Ok(size) {
            return Ok(out.buffer);
        }
        out.buffer.clear();
    }
    out.pieces(flate2::read::MultiGzDecoder::new(body))
}

/// The size a gzip body says it unfolds to, if it can be believed and there is certainly one member: another one
/// would begin with these three bytes.
fn one_member(body: &[u8]) -> Option<usize> {
    const MAGIC: &[u8] = &[0x1f, 0x8b, 0x08];
    let rest = body.strip_prefix(MAGIC)?;
    let size = u32::from_le_bytes(*body.last_chunk::<4>()?) as usize;
    (size <= body.len().saturating_mul(DEFLATE_RATIO) && memmem::find(rest, MAGIC).is_none()).then_some(size)
}

/// <https://www.rfc-editor.org/rfc/rfc1950#section-2.2>: the first two bytes are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn zstd_decoder<'a, R: BufRead>(body: R) -> std::io::Result<zstd::stream::read::Decoder<'a, R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn snappy_block<F: FnMut(usize) -> bool>(body: &[u8], mut out: Out<F>) -> Result<Vec<u8>, InflateError> {
    let size = snap::raw::decompress_len(body).map_err(|_| InflateError::Corrupt)?;
    if size > body.len().saturating_mul(SNAPPY_RATIO) {
        return Err(InflateError::Corrupt);
    }
    out.whole(size)?;
    match snap::raw::Decoder::new().decompress(body, &mut out.buffer) {
        Ok(_) => Ok(out.buffer),
        Err(_) => Err(InflateError::Corrupt),
    }
}

/// What comes out, and who is asked before it grows.
struct Out<F> {
    buffer: Vec<u8>,
    limit: usize,
    has_room: F,
}

impl<F: FnMut(usize) -> bool> Out<F> {
    /// Makes the buffer so large at once.
    fn whole(&mut self, size: usize) -> Result<(), InflateError> {
        if size > self.limit {
            return Err(InflateError::TooLarge(self.limit));
        }
        if !(self.has_room)(size) {
            return Err(InflateError::NoRoom);
        }
        self.buffer.reserve_exact(size);
        self.buffer.resize(size, 0);
        Ok(())
    }

    /// Reads to the end, however far that is.
    fn pieces(mut self, mut reader: impl Read) -> Result<Vec<u8>, InflateError> {
        loop {
            let start = self.buffer.len();
            // Never more than a request may be: a budget of just that size must do.
            let end = (start + PIECE).min(self.limit);
            if !(self.has_room)(end) {
                return Err(InflateError::NoRoom);
            }
            self.grow(end);
            // At the limit, one more byte tells that it is passed.
            let wanted = (end - start).max(1);
            let read = (&mut reader).take(wanted as u64).read_to_end(&mut self.buffer);
            let read = read.map_err(|_| InflateError::Corrupt)?;
            if self.buffer.len() > self.limit {
                return Err(InflateError::TooLarge(self.limit));
            }
            if read < wanted {
                return Ok(self.buffer);
            }
        }
    }

    /// Doubles the buffer where it is too small, but not beyond the limit.
    fn grow(&mut self, end: usize) {
        let capacity = self.buffer.capacity();
        if capacity < end {
            let larger = (2 * capacity).clamp(end, self.limit.max(end));
            self.buffer.reserve_exact(larger - self.buffer.len());
        }
    }
}

/// LZ4 frames, one after another: the decoder stops after each, and takes the end of the body for the end of a frame.
struct Lz4Frames<'a> {
    decoder: FrameDecoder<&'a [u8]>,
    is_inside: bool,
    ended: usize,
}

impl<'a> Lz4Frames<'a> {
    /// The word that ends a frame.
    const END: usize = 4;

    /// Frames in one body. Seven bytes of a header make the decoder take buffers of 12 MiB, so that a body of nothing
    /// else would keep a core busy for a long time.
    const MOST: usize = 1000;

    fn new(body: &'a [u8]) -> Self {
        Self { decoder: FrameDecoder::new(body), is_inside: false, ended: 0 }
    }
}

impl Read for Lz4Frames<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let before = self.decoder.get_ref().len();
            let read = self.decoder.read(out)?;
            let rest = *self.decoder.get_ref();
            let has_ended = before - rest.len() >= Self::END;
            if read > 0 {
                self.is_inside = true;
                return Ok(read);
            }
            if (self.is_inside && !has_ended) || self.ended == Self::MOST {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if rest.is_empty() {
                return Ok(0);
            }
            // A new decoder: the buffers of one may not fit the next frame.
            *self = Self { decoder: FrameDecoder::new(rest), is_inside: false, ended: self.ended + 1 };
        }
    }
}

#[cfg(test)]
mod tests;
