//! A stream that is here whole, as a connection would read it: what is fuzzed.
//!
//! Comes in: the bytes. Goes out: the records of all its messages as one request. Compressed events are passed over.

use super::message::{Framing, Message};
use crate::receive::log_request::LogRequest;

/// What was read.
#[derive(Debug, Default)]
pub struct Whole {
    /// An OTLP request.
    pub request: Vec<u8>,
    pub records: u64,
    /// Events that gave no record.
    pub bad: u64,
    /// How long the messages are.
    pub lengths: Vec<usize>,
}

/// Reads up to what is no message. The request is of `limit` bytes at most.
pub fn read(mut bytes: &[u8], limit: usize) -> Whole {
    let (mut whole, mut request) = (Whole::default(), LogRequest::new(limit));
    let mut framing = Framing::default();
    while let Ok(Some(length)) = framing.whole(bytes) {
        let (message, rest) = bytes.split_at(length);
        let Ok(told) = Message::of(message) else { break };
        for event in told.events(b"") {
            let pushed = event.and_then(|event| request.push(|record| event.write(told.tag, 1, record)));
            whole.bad += u64::from(pushed.is_err());
        }
        whole.lengths.push(length);
        bytes = rest;
    }
    whole.records = request.records();
    whole.request = request.finish().unwrap_or_default();
    whole
}
