//! ClickHouse's compressed frames: what `decompress=1` expects in the body of an insert.
//!
//! A frame is `CityHash128 (v1.0.2) of the rest | 0x82 (LZ4) | compressed size + 9, u32 | raw size, u32 | data`.
//! Comes in: bytes of a column, in pieces. Goes out: frames. All frames of one body use the same method:
//! ClickHouse refuses a mixture.

use bytes::Bytes;
use cityhash_rs::cityhash_102_128;

/// Raw bytes from which a column is compressed: they are still in the second-level cache then.
const WARM: usize = 64 << 10;

/// ClickHouse reads frames of 1 MiB raw; longer ones are cut.
const LARGEST: usize = 1 << 20;

/// Hash, method, two sizes.
const HEADER: usize = 16 + 9;

/// Bytes of one column: the older part in frames, the newest part still raw.
#[derive(Debug, Default)]
pub struct Stream {
    frames: Vec<u8>,
    raw: Vec<u8>,
    /// Raw bytes that are in frames already.
    framed: usize,
}

/// The body of a block, as far as it is written.
#[derive(Debug, Default)]
pub struct Body {
    parts: Vec<Bytes>,
    pending: Vec<u8>,
    raw_bytes: usize,
}

impl Stream {
    #[inline]
    pub fn raw(&mut self) -> &mut Vec<u8> {
        &mut self.raw
    }

    /// Raw bytes in all.
    pub fn size(&self) -> usize {
        self.framed + self.raw.len()
    }

    /// Compresses what has gathered, if it is worth it. What is compressed can no longer be taken back
    /// ([`Self::truncate`]), so this is for the time between two deliveries.
    pub fn settle(&mut self) {
        if self.raw.len() >= WARM {
            for piece in self.raw.chunks(LARGEST) {
                append_frame(piece, &mut self.frames);
            }
            self.framed += self.raw.len();
            self.raw.clear();
        }
    }

    /// Takes back everything beyond `len` raw bytes, which must not have been settled.
    pub fn truncate(&mut self, len: usize) {
        self.raw.truncate(len.saturating_sub(self.framed));
    }

    /// Moves the column into a body and starts anew, keeping the raw buffer.
    pub fn drain_into(&mut self, body: &mut Body) {
        if !self.frames.is_empty() {
            body.flush();
            body.parts.push(std::mem::take(&mut self.frames).into());
        }
        body.raw_bytes += self.framed;
        self.framed = 0;
        body.write(&self.raw);
        self.raw.clear();
    }
}

impl Body {
    /// Appends bytes; they are compressed together with their neighbours.
    pub fn write(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.raw_bytes += bytes.len();
        if self.pending.len() >= LARGEST {
            self.flush();
        }
    }

    /// The finished body and its size before compression.
    pub fn finish(mut self) -> (Vec<Bytes>, usize) {
        self.flush();
        (self.parts, self.raw_bytes)
    }

    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut frames = Vec::new();
        for piece in self.pending.chunks(LARGEST) {
            append_frame(piece, &mut frames);
        }
        self.pending.clear();
        self.parts.push(frames.into());
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a frame holds at most LARGEST bytes, well below 4 GiB")]
fn append_frame(raw: &[u8], frames: &mut Vec<u8>) {
    let start = frames.len();
    frames.resize(start + HEADER + lz4_flex::block::get_maximum_output_size(raw.len()), 0);
    let frame = &mut frames[start..];
    // The output cannot be too small: it has the size the compressor itself asks for.
    let compressed = lz4_flex::block::compress_into(raw, &mut frame[HEADER..]).unwrap_or(0);
    frame[16] = 0x82;
    frame[17..21].copy_from_slice(&(compressed as u32 + 9).to_le_bytes());
    frame[21..25].copy_from_slice(&(raw.len() as u32).to_le_bytes());
    let hash = cityhash_102_128(&frame[16..HEADER + compressed]).rotate_right(64);
    frame[..16].copy_from_slice(&hash.to_le_bytes());
    frames.truncate(start + HEADER + compressed);
}
