//! How long the first delivery that is not stored has waited.
//!
//! Comes in: when deliveries were kept, one of them each second. Goes out: an age, right to a second, or to a share of
//! itself where there are many. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::making::Seq;

/// Between two times that are remembered.
const EVERY: Duration = Duration::from_secs(1);

/// Times that are remembered; beyond, every second one is forgotten.
const TIMES: usize = 1024;

#[derive(Debug)]
pub struct Ages {
    /// From this delivery on they were kept at this time or later.
    since: VecDeque<(Seq, Instant)>,
}

impl Ages {
    /// What an earlier process has kept goes on to age; its times are in milliseconds since the Unix epoch, as is `clock`.
    pub fn since(mark: Seq, kept: Vec<(Seq, u64)>, now: Instant, clock: Duration) -> Self {
        let mut ages = Self { since: VecDeque::new() };
        for (first, received) in kept {
            // A clock that was set back makes nothing older than it is.
            let age = clock.saturating_sub(Duration::from_millis(received));
            ages.kept(first, now.checked_sub(age).unwrap_or(now));
        }
        if ages.since.is_empty() {
            ages.since.push_back((mark, now));
        }
        ages
    }

    /// Deliveries from this one on are kept now.
    pub fn kept(&mut self, first: Seq, now: Instant) {
        if self.since.back().is_some_and(|(_, last)| now < *last + EVERY) {
            return;
        }
        if self.since.len() >= TIMES {
            let mut is_kept = false;
            self.since.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        self.since.push_back((first, now));
    }

    /// The age of the first delivery that is not stored; none is where there is none.
    pub fn oldest(&mut self, mark: Seq, head: Seq, now: Instant) -> Duration {
        while self.since.get(1).is_some_and(|(first, _)| *first <= mark) {
            self.since.pop_front();
        }
        let waits = self.since.front().filter(|_| mark < head);
        waits.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_age_is_that_of_the_first_delivery_that_is_not_stored() {
        let begin = Instant::now();
        let mut ages = Ages::since(5, Vec::new(), begin, SECOND);
        for second in 1..=10_u32 {
            ages.kept(5 + u64::from(second) * 100, begin + SECOND * second);
        }
        let now = begin + SECOND * 20;
        assert_eq!(ages.oldest(5, 2000, now), SECOND * 20);
        assert_eq!(ages.oldest(104, 2000, now), SECOND * 20);
        assert_eq!(ages.oldest(105, 2000, now), SECOND * 19);
        assert_eq!(ages.oldest(1005, 2000, now), SECOND * 10);
        assert_eq!(ages.oldest(2000, 2000, now), Duration::ZERO);
    }

    #[test]
    fn what_an_earlier_process_has_kept_is_as_old_as_it_is() {
        let (now, clock) = (Instant::now() + SECOND * 5_000, SECOND * 1_000_000);
        let kept = vec![(1, 999_000_000), (7, 999_900_000), (9, 1_000_100_000)];
        let mut ages = Ages::since(5, kept, now, clock);
        assert_eq!(ages.oldest(5, 10, now), SECOND * 1_000);
        assert_eq!(ages.oldest(7, 10, now), SECOND * 100);
        assert_eq!(ages.oldest(9, 10, now), Duration::ZERO, "of a clock that was set back");
    }

    #[test]
    fn however_long_it_takes_no_more_times_are_remembered_and_the_oldest_stays() {
        let begin = Instant::now();
        let mut ages = Ages::since(0, Vec::new(), begin, SECOND);
        let seconds = TIMES as u32 * 5;
        (1..=seconds).for_each(|second| ages.kept(u64::from(second), begin + SECOND * second));
        assert!(ages.since.len() <= TIMES);
        assert_eq!(ages.oldest(0, 1 << 20, begin + SECOND * seconds), SECOND * seconds);
    }
}
