//! What a compressed message unfolds to, as far as it is needed.
//!
//! Comes in: a compressed stream of pairs, whole or as it unfolds. Goes out: records, and room for what is unfolded next.
//! Must not hold more than the window, and an event that is larger, nor unfold without an end.

use std::io::Read;

use bytes::Bytes;

use super::{
    msgpack::Reader,
    taking::{Context, Stop, pairs},
};
use crate::{
    delivery::Transport,
    receive::{
        Refused,
        inflate::{self, Encoding},
        stream::{Batches, Progress},
    },
};

/// Bytes that are unfolded at once; of an event that is larger, as many as there are already, but no more than it may
/// have, so that it is looked at twice at most.
const WINDOW: usize = 256 << 10;

/// Windows after which others have a turn: there may be nothing in them to send.
const TURN: usize = 8;

/// A message unfolds to so many times what a request may have: one of a few bytes must not keep a core busy for hours.
const TIMES: usize = 16;

pub(super) struct Unfolded {
    window: Vec<u8>,
    /// What was taken of it.
    at: usize,
    parts: Option<Parts>,
}

/// What comes behind the window.
struct Parts {
    source: Option<Box<dyn Read + Send>>,
    /// What it holds itself.
    held: usize,
    unfolded: usize,
}

impl std::fmt::Debug for Unfolded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unfolded").field("window", &self.window.len()).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Unfolded {
    pub(super) const fn whole(window: Vec<u8>) -> Self {
        Self { window, at: 0, parts: None }
    }

    pub(super) fn parts(packed: Bytes, encoding: Encoding) -> Self {
        let parts =
            Parts { source: inflate::unfolding(packed, encoding), held: inflate::held_by(encoding), unfolded: 0 };
        Self { window: Vec::new(), at: 0, parts: Some(parts) }
    }

    pub(super) fn take(&mut self, context: Context<'_>, batches: &mut Batches) -> Progress {
        let mut uncounted = u32::MAX;
        for _ in 0..TURN {
            let mut reader = Reader(&self.window[self.at..]);
            let stop = pairs(&mut reader, &mut uncounted, context, batches);
            self.at = self.window.len() - reader.0.len();
            match (stop, &mut self.parts) {
                (Stop::Full, _) => return Progress::Paused,
                (Stop::End | Stop::Short, Some(parts)) => {
                    self.window.drain(..self.at);
                    self.at = 0;
                    match parts.fill(&mut self.window, batches) {
                        Ok(true) => {}
                        Ok(false) => return Progress::Paused,
                        Err(refused) => {
                            batches.refuse(Transport::Fluent, refused);
                            return Progress::Done;
                        }
                    }
                    if parts.source.is_none() {
                        self.parts = None;
                    }
                }
                (Stop::End, None) => return Progress::Done,
                (Stop::Short | Stop::Bad, _) => {
                    batches.reject();
                    return Progress::Done;
                }
            }
        }
        Progress::Paused
    }
}

impl Parts {
    /// Unfolds more behind what is in the window. False where there is no room for it now.
    fn fill(&mut self, window: &mut Vec<u8>, batches: &mut Batches) -> Result<bool, Refused> {
        let limit = batches.intake.request_limit;
        if window.len() > limit || self.unfolded > limit.saturating_mul(TIMES) {
            return Err(Refused::TooLarge);
        }
        // One byte beyond the limit tells that it is passed.
        let end = (2 * window.len()).max(WINDOW).min(limit.max(WINDOW) + 1);
        // A larger event has made it larger.
        window.shrink_to(end);
        if !batches.want(end.max(window.capacity()) + self.held) {
            // What was taken is stored: sent again, it would be again.
            return if self.unfolded > 0 && batches.is_hopeless() { Err(Refused::TooLarge) } else { Ok(false) };
        }
        let Some(source) = &mut self.source else { return Err(Refused::Malformed) };
        let wanted = end - window.len();
        window.reserve_exact(wanted);
        let read = source.take(wanted as u64).read_to_end(window).map_err(|_| Refused::Malformed)?;
        self.unfolded += read;
        if read < wanted {
            self.source = None;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Arc};

    use prometheus_client::registry::Registry;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{budget::Budget, metrics::Pipeline, receive::Intake};

    /// A pair of a time and a text of so many bytes.
    fn event(length: u32) -> Vec<u8> {
        [&b"\x92\x07\x81\xa3log\xdb"[..], &length.to_be_bytes(), &vec![b'x'; length as usize]].concat()
    }

    #[test]
    fn the_window_is_as_large_as_an_event_wants_it_and_not_for_longer() {
        const LIMIT: usize = 4 << 20;
        let pipeline = Arc::new(Pipeline::new(&mut Registry::default()));
        let intake = Intake::new(mpsc::channel(1).0, Budget::new(64 << 20), Budget::new(LIMIT), LIMIT, pipeline);
        let mut folded = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        folded.write_all(&event(3 << 20)).unwrap();
        for _ in 0..3000 {
            folded.write_all(&event(1000)).unwrap();
        }
        let mut unfolded = Unfolded::parts(folded.finish().unwrap().into(), Encoding::Gzip);
        let context = Context { tag: b"tag", now: 1 };
        let mut largest = 0;
        loop {
            // As if what was taken had been sent.
            let mut batches = Batches::new(intake.clone()).unwrap();
            let progress = unfolded.take(context, &mut batches);
            largest = largest.max(unfolded.window.capacity());
            if progress == Progress::Done {
                break;
            }
        }
        assert_eq!(largest, LIMIT);
        assert!(unfolded.window.capacity() <= WINDOW, "{}", unfolded.window.capacity());
    }
}
