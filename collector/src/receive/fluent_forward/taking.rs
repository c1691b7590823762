//! A message to records, one request of them after another.
//!
//! Comes in: a message that has come whole. Goes out: records, as long as requests have room for them. Must not hold more of
//! what it unfolds to than it is asked for, nor answer before its last record.

use std::ops::Range;

use bytes::Bytes;

use super::{
    ack,
    message::{Events, Message, NoMessage},
    msgpack::{Invalid, Reader},
    record::Event,
    unfolded::Unfolded,
};
use crate::{
    delivery::Transport,
    receive::{
        Refused,
        inflate::{Encoding, InflateError},
        stream::{Batches, PIECE, Progress},
    },
};

/// What unfolds to so many bytes at most is unfolded at once, which is cheaper than in parts.
const AT_ONCE: usize = 2 << 20;

/// A message, as far as it has come.
#[derive(Debug)]
pub(super) struct Taking {
    message: Bytes,
    tag: Range<usize>,
    now: u64,
    rest: Rest,
}

/// What is left of it.
#[derive(Debug)]
enum Rest {
    Nothing,
    /// Time and record, one behind the other.
    One(Range<usize>),
    Pairs(Range<usize>, u32),
    /// None: in a way nobody here knows.
    Folded(Range<usize>, Option<Encoding>),
    Unfolded(Unfolded),
}

/// A tag, and when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) tag: &'a [u8],
    pub(super) now: u64,
}

/// Why no more pairs were taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// There are no more.
    End,
    /// The next one goes on behind the bytes.
    Short,
    /// Bytes that are none, behind which nothing can be read.
    Bad,
    /// A request is to be sent first, or there is no room.
    Full,
}

impl Taking {
    /// With it come the words its sender wants to hear once it is stored.
    pub(super) fn of(message: Bytes, now: u64) -> Result<(Self, Option<Vec<u8>>), NoMessage> {
        let told = Message::of(&message)?;
        let place = |part| place(&message, part);
        let rest = match told.events {
            Events::None => Rest::Nothing,
            Events::One(bytes) => Rest::One(place(bytes)),
            Events::Listed(count, bytes) => Rest::Pairs(place(bytes), count),
            Events::Packed(Some(Encoding::Identity), bytes) => Rest::Pairs(place(bytes), u32::MAX),
            Events::Packed(encoding, bytes) => Rest::Folded(place(bytes), encoding),
        };
        let (tag, ack) = (place(told.tag), told.chunk.map(ack));
        Ok((Self { message, tag, now, rest }, ack))
    }

    pub(super) fn take(&mut self, batches: &mut Batches) -> Progress {
        let bytes = |place: &Range<usize>| self.message.get(place.clone()).unwrap_or_default();
        let context = Context { tag: bytes(&self.tag), now: self.now };
        loop {
            self.rest = match &mut self.rest {
                Rest::Nothing => {
                    batches.end();
                    return Progress::Done;
                }
                Rest::One(place) => match one(bytes(place), context, batches) {
                    Stop::Full => return Progress::Paused,
                    Stop::End | Stop::Short | Stop::Bad => Rest::Nothing,
                },
                Rest::Pairs(place, left) => {
                    let mut reader = Reader(bytes(place));
                    let stop = pairs(&mut reader, left, context, 0, batches);
                    place.start = place.end - reader.0.len();
                    match stop {
                        Stop::Full => return Progress::Paused,
                        Stop::End => {}
                        Stop::Short | Stop::Bad => batches.reject(),
                    }
                    Rest::Nothing
                }
                Rest::Folded(place, encoding) => {
                    let packed = self.message.slice(place.clone());
                    match unfold(&packed, *encoding, batches) {
                        Some(rest) => rest,
                        None => return Progress::Paused,
                    }
                }
                Rest::Unfolded(unfolded) => match unfolded.take(context, batches) {
                    Progress::Paused => return Progress::Paused,
                    Progress::Done => Rest::Nothing,
                },
            };
        }
    }
}

/// None where there is no room now.
fn unfold(packed: &Bytes, encoding: Option<Encoding>, batches: &mut Batches) -> Option<Rest> {
    let Some(encoding) = encoding else {
        batches.refuse(Transport::Fluent, Refused::Malformed);
        return Some(Rest::Nothing);
    };
    match batches.unfold(packed, encoding, AT_ONCE) {
        Ok(whole) => Some(Rest::Unfolded(Unfolded::whole(whole))),
        Err(InflateError::NoRoom) if !batches.is_hopeless() => None,
        Err(InflateError::NoRoom | InflateError::TooLarge(_)) => {
            Some(Rest::Unfolded(Unfolded::parts(packed.clone(), encoding)))
        }
        // Sent again it would be no better.
        Err(error @ InflateError::Corrupt) => {
            batches.refuse(Transport::Fluent, error.into());
            Some(Rest::Nothing)
        }
    }
}

fn one(bytes: &[u8], context: Context<'_>, batches: &mut Batches) -> Stop {
    if bytes.len() > PIECE && !batches.want(bytes.len()) {
        return Stop::Full;
    }
    match Event::of(bytes) {
        Ok(event) => batches.push(|record| event.write(context.tag, context.now, record)),
        Err(_) => batches.reject(),
    }
    Stop::End
}

/// Takes pairs of time and record, `left` of them at most. `beside` is what their bytes take beside the message.
pub(super) fn pairs(
    reader: &mut Reader<'_>,
    left: &mut u32,
    context: Context<'_>,
    beside: usize,
    batches: &mut Batches,
) -> Stop {
    while *left > 0 && !reader.0.is_empty() {
        if batches.is_waiting() {
            return Stop::Full;
        }
        let mut ahead = *reader;
        let pair = match ahead.skip() {
            Ok(pair) => pair,
            Err(Invalid::Short) => return Stop::Short,
            Err(Invalid::Reserved) => return Stop::Bad,
        };
        if pair.len() > PIECE && !batches.want(beside + pair.len()) {
            return Stop::Full;
        }
        (*reader, *left) = (ahead, *left - 1);
        match Event::of_pair(pair) {
            Ok(event) => batches.push(|record| event.write(context.tag, context.now, record)),
            Err(_) => batches.reject(),
        }
    }
    Stop::End
}

/// Where a part of the message stands in it.
fn place(message: &[u8], part: &[u8]) -> Range<usize> {
    let at = part.as_ptr().addr().wrapping_sub(message.as_ptr().addr());
    // One that is empty may stand anywhere.
    if part.is_empty() { 0..0 } else { at..at.saturating_add(part.len()) }
}
