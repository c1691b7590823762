//! ClickHouse's compressed frames: what `decompress=1` expects in the body of an insert.
//!
//! A frame is `CityHash128 (v1.0.2) of the rest | 0x82 (LZ4) | compressed size + 9, u32 | raw size, u32 | data`.
//! Comes in: bytes of a column, in pieces. Goes out: frames. All frames of one body use the same method:
//! ClickHouse refuses a mixture.

use std::cell::RefCell;

use bytes::Bytes;
use cityhash_rs::cityhash_102_128;

/// Raw bytes from which a column is compressed: they are still in the second-level cache then.
const WARM: usize = 64 << 10;

/// Bytes of a buffer that is kept: a large request's part of one column.
const LARGEST_KEPT: usize = 4 << 20;

/// ClickHouse reads frames of 1 MiB raw; longer ones are cut.
const LARGEST: usize = 1 << 20;

/// Hash, method, two sizes.
const HEADER: usize = 16 + 9;

/// Frames are gathered in pieces of memory up to this size, each twice as large as the one before: what is allocated
/// and not used stays small beside a block of megabytes, and nothing is moved when a column grows.
const SEGMENT: usize = 256 << 10;

/// Bytes of one column: the older part in frames, the newest part still raw.
#[derive(Debug, Default)]
pub struct Stream {
    frames: Frames,
    raw: Vec<u8>,
    /// Raw bytes that are in frames already.
    framed: usize,
}

/// Finished frames, one after another.
#[derive(Debug, Default)]
struct Frames {
    full: Vec<Bytes>,
    open: Vec<u8>,
}

thread_local! {
    /// Where a frame is compressed before its size is known.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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
            self.frames.compress(&self.raw);
            self.framed += self.raw.len();
            self.restart();
        }
    }

    /// Takes back everything beyond `len` raw bytes, which must not have been settled.
    pub fn truncate(&mut self, len: usize) {
        self.raw.truncate(len.saturating_sub(self.framed));
    }

    /// Moves the column into a body and starts anew, keeping the raw buffer.
    pub fn drain_into(&mut self, body: &mut Body) {
        if self.framed > 0 {
            body.flush();
            body.parts.extend(self.frames.take());
        }
        body.raw_bytes += self.framed;
        self.framed = 0;
        body.write(&self.raw);
        self.restart();
    }

    /// The buffer is kept for what comes next, unless it is one that is not needed again soon.
    fn restart(&mut self) {
        self.raw.clear();
        self.raw.shrink_to(LARGEST_KEPT);
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
        let mut frames = Frames::default();
        frames.compress(&self.pending);
        self.pending.clear();
        self.parts.extend(frames.take());
    }
}

impl Frames {
    fn compress(&mut self, raw: &[u8]) {
        SCRATCH.with_borrow_mut(|scratch| {
            for piece in raw.chunks(LARGEST) {
                self.append(frame(piece, scratch));
            }
        });
    }

    fn append(&mut self, frame: &[u8]) {
        if self.open.capacity() - self.open.len() < frame.len() {
            let size = (2 * self.open.capacity()).min(SEGMENT).max(frame.len());
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(size));
            if !full.is_empty() {
                self.full.push(full.into());
            }
        }
        self.open.extend_from_slice(frame);
    }

    fn take(&mut self) -> impl Iterator<Item = Bytes> + use<> {
        let Self { full, open } = std::mem::take(self);
        full.into_iter().chain((!open.is_empty()).then(|| open.into()))
    }
}

/// What stands in the frames of a finished body, of about so many bytes. None: they are not ours.
pub fn unpack(body: &[Bytes], raw_bytes: usize) -> Option<Vec<u8>> {
    // A frame is unpacked into as many bytes as it says, which is what it holds: so this never grows.
    let mut raw = Vec::with_capacity(raw_bytes);
    for part in body {
        let mut rest = &part[..];
        while !rest.is_empty() {
            let number = |at: usize| Some(u32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?) as usize);
            // The hash is not a part of what is counted.
            let (frame, after) = rest.split_at_checked(number(17)?.checked_add(16)?)?;
            let start = raw.len();
            raw.resize(start.checked_add(number(21)?.min(LARGEST))?, 0);
            let written = lz4_flex::block::decompress_into(frame.get(HEADER..)?, &mut raw[start..]).ok()?;
            raw.truncate(start + written);
            rest = after;
        }
    }
    Some(raw)
}

/// One frame, written into `scratch`.
#[expect(clippy::cast_possible_truncation, reason = "a frame holds at most LARGEST bytes, well below 4 GiB")]
fn frame<'s>(raw: &[u8], scratch: &'s mut Vec<u8>) -> &'s [u8] {
    let room = HEADER + lz4_flex::block::get_maximum_output_size(raw.len());
    if scratch.len() < room {
        scratch.resize(room, 0);
    }
    // The output cannot be too small: it has the size the compressor itself asks for.
    let compressed = lz4_flex::block::compress_into(raw, &mut scratch[HEADER..]).unwrap_or(0);
    scratch[16] = 0x82;
    scratch[17..21].copy_from_slice(&(compressed as u32 + 9).to_le_bytes());
    scratch[21..25].copy_from_slice(&(raw.len() as u32).to_le_bytes());
    let hash = cityhash_102_128(&scratch[16..HEADER + compressed]).rotate_right(64);
    scratch[..16].copy_from_slice(&hash.to_le_bytes());
    &scratch[..HEADER + compressed]
}
