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
        log_request::Unfit,
        stream::{Batches, Lack, Progress},
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
                    let stop = pairs(&mut reader, left, context, batches);
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
    if push(bytes.len(), Event::of(bytes), context, batches) { Stop::End } else { Stop::Full }
}

/// An event of so many bytes. False where there is no room now; one for which there will never be is none.
fn push(bytes: usize, event: Result<Event<'_>, Unfit>, context: Context<'_>, batches: &mut Batches) -> bool {
    match (batches.want_record(bytes), event) {
        (Err(Lack::Now | Lack::Unfinished), _) => return false,
        (Ok(()), Ok(event)) => batches.push(|record| event.write(context.tag, context.now, record)),
        (Err(Lack::Ever), _) | (_, Err(_)) => batches.reject(),
    }
    true
}

/// Takes pairs of time and record, `left` of them at most.
pub(super) fn pairs(reader: &mut Reader<'_>, left: &mut u32, context: Context<'_>, batches: &mut Batches) -> Stop {
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
        if !push(pair.len(), Event::of_pair(pair), context, batches) {
            return Stop::Full;
        }
        (*reader, *left) = (ahead, *left - 1);
    }
    Stop::End
}

/// Where a part of the message stands in it.
fn place(message: &[u8], part: &[u8]) -> Range<usize> {
    let at = part.as_ptr().addr().wrapping_sub(message.as_ptr().addr());
    // One that is empty may stand anywhere.
    if part.is_empty() { 0..0 } else { at..at.saturating_add(part.len()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{budget::Budget, metrics::Pipeline, receive::Intake};

    /// Closed, its sender would send it again for ever, and what is in front of it would be stored each time.
    #[test]
    fn an_event_for_which_there_can_never_be_room_costs_itself() {
        const LARGE: usize = 3 << 20;
        let pipeline = Arc::new(Pipeline::new(&mut Registry::default()));
        let intake = Intake::new(mpsc::channel(1).0, Budget::new(2 << 20), Budget::new(1), 4 << 20, pipeline);
        let mut batches = Batches::new(intake).unwrap();
        // [7, {"log": a text}]
        let large = [&b"\x92\x07\x81\xa3log\xdb"[..], &(LARGE as u32).to_be_bytes(), &[b'x'; LARGE]].concat();
        let bytes = [&large, &b"\x92\x07\x81\xa3log\xa2hi"[..]].concat();
        let (mut reader, mut left) = (Reader(&bytes), u32::MAX);
        let context = Context { tag: b"tag", now: 1 };
        assert_eq!(pairs(&mut reader, &mut left, context, &mut batches), Stop::End);
        assert_eq!((u32::MAX - left, batches.hold(0)), (2, Ok(())));
    }
}
