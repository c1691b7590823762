//! How long a connection is waited for, and how long it waits itself.
//!
//! Comes in: what happens on it, and whether there is room. Goes out: when to look at it again, and whether it is over.
//!
//! Whoever has nothing to say costs a buffer, and stays for an hour. So does whoever has paused in the middle of a
//! message, a suspended machine for example, but what came of it takes room: it stays for as long as nobody else is short
//! of that. Whoever finds no room waits, and his sender with him, for as long as it takes: room comes back with answers.
//! It does not come back from messages that wait for each other, nor is there need to wait for whoever sends again. Whether
//! he does, his first message tells, and that is only looked into once there is room: then it may be too late for it.

use std::time::Duration;

use tokio::time::Instant;

use super::{Closed, batches::Lack};
use crate::receive::body::FRAME_WITHIN;

/// A sender that says nothing for so long has a connection it does not need. Most that ask for no answer find out that
/// it is closed before they send again, and not all: so it is long.
const IDLE: Duration = Duration::from_secs(3600);

/// How long room is waited for by those who need not wait, and how often all others look.
const ROOM_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// And how often it is looked whether a message that has paused is in somebody's way.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Bytes of a second, of a message that is not whole and in somebody's way: whoever is slower fills a buffer of 1 MiB
/// byte by byte, and holds it.
const SLOWEST: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Patience {
    /// When something was read, or could not be.
    heard: Instant,
    /// When the first bytes of the message were read that has not come whole.
    begun: Instant,
    /// Since when there is no room.
    starved: Option<Instant>,
    /// How long there was none, at most, for the message that is waited for.
    waited: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { heard: now, begun: now, starved: None, waited: Duration::ZERO }
    }

    /// Something was read. `is_first`: nothing was left of what was read before.
    pub(super) fn hears(&mut self, is_first: bool) {
        self.heard = Instant::now();
        if is_first {
            self.begun = self.heard;
        }
    }

    /// A message was whole; what is left is of the next one. One that `asks` and has waited for too long has been sent
    /// again, or will be.
    pub(super) fn takes(&mut self, asks: bool) -> Result<(), Closed> {
        self.begun = self.heard;
        let waited = std::mem::take(&mut self.waited);
        if asks && waited >= ROOM_WITHIN { Err(Closed::Budget) } else { Ok(()) }
    }

    /// Nothing is read, and not for want of words.
    pub(super) fn rests(&mut self) {
        self.heard = Instant::now();
        self.begun = self.heard;
    }

    /// There is no room. `asks`: its sender sends again what it gets no word for, perhaps to somebody else.
    pub(super) fn starves(&mut self, lack: Lack, asks: bool) -> Result<(), Closed> {
        let since = *self.starved.get_or_insert_with(Instant::now);
        let is_over = match lack {
            Lack::Ever => true,
            Lack::Unfinished => since.elapsed() >= ROOM_WITHIN,
            Lack::Now => asks && since.elapsed() >= ROOM_WITHIN,
        };
        if is_over { Err(Closed::Budget) } else { Ok(()) }
    }

    pub(super) fn feeds(&mut self) {
        if let Some(since) = self.starved.take() {
            self.waited = self.waited.max(since.elapsed());
        }
    }

    pub(super) const fn is_starved(&self) -> bool {
        self.starved.is_some()
    }

    /// Why it is to be ended, where it is read: with so many bytes of a message, while room is scarce or not.
    pub(super) fn is_over(&self, unfinished: usize, is_scarce: impl FnOnce() -> bool) -> Option<Closed> {
        let end = if unfinished == 0 { Closed::Idle } else { Closed::Broken };
        if self.heard.elapsed() >= IDLE {
            return Some(end);
        }
        let within = FRAME_WITHIN + Duration::from_secs((unfinished / SLOWEST) as u64);
        let is_late = self.heard.elapsed() >= FRAME_WITHIN || self.begun.elapsed() >= within;
        (unfinished > 0 && is_late && is_scarce()).then_some(end)
    }

    /// When something has to happen, if nothing else does.
    pub(super) fn until(&self, reads: bool, unfinished: usize) -> Instant {
        if self.is_starved() {
            Instant::now() + LOOK_EVERY
        } else if reads && unfinished > 0 {
            (self.heard + FRAME_WITHIN).max(Instant::now() + LOOK_AGAIN)
        } else {
            self.heard + IDLE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_message_that_pauses_or_comes_too_slowly_is_in_the_way_only_where_room_is_scarce() {
        let mut patience = Patience::new();
        patience.hears(true);
        tokio::time::advance(9 * SECOND).await;
        assert_eq!(patience.is_over(1, || true), None);
        tokio::time::advance(2 * SECOND).await;
        assert_eq!((patience.is_over(1, || false), patience.is_over(1, || true)), (None, Some(Closed::Broken)));
        assert_eq!(patience.is_over(0, || true), None, "whoever holds nothing is in nobody's way");
        // A byte now and then is no pause, and too slow all the same; a megabyte may take as long as it does.
        patience.hears(false);
        assert_eq!(patience.is_over(1, || true), Some(Closed::Broken));
        assert_eq!(patience.is_over(1 << 20, || true), None);
        assert_eq!(patience.takes(true), Ok(()));
        assert_eq!(patience.is_over(1, || true), None, "of the next message");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_silent_for_ever() {
        let mut patience = Patience::new();
        for (unfinished, end) in [(0, Closed::Idle), (1, Closed::Broken)] {
            patience.hears(true);
            assert_eq!(patience.until(true, 0), Instant::now() + IDLE);
            tokio::time::advance(IDLE - SECOND).await;
            assert_eq!(patience.is_over(unfinished, || false), None);
            tokio::time::advance(SECOND).await;
            assert_eq!(patience.is_over(unfinished, || false), Some(end));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_room_waits_unless_that_may_never_end_or_he_sends_again() {
        let mut patience = Patience::new();
        assert_eq!(patience.starves(Lack::Now, false), Ok(()));
        tokio::time::advance(100 * IDLE).await;
        assert_eq!(patience.starves(Lack::Now, false), Ok(()));
        assert_eq!(patience.starves(Lack::Now, true), Err(Closed::Budget));
        assert_eq!(patience.starves(Lack::Unfinished, false), Err(Closed::Budget));
        patience.feeds();
        assert_eq!(patience.starves(Lack::Unfinished, false), Ok(()));
        assert_eq!(patience.starves(Lack::Now, true), Ok(()));
        assert_eq!(patience.starves(Lack::Ever, false), Err(Closed::Budget));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_sends_again_and_has_waited_for_too_long_is_not_taken_any_more() {
        for (seconds, asks, taken) in [(9, true, Ok(())), (11, false, Ok(())), (11, true, Err(Closed::Budget))] {
            let mut patience = Patience::new();
            assert_eq!(patience.starves(Lack::Now, false), Ok(()));
            tokio::time::advance(seconds * SECOND).await;
            patience.feeds();
            assert_eq!(patience.takes(asks), taken, "{seconds} {asks}");
            assert_eq!(patience.takes(asks), Ok(()), "the next message");
        }
    }
}
